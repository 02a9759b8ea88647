"""The designs that no other one beats in area, throughput and latency together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spikeloom.codegen._estimate import Estimate
from spikeloom.codegen._options import BuildOptions
from spikeloom.codegen._search._combine import Column, best_rows
from spikeloom.codegen._search._goal import Goal, Target
from spikeloom.codegen._search._improve import Point, Trials
from spikeloom.codegen._search._predict import Field
from spikeloom.codegen._search._problem import Problem
from spikeloom.codegen._search._rank import Rank
from spikeloom.codegen._search._search import Space, best_of, field_of, options_json, space_of
from spikeloom.ir import Progress, ResourceError

_COLUMNS = (Column.LUT, Column.BRAM, Column.TOTAL, Column.LONGEST)
_PACES = 24  # clock cycles for which the smallest design is looked for, and as many latencies
_SLOW = 10  # designs that are estimated in the end, where that takes long


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One design: its options, its estimate, and the layer that works longest."""

    options: BuildOptions
    estimate: Estimate
    limits: str

    def to_json(self) -> dict[str, Any]:
        """Return the design as plain JSON values."""
        return {
            "options": options_json(self.options),
            "limits": self.limits,
            "estimate": self.estimate.to_json(),
        }


def explore(problem: Problem, target: Target, progress: Progress) -> tuple[Choice, ...]:
    """Return the best designs that were found within the limits, the smallest first.

    Raises:
        BuildError: If what is pinned cannot be built.
        ResourceError: If no design that was found keeps the limits.
    """
    space = space_of(problem, replace(target, goal=Goal.THROUGHPUT), progress)
    field = field_of(problem, space, _COLUMNS)
    places = _spread(field, Rank(target))
    trials = Trials(problem, progress, len(places))
    progress.start("looking at whole designs", trials.most)
    found = [trials.point(field.picks(place)) for place in places]
    points = [point for point in found if point is not None]
    points[0] = trials.exact(points[0])  # the pace of all others is predicted from it
    if not problem.estimator.is_quick:
        points = _thinned(_pareto([trials.point(p.picks) or p for p in points], Rank(target)))
    progress.start("estimating clock cycles", len(points))
    for place, point in enumerate(points):
        points[place] = trials.exact(point)
        progress.advance()
    points += _fastest(problem, space, target, progress)
    return tuple(_choice(problem, point) for point in _pareto(points, Rank(target)))


def _fastest(problem: Problem, space: Space, target: Target, progress: Progress) -> Iterator[Point]:
    """What the searches for throughput and for latency find."""
    for goal in (Goal.THROUGHPUT, Goal.LATENCY):
        best, trials = best_of(problem, space, Rank(replace(target, goal=goal)), progress)
        yield trials.exact(best)


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Every so many of them, the first and the last too."""
    places = np.linspace(0, len(points) - 1, min(_SLOW, len(points))).round().astype(int)
    return [points[place] for place in dict.fromkeys(places.tolist())]


def _choice(problem: Problem, point: Point) -> Choice:
    assert point.estimate is not None
    return Choice(
        options=problem.options(point.fits),
        estimate=point.estimate,
        limits=problem.slowest_first(point.fits)[0].layer,
    )


def _spread(field: Field, rank: Rank) -> list[int]:
    """The cheapest combination for each of several paces and latencies, each once."""
    values = field.combinations.values
    costs = np.array([rank.target.cost(field.sums(place).area) for place in range(len(values))])
    places: dict[int, None] = {}
    for column in (Column.LONGEST, Column.TOTAL):
        taken = values[:, column]
        for most in np.geomspace(max(1.0, taken.min()), max(1.0, taken.max()), _PACES):
            fast = np.flatnonzero(taken <= most * (1 + 1e-9))
            places[int(fast[np.argmin(costs[fast])])] = None
    return list(places)


def _pareto(points: Sequence[Point], rank: Rank) -> list[Point]:
    kept = [point for point in points if not rank.excesses(point.figures)]
    if not kept:
        raise ResourceError(_nothing(points, rank))
    figures = [
        (rank.target.cost(p.figures.area), p.figures.interval, p.figures.latency) for p in kept
    ]
    return [kept[place] for place in best_rows(np.array(figures, np.float64))]


def _nothing(points: Sequence[Point], rank: Rank) -> str:
    nearest = min(points, key=lambda point: rank.key(point.figures))
    missed = "; ".join(map(str, rank.excesses(nearest.figures)))
    return (
        f"none of {len(points)} designs keeps the limits; the nearest misses {missed}; give larger "
        "limits or another board, or leave them out"
    )
