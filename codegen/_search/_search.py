"""The search for a folding: tables of the parts, their best combinations, and small changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from spikeloom.codegen._estimate import Estimate
from spikeloom.codegen._options import BuildOptions, LayerOptions
from spikeloom.codegen._search._candidates import MOST_LOGIC, candidates_of
from spikeloom.codegen._search._combine import Column, Table, combine
from spikeloom.codegen._search._explain import Limiting, limiting_of, too_far
from spikeloom.codegen._search._goal import Goal, Target
from spikeloom.codegen._search._improve import Point, Trials, improve
from spikeloom.codegen._search._predict import Field, Scale
from spikeloom.codegen._search._problem import Problem
from spikeloom.codegen._search._rank import Rank
from spikeloom.codegen._search._tables import measure, useful
from spikeloom.ir import Progress, ResourceError

_ROUND = 8  # combinations that are estimated as wholes, before they are put in order again
_ROUNDS = 3
_CHANGES = 100  # small changes that are tried after that
_DEFAULT = -1  # the place of the folding that nobody chose, beside those of combinations
_LITTLE_LOGIC = 1024  # bits that count: beyond, memories are smaller and additions fewer
_LOGIC = 2  # inputs that count in a synapse in logic may be so many times the look-up tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The folding that was found: its options, its estimate, and what limits it.

    `tried` is how many designs were looked at as wholes.
    """

    target: Target
    options: BuildOptions
    estimate: Estimate
    limiting: Limiting
    tried: int

    def to_json(self) -> dict[str, Any]:
        """Return goal, limits, options and explanation as plain JSON values."""
        return {
            "goal": str(self.target.goal),
            "limits": kept(asdict(self.target.limits)),
            "options": options_json(self.options),
            "limiting": self.limiting.to_json(),
            "designs_tried": self.tried,
        }


def options_json(options: BuildOptions) -> dict[str, Any]:
    """Return what was chosen, as the [hardware] table of a configuration has it."""
    layers = {name: kept(asdict(layer)) for name, layer in options.layers.items()}
    values = {"input_lanes": options.input_lanes, "clock_mhz": options.clock_mhz}
    return {**kept(values), "layers": layers}


def kept(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is None."""
    return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Space:
    """What may be picked for every part, and what each of it costs by itself."""

    candidates: Mapping[str, Sequence[LayerOptions]]
    tables: tuple[Table, ...]


def space_of(problem: Problem, target: Target, progress: Progress) -> Space:
    """Find what may be picked, and measure what could be of use.

    Raises:
        BuildError: If what is pinned cannot be built.
    """
    start = problem.options(problem.fitted({}))
    problem.estimator.area(start)  # refuses what is pinned and cannot be built
    most_logic = _most_logic(target)
    candidates = {
        part.node: candidates_of(problem.facts, part, most_logic) for part in problem.parts
    }
    behind = {problem.neurons_of(part) for part in problem.parts}
    worth = {
        part.node: useful(problem, part, candidates[part.node])
        for part in problem.parts
        if part.node not in behind
    }
    return Space(candidates, measure(problem, worth, progress))


def _most_logic(target: Target) -> int:
    """How many bits of inputs may count in a synapse for which logic is tried."""
    limits = target.limits
    hurries = limits.min_fps is not None or limits.max_latency_us is not None
    if target.goal in (Goal.AREA, Goal.ENERGY) and not hurries:
        return _LITTLE_LOGIC
    lut = target.limits.lut
    return MOST_LOGIC if lut is None else min(MOST_LOGIC, _LOGIC * lut)


def search(problem: Problem, target: Target, progress: Progress) -> Found:
    """Find the best folding for a target; it is never worse than that by default.

    Raises:
        BuildError: If what is pinned cannot be built.
        ResourceError: If no folding that was found keeps the limits: the message says how
            far the best is away.
    """
    space = space_of(problem, target, progress)
    rank = Rank(target)
    best, trials = best_of(problem, space, rank, progress)
    if rank.excesses(best.figures):
        best, trials = _nearest(problem, space, target, progress)
        if rank.excesses(best.figures):
            raise ResourceError(too_far(problem, rank, best))
    best = trials.exact(best)
    estimate = best.estimate
    assert estimate is not None
    trials.most = trials.done + _ROUND
    return Found(
        target=target,
        options=problem.options(best.fits),
        estimate=estimate,
        limiting=limiting_of(problem, space.candidates, best, trials, rank),
        tried=trials.done,
    )


def best_of(problem: Problem, space: Space, rank: Rank, progress: Progress) -> tuple[Point, Trials]:
    """Look at combinations, the most promising first, and change the best."""
    field = field_of(problem, space, rank.columns())
    trials = Trials(problem, progress, _ROUND * _ROUNDS + _CHANGES)
    progress.start("looking at whole designs", trials.most)
    start = trials.point({part.node: part.pinned for part in problem.parts})
    assert start is not None  # `space_of` has refused what cannot be built
    points, scale = {_DEFAULT: trials.exact(start)}, Scale()
    for _ in range(_ROUNDS):
        fresh = [place for place in field.in_order(rank, scale) if place not in points]
        for place in fresh[:_ROUND]:
            points[place] = trials.point(field.picks(place)) or start
        place = min(points, key=lambda place: rank.key(points[place].figures))
        points[place] = trials.exact(points[place])
        if place != _DEFAULT:
            scale = Scale.of(points[place].figures, field.sums(place))
    exact = [point for point in points.values() if point.estimate is not None]
    best = min(exact, key=lambda point: rank.key(point.figures))
    return _improved(best, trials, rank, space), trials


def _improved(best: Point, trials: Trials, rank: Rank, space: Space) -> Point:
    """Change a design, as long as it becomes better and not only seems to."""
    for _ in range(_ROUNDS):
        changed = trials.exact(improve(best, trials, rank, space.candidates))
        if not rank.key(changed.figures) < rank.key(best.figures):
            break
        best = changed
    return best


def field_of(problem: Problem, space: Space, columns: Sequence[Column]) -> Field:
    """Combine the rows of the tables."""
    return Field(
        tables=space.tables,
        combinations=combine(space.tables, columns),
        time_steps=problem.facts.graph.time_steps,
    )


def _nearest(
    problem: Problem, space: Space, target: Target, progress: Progress
) -> tuple[Point, Trials]:
    """The fastest folding within the resources, or the smallest if none is within them."""
    limits = target.limits
    slow = limits.min_fps is not None or limits.max_latency_us is not None
    fast = Goal.THROUGHPUT if limits.max_latency_us is None else Goal.LATENCY
    nearest = replace(
        target,
        goal=fast if slow else Goal.AREA,
        limits=replace(limits, min_fps=None, max_latency_us=None),
    )
    return best_of(problem, space, Rank(nearest), progress)
