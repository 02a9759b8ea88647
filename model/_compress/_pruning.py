"""Which words are left: what every method of compression has in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from spikeloom.ir import Graph, ResourceError
from spikeloom.model._compress._resources import Budget, Candidate, LayerWeights, Resource
from spikeloom.model._compress._words import Words
from spikeloom.model._export import graph_of
from spikeloom.model._network import Network

_BRACKETS = 16  # part of the words that are left, for the first step from a rough number
_LOOK_AHEAD = 0.25  # part of the words that are left, for the slope of a resource


@dataclass(frozen=True, slots=True)
class Pruning:
    """The layers of a network that are compressed, and what they may take."""

    network: Network
    layers: Sequence[Words]
    budgets: Sequence[Budget]

    @property
    def count(self) -> int:
        """Words in all layers."""
        return sum(layer.count for layer in self.layers)

    @property
    def most(self) -> int:
        """Words that may go: each layer keeps one."""
        return self.count - len(self.layers)

    @property
    def removed(self) -> int:
        """Words that are gone."""
        return self.count - sum(int(layer.kept().sum()) for layer in self.layers)

    def split(self, values: Tensor) -> list[Tensor]:
        """One value per word of all layers, layer by layer."""
        parts = torch.split(values, [layer.count for layer in self.layers])
        return list(parts)

    def order(self, scores: Sequence[Tensor]) -> Tensor:
        """The words of all layers, the least first; the best of each layer comes last."""
        held = [score.clone() for score in scores]
        for score in held:
            score[score.argmax()] = torch.inf
        return torch.argsort(torch.cat(held), stable=True)

    def leave(self, gone: Tensor, *, regrows: bool) -> None:
        """Take away these words, and no others; for good unless one `regrows`."""
        kept = self.split(self._all_but(gone))
        for layer, part in zip(self.layers, kept, strict=True):
            layer.keep(part, regrows=regrows)
        if not regrows:
            self.shrink(0.0)

    @torch.no_grad()
    def shrink(self, factor: float) -> None:
        """Multiply the weights of the words that are gone."""
        for layer in self.layers:
            mask = layer.synapse.mask
            if mask is not None:
                layer.synapse.weight.mul_(mask + (1.0 - mask) * factor)

    def use(self, gone: Tensor | None = None, *, roughly: bool = False) -> list[float]:
        """What the network takes of each resource: as it is, or with these words gone."""
        if gone is None:
            return self._measure([layer.kept() for layer in self.layers], roughly=roughly)
        return self._measure(self.split(self._all_but(gone)), roughly=roughly)

    def costs(self, scores: Sequence[Tensor], use: Sequence[float]) -> list[list[float]]:
        """How much of each resource a word of each layer takes, roughly: `[resources][layers]`.

        By what a quarter of the words that are left in a layer, the least, take together; of a
        resource on which that cannot be seen, by what all words take that are left.
        """
        left = [layer.kept() for layer in self.layers]
        found: list[list[float]] = [[] for _ in self.budgets]
        for place, (score, kept) in enumerate(zip(scores, left, strict=True)):
            gone = max(1, round(_LOOK_AHEAD * int(kept.sum())))
            least = torch.argsort(score.where(kept, torch.inf), stable=True)[:gone]
            fewer = kept.clone()
            fewer[least] = False
            less = self._measure([*left[:place], fewer, *left[place + 1 :]], roughly=True)
            for costs, now, then in zip(found, use, less, strict=True):
                costs.append(max(0.0, now - then) / gone)
        if not all(map(any, found)):
            least_use = self.use(self.order(scores)[: self.most], roughly=True)
            words = max(1, self.most - self.removed)
            slopes = [
                max(now - then, 1e-9) / words for now, then in zip(use, least_use, strict=True)
            ]
            pairs = zip(found, slopes, strict=True)
            found = [c if any(c) else [slope] * len(c) for c, slope in pairs]
        return found

    def smallest(self, order: Tensor) -> list[float]:
        """What is left of each resource with one word in every layer."""
        return self.use(order[: self.most])

    def check_reachable(self) -> None:
        """Refuse a budget that nothing could keep.

        Raises:
            ResourceError: With the smallest value that can be reached, and what binds.
        """
        order = self.order([layer.squares() for layer in self.layers])
        self._check(self.smallest(order))

    def fewest(self, order: Tensor, *, roughly: bool = False) -> int:
        """How many words of an order have to go, at least, so that all budgets are kept.

        Raises:
            ResourceError: If even the last words do not keep them.
        """
        low, high = (0, self.most) if roughly else self._bracket(order)
        while low < high:
            middle = (low + high) // 2
            if self._keeps(order, middle, roughly=roughly):
                high = middle
            else:
                low = middle + 1
        if roughly:
            return low
        while not self._keeps(order, low):  # a resource may become more where weights go
            if low == self.most:
                self._check(self.smallest(order))
            low += 1
        return low

    def _bracket(self, order: Tensor) -> tuple[int, int]:
        """Between which numbers `fewest` is to be looked for: few, if one is known roughly."""
        if all(budget.resource.rough is None for budget in self.budgets):
            return 0, self.most
        low = high = self.fewest(order, roughly=True)
        step = max(1, (self.most - low) // _BRACKETS)
        if self._keeps(order, high):
            while low > 0 and self._keeps(order, low := max(0, low - step)):
                high, step = low, 2 * step
            return low, high
        while high < self.most and not self._keeps(order, high := min(self.most, high + step)):
            low, step = high, 2 * step
        return low, high

    def keeps_budgets(self) -> bool:
        """Whether the network as it is takes no more than it may."""
        pairs = zip(self.use(), self.budgets, strict=True)
        return all(use <= budget.limit for use, budget in pairs)

    def _check(self, smallest: Sequence[float]) -> None:
        for budget, least in zip(self.budgets, smallest, strict=True):
            if least > budget.limit:
                name, unit = budget.resource.name, budget.resource.unit
                raise ResourceError(
                    f"{name} cannot be brought down to {_amount(budget.limit, unit)}: with only "
                    f"the largest word left in each of {len(self.layers)} layer(s) it is "
                    f"{_amount(least, unit)}; raise the budget, or make the network smaller"
                )

    def _keeps(self, order: Tensor, removed: int, *, roughly: bool = False) -> bool:
        pairs = zip(self.use(order[:removed], roughly=roughly), self.budgets, strict=True)
        return all(use <= budget.limit for use, budget in pairs)

    def _all_but(self, words: Tensor) -> Tensor:
        kept = torch.ones(self.count, dtype=torch.bool)
        kept[words] = False
        return kept

    def _measure(self, kept: Sequence[Tensor], *, roughly: bool) -> list[float]:
        pairs = zip(self.layers, kept, strict=True)
        layers = {layer.name: _weights_of(layer, part) for layer, part in pairs}
        candidate = Candidate(layers, partial(self._graph_of, kept))
        return [_measured(budget.resource, candidate, roughly) for budget in self.budgets]

    def _graph_of(self, kept: Sequence[Tensor]) -> Graph:
        """The network with just these words, as it would be exported."""
        synapses = [layer.synapse for layer in self.layers]
        before = [(synapse.mask, synapse.regrows) for synapse in synapses]
        try:
            for layer, part in zip(self.layers, kept, strict=True):
                layer.keep(part, regrows=False)
            return graph_of(self.network)
        finally:
            for synapse, (mask, regrows) in zip(synapses, before, strict=True):
                synapse.prune(mask, regrows=regrows)


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


def _weights_of(layer: Words, kept: Tensor) -> LayerWeights:
    mask = layer.by_weight(kept)
    weight = layer.synapse.weight.detach()
    return LayerWeights(
        codes=layer.synapse.integer_weight(weight * mask),
        kept=mask.numpy(),
        bits=layer.synapse.weight_bits,
        lanes=layer.lanes,
    )
