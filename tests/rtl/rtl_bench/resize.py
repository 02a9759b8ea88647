"""Bench of spikeloom_resize."""

from __future__ import annotations

from rtl_bench.agents import AxisBench, consecutive, pack, with_last
from rtl_bench.streams import is_offered
from spikeloom.sim.axis import Beat


class ResizeBench(AxisBench):
    """A transaction is the values of a time step, of any length in whole beats that come."""

    @property
    def largest(self) -> int:
        """Values in the larger of the two beats."""
        return max(self.case["InLanes"], self.case["OutLanes"])

    def stimulus(self) -> list[int]:
        parts = self.largest // self.case["InLanes"]
        return self._values(self.case["InLanes"] * self.random.randint(1, 4 * parts))

    def _values(self, count: int) -> list[int]:
        return [self.random.getrandbits(self.case["Bits"]) for _ in range(count)]

    def extremes(self) -> list[list[int]]:
        ones = (1 << self.case["Bits"]) - 1
        whole = [[0] * self.largest, [ones] * self.largest * 2, [0, ones] * self.largest]
        return [*whole, [ones] * self.case["InLanes"], [ones] * self.largest]

    def beats(self, transaction: list[int]) -> list[Beat]:
        return self._frame(transaction, self.case["InLanes"])

    def expected(self, transaction: list[int]) -> list[Beat]:
        behind = -len(transaction) % self.case["OutLanes"]  # zeros behind a step that ends early
        return self._frame(transaction + [0] * behind, self.case["OutLanes"])

    def _frame(self, values: list[int], lanes: int) -> list[Beat]:
        starts = range(0, len(values), lanes)
        return with_last([pack(values[i : i + lanes], self.case["Bits"]) for i in starts])

    async def timing(self) -> None:
        parts = max(1, self.case["OutLanes"] // self.case["InLanes"])
        whole = [self._values(self.largest * (1 + step % 3)) for step in range(6)]
        start, arrivals = await self.arrivals_of(whole)
        # Where beats are gathered, the last of them is registered.
        assert arrivals[0] == start + (parts if parts > 1 else 0), "the latency must be 0 or 1"
        assert consecutive(arrivals, parts), "a beat of the smaller side must take one clock"
        valid = self.instance.m_axis_tvalid
        step = [0] * self.largest
        assert await is_offered(self, step, lambda: int(valid.value)), "it must not wait"
        if parts > 1:  # a full beat that leaves makes room in the same clock
            self.output_gate.closed = True
            self.send([1] * self.largest * 2)
            await self.domain.step(3 * parts)
            assert self.checker.missing == 2, "nothing may leave"
            taken = self.source.taken
            self.output_gate.closed = False
            await self.domain.step(1)
            assert self.source.taken == taken + 1, "the next beat must be taken at once"
            await self.finish()
            beat = [1] * self.case["InLanes"]
            start, arrivals = await self.arrivals_of([beat, beat])
            assert arrivals == [start + parts, start + 2 * parts], "zeros must take their clocks"
