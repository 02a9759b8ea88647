"""Bench of spikeloom_concat."""

from __future__ import annotations

from dataclasses import dataclass

from rtl_bench.agents import consecutive, pack
from rtl_bench.streams import Inputs, JoinBench, is_offered
from spikeloom.sim.axis import Beat

Word = list[int]  # values of a beat
Step = list[list[list[Word]]]  # words by position and input


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups(Inputs):
    """Inputs and their beats per position."""

    counts: tuple[int, ...]


class ConcatBench(JoinBench):
    """A transaction is a time step of any number of positions."""

    rounds = 8

    @property
    def groups(self) -> Groups:
        groups: Groups = self.case.facts
        return groups

    def stimulus(self) -> Step:
        return [self._position() for _ in range(self.random.randint(1, 5))]

    def _position(self) -> list[list[Word]]:
        return [
            [self._word(self.groups.limits(k)) for _ in range(self.groups.counts[k])]
            for k in self.inputs
        ]

    def _word(self, limits: tuple[int, int]) -> Word:
        return [self.random.randint(*limits) for _ in range(self.case["Lanes"])]

    def extremes(self) -> list[Step]:
        lanes, limits = self.case["Lanes"], [self.groups.limits(k) for k in self.inputs]
        return [
            [[[[limits[k][end]] * lanes] * self.groups.counts[k] for k in self.inputs]] * 2
            for end in (0, 1)
        ]

    def input_beats(self, transaction: Step) -> list[list[Beat]]:
        return [self._stream(transaction, k) for k in self.inputs]

    def _stream(self, step: Step, source: int) -> list[Beat]:
        words = [word for position in step for word in position[source]]
        has_end = source == self.inputs[-1]
        return self.slots(words, self.groups.bits[source], has_end=has_end)

    def expected(self, transaction: Step) -> list[Beat]:
        bits = self.case["OutBits"]
        words = [pack(word, bits) for position in transaction for part in position for word in part]
        return [Beat(word, i == len(words) - 1) for i, word in enumerate(words)]

    async def timing(self) -> None:
        start, arrivals = await self.arrivals_of([self.stimulus() for _ in range(4)])
        assert arrivals[0] == start + 1, "the latency must be 1 clock"
        assert consecutive(arrivals), "a beat must take one clock, also from input to input"
        step = [self._position()]
        assert await is_offered(self, step, lambda: self.is_valid), "it must not wait"
        for k, gate in enumerate(self.gates):
            gate.closed = True
            self.send(step)
            await self.domain.step(5 + sum(self.groups.counts))
            assert self.checker.missing == sum(self.groups.counts[k:]), (
                f"it must wait for input {k}"
            )
            gate.closed = False
            await self.finish()
