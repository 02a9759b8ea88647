"""Several streams in the ports of one module: parts of a port, and benches on top of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from rtl_bench.agents import Bench, Gate, InOrder, Instance, axis_sink, pack
from spikeloom.sim.axis import AxisSource, Beat, Handle

_WAIT = 20  # cycles in which an idle module comes to its offer


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the values of several inputs are."""

    bits: tuple[int, ...]
    signed: tuple[bool, ...]

    def limits(self, source: int) -> tuple[int, int]:
        """Smallest and largest value of an input."""
        bits = self.bits[source]
        if self.signed[source]:
            return -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        return 0, (1 << bits) - 1


class Port:
    """A port whose parts belong to different agents."""

    def __init__(self, handle: Handle, width: int) -> None:
        self._handle = handle
        self._width = width
        self._written = 0

    def parts(self, count: int) -> list[Part]:
        """Divide the port evenly, the first part lowest."""
        width = self._width // count
        return [Part(self, i * width, width) for i in range(count)]

    def read(self) -> int:
        return int(self._handle.value)

    def write(self, value: int, mask: int) -> None:
        """Write the bits in `mask`; the others stay as they were written last."""
        self._written = (self._written & ~mask) | (value & mask)
        self._handle.value = self._written


class Part:
    """Neighbouring bits of a port, in the place of a signal."""

    is_resolvable = True  # Verilator knows nothing else

    def __init__(self, port: Port, low: int, width: int) -> None:
        self._port = port
        self._low = low
        self._width = width

    def __len__(self) -> int:
        return self._width

    def __bool__(self) -> bool:
        return bool(self.to_unsigned())

    def __int__(self) -> int:
        return self.to_unsigned()

    def to_unsigned(self) -> int:
        return self._port.read() >> self._low & ((1 << self._width) - 1)

    @property
    def value(self) -> Part:
        return self

    @value.setter
    def value(self, word: int) -> None:
        self._port.write(word << self._low, ((1 << self._width) - 1) << self._low)


def parts(instance: Instance, port: str, count: int) -> list[Part]:
    """Divide a port of an instance evenly."""
    return Port(getattr(instance, port), instance.case.widths[port]).parts(count)


def gate_like(bench: Bench, share: float) -> Gate:
    """Return a gate that pauses on its own."""
    return Gate(share, Random(bench.random.random()))


async def is_offered(bench: Bench, transaction: Any, valid: Callable[[], int]) -> bool:
    """Say whether an idle module offers a result while nobody is ready for it."""
    await bench.domain.step(4)
    bench.output_gate.closed = True
    bench.send(transaction)
    await bench.domain.step(_WAIT)
    offered = bool(valid())
    bench.output_gate.closed = False
    await bench.finish()
    return offered


class JoinBench(Bench):
    """A module with several streams in and one out; subclasses hold its model."""

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        count = self.case["Inputs"]
        signals = ("s_axis_tvalid", "s_axis_tready", "s_axis_tdata", "s_axis_tlast")
        divided = [parts(instance, name, count) for name in signals]
        self.gates = [gate_like(self, share) for _ in range(count)]
        self.sources = [
            AxisSource(valid, ready, data, last=last, pauses=gate)
            for valid, ready, data, last, gate in zip(*divided, self.gates, strict=True)
        ]
        self.checker: InOrder[Beat] = InOrder("output beat")
        self.checkers = [self.checker]
        self.domain.add(*self.sources, axis_sink(self, self.checker.check))

    @property
    def inputs(self) -> range:
        return range(self.case["Inputs"])

    @property
    def is_valid(self) -> int:
        return int(self.instance.m_axis_tvalid.value)

    def input_beats(self, transaction: Any) -> list[list[Beat]]:
        """Beats of every input that carry a transaction."""
        raise NotImplementedError

    def expected(self, transaction: Any) -> list[Beat]:
        """Beats that must come of it: the model."""
        raise NotImplementedError

    def send(self, transaction: Any) -> None:
        for source, beats in zip(self.sources, self.input_beats(transaction), strict=True):
            source.send(beats)
        self.checker.expect(self.expected(transaction))

    def slots(self, words: list[list[int]], bits: int, *, has_end: bool) -> list[Beat]:
        """Pack values at the bottom of slots; what is above them is arbitrary.

        So is tlast, unless this is the input that says where the step ends.
        """
        beats = []
        for index, values in enumerate(words):
            used = bits * len(values)
            above = self.random.getrandbits(self.case["SlotBits"]) >> used << used
            last = index == len(words) - 1 if has_end else self.random.random() < 0.5
            beats.append(Beat(above | pack(values, bits), last))
        return beats
