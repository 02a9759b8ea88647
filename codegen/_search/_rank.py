"""Which of two designs is better: limits first, then the goal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from spikeloom.codegen._estimate import Area
from spikeloom.codegen._search._combine import Column
from spikeloom.codegen._search._goal import Goal, Target, flag_of

_ALIKE = 0.01  # what differs by less is alike

_MANY = 100  # from here a number is shown without decimals

Key = tuple[float, ...]  # the smaller the better


class Figures(Protocol):
    """What of a design is compared: area, and clock cycles and additions of an inference."""

    @property
    def area(self) -> Area: ...

    @property
    def interval(self) -> float: ...

    @property
    def latency(self) -> float: ...

    @property
    def additions(self) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """A limit (a field of `Limits`) that a design does not keep.

    `ratio` is how many times too much it takes, or how many times too slow it is.
    """

    limit: str
    wanted: float
    found: float
    ratio: float

    def __str__(self) -> str:
        exact = f"{self.found:,.0f}" if self.found >= _MANY else f"{self.found:.3g}"
        return f"{flag_of(self.limit)} {self.wanted:,.10g}: estimated {exact}"


@dataclass(frozen=True, slots=True)
class Rank:
    """Puts designs in order for a target."""

    target: Target

    def excesses(self, figures: Figures) -> tuple[Excess, ...]:
        """Return the limits that a design does not keep."""
        limits, clock = self.target.limits, self.target.clock_mhz
        taken = [
            (name, getattr(limits, name), getattr(figures.area, name))
            for name in ("lut", "ff", "bram")
        ]
        found = [
            Excess(limit=name, wanted=most, found=count, ratio=count / max(1, most))
            for name, most, count in taken
            if most is not None and count > most
        ]
        fps = clock * 1e6 / figures.interval
        if limits.min_fps is not None and fps < limits.min_fps:
            ratio = limits.min_fps / fps
            found.append(Excess(limit="min_fps", wanted=limits.min_fps, found=fps, ratio=ratio))
        latency, most = figures.latency / clock, limits.max_latency_us
        if most is not None and latency > most:
            ratio = latency / most
            found.append(Excess(limit="max_latency_us", wanted=most, found=latency, ratio=ratio))
        return tuple(found)

    def key(self, figures: Figures) -> Key:
        """Return what is compared; differences in the goal of less than a per cent are none."""
        cost = self.target.cost(figures.area)
        by_goal = {
            Goal.LATENCY: (_step(figures.latency), cost, figures.interval),
            Goal.THROUGHPUT: (_step(figures.interval), cost, figures.latency),
            Goal.AREA: (_step(cost), figures.interval, figures.latency),
            Goal.ENERGY: (_step(figures.additions), cost, figures.interval),
        }
        excess = sum(found.ratio for found in self.excesses(figures))
        return (excess, *by_goal[self.target.goal])

    def columns(self) -> tuple[Column, ...]:
        """Return what combinations are compared by, so that the best is among what is kept."""
        own = {
            Goal.LATENCY: (Column.TOTAL, Column.LONGEST),
            Goal.THROUGHPUT: (Column.LONGEST,),
            Goal.AREA: (),
            Goal.ENERGY: (Column.ADDITIONS,),
        }[self.target.goal]
        limits = self.target.limits
        fast = (Column.LONGEST,) if limits.min_fps is not None else ()
        soon = (Column.LONGEST, Column.TOTAL) if limits.max_latency_us is not None else ()
        return tuple(sorted({Column.LUT, Column.BRAM, *own, *fast, *soon}))


def _step(value: float) -> float:
    """Number steps of a per cent."""
    return math.floor(math.log(max(value, 1e-9)) / math.log(1 + _ALIKE))
