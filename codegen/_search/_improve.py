"""Small changes of one part at a time, as long as they make the whole design better."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from spikeloom.codegen._estimate import Area, Estimate
from spikeloom.codegen._options import UNROLLED, LayerOptions
from spikeloom.codegen._search._predict import Prediction, Scale, latency_of
from spikeloom.codegen._search._problem import Problem
from spikeloom.codegen._search._rank import Figures, Rank
from spikeloom.ir import BuildError, Progress

_CHOICES = (
    ("event_ports", "weight_banks"),
    ("event_field",),
    ("current_buffers",),
    ("sparse",),
    ("lanes",),
    ("neuron_lanes",),
)

Picks = Mapping[str, LayerOptions]
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Point:
    """A design: what was picked, what that is when it fits, and its figures.

    `estimate` is there if its clock cycles are exact.
    """

    picks: Picks
    fits: Picks
    figures: Figures
    estimate: Estimate | None = None


@dataclass(slots=True)
class Trials:
    """Looks at whole designs, each once, until so many have been looked at.

    Where estimates of clock cycles take long, they are predicted: from the work of the parts,
    and from what was learnt by estimating a design nearby.
    """

    problem: Problem
    progress: Progress
    most: int
    done: int = 0
    scale: Scale = field(default_factory=Scale)
    _areas: dict[str, Area | None] = field(default_factory=dict)
    _estimates: dict[str, Estimate | None] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether no further design may be looked at."""
        return self.done >= self.most

    def point(self, picks: Picks) -> Point | None:
        """Look at a design; None if it cannot be built, or is new when no more may be."""
        try:
            fits = self.problem.fitted(picks)
        except BuildError:
            return None
        if self.problem.estimator.is_quick or repr(fits) in self._estimates:
            return self._estimated(picks, fits)
        return self._predicted(picks, fits)

    def exact(self, point: Point) -> Point:
        """Estimate a design that can be built, and learn from it."""
        name = repr(point.fits)
        found = self._estimates.get(name)
        if found is None:
            found = self.problem.estimator.estimate(self.problem.options(point.fits))
            self._estimates[name] = found
        self.scale = Scale.of(found, self._sums(point.fits, found.area))
        return Point(point.picks, point.fits, found, found)

    def _estimated(self, picks: Picks, fits: Picks) -> Point | None:
        estimator, options = self.problem.estimator, self.problem.options(fits)
        found = self._once(self._estimates, fits, lambda: estimator.estimate(options))
        return None if found is None else Point(picks, fits, found, found)

    def _predicted(self, picks: Picks, fits: Picks) -> Point | None:
        estimator, options = self.problem.estimator, self.problem.options(fits)
        area = self._once(self._areas, fits, lambda: sum(estimator.area(options).values(), Area()))
        if area is None:
            return None
        return Point(picks, fits, self.scale.apply_pace(self._sums(fits, area)))

    def _once(
        self, known: dict[str, _Found | None], picks: Picks, find: Callable[[], _Found]
    ) -> _Found | None:
        """Find what is not known yet, unless no more may be found; None if it cannot be built."""
        name = repr(picks)
        if name not in known:
            if self.is_over:
                return None
            self.done += 1
            self.progress.advance()
            try:
                known[name] = find()
            except BuildError:
                known[name] = None
        return known[name]

    def _sums(self, picks: Picks, area: Area) -> Prediction:
        """What the parts of a design do, added up."""
        work, parts = self.problem.work, self.problem.parts
        cycles = work.all_cycles(parts, picks).values()
        steps = self.problem.facts.graph.time_steps
        return Prediction(
            area=area,
            interval=max(cycles),
            latency=latency_of(max(cycles), sum(cycles), steps),
            additions=sum(work.additions(part, picks[part.node]) for part in parts),
        )


def improve(
    start: Point, trials: Trials, rank: Rank, candidates: Mapping[str, Sequence[LayerOptions]]
) -> Point:
    """Change one option of one part at a time, those that work longest first."""
    best = start
    while not trials.is_over:
        better = _step(best, trials, rank, candidates)
        if better is None:
            return best
        best = better
    return best


def _step(
    best: Point, trials: Trials, rank: Rank, candidates: Mapping[str, Sequence[LayerOptions]]
) -> Point | None:
    """The best of the changes of the first part that gains by any."""
    for part in trials.problem.slowest_first(best.fits):
        near = neighbours_of(best.fits[part.node], candidates[part.node])
        found = [trials.point({**best.picks, part.node: options}) for options in near]
        points = [point for point in found if point is not None]
        better = min(points, key=lambda point: rank.key(point.figures), default=None)
        if better is not None and rank.key(better.figures) < rank.key(best.figures):
            return better
    return None


def neighbours_of(
    options: LayerOptions, candidates: Sequence[LayerOptions]
) -> Iterator[LayerOptions]:
    """The candidates that differ in one choice, by one step up or down, and those in logic.

    How many events are taken from how many memories is one choice.
    """
    for choice in _CHOICES:
        others = [c for c in candidates if _same_but(choice, options, c)]
        here = _level(options, choice)
        yield from sorted((c for c in others if _level(c, choice) > here), key=_by(choice))[:1]
        yield from sorted((c for c in others if _level(c, choice) < here), key=_by(choice))[-1:]
    if options.engine != UNROLLED:
        yield from (c for c in candidates if c.engine == UNROLLED)


def _by(choice: tuple[str, ...]) -> Callable[[LayerOptions], tuple[int, ...]]:
    return lambda options: _level(options, choice)


def _level(options: LayerOptions, choice: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(getattr(options, name) or 0 for name in choice)


def _same_but(choice: tuple[str, ...], options: LayerOptions, other: LayerOptions) -> bool:
    opened = dict.fromkeys(choice)
    return options != other and replace(options, **opened) == replace(other, **opened)
