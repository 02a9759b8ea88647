"""What the benches share: instances, bundles of ports, gates, checkers, the bench itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import Any, Generic, TypeVar

from rtl_bench.suite import Case
from spikeloom.sim.axis import AxisSink, AxisSource, Beat, Domain, Handle, Monitor, Pauses

T = TypeVar("T")

PAUSES = 0.4  # share of cycles, in the stuttering phases
_PATIENCE = 6000  # cycles without any result, with pauses
_QUIET = 30  # cycles after the last result in which nothing may follow


def signed(value: int, bits: int) -> int:
    """Read the low bits of `value` as two's complement."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def pack(values: Iterable[int], bits: int) -> int:
    """Join values into one word, the first lowest."""
    word = 0
    for position, value in enumerate(values):
        word |= (value & ((1 << bits) - 1)) << (position * bits)
    return word


def split(word: int, bits: int, count: int) -> list[int]:
    """Undo `pack`."""
    return [word >> (i * bits) & ((1 << bits) - 1) for i in range(count)]


class Instance:
    """The ports of one instance in the top module, as attributes."""

    def __init__(self, dut: Handle, name: str, case: Case) -> None:
        self.name = name
        self.case = case
        self._dut = dut

    def __getattr__(self, port: str) -> Handle:
        return getattr(self._dut, f"{self.name}__{port}")

    def optional(self, port: str) -> Handle | None:
        """Return a port, or None where the module has none of that name."""
        return getattr(self, port) if port in self.case.widths else None


class Bundle:
    """Several ports in the place of one signal, the first lowest."""

    def __init__(self, instance: Instance, names: Sequence[str]) -> None:
        self._handles = [getattr(instance, name) for name in names]
        self._widths = [instance.case.widths[name] for name in names]
        self._path = "+".join(names)

    def __len__(self) -> int:
        return sum(self._widths)

    @property
    def value(self) -> Bundle:
        return self

    @value.setter
    def value(self, word: int) -> None:
        for handle, width in zip(self._handles, self._widths, strict=True):
            handle.value = word & ((1 << width) - 1)
            word >>= width

    is_resolvable = True  # Verilator knows nothing else

    def __int__(self) -> int:
        return self.to_unsigned()

    def to_unsigned(self) -> int:
        word = position = 0
        for handle, width in zip(self._handles, self._widths, strict=True):
            word |= int(handle.value) << position
            position += width
        return word

    def join(self, *values: int) -> int:
        """Pack one value for each port."""
        word = position = 0
        for value, width in zip(values, self._widths, strict=True):
            word |= (value & ((1 << width) - 1)) << position
            position += width
        return word

    def split(self, word: int) -> list[int]:
        """Undo `join`."""
        values = []
        for width in self._widths:
            values.append(word & ((1 << width) - 1))
            word >>= width
        return values


class Gate(Pauses):
    """Pauses that the bench can make last."""

    def __init__(self, share: float, random: Random) -> None:
        super().__init__(share, random)
        self.closed = False

    def __call__(self) -> bool:
        return self.closed or super().__call__()


class InOrder(Generic[T]):
    """Compares what comes, in order, with what is expected."""

    def __init__(self, what: str) -> None:
        self.seen = 0
        self._what = what
        self._expected: deque[T] = deque()

    def expect(self, items: Iterable[T]) -> None:
        self._expected.extend(items)

    def check(self, item: T) -> None:
        assert self._expected, f"{self._what} {self.seen} is {item}, where none must come"
        wanted = self._expected.popleft()
        assert item == wanted, f"{self._what} {self.seen} must be {wanted}, not {item}"
        self.seen += 1

    @property
    def missing(self) -> int:
        return len(self._expected)

    def clear(self) -> None:
        self._expected.clear()
        self.seen = 0


class Bench:
    """A module, its agents and its checkers; one subclass for each module.

    A transaction is what the module treats as one piece: a word, a time step,
    an inference.  `stimuli` makes them, `send` queues one and expects its
    results, `timing` checks what the header says about clocks.
    """

    rounds = 12  # random transactions of a scenario

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        self.instance = instance
        self.case = instance.case
        self.random = random
        self.input_gate = Gate(share, Random(random.random()))
        self.output_gate = Gate(share, Random(random.random()))
        self.domain = Domain(instance.clk_i, instance.optional("rst_ni"))
        self.checkers: list[Any] = []
        self.arrivals: list[int] = []  # cycles in which results came

    # To be defined for each module
    def stimulus(self) -> Any:
        """Draw a transaction."""
        raise NotImplementedError

    def extremes(self) -> list[Any]:
        """Return transactions at the limits."""
        return []

    def send(self, transaction: Any) -> None:
        raise NotImplementedError

    async def timing(self) -> None:
        """Check latency, throughput and capacity."""

    # What the scenarios call
    @property
    def missing(self) -> int:
        return sum(checker.missing for checker in self.checkers)

    async def finish(self) -> None:
        """Wait for everything that is expected, then see that nothing follows."""
        while self.missing:
            before = self.missing
            await self.domain.run_until(
                lambda: self.missing < before,  # noqa: B023 - called in this round
                limit=_PATIENCE,
                what=f"any of the {before} results that are missing",
            )
        await self.domain.step(_QUIET)

    async def reset(self, cycles: int) -> None:
        for checker in self.checkers:
            checker.clear()
        await self.domain.reset(cycles)

    async def arrivals_of(self, transactions: Iterable[Any]) -> tuple[int, list[int]]:
        """Send to an idle module; return the first cycle and those of the results."""
        await self.domain.step(4)
        self.arrivals.clear()
        start = self.domain.cycle
        for transaction in transactions:
            self.send(transaction)
        await self.finish()
        return start, list(self.arrivals)


class AxisBench(Bench):
    """A module with a stream in and a stream out; subclasses hold its model."""

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        self.source = AxisSource(
            instance.s_axis_tvalid,
            instance.s_axis_tready,
            instance.s_axis_tdata,
            last=instance.optional("s_axis_tlast"),
            pauses=self.input_gate,
        )
        self.checker: InOrder[Beat] = InOrder("output beat")
        self.checkers = [self.checker]
        self.domain.add(self.source, axis_sink(self, self.check_output))

    def check_output(self, beat: Beat) -> None:
        self.checker.check(beat)

    def beats(self, transaction: Any) -> list[Beat]:
        """Beats that carry a transaction."""
        raise NotImplementedError

    def expected(self, transaction: Any) -> list[Beat]:
        """Beats that must come of it: the model."""
        raise NotImplementedError

    def send(self, transaction: Any) -> None:
        self.source.send(self.beats(transaction))
        self.checker.expect(self.expected(transaction))


def axis_sink(
    bench: Bench, check: Callable[[Beat], None], *, data: Handle | None = None
) -> AxisSink:
    """Take the stream `m_axis` of a bench's module; note when its beats come.

    `data` stands in for that of a module that has none.
    """
    instance = bench.instance
    user = instance.optional("m_axis_tuser")
    last = instance.optional("m_axis_tlast")

    def take(beat: Beat) -> None:
        bench.arrivals.append(bench.domain.cycle)
        check(beat if beat.last else replace(beat, user=0))

    return AxisSink(
        instance.m_axis_tvalid,
        instance.m_axis_tready,
        instance.m_axis_tdata if data is None else data,
        last=last,
        user=user,
        pauses=bench.output_gate,
        on_beat=take,
    )


def with_last(words: Sequence[int]) -> list[Beat]:
    """Make a frame of words: last on the last."""
    return [Beat(word, index == len(words) - 1) for index, word in enumerate(words)]


def consecutive(cycles: Sequence[int], clocks: int = 1) -> bool:
    """Say whether something happened every so many clocks, from the first to the last."""
    return list(cycles) == [cycles[0] + clocks * i for i in range(len(cycles))]


class ProbedBench(AxisBench):
    """A module that shows its neurons as well; what it shows goes to `probe`."""

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        self.probe: InOrder[tuple[int, int]] = InOrder("probed (spikes, membranes)")
        self.checkers.append(self.probe)
        outputs = (instance.probe_spikes_o, instance.probe_membranes_o)
        self.domain.add(
            Monitor(instance.probe_valid_o, outputs, lambda s, m: self.probe.check((s, m)))
        )
