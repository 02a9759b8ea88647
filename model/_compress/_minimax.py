"""The minimax solver: weights and their number against the multipliers of the budgets.

Of the units of all layers (words of weights, or neurons) the `s` of least score are to vanish,
and what is left is to keep the budgets `R(s) <= b`:

    min over W, s   max over y, z >= 0   L(W) + y ||W||^2_(s,2) + sum_k z_k (R_k(s) - b_k)

where `||W||_(s,2)` is the norm of the `s` units of least score (the form is that of the paper on
minimax compression of spiking networks, ACM MM 2023, arXiv 2308.04672).  After a step of the
optimiser on the loss:

* proximal step: the weights of those units shrink by `1 / (1 + 2 eta y)`;
* `s` grows with the multipliers of the budgets, and falls with `y` times the next square;
* `y` grows with what is left of the norm, `z` with the violation of the budgets.

All of it is relative, so that the rates below fit any network: what is left of the units changes
by factors, squares are those of the units that are left on average, and a violation is the factor
by which the units still have to become fewer for a budget (by the slope of the resource).
It acts beside the multiplier (an augmented Lagrangian), which makes `s` come to rest where the
budgets are kept.  On a "gradual" course the budgets fall to their limits as a cubic, and `s`
follows; on a "direct" one they are there at once, and `s` goes as far as they push it.

Units that are gone are 0 in the forward pass, and still get their gradient: one that would be
worth more than another comes back (a straight-through estimate).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from spikeloom.model._compress._methods import EVERY, Method

_Y = 1.0  # multiplier of the norm at the start
_Y_RATE = 2.0  # it grows by so many times the relative norm in all
_FOLLOW = 0.3  # part of a violation that a look at the scores mends, on a gradual course
_DIRECT = 5.0  # a violation falls by e^-5 in all, on a direct one
_Z_SHARE = 0.1  # of that, what the multipliers learn
_LARGEST_STEP = 0.2  # the units that are left change by no more, as a logarithm
_LEAST_ELASTICITY = 0.1
_LOOKS = 50  # at what the resources take, in all
_NEWEST = 0.2  # part that a look has in the mean of the costs
_POWERS = (1.0, 0.5, 0.0)  # of the costs, by which what goes in the end is looked for


@dataclass(frozen=True, slots=True)
class _Look:
    """What the network took of each resource when `removed` units were gone.

    Each further unit takes `slopes` of it away, on average.
    """

    removed: int
    use: Sequence[float]
    slopes: Sequence[float]


@dataclass(slots=True)
class Minimax(Method):
    """See above; `s` are shares of the units of the network, or (`by_layer`) of each layer.

    `start` is what the network took of each resource at first, `costs` what a unit of each layer
    costs relative to the average: a mean over looks, as layers may bind by turns.
    """

    by_layer: bool = False
    direct: bool = False
    start: list[float] = field(default_factory=list)
    s: list[float] = field(default_factory=list)
    y: float = _Y
    z: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    _look: _Look | None = None
    _looked: int = 0

    def __post_init__(self) -> None:
        Method.__post_init__(self)
        layers = self.pruning.layers
        self.s = [1.0 - int(layer.kept().sum()) / layer.count for layer in layers]
        if not self.by_layer:
            self.s = [self.first / self.pruning.count]
        self.z = [0.0] * len(self.pruning.budgets)
        self.costs = [1.0] * len(layers)
        self.start = self.pruning.use(roughly=True)

    def scores(self, power: float = 1.0) -> list[Tensor]:
        """What each unit is worth, for (a power of) what it costs."""
        pairs = zip(Method.scores(self), self.costs, strict=True)
        return [score / cost**power for score, cost in pairs]

    def _advance(self, learning_rate: float) -> None:
        rate = EVERY / self.steps
        follow = _DIRECT * rate if self.direct else _FOLLOW
        violations = self._violations()
        signals = [z + violation for z, violation in zip(self.z, violations, strict=True)]
        push = sum(signal for signal in signals if signal > 0) or max(signals)
        orders = self._counted()
        squares = self.pruning.squares()
        self.s = [
            _moved(s, follow * (push - self.y * self._next_square(s, order, squares)))
            for s, order in zip(self.s, orders, strict=True)
        ]
        pairs = zip(self.s, orders, strict=True)
        gone = torch.cat([order[: self._number(s, order)] for s, order in pairs])
        self.y += rate * _Y_RATE * float(squares[gone].sum()) / len(squares)
        self.z = [
            max(0.0, z + _Z_SHARE * follow * violation)
            for z, violation in zip(self.z, violations, strict=True)
        ]
        self.pruning.leave(gone, regrows=True)
        self.pruning.shrink((1.0 + 2.0 * learning_rate * self.y) ** -EVERY)

    @property
    def refills(self) -> bool:
        """See `Method`; layer by layer the `s` say how much is left of each."""
        return not self.by_layer

    def _settle(self) -> None:
        """See `Method`; the `s` are then those of what is gone."""
        Method._settle(self)
        removed = [layer.count - int(layer.kept().sum()) for layer in self.pruning.layers]
        most = [layer.count - layer.least for layer in self.pruning.layers]
        if not self.by_layer:
            removed, most = [sum(removed)], [sum(most)]
        self.s = [gone / max(1, count) for gone, count in zip(removed, most, strict=True)]

    def _orders(self) -> list[Tensor]:
        """By what a unit loses for what it costs, and with less regard to the costs.

        Costs are averages of whole layers: followed to the end they may empty one.
        """
        if self.by_layer:
            return [self.pruning.order(self._proportional())]
        found: list[Tensor] = []
        for power in _POWERS:
            order = self.pruning.order(self.scores(power))
            if not any(torch.equal(order, other) for other in found):
                found.append(order)
        return found

    def _proportional(self) -> list[Tensor]:
        """Scores by which what is left of every layer changes by the same factor.

        Minus how many units of a layer are left with this one, over how many its `s` leaves.
        """
        found = []
        for s, layer, score in zip(self.s, self.pruning.layers, self.scores(), strict=True):
            left = torch.empty_like(score)
            left[torch.argsort(score, stable=True)] = torch.arange(float(layer.count), 0.0, -1.0)
            found.append(-left / (layer.least + (1.0 - s) * (layer.count - layer.least)))
        return found

    def _counted(self) -> list[Tensor]:
        """The units that each `s` counts, the least first; each layer keeps its best."""
        scores = self.scores()
        if not self.by_layer:
            return [self.pruning.order(scores)[: self.pruning.most]]
        return [
            torch.argsort(score, stable=True)[: layer.count - layer.least] + first
            for layer, score, first in zip(
                self.pruning.layers, scores, self.pruning.firsts[:-1], strict=True
            )
        ]

    @staticmethod
    def _number(s: float, order: Tensor) -> int:
        return math.ceil(s * len(order))

    def _next_square(self, s: float, order: Tensor, squares: Tensor) -> float:
        """The square of the next unit to go: the slope of the norm."""
        place = self._number(s, order)
        return float(squares[order[place]]) if place < len(order) else math.inf

    def _violations(self) -> list[float]:
        """How far each budget is away, as a logarithm of units (negative: more may come back)."""
        removed = self.pruning.removed
        if self._look is None or self.done - self._looked >= self.steps / _LOOKS:
            self._look, self._looked = self._look_now(removed), self.done
        look, left = self._look, self.pruning.count - removed
        found = []
        for use, slope, limit in zip(look.use, look.slopes, self._limits(), strict=True):
            now = max(use - slope * (removed - look.removed), 1e-9)
            elasticity = max(slope * left / now, _LEAST_ELASTICITY)
            found.append((now - limit) / max(limit, 1e-3 * now) / elasticity)
        return found

    def _limits(self) -> list[float]:
        """The budgets at this moment."""
        above = 0.0 if self.direct else (1.0 - self.done / self.steps) ** 3
        return [
            budget.limit + above * max(0.0, start - budget.limit)
            for start, budget in zip(self.start, self.pruning.budgets, strict=True)
        ]

    def _look_now(self, removed: int) -> _Look:
        use = self.pruning.use(roughly=True)
        costs = self.pruning.costs(self.scores(), use)
        left = [int(layer.kept().sum()) for layer in self.pruning.layers]
        slopes = [
            sum(cost * count for cost, count in zip(by_layer, left, strict=True)) / sum(left)
            for by_layer in costs
        ]
        now = self._relative(costs, slopes)
        for place, (layer, count) in enumerate(zip(self.pruning.layers, left, strict=True)):
            if count <= layer.least:  # nothing could be tried
                now[place] = self.costs[place]
        self.costs = _mean(self.costs, now) if self._look else now
        return _Look(removed, use, slopes)

    def _relative(self, costs: Sequence[Sequence[float]], slopes: Sequence[float]) -> list[float]:
        """What a unit of each layer costs in multipliers, relative to the average."""
        weights = [1e-6 + z for z in self.z]
        parts = zip(weights, costs, slopes, strict=True)
        relative = [
            [weight * cost / slope for cost in by_layer] for weight, by_layer, slope in parts
        ]
        return [
            max(sum(costs) / sum(weights), 1e-3)  # what costs nothing goes last
            for costs in zip(*relative, strict=True)
        ]

    def multipliers(self) -> Mapping[str, float]:
        """`s` as a share of the units, `y`, and `z` of each budget."""
        names = [f"s {layer.name}" for layer in self.pruning.layers] if self.by_layer else ["s"]
        zs = [f"z {budget.resource.name}" for budget in self.pruning.budgets]
        return dict(zip([*names, "y", *zs], [*self.s, self.y, *self.z], strict=True))

    def state(self) -> dict[str, Any]:
        """Multipliers too, and the last look at the resources."""
        look = asdict(self._look) if self._look else None
        own = {"s": self.s, "y": self.y, "z": self.z, "look": look, "costs": self.costs}
        return {**Method.state(self), **own, "looked": self._looked, "start": self.start}

    def load_state(self, state: dict[str, Any]) -> None:
        """See `Method.load_state`."""
        Method.load_state(self, state)
        self.s, self.y, self.z = list(state["s"]), float(state["y"]), list(state["z"])
        self._look = _Look(**state["look"]) if state["look"] else None
        self._looked, self.start = int(state["looked"]), list(state["start"])
        self.costs = list(state["costs"])
        for synapse in self.pruning.synapses:
            synapse.regrows = not self.is_settled


def _moved(removed: float, by: float) -> float:
    """A share of units that are gone, after those that are left became fewer by a logarithm."""
    left = (1.0 - removed) * math.exp(-min(max(by, -_LARGEST_STEP), _LARGEST_STEP))
    return min(max(0.0, 1.0 - left), 1.0)


def _mean(before: Sequence[float], now: Sequence[float]) -> list[float]:
    """A geometric mean, in which all that was before fades."""
    pairs = zip(before, now, strict=True)
    return [old ** (1.0 - _NEWEST) * new**_NEWEST for old, new in pairs]
