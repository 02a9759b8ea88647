"""Bench of spikeloom_add."""

from __future__ import annotations

from dataclasses import dataclass

from rtl_bench.agents import consecutive, pack
from rtl_bench.streams import Inputs, JoinBench, is_offered
from spikeloom.sim.axis import Beat

Step = list[list[list[int]]]  # values by beat, input and lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum(Inputs):
    """What is added; `biases` has a list of lanes for each word of the table."""

    shifts: tuple[int, ...]
    biases: list[list[int]]

    def __call__(self, beat: list[list[int]], index: int) -> list[int]:
        """Return the sums of one beat, the `index`-th of its time step."""
        sums = list(self.biases[index % len(self.biases)])
        for values, shift in zip(beat, self.shifts, strict=True):
            sums = [s + (value << shift) for s, value in zip(sums, values, strict=True)]
        return sums


class AddBench(JoinBench):
    """A transaction is a time step of any length."""

    @property
    def sum(self) -> Sum:
        rule: Sum = self.case.facts
        return rule

    def stimulus(self) -> Step:
        words = 2 * len(self.sum.biases) + 2
        return [self._beat() for _ in range(self.random.randint(1, words))]

    def _beat(self) -> list[list[int]]:
        limits = [self.sum.limits(k) for k in self.inputs]
        return [[self.random.randint(*pair) for _ in range(self.case["Lanes"])] for pair in limits]

    def extremes(self) -> list[Step]:
        lanes = self.case["Lanes"]
        limits = [self.sum.limits(k) for k in self.inputs]
        ends = [[[pair[end]] * lanes for pair in limits] for end in (0, 1)]
        mixed = [[pair[k % 2]] * lanes for k, pair in enumerate(limits)]
        return [[ends[0]], [ends[1]], [mixed, *ends] * len(self.sum.biases)]

    def input_beats(self, transaction: Step) -> list[list[Beat]]:
        return [
            self.slots([beat[k] for beat in transaction], self.sum.bits[k], has_end=k == 0)
            for k in self.inputs
        ]

    def expected(self, transaction: Step) -> list[Beat]:
        bits = self.case["OutBits"]
        end = len(transaction) - 1
        return [Beat(pack(self.sum(beat, i), bits), i == end) for i, beat in enumerate(transaction)]

    async def timing(self) -> None:
        start, arrivals = await self.arrivals_of([self.stimulus() for _ in range(5)])
        assert arrivals[0] == start + 1, "the latency must be 1 clock"
        assert consecutive(arrivals), "a beat must take one clock, also from step to step"
        assert await is_offered(self, [self._beat()], lambda: self.is_valid), "it must not wait"
        for k, gate in enumerate(self.gates):
            gate.closed = True
            self.send([self._beat()])
            await self.domain.step(5)
            assert self.checker.missing == 1, f"it must wait for input {k}"
            gate.closed = False
            await self.finish()
