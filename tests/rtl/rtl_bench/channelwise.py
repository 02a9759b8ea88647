"""Bench of spikeloom_channelwise."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Protocol

import numpy as np

from rtl_bench.agents import AxisBench, Instance, consecutive, pack, with_last
from rtl_bench.layout import Axis, Window, cost, mixing, sliding, taps_of, windows
from spikeloom.ir import IntArray
from spikeloom.sim.axis import Beat, Monitor

_WEIGHTS, _LARGEST = 0, 2  # of the parameter Mode


class Engine(Protocol):
    """What a parameter set computes."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns, and channels of the input."""

    def axes(self) -> tuple[Axis, Axis]:
        """The address rule."""

    def results(self, values: IntArray) -> IntArray:
        """Return `[rows, columns, channels]` for values `[rows, columns, channels]`."""


@dataclass(frozen=True, slots=True)
class Depthwise:
    """A convolution of each channel with its own `[channels, kernel rows, kernel columns]`."""

    rows: Window
    columns: Window
    weight: IntArray

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.rows.size, self.columns.size, len(self.weight)

    def axes(self) -> tuple[Axis, Axis]:
        return sliding(self.rows), sliding(self.columns)

    def results(self, values: IntArray) -> IntArray:
        seen = windows(values, self.rows, self.columns)
        return np.asarray(np.einsum("yxijc,cij->yxc", seen, self.weight))


@dataclass(frozen=True, slots=True)
class Mixing:
    """A map `[out, in]` over the positions along `axis`: rows, columns, or both (tokens)."""

    shape: tuple[int, int, int]
    axis: str
    weight: IntArray

    def axes(self) -> tuple[Axis, Axis]:
        height, width, _ = self.shape
        block = height * width if self.axis == "tokens" else 0
        rows, columns = sliding(Window(size=height)), sliding(Window(size=width))
        if self.axis != "columns":
            rows = mixing(height, block)
        if self.axis != "rows":
            columns = mixing(width, block)
        return rows, columns

    def results(self, values: IntArray) -> IntArray:
        if self.axis == "rows":
            return np.asarray(np.einsum("oi,ixc->oxc", self.weight, values))
        if self.axis == "columns":
            return np.asarray(np.einsum("oi,yic->yoc", self.weight, values))
        flat = values.reshape(-1, self.shape[2])
        return np.asarray(np.einsum("oi,ic->oc", self.weight, flat)).reshape(self.shape)


@dataclass(frozen=True, slots=True)
class Pooling:
    """The sum or the largest value of windows; padding takes no part in the latter."""

    rows: Window
    columns: Window
    channels: int
    largest: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.rows.size, self.columns.size, self.channels

    def axes(self) -> tuple[Axis, Axis]:
        return sliding(self.rows), sliding(self.columns)

    def results(self, values: IntArray) -> IntArray:
        if self.largest:
            lowest = int(values.min())
            seen = windows(values, self.rows, self.columns, outside=lowest)
            return np.asarray(seen.max(axis=(2, 3)))
        return np.asarray(windows(values, self.rows, self.columns).sum(axis=(2, 3)))


class ChannelwiseBench(AxisBench):
    """A transaction is the values of one time step, `[rows, columns, channels]`."""

    rounds = 6

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        self._busy = 0  # clocks
        self.domain.add(Monitor(instance.busy_o, (), self._count))

    def _count(self) -> None:
        self._busy += 1

    @property
    def engine(self) -> Engine:
        engine: Engine = self.case.facts
        return engine

    @property
    def limits(self) -> tuple[int, int]:
        """The smallest and the largest value."""
        count = 1 << self.case["ValueBits"]
        return (-count // 2, count // 2 - 1) if self.case["Signed"] else (0, count - 1)

    @property
    def silent(self) -> int:
        """The value that costs nothing."""
        return self.limits[0] if self.case["Mode"] == _LARGEST else 0

    def stimulus(self) -> IntArray:
        rng = np.random.default_rng(self.random.getrandbits(32))
        low, high = self.limits
        values = rng.integers(low, high + 1, self.engine.shape)
        is_there = rng.random(self.engine.shape) < self.random.choice([0.05, 0.3, 0.8])
        return np.where(is_there, values, self.silent)

    def extremes(self) -> list[IntArray]:
        shape, (low, high) = self.engine.shape, self.limits
        silent = np.full(shape, self.silent)
        first, last = silent.copy(), silent.copy()
        first[0, 0, 0] = last[-1, -1, -1] = high
        full = np.full(shape, high)
        return [silent, full, np.full(shape, low), np.zeros(shape, int), full, silent, first, last]

    def beats(self, transaction: IntArray) -> list[Beat]:
        words = transaction.reshape(-1, self.case["Lanes"]).tolist()
        return with_last([pack(word, self.case["ValueBits"]) for word in words])

    def expected(self, transaction: IntArray) -> list[Beat]:
        results = self.engine.results(transaction).reshape(-1, self.case["OutLanes"])
        words = [pack(word, self.case["CurrentBits"]) for word in results.tolist()]
        return with_last(words) * self.case["Repeats"]

    async def timing(self) -> None:
        """Silence costs nothing: the time that a step takes beyond its input is constant."""
        silent, full = self.extremes()[:2]
        words = len(self.beats(silent))
        start, arrivals = await self.arrivals_of([silent])
        constant = arrivals[0] - start - words
        assert constant <= 20, f"a silent step must end within 20 clocks, not {constant}"
        beats = len(arrivals) // self.case["Repeats"]
        assert consecutive(arrivals[:beats]), "a beat of results must take one clock"
        planes = self.case["ValueBits"] if self.case["Mode"] == _WEIGHTS else 1
        events = self.case["InGroups"] * planes
        visits, clocks = cost(taps_of(*self.engine.axes()), events)
        self._busy = 0
        start, arrivals = await self.arrivals_of([full])
        assert arrivals[0] - start <= words + clocks + 20, "a visit must take one clock"
        assert self._busy == visits + len(arrivals), "busy_o must be high for visits and beats"
        if self.case["Buffers"] > 1:
            await self._overlap(full, max(words, clocks, len(arrivals) + 5))

    async def _overlap(self, step: IntArray, slowest: int) -> None:
        """A step takes no longer than the slowest of its words, its visits and its beats."""
        count = 6
        _, arrivals = await self.arrivals_of([step] * count)
        last = len(arrivals) // count - 1  # beat of the first step
        taken = arrivals[-1] - arrivals[last]
        assert taken <= (count - 1) * slowest, "visits and beats of different steps must overlap"
