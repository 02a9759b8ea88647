"""Bench of spikeloom_argmax."""

from __future__ import annotations

from rtl_bench.agents import AxisBench, consecutive, pack
from spikeloom.sim.axis import Beat


class ArgmaxBench(AxisBench):
    """A transaction is the signed scores of one inference, class 0 first."""

    rounds = 20

    @property
    def classes(self) -> int:
        return self.case["Lanes"] * self.case["Words"]

    @property
    def limits(self) -> tuple[int, int]:
        half = 1 << (self.case["ScoreBits"] - 1)
        return -half, half - 1

    def stimulus(self) -> list[int]:
        low, high = self.limits
        if self.random.random() < 0.5:  # few values: many ties
            low, high = max(low, -1), min(high, 1)
        return [self.random.randint(low, high) for _ in range(self.classes)]

    def extremes(self) -> list[list[int]]:
        low, high = self.limits
        rising = [low] * (self.classes - 1) + [high]
        return [[low] * self.classes, [high] * self.classes, rising, rising[::-1]]

    def beats(self, transaction: list[int]) -> list[Beat]:
        lanes = self.case["Lanes"]
        starts = range(0, self.classes, lanes)
        return [Beat(pack(transaction[i : i + lanes], self.case["ScoreBits"])) for i in starts]

    def expected(self, transaction: list[int]) -> list[Beat]:
        mask = (1 << self.case["ScoreBits"]) - 1
        beats = [Beat(score & mask) for score in transaction]
        beats[-1] = Beat(beats[-1].data, last=True, user=transaction.index(max(transaction)))
        return beats

    async def timing(self) -> None:
        start, arrivals = await self.arrivals_of([self.stimulus() for _ in range(4)])
        assert arrivals[0] == start + 2, "the latency must be 2 clocks"
        assert consecutive(arrivals), "a score must take one clock"
