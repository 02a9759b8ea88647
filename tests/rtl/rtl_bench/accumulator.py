"""Bench of spikeloom_accumulator."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random

from rtl_bench.agents import Bench, InOrder, Instance, axis_sink, consecutive, pack
from spikeloom.sim.axis import Beat

_ROW = 5  # steps in a row


@dataclass(frozen=True, slots=True)
class Visit:
    """An addend for every lane of a word; without `counts` only the step may end."""

    counts: bool
    address: int
    addends: tuple[int, ...]


class AccumulatorBench(Bench):
    """A transaction is a time step: its visits, the last of which ends it."""

    rounds = 8

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        self.checker: InOrder[Beat] = InOrder("beat of currents")
        self.checkers = [self.checker]
        self._word_beats = self.case["Lanes"] // self.case["OutLanes"]
        self._words = self.case["Depth"] * self.case["Repeats"]  # of a step, as it leaves
        self._way = random.randint(0, 3)  # clocks from setting out to arriving
        self._driver = _VisitDriver(self, self._way)
        hold = _HoldCheck(self)
        self.domain.add(self._driver, hold, axis_sink(self, self.checker.check))

    def stimulus(self) -> list[Visit]:
        """Few addresses at a time, so that words are visited while they are in flight."""
        depth = self.case["Depth"]
        words = [self.random.randrange(depth) for _ in range(self.random.randint(1, 4))]
        count = self.random.choice([1, 2, 3, 5, 40])
        return [self._visit(self.random.choice(words)) for _ in range(count)]

    def _visit(self, address: int) -> Visit:
        low, high = self._limits
        addends = (self.random.randint(low, high) for _ in range(self.case["Lanes"]))
        return Visit(self.random.random() < 0.85, address, tuple(addends))

    def extremes(self) -> list[list[Visit]]:
        depth, lanes = self.case["Depth"], self.case["Lanes"]
        low, high, nothing = (self._limits[0],) * lanes, (self._limits[1],) * lanes, (0,) * lanes
        patterns = [[0] * 9, [0, depth - 1] * 5, [0, 0, depth - 1, depth // 2] * 4, range(depth)]
        steps = [
            [Visit(True, address, addends) for address in pattern]
            for pattern in patterns
            for addends in (low, high)
        ]
        return [[Visit(False, 0, nothing)], *steps, [Visit(False, 0, nothing)]]

    @property
    def _limits(self) -> tuple[int, int]:
        """The smallest and the largest addend."""
        bits = self.case["AddendBits"]
        if self.case["Maximum"]:
            return 0, (1 << bits) - 1
        return -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def send(self, transaction: list[Visit]) -> None:
        self._driver.send(transaction)
        self.checker.expect(self.beats(transaction))

    def beats(self, step: list[Visit]) -> list[Beat]:
        """Return what must leave: the model."""
        bits, lanes, out = self.case["CurrentBits"], self.case["Lanes"], self.case["OutLanes"]
        currents = [0] * (self.case["Depth"] * lanes)
        for visit in step:
            if visit.counts:
                for lane, addend in enumerate(visit.addends):
                    index = visit.address * lanes + lane
                    currents[index] = self._joined(currents[index], addend)
        starts = range(0, len(currents), out)
        words = [pack(currents[i : i + out], bits) for i in starts]
        frame = [Beat(word, i == len(words) - 1) for i, word in enumerate(words)]
        return frame * self.case["Repeats"]

    def _joined(self, current: int, addend: int) -> int:
        return max(current, addend) if self.case["Maximum"] else current + addend

    @property
    def closed(self) -> int:
        """Steps whose last visit has been issued, since the last reset."""
        return len(self._driver.closes)

    @property
    def left(self) -> int:
        """Steps that have left: with more words than one, when the last is on offer."""
        words = self.checker.seen // self._word_beats
        if self.case["Depth"] > 1:
            words += int(self.instance.m_axis_tvalid.value)
        return words // self._words

    async def timing(self) -> None:
        """Steps in a row: readers that are slower and faster than the visits."""
        is_deep = self.case["Depth"] > 1
        latency = 5 if is_deep else 3
        beats = self._words * self._word_beats  # of a step
        # The step before leaves when the last of so many visits sets out.
        enough = self._way + latency + beats - 1 - (self._word_beats if is_deep else 0)
        enough = max(enough, beats)
        for visits in (1, 2, enough - 1, enough):
            await self._rhythm(visits, latency)
            if visits == enough and self.case["Buffers"] > 1:
                assert consecutive(self._driver.issued), "visits must not pause between steps"

    async def _rhythm(self, visits: int, latency: int) -> None:
        visit = Visit(True, 0, (1,) * self.case["Lanes"])
        await self.reset(1)
        await self.domain.step(self.case["Depth"])
        start, arrivals = await self.arrivals_of([[visit] * visits] * _ROW)
        assert self._driver.issued[0] == start, "the first visit must not wait"
        pause = 1 if self.case["Depth"] > 1 else 2
        expected: list[int] = []
        for close in self._driver.closes:
            free = expected[-1] + pause if expected else 0
            first = max(close + self._way + latency, free)
            expected += range(first, first + self._words * self._word_beats)
        assert arrivals == expected, f"beats must come in clocks {expected}, not {arrivals}"


class _VisitDriver:
    """Sends visits, never while hold_o is high; the addend comes one clock after its address.

    A visit arrives `way` clocks after it was issued, as through the pipeline of an engine.
    """

    def __init__(self, bench: AccumulatorBench, way: int) -> None:
        self.issued: list[int] = []  # cycles of the visits since the last reset
        self.closes: list[int] = []  # and of those that ended a step
        self._bench = bench
        self._ports = bench.instance
        self._random = bench.random
        self._queue: deque[tuple[Visit, bool]] = deque()
        self._under_way: deque[tuple[Visit, bool] | None] = deque([None] * way)
        self._addends: tuple[int, ...] | None = None

    def send(self, step: list[Visit]) -> None:
        self._queue.extend((visit, i == len(step) - 1) for i, visit in enumerate(step))

    def drive(self) -> None:
        self._write_addends()
        self._under_way.append(self._issue())
        arrived = self._under_way.popleft()
        if arrived is None:
            self._write(0, self._random.getrandbits(1), self._random.getrandbits(1), 0)
        else:
            visit, is_last = arrived
            self._write(1, visit.counts, is_last, visit.address)
            self._addends = visit.addends

    def _write_addends(self) -> None:
        bits = self._bench.case["AddendBits"]
        noise = self._random.getrandbits(self._bench.case.widths["addend_i"])
        self._ports.addend_i.value = noise if self._addends is None else pack(self._addends, bits)
        self._addends = None

    def _issue(self) -> tuple[Visit, bool] | None:
        """Let the next visit set out, if there is one and it may."""
        # hold_o comes from a register: it is settled since the rising edge.
        is_held = bool(int(self._ports.hold_o.value))
        may_go = bool(self._queue) and not is_held and not self._bench.input_gate()
        issued = self._queue.popleft() if may_go else None
        is_last = issued is not None and issued[1]
        self._ports.close_i.value = int(is_last)
        if issued is not None:
            self.issued.append(self._bench.domain.cycle)
        if is_last:
            self.closes.append(self._bench.domain.cycle)
        return issued

    def _write(self, valid: int, counts: bool | int, is_last: bool | int, address: int) -> None:
        self._ports.valid_i.value = valid
        self._ports.visit_i.value = int(counts)
        self._ports.last_i.value = int(is_last)
        self._ports.address_i.value = address

    def sample(self) -> None:
        """Look at nothing."""

    def clear(self) -> None:
        self.issued.clear()
        self.closes.clear()
        self._queue.clear()
        self._under_way = deque([None] * len(self._under_way))
        self._addends = None


class _HoldCheck:
    """Knows hold_o in every clock: from the clearing of the memory and the steps inside."""

    def __init__(self, bench: AccumulatorBench) -> None:
        self._bench = bench
        self.clear()

    def drive(self) -> None:
        """Drive nothing."""

    def sample(self) -> None:
        bench = self._bench
        must_hold = self._to_clear > 0 or self._closed - bench.left == bench.case["Buffers"]
        is_held = bool(int(bench.instance.hold_o.value))
        cycle = bench.domain.cycle
        assert is_held == must_hold, f"hold_o must be {must_hold:d} in clock {cycle}"
        self._to_clear = max(self._to_clear - 1, 0)
        self._closed = bench.closed

    def clear(self) -> None:
        depth = self._bench.case["Depth"]
        self._to_clear = depth if depth > 1 else 0
        self._closed = 0  # steps, when this clock began
