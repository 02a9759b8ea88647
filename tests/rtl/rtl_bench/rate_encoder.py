"""Bench of spikeloom_rate_encoder."""

from __future__ import annotations

from rtl_bench.agents import AxisBench, consecutive, pack, with_last
from spikeloom.sim.axis import Beat


class RateEncoderBench(AxisBench):
    """A transaction is the values of a frame, of fewer beats or of more.

    A frame that ends early is silent behind its end; surplus beats are ignored.
    """

    rounds = 6

    def stimulus(self) -> list[int]:
        lanes, words = self.case["Lanes"], self.case["Words"]
        count = words if self.random.random() < 0.6 else self.random.randint(1, 2 * words + 1)
        return [self.random.getrandbits(self.case["ValueBits"]) for _ in range(count * lanes)]

    def extremes(self) -> list[list[int]]:
        lanes, words = self.case["Lanes"], self.case["Words"]
        largest = (1 << self.case["ValueBits"]) - 1
        return [[0] * lanes * words, [largest] * lanes * words, [1] * lanes * words]

    def beats(self, transaction: list[int]) -> list[Beat]:
        lanes, bits = self.case["Lanes"], self.case["ValueBits"]
        starts = range(0, len(transaction), lanes)
        return with_last([pack(transaction[i : i + lanes], bits) for i in starts])

    def expected(self, transaction: list[int]) -> list[Beat]:
        lanes, words = self.case["Lanes"], self.case["Words"]
        values = (transaction + [0] * (lanes * words))[: lanes * words]
        state = int(self.case.facts)
        beats: list[Beat] = []
        for _ in range(self.case["TimeSteps"]):
            spikes = []
            for value in values:
                state = _sixteen_steps(state)
                spikes.append(int(value > state % (1 << self.case["ValueBits"])))
            starts = range(0, len(spikes), lanes)
            beats += with_last([pack(spikes[i : i + lanes], 1) for i in starts])
        return beats

    async def timing(self) -> None:
        frame = self.extremes()[0]
        start, arrivals = await self.arrivals_of([frame])
        assert arrivals[0] == start + self.case["Words"] - 1 + 2, "2 clocks after the frame"
        assert consecutive(arrivals), "a beat must take one clock"


def _sixteen_steps(state: int) -> int:
    for _ in range(16):
        out = state & 1
        state >>= 1
        if out:
            state ^= 0xB400
    return state
