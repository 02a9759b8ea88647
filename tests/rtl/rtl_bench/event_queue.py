"""Bench of spikeloom_event_queue."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from rtl_bench.agents import Bench, Bundle, Instance, consecutive, pack, split, with_last
from spikeloom.sim.axis import AxisSink, AxisSource, Beat

_OUTPUTS = ("m_last_o", "m_row_o", "m_column_o", "m_event_o", "m_channel_o", "m_code_o")

Event = tuple[int, int]  # row of the weight memory; bit plane, or bits of a field
Step = list[list[int]]  # value words, each the values of its lanes


@dataclass(slots=True)
class _Word:
    """What is left of the events of a word, by bank; they may come in any order."""

    row: int
    column: int
    last: bool
    ports: int  # of a bank
    events: list[set[Event]]

    @property
    def left(self) -> int:
        """Beats that the rest takes."""
        return max(-(-len(events) // self.ports) for events in self.events)


class _Checker:
    """Follows the events word by word.

    A bank that has events left must send one by each of its ports in every beat
    of its word, so that the number of beats is known as well.
    """

    def __init__(self, channel_bits: int, code_bits: int, outputs: Bundle) -> None:
        self._channel_bits = channel_bits
        self._code_bits = code_bits
        self._outputs = outputs
        self._words: deque[_Word] = deque()

    @property
    def missing(self) -> int:
        return sum(max(1, word.left) for word in self._words)

    def clear(self) -> None:
        self._words.clear()

    def expect(self, word: _Word) -> None:
        self._words.append(word)

    def check(self, beat: Beat) -> None:
        assert self._words, "a beat came where none must come"
        last, row, column, mask, channels, codes = self._outputs.split(beat.data)
        word = self._words[0]
        place = f"word at ({word.row}, {word.column})"
        ports = len(word.events) * word.ports
        sent = list(
            zip(
                split(channels, self._channel_bits, ports),
                split(codes, self._code_bits, ports),
                strict=True,
            )
        )
        for bank, events in enumerate(word.events):
            for port in range(bank * word.ports, (bank + 1) * word.ports):
                self._check_port(place, events, mask >> port & 1, sent[port])
        if mask:
            assert (row, column) == (word.row, word.column), f"{place}: came at ({row}, {column})"
        ends = word.last and not word.left
        assert last == ends, f"{place}: last must be {ends} with {word.events} left"
        if not word.left:
            self._words.popleft()

    def _check_port(self, place: str, events: set[Event], is_event: int, event: Event) -> None:
        if is_event:
            assert event in events, f"{place}: {event} came where {events} are left"
            events.remove(event)
        else:
            assert not events, f"{place}: no event came of {events}"
            assert event[1] == 0, f"{place}: a port without an event has code {event[1]}"


class EventQueueBench(Bench):
    """A transaction is a time step: all words of a frame, or the first ones."""

    rounds = 16

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        self.source = AxisSource(
            instance.s_axis_tvalid,
            instance.s_axis_tready,
            instance.s_axis_tdata,
            last=instance.s_axis_tlast,
            pauses=self.input_gate,
        )
        outputs = Bundle(instance, _OUTPUTS)
        widths, ports = self.case.widths, self.case["Ports"]
        self.checker = _Checker(
            widths["m_channel_o"] // ports, widths["m_code_o"] // ports, outputs
        )
        self.checkers = [self.checker]
        sink = AxisSink(
            instance.m_valid_o,
            instance.m_ready_i,
            outputs,
            pauses=self.output_gate,
            on_beat=self._take,
        )
        self.domain.add(self.source, sink)

    def _take(self, beat: Beat) -> None:
        self.arrivals.append(self.domain.cycle)
        self.checker.check(beat)

    @property
    def words(self) -> int:
        return self.case["Groups"] * self.case["Columns"] * self.case["Rows"]

    def stimulus(self) -> Step:
        count = self.words if self.random.random() < 0.7 else self.random.randint(1, self.words)
        density = self.random.choice([0.0, 0.1, 0.5, 1.0])
        bits = self.case["ValueBits"]

        def value() -> int:
            return self.random.getrandbits(bits) if self.random.random() < density else 0

        return [[value() for _ in range(self.case["Lanes"])] for _ in range(count)]

    def extremes(self) -> list[Step]:
        lanes, largest = self.case["Lanes"], (1 << self.case["ValueBits"]) - 1
        silent, full = [0] * lanes, [largest] * lanes
        ends = [[largest, *silent[1:]], *[silent] * (self.words - 1)]
        return [[silent] * self.words, [full] * self.words, [silent], ends, ends[::-1]]

    def send(self, transaction: Step) -> None:
        bits = self.case["ValueBits"]
        self.source.send(with_last([pack(word, bits) for word in transaction]))
        for index, values in enumerate(transaction):
            word = self._events(index, values, is_last=index == len(transaction) - 1)
            if word.left or word.last:
                self.checker.expect(word)

    def _events(self, index: int, values: list[int], *, is_last: bool) -> _Word:
        """Return the events of a word: the model."""
        banks, ports = self.case["Banks"], self.case["Ports"]
        position, group = divmod(index, self.case["Groups"])
        row, column = divmod(position, self.case["Columns"])
        events: list[set[Event]] = [set() for _ in range(banks)]
        units = list(self._units(values))
        for place, codes in enumerate(units):
            channel = group * len(units) + place
            events[channel % banks].update((channel // banks, code) for code in codes)
        return _Word(row, column, is_last, ports // banks, events)

    def _units(self, values: list[int]) -> Iterator[list[int]]:
        """Yield the codes of every channel, or of every field."""
        bits, size = self.case["ValueBits"], self.case["FieldValues"]
        for first in range(0, len(values), size or 1):
            if size:
                field = pack(values[first : first + size], bits)
                yield [field] if field else []
            else:
                yield [plane for plane in range(bits) if values[first] >> plane & 1]

    async def timing(self) -> None:
        lanes, depth = self.case["Lanes"], self.case["Depth"]
        one = [1] + [0] * (lanes - 1)
        start, arrivals = await self.arrivals_of([[one]])
        assert arrivals == [start + 6], "the latency must be 6 clocks"
        full = [[(1 << self.case["ValueBits"]) - 1] * lanes] * self.words
        _, arrivals = await self.arrivals_of([full, full])
        beats_of_word = self._events(0, full[0], is_last=True).left
        assert consecutive(arrivals, 2 if depth == 1 and beats_of_word == 1 else 1), "bubbles"
        self.output_gate.closed = True
        taken = self.source.taken
        for _ in range(depth + 7):
            self.send([one])
        await self.domain.step(3 * depth + 20)
        assert self.source.taken - taken >= depth + 3, "it must hold Depth + 3 words"
        self.output_gate.closed = False
        await self.finish()
