"""Bench of spikeloom_delay."""

from __future__ import annotations

from random import Random

from rtl_bench.agents import AxisBench, Instance, consecutive, with_last
from spikeloom.sim.axis import Beat

Inference = list[list[int]]  # words of all its steps


class DelayBench(AxisBench):
    """A transaction is an inference.

    The zero step with which one begins follows the one before, or a reset, at
    once: it is expected together with that.
    """

    rounds = 6

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        self.checker.expect(self.zeros())

    async def reset(self, cycles: int) -> None:
        self.checker.clear()
        self.checker.expect(self.zeros())
        await self.domain.reset(cycles)

    def zeros(self) -> list[Beat]:
        return with_last([0] * self.case["Words"])

    def stimulus(self) -> Inference:
        width, words = self.case["Width"], self.case["Words"]
        return [
            [self.random.getrandbits(width) for _ in range(words)]
            for _ in range(self.case["TimeSteps"])
        ]

    def extremes(self) -> list[Inference]:
        ones = (1 << self.case["Width"]) - 1
        words, steps = self.case["Words"], self.case["TimeSteps"]
        return [[[ones] * words] * steps, [[0] * words] * steps]

    def beats(self, transaction: Inference) -> list[Beat]:
        return [beat for step in transaction for beat in with_last(step)]

    def expected(self, transaction: Inference) -> list[Beat]:
        return [*self.beats(transaction[:-1]), *self.zeros()]

    async def timing(self) -> None:
        start, arrivals = await self.arrivals_of([self.stimulus()])
        assert arrivals[0] == start + 2, "the latency must be 2 clocks"
        _, arrivals = await self.arrivals_of([self.stimulus() for _ in range(4)])
        if self.case["Depth"] > 1:
            assert consecutive(arrivals), "a beat must take one clock"
        await self._is_stalled()
        await self._starts_full()
        await self._moves_with_its_input()
        # The zero step comes out of a reset, before there is any input.
        await self.reset(1)
        await self.domain.step(self.case["Words"])
        assert self.checker.missing == 0, "the zero step must wait for nothing"

    async def _is_stalled(self) -> None:
        """It takes what it has room for, and all that is dropped on the way."""
        await self.finish()
        before = self.source.taken
        inferences = [self.stimulus() for _ in range(2 + self.case["Depth"])]
        self.output_gate.closed = True
        for inference in inferences:
            self.send(inference)
        await self.domain.step(8 + 2 * self._room())
        assert self.source.taken - before == self._room(), "it must hold Depth + 1 beats"

    async def _starts_full(self) -> None:
        """Full, it goes on at one beat per clock as soon as its output does."""
        self.arrivals.clear()
        self.output_gate.closed = False
        await self.finish()
        if self.case["Depth"] > 1:
            assert consecutive(self.arrivals), "a full delay must send a beat per clock"

    async def _moves_with_its_input(self) -> None:
        """As in a loop, or beside its input: a beat leaves in the clock in which one comes."""
        if self.case["Words"] == 1:
            return  # a copy takes 2 clocks
        self.output_gate.closed = True
        await self.reset(1)
        self.output_gate.closed = False
        self.arrivals.clear()
        for inference in [self.stimulus() for _ in range(3)]:
            self.checker.expect(self.expected(inference))
            for beat in self.beats(inference):
                self.source.send([beat])
                await self.domain.step(1)
                assert self.source.taken == len(self.arrivals), "both must move in every clock"
                assert self.source.is_empty, "both must move in every clock"
        await self.finish()

    def _room(self) -> int:
        """Beats that are taken while none leaves."""
        steps, words = self.case["TimeSteps"], self.case["Words"]
        taken, kept = 0, 0
        while True:
            is_dropped = steps > 1 and taken // words % steps == steps - 1
            if not is_dropped and kept == self.case["Depth"] + 1:
                return taken
            kept += not is_dropped
            taken += 1
