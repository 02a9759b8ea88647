"""Which units are left: what every method of compression has in common."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

import torch
from torch import Tensor

from spikeloom.ir import Graph, ResourceError
from spikeloom.model._compress._resources import Budget, Candidate, LayerWeights, Resource
from spikeloom.model._compress._units import Units
from spikeloom.model._export import graph_of
from spikeloom.model._network import Network
from spikeloom.model._synapse import Synapse

_LISTED = 4  # names of layers in a message
_LOOK_AHEAD = 0.75  # part of the units that are left, for the slope of a resource


@dataclass(frozen=True, slots=True)
class Pruning:
    """The layers of a network that are compressed, and what they may take."""

    network: Network
    layers: Sequence[Units]
    budgets: Sequence[Budget]

    @property
    def count(self) -> int:
        """Units in all layers."""
        return sum(layer.count for layer in self.layers)

    @property
    def most(self) -> int:
        """Units that may go: each layer keeps its least."""
        return self.count - sum(layer.least for layer in self.layers)

    @property
    def removed(self) -> int:
        """Units that are gone."""
        return self.count - sum(int(layer.kept().sum()) for layer in self.layers)

    @property
    def synapses(self) -> list[Synapse]:
        """All whose weights go with units, each once."""
        return list(dict.fromkeys(part for layer in self.layers for part in layer.synapses))

    @property
    def firsts(self) -> list[int]:
        """The number of the first unit of each layer, and behind them that of all units."""
        return [0, *accumulate(layer.count for layer in self.layers)]

    def squares(self) -> Tensor:
        """Size of every unit of all layers, squared, `[units]`; see `Units`."""
        return torch.cat([layer.squares() for layer in self.layers])

    def split(self, values: Tensor) -> list[Tensor]:
        """One value per unit of all layers, layer by layer."""
        parts = torch.split(values, [layer.count for layer in self.layers])
        return list(parts)

    def all_but(self, units: Tensor) -> Tensor:
        """Which units of all layers are others, `[units]` bool."""
        kept = torch.ones(self.count, dtype=torch.bool)
        kept[units] = False
        return kept

    def order(self, scores: Sequence[Tensor]) -> Tensor:
        """The units of all layers, the least first; the best of each layer come last."""
        held = [score.clone() for score in scores]
        for layer, score in zip(self.layers, held, strict=True):
            score[score.topk(layer.least).indices] = torch.inf
        return torch.argsort(torch.cat(held), stable=True)

    def leave(self, gone: Tensor, *, regrows: bool) -> None:
        """Take away these units, and no others; for good unless one `regrows`."""
        self._put(self.split(self.all_but(gone)), regrows=regrows)
        if not regrows:
            self.shrink(0.0)

    @torch.no_grad()
    def shrink(self, factor: float) -> None:
        """Multiply the weights of the units that are gone."""
        for synapse in self.synapses:
            mask = synapse.kept
            if mask is not None:
                synapse.weight.mul_(mask + (1.0 - mask) * factor)

    def use(self, gone: Tensor | None = None, *, roughly: bool = False) -> list[float]:
        """What the network takes of each resource: as it is, or with these units gone."""
        if gone is None:
            return self._measure(self._kept(), roughly=roughly)
        return self._measure(self.split(self.all_but(gone)), roughly=roughly)

    def costs(self, scores: Sequence[Tensor], use: Sequence[float]) -> list[list[float]]:
        """How much of each resource a unit of each layer takes, roughly: `[resources][layers]`.

        By what three quarters of the units that are left in a layer, the least, take together:
        hardware may gain nothing by the first of them.  That is the mean of what they take beside
        all that is left, and beside what is left without such parts of the other layers: clock
        cycles are those of the slowest layer, and where layers take the same time none is it
        alone.  Of a resource on which even that cannot be seen, by what all units take that are
        left.
        """
        left = self._kept()
        fewer = [
            self._without(layer, score, kept)
            for layer, score, kept in zip(self.layers, scores, left, strict=True)
        ]
        least = self._measure(fewer, roughly=True)
        found: list[list[float]] = [[] for _ in self.budgets]
        for place, kept in enumerate(left):
            gone = max(1, int(kept.sum()) - int(fewer[place].sum()))
            one, others = least, use  # of a single layer
            if len(left) > 1:
                one = self._measure([*left[:place], fewer[place], *left[place + 1 :]], roughly=True)
                others = self._measure([*fewer[:place], kept, *fewer[place + 1 :]], roughly=True)
            amounts = zip(use, one, others, least, strict=True)
            for costs, (all_of, without, alone, none_of) in zip(found, amounts, strict=True):
                taken = max(0.0, all_of - without) + max(0.0, alone - none_of)
                costs.append(taken / 2 / gone)
        if not all(map(any, found)):
            smallest = self.use(self.order(scores)[: self.most], roughly=True)
            units = max(1, self.most - self.removed)
            slopes = [
                max(now - then, 1e-9) / units for now, then in zip(use, smallest, strict=True)
            ]
            pairs = zip(found, slopes, strict=True)
            found = [c if any(c) else [slope] * len(c) for c, slope in pairs]
        return found

    @staticmethod
    def _without(layer: Units, score: Tensor, kept: Tensor) -> Tensor:
        """What is left of a layer without three quarters of the units that are kept, the least."""
        count = int(kept.sum())
        gone = min(max(1, round(_LOOK_AHEAD * count)), count - layer.least)
        fewer = kept.clone()
        fewer[torch.argsort(score.where(kept, torch.inf), stable=True)[:gone]] = False
        return layer.rounded(fewer)

    def least(self) -> Candidate:
        """The network with the least units in every layer."""
        order = self.order(self.split(self.squares()))
        return self._candidate(self.split(self.all_but(order[: self.most])))

    def forget(self) -> None:
        """Let rough measures forget what they know of former candidates."""
        for budget in self.budgets:
            if budget.resource.forget:
                budget.resource.forget()

    def smallest(self, order: Tensor) -> list[float]:
        """What is left of each resource with the least units in every layer."""
        return self.use(order[: self.most])

    def check_reachable(self) -> None:
        """Refuse a budget that nothing could keep.

        Raises:
            ResourceError: With the smallest value that can be reached, and what binds.
        """
        order = self.order(self.split(self.squares()))
        self.check(self.smallest(order))

    def keeps(self, gone: Tensor | None = None, *, roughly: bool = False) -> bool:
        """Whether the network takes no more than it may: as it is, or with these units gone."""
        pairs = zip(self.use(gone, roughly=roughly), self.budgets, strict=True)
        return all(use <= budget.limit for use, budget in pairs)

    def check(self, smallest: Sequence[float]) -> None:
        """Refuse a budget that is kept by nothing, as the network takes so much at least.

        Raises:
            ResourceError: With that value, and what binds.
        """
        for budget, least in zip(self.budgets, smallest, strict=True):
            if least > budget.limit:
                name, unit = budget.resource.name, budget.resource.unit
                raise ResourceError(
                    f"{name} cannot be brought down to {_amount(budget.limit, unit)}: with only "
                    f"{self._fewest_left()} left in {self._names()} it is {_amount(least, unit)}; "
                    "raise the budget, let more layers lose weights (compress.keep), or make the "
                    "network or its hardware smaller"
                )

    def _fewest_left(self) -> str:
        layer = self.layers[0]
        return f"the largest {layer.unit}" if layer.least == 1 else f"{layer.least} {layer.unit}s"

    def _names(self) -> str:
        names = [repr(layer.name) for layer in self.layers]
        listed = ", ".join(names[:_LISTED])
        more = len(names) - _LISTED
        each = "each of " if len(names) > 1 else ""
        return each + listed + (f" and {more} more layers" if more > 0 else "")

    def _kept(self) -> list[Tensor]:
        """The units that are left in each layer, or would be if one had to stop now."""
        return [layer.rounded(layer.kept()) for layer in self.layers]

    def _masks(self, kept: Sequence[Tensor], *, regrows: bool) -> dict[Synapse, Tensor]:
        """What these units leave of every synapse: the product of all that have a part in it."""
        masks: dict[Synapse, Tensor] = {}
        for layer, part in zip(self.layers, kept, strict=True):
            for synapse, mask in layer.masks(layer.rounded(part), regrows=regrows):
                masks[synapse] = masks.get(synapse, torch.ones_like(synapse.weight)) * mask
        return masks

    def _put(self, kept: Sequence[Tensor], *, regrows: bool) -> None:
        for synapse, mask in self._masks(kept, regrows=regrows).items():
            self.layers[0].leave(synapse, mask, regrows=regrows)

    def _measure(self, kept: Sequence[Tensor], *, roughly: bool) -> list[float]:
        candidate = self._candidate(kept)
        return [_measured(budget.resource, candidate, roughly) for budget in self.budgets]

    def _candidate(self, kept: Sequence[Tensor]) -> Candidate:
        with self._with_only(kept):
            layers = {
                synapse.name: _weights_of(synapse, layer.word)
                for layer in self.layers
                for synapse in layer.synapses
            }
        return Candidate(layers, partial(self._graph_of, kept))

    def _graph_of(self, kept: Sequence[Tensor]) -> Graph:
        """The network with just these units, as it would be exported."""
        with self._with_only(kept):
            return graph_of(self.network)

    @contextmanager
    def _with_only(self, kept: Sequence[Tensor]) -> Iterator[None]:
        """Let the network have just these units for a while."""
        before = [(each, each.mask, each.live, each.regrows) for each in self.synapses]
        try:
            self._put(kept, regrows=False)
            yield
        finally:
            for synapse, mask, live, regrows in before:
                synapse.prune(mask, regrows=regrows)
                synapse.confine(live, regrows=regrows)


def _measured(resource: Resource, candidate: Candidate, roughly: bool) -> float:
    measure = resource.rough if roughly and resource.rough else resource.measure
    use = float(measure(candidate))
    if not math.isfinite(use):
        raise ResourceError(
            f"{resource.name} was measured as {use}; its function has to return a finite "
            "number for any weights"
        )
    return use


def _amount(value: float, unit: str) -> str:
    return f"{value:,.6g} {unit}".rstrip()


def _weights_of(synapse: Synapse, lanes: int) -> LayerWeights:
    kept = synapse.kept
    assert kept is not None
    return LayerWeights(
        codes=synapse.integer_weight(),
        kept=kept.bool().numpy(),
        bits=synapse.weight_bits,
        lanes=lanes,
    )
