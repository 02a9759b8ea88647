"""Which part of a design limits its pace, why, and what would be next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from spikeloom.codegen._options import UNROLLED, LayerOptions
from spikeloom.codegen._search._improve import Point, Trials, neighbours_of
from spikeloom.codegen._search._parts import Part, Role, outputs_of
from spikeloom.codegen._search._problem import Problem
from spikeloom.codegen._search._rank import Rank

_MOST = 0.9  # of the interval: a part that works for less does not explain it alone
_WAITS = "in the others layers wait for each other, or for the next inference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limiting:
    """What limits the pace: a layer, its engine, its neurons or the input stream.

    It works `cycles` of the `interval` clock cycles between inferences.  `reasons` say what is
    at its end; `next` is the change that would gain most, and what it would cost.
    """

    layer: str
    part: str
    role: str
    cycles: float
    interval: float
    reasons: tuple[str, ...]
    next: str

    def to_json(self) -> dict[str, Any]:
        """Return the values by name."""
        return asdict(self) | {"text": str(self)}

    def __str__(self) -> str:
        what = {
            Role.INPUT.value: "the input stream",
            Role.ENGINE.value: f"layer {self.layer}",
            Role.NEURONS.value: f"the neuron update of layer {self.layer}",
        }[self.role]
        pace = f"{what} limits: {self.cycles:,.0f} of {self.interval:,.0f} cycles"
        return "; ".join((pace, *self.reasons, f"next: {self.next}"))


def limiting_of(
    problem: Problem,
    candidates: Mapping[str, Sequence[LayerOptions]],
    best: Point,
    trials: Trials,
    rank: Rank,
) -> Limiting:
    """Explain what limits the pace of a design."""
    part = problem.slowest_first(best.fits)[0]
    cycles = max(
        problem.work.all_cycles(problem.parts, best.fits)[part.node],
        _busy(part, best),
    )
    return Limiting(
        layer=part.layer,
        part=part.node,
        role=part.role.value,
        cycles=min(cycles, best.figures.interval),  # the former of a few more inferences
        interval=best.figures.interval,
        reasons=(
            *_reasons(problem, part, best.fits[part.node], candidates[part.node]),
            *([_WAITS] if cycles < _MOST * best.figures.interval else []),
        ),
        next=_next(problem, part, candidates, best, trials, rank),
    )


def _busy(part: Part, best: Point) -> float:
    """Clock cycles in which an engine of the part's layer works."""
    if best.estimate is None or part.role is not Role.ENGINE:
        return 0.0
    busy = (layer.busy for layer in best.estimate.layers if layer.name == part.layer)
    return next(busy, 0.0)


def _reasons(
    problem: Problem, part: Part, options: LayerOptions, candidates: Sequence[LayerOptions]
) -> Iterator[str]:
    """What is at its end, or pinned."""
    pinned = [f for f in fields(LayerOptions) if getattr(part.pinned, f.name) is not None]
    if pinned:
        yield "pinned: " + ", ".join(f"{f.name} {getattr(part.pinned, f.name)}" for f in pinned)
    if options.engine == UNROLLED:
        yield "it is in logic already"
    elif part.role is Role.ENGINE and options.lanes == outputs_of(problem.facts, part.node):
        yield f"{options.lanes} lanes are all its outputs"
    ends = [
        name
        for name in ("event_ports", "event_field", "neuron_lanes")
        if getattr(options, name) is not None
        and getattr(part.pinned, name) is None
        and getattr(options, name) == max(getattr(c, name) or 0 for c in candidates)
    ]
    if ends:
        yield "at the largest choice: " + ", ".join(f"{n} {getattr(options, n)}" for n in ends)


def _next(
    problem: Problem,
    part: Part,
    candidates: Mapping[str, Sequence[LayerOptions]],
    best: Point,
    trials: Trials,
    rank: Rank,
) -> str:
    """The change of the part, or of the neurons behind it, that gains most."""
    gains = [
        (_difference(best.fits[node], options), point.figures)
        for node in (part.node, problem.neurons_of(part))
        if node is not None
        for options in neighbours_of(best.fits[node], candidates[node])
        if (point := trials.point({**best.picks, node: options}))
        and point.figures.interval < best.figures.interval
    ]
    if not gains:
        return "no change of it alone is faster"
    change, figures = min(gains, key=lambda found: found[1].interval)
    more = figures.area.lut - best.figures.area.lut
    blocks = figures.area.bram - best.figures.area.bram
    text = (
        f"{change} would make {figures.interval:,.0f} cycles "
        f"for {more:+,} LUT, {blocks:+,} block RAM"
    )
    over = rank.excesses(figures)
    return f"{text}, which is over {over[0]}" if over else text


def too_far(problem: Problem, rank: Rank, best: Point) -> str:
    """Say which limits cannot be kept, how far the nearest design is away, and what helps."""
    missed = "; ".join(map(str, rank.excesses(best.figures)))
    part = problem.slowest_first(best.fits)[0]
    resources = {excess.limit for excess in rank.excesses(best.figures)} & {"lut", "ff", "bram"}
    what = "smallest" if resources else "fastest"
    area = best.figures.area
    return (
        f"no folding that was found keeps {missed}; the {what} one takes {area.lut:,} LUT, "
        f"{area.ff:,} FF and {area.bram:,} block RAM, and for an inference "
        f"{best.figures.interval:,.0f} cycles ({best.figures.latency:,.0f} of latency) "
        f"at {rank.target.clock_mhz:g} MHz "
        f"(layer {part.layer} takes longest); " + _remedy(problem, bool(resources))
    )


def _remedy(problem: Problem, small: bool) -> str:
    pinned = [p.layer for p in problem.parts if p.pinned != LayerOptions()]
    ways = ["a larger limit or device", "fewer weight bits or channels"]
    if not small:
        ways = ["a faster clock (--clock-mhz)", "more resources", "fewer weights or time steps"]
    if pinned:
        ways.insert(0, f"leaving open what is pinned for {', '.join(dict.fromkeys(pinned))}")
    return "what helps: " + ", ".join(ways)


def _difference(here: LayerOptions, there: LayerOptions) -> str:
    changed = [
        f.name for f in fields(LayerOptions) if getattr(here, f.name) != getattr(there, f.name)
    ]
    if "engine" in changed:
        changed = ["engine"]
    return ", ".join(f"{name} {getattr(there, name)}" for name in changed)
