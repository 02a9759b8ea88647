"""Bench of spikeloom_fork."""

from __future__ import annotations

from functools import partial
from random import Random

from rtl_bench.agents import Bench, Gate, InOrder, Instance, consecutive
from rtl_bench.streams import gate_like, is_offered, parts
from spikeloom.sim.axis import AxisSink, AxisSource, Beat


class ForkBench(Bench):
    """A transaction is a burst of beats; every output must send the same."""

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        count = self.case["Outputs"]
        self.valids = parts(instance, "m_axis_tvalid", count)
        readies = parts(instance, "m_axis_tready", count)
        # The first gate is the one that the bench's helpers close.
        self.gates = [self.output_gate, *(gate_like(self, share) for _ in range(count - 1))]
        self.source = AxisSource(
            instance.s_axis_tvalid,
            instance.s_axis_tready,
            instance.s_axis_tdata,
            last=instance.s_axis_tlast,
            pauses=self.input_gate,
        )
        self.checkers = [InOrder(f"beat at output {k}:") for k in range(count)]
        self.domain.add(self.source)
        for k in range(count):
            self.domain.add(
                AxisSink(
                    self.valids[k],
                    readies[k],
                    instance.m_axis_tdata,
                    last=instance.m_axis_tlast,
                    pauses=self.gates[k],
                    on_beat=partial(self._take, k),
                )
            )

    def _take(self, output: int, beat: Beat) -> None:
        if output == 0:
            self.arrivals.append(self.domain.cycle)
        self.checkers[output].check(beat)

    def stimulus(self) -> list[Beat]:
        width = self.case["Width"]
        count = self.random.randint(1, 9)
        return [
            Beat(self.random.getrandbits(width), self.random.random() < 0.4) for _ in range(count)
        ]

    def extremes(self) -> list[list[Beat]]:
        ones = (1 << self.case["Width"]) - 1
        return [[Beat(0), Beat(ones, last=True)] * 3, [Beat(ones)] * 4]

    def send(self, transaction: list[Beat]) -> None:
        self.source.send(transaction)
        for checker in self.checkers:
            checker.expect(transaction)

    async def timing(self) -> None:
        start, arrivals = await self.arrivals_of([self.stimulus() for _ in range(4)])
        assert arrivals[0] == start, "it must add no latency"
        assert consecutive(arrivals), "a beat must take one clock"
        for k, gate in enumerate(self.gates):
            await self._one_output_waits(k, gate)
        for gate in self.gates:
            gate.closed = True
        self.send([Beat(1)])
        await self.domain.step(3)
        assert all(self.valids), "no output may wait for ready, its own or another's"
        for gate in self.gates:
            gate.closed = False
        await self.finish()
        assert await is_offered(self, [Beat(1)], self.valids[0].to_unsigned)

    async def _one_output_waits(self, output: int, gate: Gate) -> None:
        """The others take the beat once; the next one comes when all have it."""
        before = self.source.taken
        seen = [checker.seen for checker in self.checkers]
        gate.closed = True
        self.send([Beat(1), Beat(0)])
        await self.domain.step(5)
        assert self.source.taken == before, "a beat must stay until every output has it"
        wanted = [n + (k != output) for k, n in enumerate(seen)]
        assert [checker.seen for checker in self.checkers] == wanted, (
            "an output must not wait for the others"
        )
        gate.closed = False
        await self.finish()
