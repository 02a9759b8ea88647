"""Bench of spikeloom_accumulator."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random

from rtl_bench.agents import Bench, Gate, InOrder, Instance, axis_sink, consecutive, pack
from spikeloom.sim.axis import Beat


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
        self._driver = _VisitDriver(instance, self.input_gate, random)
        self.domain.add(self._driver, axis_sink(self, self.checker.check))

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

    async def timing(self) -> None:
        lanes, depth = self.case["Lanes"], self.case["Depth"]
        visit = Visit(True, 0, (1,) * lanes)
        start, arrivals = await self.arrivals_of([[visit] * 5])
        # The last of 5 visits without a pause is in clock start + 4.
        assert arrivals[0] == start + 4 + (3 if depth == 1 else 4), "the latency must be 4 clocks"
        beats = lanes // self.case["OutLanes"] * depth
        for first in range(0, len(arrivals), beats):
            assert consecutive(arrivals[first : first + beats]), "a beat must take one clock"
        await self._clear()

    async def _clear(self) -> None:
        await self.reset(1)
        held = 0
        while int(self.instance.hold_o.value):
            held += 1
            await self.domain.step()
        depth = self.case["Depth"]
        assert held == (depth if depth > 1 else 0), "clearing must take one clock for each word"


class _VisitDriver:
    """Sends visits, never while hold_o is high; the addend comes one clock after its address."""

    def __init__(self, instance: Instance, pauses: Gate, random: Random) -> None:
        self._ports = instance
        self._case = instance.case
        self._pauses = pauses
        self._random = random
        self._queue: deque[tuple[Visit, bool]] = deque()
        self._addends: tuple[int, ...] | None = None

    def send(self, step: list[Visit]) -> None:
        self._queue.extend((visit, i == len(step) - 1) for i, visit in enumerate(step))

    def drive(self) -> None:
        bits = self._case["AddendBits"]
        noise = self._random.getrandbits(self._case.widths["addend_i"])
        self._ports.addend_i.value = noise if self._addends is None else pack(self._addends, bits)
        self._addends = None
        # hold_o comes from a register: it is settled since the rising edge.
        is_held = bool(int(self._ports.hold_o.value))
        if self._queue and not is_held and not self._pauses():
            self._issue(*self._queue.popleft())
        else:
            self._ports.valid_i.value = 0
            self._write(self._random.getrandbits(1), self._random.getrandbits(1), 0)

    def _issue(self, visit: Visit, is_last: bool) -> None:
        self._ports.valid_i.value = 1
        self._write(visit.counts, is_last, visit.address)
        self._addends = visit.addends

    def _write(self, counts: bool | int, is_last: bool | int, address: int) -> None:
        self._ports.visit_i.value = int(counts)
        self._ports.last_i.value = int(is_last)
        self._ports.address_i.value = address

    def sample(self) -> None:
        """Look at nothing."""

    def clear(self) -> None:
        self._queue.clear()
        self._addends = None
