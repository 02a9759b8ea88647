"""The baselines, and what they share with the minimax solver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from spikeloom.model._compress._cut import cut, fewest, lost
from spikeloom.model._compress._pruning import Pruning
from spikeloom.model._compress._words import relative_squares

EVERY = 4  # optimiser steps between two looks at the scores
_POINTS = 100  # of the trajectory, while units are taken away
_SMOOTH = 0.05  # what a step adds to the loss that is shown


@dataclass(slots=True)
class Method:
    """Takes units (words, neurons) away while `steps` optimiser steps are taken, and then no more.

    What is left after that keeps all budgets, for good.
    """

    pruning: Pruning
    steps: int
    relative: bool  # whether a unit is worth what its loss is to the layer, or its size
    first: int = field(init=False)  # units that were gone before
    done: int = 0
    is_settled: bool = False
    loss: float = 0.0
    trajectory: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.first = self.pruning.removed

    def step(self, learning_rate: float, loss: float) -> None:
        """Go on after a step of the optimiser, which began with this loss."""
        if self.done == 0:
            self.loss = loss
            self._remember()
        self.done += 1
        self.loss += _SMOOTH * (loss - self.loss)
        settled = self.is_settled
        if not settled and self.done >= self.steps:
            self._settle()
        elif not settled and (self.done % EVERY == 0 or self.done == 1):
            self._advance(learning_rate)
        elif settled:
            self.pruning.shrink(0.0)  # the optimiser's momentum may have moved what is gone
        if self.is_settled != settled or self.done % max(1, self.steps // _POINTS) == 0:
            self._remember()

    def _advance(self, learning_rate: float) -> None:
        """Choose anew what is left."""
        raise NotImplementedError

    def scores(self) -> list[Tensor]:
        """What every unit is worth, layer by layer."""
        squares = [layer.squares() for layer in self.pruning.layers]
        return [relative_squares(each) for each in squares] if self.relative else squares

    def multipliers(self) -> Mapping[str, float]:
        """The dual variables."""
        return {}

    def _settle(self) -> None:
        """Leave what keeps the budgets, from now on, and forget the rest."""
        self.pruning.leave(self._least_loss(), regrows=False)
        self.is_settled = True

    @property
    def refills(self) -> bool:
        """Whether units stay in the end for which there is room although others go."""
        return True

    def _least_loss(self) -> Tensor:
        """What goes in the end: of the orders that there are, by that which loses least."""
        cuts = [cut(self.pruning, order, refill=self.refills) for order in self._orders()]
        return min(cuts, key=lambda gone: sum(lost(self.pruning, gone)))

    def _orders(self) -> list[Tensor]:
        """Orders in which the units of all layers may go in the end, the first one preferred."""
        return [self.pruning.order(self.scores())]

    def _remember(self) -> None:
        left = 1.0 - self.pruning.removed / self.pruning.count
        self.trajectory.append({"step": self.done, "loss": self.loss, "left": left, **self._now()})

    def _now(self) -> dict[str, float]:
        """What the network takes of each resource, and the dual variables."""
        uses = self.pruning.use(roughly=not self.is_settled)
        names = [budget.resource.name for budget in self.pruning.budgets]
        return {**dict(zip(names, uses, strict=True)), **self.multipliers()}

    def end_epoch(self) -> dict[str, Any]:
        """See to the budgets, as integers may have changed; say what is left."""
        if self.is_settled and not self.pruning.keeps():
            self._settle()
        found = {"settled": self.is_settled, **self._now()}
        self.pruning.forget()
        return found

    def summary(self) -> dict[str, Any]:
        """Budgets, what the network takes of them, and how it came there."""
        uses = self.pruning.use()
        return {
            "budgets": [
                {
                    "resource": budget.resource.name,
                    "unit": budget.resource.unit,
                    "limit": budget.limit,
                    "use": use,
                }
                for budget, use in zip(self.pruning.budgets, uses, strict=True)
            ],
            "multipliers": dict(self.multipliers()),
            f"{self.pruning.layers[0].unit}s": {
                layer.name: {
                    "lanes": layer.lanes,
                    "all": layer.count,
                    "left": int(layer.kept().sum()),
                }
                for layer in self.pruning.layers
            },
            "trajectory": self.trajectory,
        }

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs beside the network, which has the masks."""
        return {
            "done": self.done,
            "is_settled": self.is_settled,
            "loss": self.loss,
            "first": self.first,
            "trajectory": self.trajectory,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint, whose network is loaded already."""
        self.done, self.is_settled = int(state["done"]), bool(state["is_settled"])
        self.first = int(state["first"])
        self.loss, self.trajectory = float(state["loss"]), list(state["trajectory"])
        self.pruning.forget()


class Magnitude(Method):
    """Global magnitude pruning: the smallest units go at once, and the others are trained on."""

    def _advance(self, learning_rate: float) -> None:  # noqa: ARG002  # all go at once
        self._settle()


class Gradual(Method):
    """Gradual magnitude pruning: what is gone stays gone; the budget falls as a cubic.

    M. Zhu and S. Gupta, To prune, or not to prune, arXiv 1710.01878, equation 1.
    """

    def scores(self) -> list[Tensor]:
        """What they are worth; what is gone is worth nothing."""
        pairs = zip(self.pruning.layers, Method.scores(self), strict=True)
        return [score.where(layer.kept(), -1.0) for layer, score in pairs]

    def _advance(self, learning_rate: float) -> None:  # noqa: ARG002  # the schedule is fixed
        left = (1.0 - self.done / self.steps) ** 3
        order = self.pruning.order(self.scores())
        more = max(0, fewest(self.pruning, order, roughly=True) - self.first)
        gone = self.first + round(more * (1.0 - left))
        self.pruning.leave(order[:gone], regrows=False)

    def _settle(self) -> None:
        self.pruning.shrink(0.0)  # the optimiser's momentum may have moved what is gone
        Method._settle(self)
