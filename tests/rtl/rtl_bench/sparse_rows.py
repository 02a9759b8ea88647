"""Bench of spikeloom_sparse_rows, and its tables: written from docs/modules.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from rtl_bench.address_rule import Hold
from rtl_bench.agents import Bench, Bundle, InOrder, Instance
from rtl_bench.layout import Files, Parameters
from spikeloom.codegen._literals import address_bits, memory_file, pack, text, unsigned_bits
from spikeloom.sim.axis import AxisSource, Beat, Monitor

_INPUTS = ("s_visit_i", "s_last_i", "s_row_i", "s_output_i", "s_code_i")
_VISIT = ("m_word_o", "m_output_o", "m_code_o")


@dataclass(frozen=True, slots=True)
class Lists:
    """The first stored word of each row and how many it has; offsets of the stored words."""

    rows: Sequence[tuple[int, int]]
    offsets: Sequence[int]

    def tables(self, name: str, groups: int) -> tuple[Files, Parameters]:
        """Return the two files, and the parameters that name them."""
        widths = (unsigned_bits(groups), address_bits(len(self.offsets)))
        rows = [pack(zip((count, first), widths, strict=True)) for first, count in self.rows]
        files = {f"mem/{name}_sparse.mem": memory_file(rows, sum(widths))}
        if groups > 1:
            offsets = memory_file(self.offsets, address_bits(groups))
            files[f"mem/{name}_offsets.mem"] = offsets
        return files, {
            key: text(path) for key, path in zip(("SparseFile", "OffsetFile"), files, strict=False)
        }


@dataclass(frozen=True, slots=True)
class Row:
    """What comes in; without `visit` only the end of a step."""

    visit: bool
    last: bool
    row: int
    output: int
    code: int


@dataclass(frozen=True, slots=True)
class Visit:
    """What comes out; `what` is None where only the step ends."""

    last: bool
    what: tuple[int, ...] | None


class SparseRowsBench(Bench):
    """A transaction is a row."""

    rounds = 120

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        self._inputs = Bundle(instance, _INPUTS)
        self._source = AxisSource(
            instance.s_valid_i, instance.s_ready_o, self._inputs, pauses=self.input_gate
        )
        self.checker: InOrder[Visit] = InOrder("visit")
        self.checkers = [self.checker]
        self._visit = Bundle(instance, _VISIT)
        self._hold = Hold(instance.hold_i, self.output_gate)
        self._closes: set[int] = set()  # clocks in which the last visit of a step set out
        self._held: set[int] = set()
        outputs = (instance.m_visit_o, instance.m_last_o, self._visit)
        self.domain.add(
            self._source,
            self._hold,
            Monitor(instance.rst_ni, (instance.m_close_o,), self._watch),
            Monitor(instance.m_valid_o, outputs, self._take),
        )

    def _watch(self, close: int) -> None:
        if self._hold.is_high:
            assert not close, "a visit set out while hold_i was high"
            self._held.add(self.domain.cycle)
        if close:
            self._closes.add(self.domain.cycle)

    def _take(self, visit: int, last: int, what: int) -> None:
        before = self.domain.cycle - 1
        assert before not in self._held, "a visit set out while hold_i was high"
        assert bool(last) == (before in self._closes), "m_close_o must come one clock before"
        self._closes.discard(before)
        self.arrivals.append(self.domain.cycle)
        self.checker.check(Visit(bool(last), tuple(self._visit.split(what)) if visit else None))

    async def finish(self) -> None:
        await super().finish()
        assert not self._closes, "m_close_o came without the last visit of a step"

    async def reset(self, cycles: int) -> None:
        await super().reset(cycles)
        self._closes.clear()

    def stimulus(self) -> Row:
        last = self.random.random() < 0.25
        return Row(
            not last or self.random.random() < 0.8,
            last,
            self.random.randrange(self.case["Rows"]),
            self.random.getrandbits(self.case["OutputBits"]),
            self.random.getrandbits(self.case["CodeBits"]),
        )

    def extremes(self) -> list[Row]:
        """Every row, with and without the end of a step; then steps without rows."""
        rows = range(self.case["Rows"])
        every = [Row(True, last, row, 0, 0) for last in (False, True) for row in rows]
        return [*every, *[Row(False, True, 0, 0, 0)] * 3, *[self._longest] * 3]

    @property
    def _longest(self) -> Row:
        rows = self.case.facts.rows
        return Row(True, False, max(range(len(rows)), key=lambda row: rows[row][1]), 0, 0)

    def send(self, transaction: Row) -> None:
        row = transaction
        word = self._inputs.join(row.visit, row.last, row.row, row.output, row.code)
        self._source.send([Beat(word)])
        self.checker.expect(self.visits(row))

    def visits(self, row: Row) -> list[Visit]:
        """Return the visits of a row: the model."""
        first, count = self.case.facts.rows[row.row] if row.visit else (0, 0)
        mask = (1 << self.case["OutputBits"]) - 1
        offsets = self.case.facts.offsets
        visits = [
            Visit(False, (word, (row.output + offsets[word]) & mask, row.code))
            for word in range(first, first + count)
        ]
        if row.last:
            visits = [*visits[:-1], Visit(True, visits[-1].what if visits else None)]
        return visits

    async def timing(self) -> None:
        start, arrivals = await self.arrivals_of([self._longest])
        if arrivals:
            assert arrivals[0] == start + 3, "the latency must be 3 clocks"
        rows = [self._longest, *(self.stimulus() for _ in range(60)), self._longest]
        start, arrivals = await self.arrivals_of(rows)
        clock, expected = start + 3, []
        for row in rows:
            visits = len(self.visits(row))
            expected += range(clock, clock + visits)
            clock += max(1, visits)
        assert arrivals == expected, "a row must take as many clocks as it has words, at least 1"
