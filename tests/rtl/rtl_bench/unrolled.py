"""Bench of spikeloom_unrolled, with a matrix that does nothing beside it."""

from __future__ import annotations

from collections import deque
from random import Random

from rtl_bench.agents import Bench, InOrder, Instance, axis_sink, consecutive
from spikeloom.sim.axis import AxisSink, AxisSource, Beat

_NUMBER_BITS = 16


class Wires:
    """Data beside the module, in the place of a signal."""

    is_resolvable = True

    def __init__(self) -> None:
        self.number = 0

    def __len__(self) -> int:
        return _NUMBER_BITS

    def __int__(self) -> int:
        return self.number

    def to_unsigned(self) -> int:
        return self.number

    @property
    def value(self) -> Wires:
        return self

    @value.setter
    def value(self, number: int) -> None:
        self.number = number


class Matrix:
    """Registers in a row that move while en_o is high."""

    def __init__(self, instance: Instance, values: Wires, currents: Wires) -> None:
        self._en = instance.en_o
        self._values = values
        self._currents = currents
        self._stages: deque[int] = deque([0] * instance.case["Latency"])
        self._moves = False
        self._taken = 0

    def drive(self) -> None:
        if self._moves:
            self._stages.append(self._taken)
            self._stages.popleft()
        self._currents.number = self._stages[0]

    def sample(self) -> None:
        self._moves = bool(int(self._en.value))
        self._taken = self._values.number

    def clear(self) -> None:
        self._moves = False


class UnrolledBench(Bench):
    """A transaction is a time step: the numbers of its beats, of which the first counts."""

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        values, currents = Wires(), Wires()
        self.source = AxisSource(
            instance.s_axis_tvalid,
            instance.s_axis_tready,
            values,
            last=instance.s_axis_tlast,
            pauses=self.input_gate,
        )
        self.checker: InOrder[Beat] = InOrder("output beat")
        self.checkers = [self.checker]
        # The matrix stands before the source, whose data it takes at the clock that has passed.
        self.domain.add(Matrix(instance, values, currents), self.source)
        self.domain.add(_sink(self, currents))

    def stimulus(self) -> list[int]:
        beats = self.random.choice([1, 1, 1, 2, 5])
        return [self.random.getrandbits(_NUMBER_BITS) for _ in range(beats)]

    def extremes(self) -> list[list[int]]:
        return [[1], [2], [3, 0], [4], [5, 6, 7], [8]]

    def send(self, transaction: list[int]) -> None:
        last = len(transaction) - 1
        self.source.send([Beat(number, i == last) for i, number in enumerate(transaction)])
        self.checker.expect([Beat(transaction[0], True)] * self.case["Repeats"])

    async def timing(self) -> None:
        latency, repeats = self.case["Latency"], self.case["Repeats"]
        busy = self.instance.busy_o
        assert not int(busy.value), "it must be idle"
        start, arrivals = await self.arrivals_of([[number] for number in range(6)])
        assert arrivals[0] == start + latency, "the latency must be that of the matrix"
        assert consecutive(arrivals), "a beat must take one clock"
        assert not int(busy.value), "it must be idle again"
        taken = self.source.taken
        self.output_gate.closed = True
        for number in range(latency + 2):
            self.send([number])
        await self.domain.step(2 * latency + 4)
        assert self.source.taken == taken + latency, "it must hold a beat in every register"
        assert int(busy.value), "it must be at work"
        self.output_gate.closed = False
        await self.domain.step(repeats)
        assert self.source.taken > taken + latency, "what leaves must make room at once"
        await self.finish()


def _sink(bench: UnrolledBench, currents: Wires) -> AxisSink:
    return axis_sink(bench, bench.checker.check, data=currents)
