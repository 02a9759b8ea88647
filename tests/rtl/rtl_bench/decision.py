"""Bench of spikeloom_decision."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from rtl_bench.agents import Bench, InOrder, Instance, axis_sink, consecutive, pack
from spikeloom.sim.axis import AxisSource, Beat

Scores = list[list[int]]  # of all classes, step by step


@dataclass(frozen=True, slots=True)
class Race:
    """An inference: its scores, and clocks after which its input has begun."""

    scores: Scores
    begun: int


class Core(AxisSource):
    """Sends the scores of one inference at a time, and is reset when it is decided."""

    def __init__(self, bench: DecisionBench, feed: Callable[[Race], list[Beat]]) -> None:
        instance = bench.instance
        super().__init__(
            instance.s_axis_tvalid,
            instance.s_axis_tready,
            instance.s_axis_tdata,
            last=instance.s_axis_tlast,
            pauses=bench.input_gate,
        )
        self.stops: list[int] = []  # cycles
        self.waiting: deque[Race] = deque()
        self._bench = bench
        self._feed = feed
        self._instance = instance
        self._is_reset = True
        self._active: Race | None = None
        self._age = 0  # clocks of the inference

    @property
    def _begun(self) -> bool:
        return self._active is not None and self._age >= self._active.begun

    def drive(self) -> None:
        if self._active is None and self.waiting and not self._is_reset:
            self._active, self._age = self.waiting.popleft(), 0
            self.send(self._feed(self._active))
        self._instance.core_rst_ni.value = int(not self._is_reset)
        self._instance.begun_i.value = int(self._begun)
        super().drive()

    def sample(self) -> None:
        if self._is_reset:
            assert not int(self._instance.s_axis_tready.value), "a core in reset has no scores"
            super().clear()
            self._is_reset = False
            self._active = None
            return
        super().sample()
        if int(self._instance.stop_o.value):
            assert self._begun, "it must not stop before the input has begun"
            self.stops.append(self._bench.domain.cycle)
            self._is_reset = True
        self._age += 1

    def clear(self) -> None:
        super().clear()
        self.waiting.clear()
        self._active = None
        self._is_reset = True


class DecisionBench(Bench):
    """A transaction is an inference."""

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        self.core = Core(self, self.beats)
        self.checker: InOrder[Beat] = InOrder("score beat")
        self.steps: InOrder[int] = InOrder("number of time steps")
        self.checkers = [self.checker, self.steps]
        self.domain.add(self.core, axis_sink(self, self._check))

    @property
    def classes(self) -> int:
        return self.case["Lanes"] * self.case["Words"]

    @property
    def limits(self) -> tuple[int, int]:
        half = 1 << (self.case["ScoreBits"] - 1)
        return -half, half - 1

    @property
    def leads(self) -> list[int]:
        """Leads that settle the prediction, by step."""
        leads: list[int] = self.case.facts
        return leads

    def _check(self, beat: Beat) -> None:
        self.checker.check(beat)
        if self.checker.seen % self.case["Words"] == 1 % self.case["Words"]:
            self.steps.check(int(self.instance.steps_o.value))

    def stimulus(self) -> Race:
        low, high = self.limits
        narrow = self.random.random()
        if narrow < 0.7:  # few values: many ties, and leads near those that count
            reach = max(1, max(self.leads) if narrow < 0.4 else 2)
            low, high = max(low, -reach), min(high, reach)
        scores = [
            [self.random.randint(low, high) for _ in range(self.classes)]
            for _ in range(self.case["TimeSteps"])
        ]
        return Race(scores, self.random.choice([0, 0, self.random.randint(0, 40)]))

    def extremes(self) -> list[Race]:
        low, high = self.limits
        steps, count = self.case["TimeSteps"], self.classes
        rising = [low] * (count - 1) + [high]
        rows = ([low] * count, [high] * count, rising, rising[::-1])
        after = [rising] + [[low] * count] * (steps - 1)  # what comes too late looks different
        return [
            *(Race([row] * steps, begun) for row in rows for begun in (0, 30)),
            *(Race(after, begun) for begun in (0, 4, 60)),
        ]

    def beats(self, transaction: Race) -> list[Beat]:
        return [beat for step in transaction.scores for beat in self._step_beats(step)]

    def _step_beats(self, step: list[int]) -> list[Beat]:
        lanes, bits = self.case["Lanes"], self.case["ScoreBits"]
        starts = range(0, self.classes, lanes)
        last = self.classes - lanes
        return [Beat(pack(step[i : i + lanes], bits), i == last) for i in starts]

    def decided(self, race: Race) -> int:
        """Return the number of time steps until the decision: the model."""
        for number, (step, lead) in enumerate(zip(race.scores, self.leads, strict=True), 1):
            best = max(step)
            winner = step.index(best)
            rivals = [
                score + (i < winner and bool(self.case["Ties"]))
                for i, score in enumerate(step)
                if i != winner
            ]
            if number == len(self.leads) or all(best - rival >= lead for rival in rivals):
                return number
        raise AssertionError

    def send(self, transaction: Race) -> None:
        self.core.waiting.append(transaction)
        steps = self.decided(transaction)
        beats = self._step_beats(transaction.scores[steps - 1])
        self.checker.expect(Beat(beat.data) for beat in beats)
        self.steps.expect([steps])

    async def timing(self) -> None:
        words = self.case["Words"]
        races = [Race(self.stimulus().scores, 0) for _ in range(4)]
        latency = (self.case["Lanes"] - 1).bit_length() + 1 + (words > 1)
        self.core.stops.clear()
        start, arrivals = await self.arrivals_of(races)
        for race, stop, first in zip(races, self.core.stops, arrivals[::words], strict=True):
            taken = start + self.decided(race) * words - 1  # one beat per clock
            assert stop == taken + latency, "the latency must be that of the levels and 1"
            assert first == stop + 1, "the scores must follow at once"
            start = stop + 2 if words == 1 else stop + 1 + words
        for first in range(0, len(arrivals), words):
            assert consecutive(arrivals[first : first + words]), "a beat must take one clock"
        await self._waits_for_the_input()

    async def _waits_for_the_input(self) -> None:
        """It takes what comes, and decides as soon as the input has begun."""
        self.core.stops.clear()
        race = Race(self.stimulus().scores, 200)
        start, _ = await self.arrivals_of([race])
        assert self.core.stops == [start + 200], "it must wait for the input"
