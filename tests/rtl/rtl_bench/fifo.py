"""Bench of spikeloom_fifo."""

from __future__ import annotations

from rtl_bench.agents import AxisBench, consecutive
from spikeloom.sim.axis import Beat


class FifoBench(AxisBench):
    """A transaction is a burst of words; they leave in the order in which they came."""

    def stimulus(self) -> list[int]:
        count = self.random.randint(1, 2 * self.case["Depth"] + 3)
        return [self.random.getrandbits(self.case["Width"]) for _ in range(count)]

    def extremes(self) -> list[list[int]]:
        ones = (1 << self.case["Width"]) - 1
        return [[0, ones] * (self.case["Depth"] + 1)]

    def beats(self, transaction: list[int]) -> list[Beat]:
        return [Beat(word) for word in transaction]

    def expected(self, transaction: list[int]) -> list[Beat]:
        return self.beats(transaction)

    async def timing(self) -> None:
        start, arrivals = await self.arrivals_of([[1]])
        assert arrivals == [start + 2], "the latency must be 2 clocks"
        depth = self.case["Depth"]
        _, arrivals = await self.arrivals_of([[0, 1] * (depth + 4)])
        # With one word of memory a word is read before there is room for the next.
        clocks = 2 if depth == 1 else 1
        assert consecutive(arrivals, clocks), f"a word must take {clocks} clock(s)"
        self.output_gate.closed = True
        self.send([1] * (depth + 5))
        await self.domain.step(3 * depth + 10)
        assert self.source.taken == 1 + 2 * (depth + 4) + depth + 1, "it must hold Depth + 1 words"
        self.output_gate.closed = False
        await self.finish()
