"""Bench of spikeloom_synapse."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np

from rtl_bench.agents import AxisBench, Instance, consecutive, pack, with_last
from spikeloom.codegen._geometry import Geometry
from spikeloom.codegen._rule import Axis
from spikeloom.ir import IntArray
from spikeloom.sim.axis import Beat, Monitor


@dataclass(frozen=True, slots=True)
class Convolution:
    """What a synapse computes; a dense one has a single position.

    `geometry.weight` is `[out, in, kernel rows, kernel columns]`.
    """

    geometry: Geometry

    def currents(self, values: IntArray) -> IntArray:
        """Return `[rows, columns, out]` for values `[rows, columns, in]`, step by step."""
        g = self.geometry
        pooled = _pool(values, g.rows.pool, g.columns.pool)
        padded = np.pad(pooled, [(g.rows.padding,) * 2, (g.columns.padding,) * 2, (0, 0)])
        result = np.zeros((g.rows.outputs, g.columns.outputs, g.weight.shape[0]), np.int64)
        for y in range(g.rows.outputs):
            for x in range(g.columns.outputs):
                top, left = y * g.rows.stride, x * g.columns.stride
                window = padded[top : top + g.rows.kernel, left : left + g.columns.kernel]
                result[y, x] = np.einsum("yxi,oiyx->o", window, g.weight)
        return result


def _pool(values: IntArray, rows: int, columns: int) -> IntArray:
    height, width = values.shape[0] // rows, values.shape[1] // columns
    cut = values[: height * rows, : width * columns]
    return np.asarray(cut.reshape(height, rows, width, columns, -1).sum(axis=(1, 3)))


class SynapseBench(AxisBench):
    """A transaction is the values of one time step, `[rows, columns, in]`."""

    rounds = 6

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        self._busy = 0  # clocks
        self.domain.add(Monitor(instance.busy_o, (), self._count))

    def _count(self) -> None:
        self._busy += 1

    @property
    def shape(self) -> tuple[int, int, int]:
        g: Geometry = self.case.facts.geometry
        return g.rows.size, g.columns.size, int(g.weight.shape[1])

    def stimulus(self) -> IntArray:
        rng = np.random.default_rng(self.random.getrandbits(32))
        density = self.random.choice([0.05, 0.3, 0.8])
        values = rng.integers(0, 1 << self.case["ValueBits"], self.shape)
        return np.asarray(values * (rng.random(self.shape) < density))

    def extremes(self) -> list[IntArray]:
        largest = (1 << self.case["ValueBits"]) - 1
        silent, full = np.zeros(self.shape, np.int64), np.full(self.shape, largest)
        one = silent.copy()
        one[-1, -1, -1] = largest
        return [silent, full, full, silent, one]

    def beats(self, transaction: IntArray) -> list[Beat]:
        words = transaction.reshape(-1, self.case["InLanes"]).tolist()
        return with_last([pack(word, self.case["ValueBits"]) for word in words])

    def expected(self, transaction: IntArray) -> list[Beat]:
        currents = self.case.facts.currents(transaction).reshape(-1, self.case["OutLanes"])
        words = [pack(word, self.case["CurrentBits"]) for word in currents.tolist()]
        return with_last(words) * self.case["Repeats"]

    async def timing(self) -> None:
        """Silence costs nothing: the time that a step takes beyond its input is constant."""
        silent, full = self.extremes()[:2]
        words = len(self.beats(silent))
        start, arrivals = await self.arrivals_of([silent])
        constant = arrivals[0] - start - words
        assert constant <= 20, f"a silent step must end within 20 clocks, not {constant}"
        beats = len(arrivals) // self.case["Repeats"]
        assert consecutive(arrivals[:beats]), "a beat of currents must take one clock"
        visits, clocks = self._cost()
        self._busy = 0
        start, arrivals = await self.arrivals_of([full])
        assert arrivals[0] - start <= words + clocks + 20, "a visit must take one clock"
        assert self._busy == visits + len(arrivals), "busy_o must be high for visits and beats"

    def _cost(self) -> tuple[int, int]:
        """Return visits, and the clocks they take, of a step with every input at its largest."""
        g: Geometry = self.case.facts.geometry
        rows, columns = (_taps(axis) for axis in (g.rows, g.columns))
        events = self.shape[2] // g.ports * self.case["ValueBits"]
        visits = [row * column * g.groups for row in rows for column in columns]
        # The last event ends the step, which shows as a visit even where it reaches nothing;
        # other events that reach nothing take a clock unseen.
        seen = events * sum(visits) + (visits[-1] == 0)
        return seen, events * sum(max(1, count) for count in visits)


def _taps(axis: Axis) -> list[int]:
    """Return for every position along an axis how many outputs read it."""
    read = [
        output * axis.stride + tap - axis.padding
        for output in range(axis.outputs)
        for tap in range(axis.kernel)
    ]
    windows = axis.size // axis.pool
    return [
        read.count(position // axis.pool) if position // axis.pool < windows else 0
        for position in range(axis.size)
    ]
