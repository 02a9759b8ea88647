"""Bench of spikeloom_synapse."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np

from rtl_bench.agents import AxisBench, Instance, consecutive, pack, with_last
from rtl_bench.layout import Window, cost, sliding, taps_of, windows
from spikeloom.ir import IntArray
from spikeloom.sim.axis import Beat, Monitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution:
    """What a synapse computes; a dense one has a single position.

    `weight` is `[out, in / groups, kernel rows, kernel columns]`.
    """

    rows: Window
    columns: Window
    weight: IntArray
    groups: int = 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns, and channels of the input."""
        return self.rows.size, self.columns.size, int(self.weight.shape[1]) * self.groups

    def currents(self, values: IntArray) -> IntArray:
        """Return `[rows, columns, out]` for values `[rows, columns, in]`."""
        seen = windows(values, self.rows, self.columns)
        parts = zip(
            np.split(seen, self.groups, axis=-1), np.split(self.weight, self.groups), strict=True
        )
        sums = [np.einsum("yxijc,ocij->yxo", part, weight) for part, weight in parts]
        return np.concatenate(sums, axis=-1)

    def sparse_cost(self, lanes: int, value_bits: int) -> tuple[int, int]:
        """Return visits and clocks of a step with every bit set, words without a weight left out.

        The last event ends the step, which shows as a visit even where it adds nothing.
        """
        own, outputs = self.weight.shape[1], self.weight.shape[0] // self.groups
        parts = self.weight.reshape(
            self.groups, outputs // lanes, lanes, own, *self.weight.shape[2:]
        )
        words = parts.any(axis=2).sum(axis=1)  # [group, channel, row tap, column tap]
        visits = clocks = last = 0
        for rows in sliding(self.rows).visits:
            for columns in sliding(self.columns).visits:
                taps = [(y, x) for y, _ in rows for x, _ in columns]
                reached = np.array([words[:, :, y, x].ravel() for y, x in taps], np.int64)
                visits += int(reached.sum()) * value_bits
                clocks += (
                    int(np.maximum(reached, 1).sum()) if taps else words[:, :, 0, 0].size
                ) * value_bits
                last = reached[-1, -1] if taps else 0
        return visits + (last == 0), clocks


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
        shape: tuple[int, int, int] = self.case.facts.shape
        return shape

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
        facts: Convolution = self.case.facts
        if self.case["SparseRows"]:
            return facts.sparse_cost(self.case["Lanes"], self.case["ValueBits"])
        codes = 1 if self.case["FieldValues"] else self.case["ValueBits"]
        units = self.case["InLanes"] // max(1, self.case["FieldValues"])
        of_bank = units // self.case["Banks"] * codes
        events = -(-of_bank // (self.case["Ports"] // self.case["Banks"])) * self.case["InGroups"]
        taps = taps_of(sliding(facts.rows), sliding(facts.columns))
        return cost([count * self.case["Groups"] for count in taps], events)
