"""Bench of spikeloom_address_rule."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from rtl_bench.agents import Bench, Bundle, Gate, InOrder, Instance, consecutive
from spikeloom.sim.axis import AxisSource, Beat, Handle, Monitor

_INPUTS = ("s_last_i", "s_row_i", "s_column_i", "s_event_i", "s_channel_i", "s_code_i")
_VISIT = ("m_weight_o", "m_output_o", "m_event_o", "m_channel_o", "m_code_o")


@dataclass(frozen=True, slots=True)
class Tables:
    """Words of the row and the column table: first weight tap, first output, taps.

    Of the channel table the offset of the output; it may be empty.
    """

    rows: list[tuple[int, int, int]]
    columns: list[tuple[int, int, int]]
    channels: list[int]


@dataclass(frozen=True, slots=True)
class Event:
    """What comes in: a position, and the ports that carry an event there."""

    last: bool
    row: int
    column: int
    mask: int
    channels: int
    codes: int


@dataclass(frozen=True, slots=True)
class Visit:
    """What comes out; `what` is None where only the step ends."""

    last: bool
    what: tuple[int, ...] | None


class AddressRuleBench(Bench):
    """A transaction is one beat of events."""

    rounds = 60

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        self._inputs = Bundle(instance, _INPUTS)
        self._source = AxisSource(
            instance.s_valid_i, instance.s_ready_o, self._inputs, pauses=self.input_gate
        )
        self.checker: InOrder[Visit] = InOrder("visit")
        self.checkers = [self.checker]
        self._visit = Bundle(instance, _VISIT)
        outputs = (instance.m_visit_o, instance.m_last_o, self._visit)
        self._hold = Hold(instance.hold_i, self.output_gate)
        self.domain.add(self._source, self._hold, Monitor(instance.m_valid_o, outputs, self._take))

    def _take(self, visit: int, last: int, what: int) -> None:
        assert not self._hold.is_high, "a visit came while hold_i was high"
        self.arrivals.append(self.domain.cycle)
        self.checker.check(Visit(bool(last), tuple(self._visit.split(what)) if visit else None))

    def stimulus(self) -> Event:
        widths = self.case.widths
        last = self.random.random() < 0.3
        mask = self.random.getrandbits(self.case["Ports"])
        if not mask and (not last or self.random.random() < 0.5):
            mask = 1  # only the end of a step carries no event
        return Event(
            last,
            self.random.randrange(self.case["Rows"]),
            self.random.randrange(self.case["Columns"]),
            mask,
            self._channels(),
            self.random.getrandbits(widths["s_code_i"]),
        )

    def _channels(self) -> int:
        tables: Tables | None = self.case.facts
        if tables is not None and tables.channels:
            return self.random.randrange(len(tables.channels))
        return self.random.getrandbits(self.case.widths["s_channel_i"])

    def extremes(self) -> list[Event]:
        """Every position, with and without the end of a step; then steps without events."""
        positions = [(r, c) for r in range(self.case["Rows"]) for c in range(self.case["Columns"])]
        every = [Event(last, r, c, 1, 0, 0) for last in (False, True) for r, c in positions]
        return every + [Event(True, 0, 0, 0, 0, 0)] * 3

    def send(self, transaction: Event) -> None:
        event = transaction
        word = self._inputs.join(
            event.last, event.row, event.column, event.mask, event.channels, event.codes
        )
        self._source.send([Beat(word)])
        self.checker.expect(self.visits(event))

    def visits(self, event: Event) -> list[Visit]:
        """Return the visits of an event: the model."""
        weight_mask = (1 << self.case["WeightBits"]) - 1
        output_mask = (1 << self.case["OutputBits"]) - 1
        found = [
            (weight & weight_mask, output & output_mask, event.mask, event.channels, event.codes)
            for weight, output in (self.reached(event) if event.mask else [])
        ]
        visits = [Visit(False, what) for what in found]
        if event.last:
            visits = [*visits[:-1], Visit(True, found[-1] if found else None)]
        return visits

    def reached(self, event: Event) -> list[tuple[int, int]]:
        """Return (weight, output) for every visit: rows, then columns, then groups."""
        groups, step = self.case["Groups"], self.case["GroupStep"]
        tables: Tables | None = self.case.facts
        if tables is None:
            return [(group * step, group) for group in range(groups)]
        offset = tables.channels[event.channels] if tables.channels else 0
        row_weight, row_output, row_taps = tables.rows[event.row]
        column_weight, column_output, column_taps = tables.columns[event.column]
        return [
            (
                row_weight
                + column_weight
                + group * step
                + i * self.case["RowTapStep"]
                + j * self.case["ColumnTapStep"],
                row_output
                + column_output
                + offset
                + group
                - i * self.case["RowOutputStep"]
                - j * self.case["ColumnOutputStep"],
            )
            for i in range(row_taps)
            for j in range(column_taps)
            for group in range(groups)
        ]

    async def timing(self) -> None:
        events = [event for event in self.extremes() if event.mask and self.reached(event)]
        start, arrivals = await self.arrivals_of(events[:1])
        assert arrivals[0] == start + 2, "the latency must be 2 clocks"
        _, arrivals = await self.arrivals_of(events)
        assert consecutive(arrivals), "a visit must take one clock"


class Hold:
    """Drives hold_i."""

    def __init__(self, signal: Handle, pauses: Gate) -> None:
        self.is_high = False
        self._signal = signal
        self._pauses = pauses

    def drive(self) -> None:
        self.is_high = self._pauses()
        self._signal.value = int(self.is_high)

    def sample(self) -> None:
        """Look at nothing."""

    def clear(self) -> None:
        """There is nothing to forget."""
