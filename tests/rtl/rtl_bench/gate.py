"""Bench of spikeloom_gate."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random

from rtl_bench.agents import Bench, Instance
from spikeloom.sim.axis import AxisSource, Beat


@dataclass(frozen=True, slots=True)
class Visit:
    """An inference: beats of its frames, and when it is decided.

    That is `delay` clocks after the core has taken `taken` beats, 1 or more.
    """

    frames: tuple[int, ...]
    taken: int
    delay: int

    @property
    def beats(self) -> int:
        return sum(self.frames)


class Core:
    """Takes beats and decides inferences; knows what the gate must do in every clock."""

    def __init__(self, bench: GateBench) -> None:
        self.waiting: deque[Visit] = deque()
        self.passed = 0  # beats of the inference that the core has
        self.stops: list[int] = []  # cycles
        self._bench = bench
        self._instance = bench.instance
        self._entered = 0  # beats that came, dropped ones included
        self._is_reset = True
        self._countdown: int | None = None
        self._stops_now = False
        self._is_ready = False
        self._dropping = 0  # beats that are left of an inference that is decided

    def drive(self) -> None:
        self._is_ready = not self._bench.output_gate()
        self._stops_now = self._countdown == 0
        self._instance.m_axis_tready.value = int(self._is_ready)
        self._instance.stop_i.value = int(self._stops_now)

    def sample(self) -> None:
        instance, source = self._instance, self._bench.source
        is_offered = bool(int(instance.s_axis_tvalid.value))
        is_passed = bool(int(instance.m_axis_tvalid.value))
        is_taken = is_offered and bool(int(instance.s_axis_tready.value))
        assert int(instance.core_rst_no.value) == (not self._is_reset), "core_rst_no is wrong"
        assert bool(int(instance.begun_o.value)) == (self.passed > 0), "begun_o is wrong"
        is_open = not self._is_reset and not self._dropping and self._left > 0
        assert is_passed == (is_offered and is_open), "m_axis_tvalid is wrong"
        wanted = bool(self._dropping) or (is_open and self._is_ready)
        assert bool(int(instance.s_axis_tready.value)) == wanted, "s_axis_tready is wrong"
        assert not source.is_empty or not is_offered
        self._note(is_taken and is_open, is_taken and not is_open)

    @property
    def _left(self) -> int:
        """Beats of the inference that the core does not have yet."""
        return self.waiting[0].beats - self.passed if self.waiting else 1

    def _note(self, passes: bool, drops: bool) -> None:
        """Go on to the next clock."""
        if passes:
            self._bench.arrivals.append(self._bench.domain.cycle)
        self.passed += passes
        self._dropping -= drops
        self._is_reset = self._stops_now
        if self._stops_now:
            self._dropping = self._left
            self.waiting.popleft()
            self.passed = 0
            self._countdown = None
            self.stops.append(self._bench.domain.cycle)
        elif self._countdown is not None:
            self._countdown -= 1
        elif self.waiting and self.passed >= self.waiting[0].taken:
            self._countdown = self.waiting[0].delay

    def clear(self) -> None:
        self.waiting.clear()
        self.passed = self._dropping = 0
        self._is_reset = True
        self._countdown = None

    @property
    def missing(self) -> int:
        return len(self.waiting) + self._dropping


class GateBench(Bench):
    """A transaction is an inference."""

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        self.source = AxisSource(
            instance.s_axis_tvalid,
            instance.s_axis_tready,
            last=instance.s_axis_tlast,
            pauses=self.input_gate,
        )
        self.core = Core(self)
        self.checkers = [self.core]
        self.domain.add(self.core, self.source)

    def stimulus(self) -> Visit:
        frames = tuple(self.random.randint(1, 4) for _ in range(self.case["Frames"]))
        taken = self.random.choice([1, sum(frames), self.random.randint(1, sum(frames))])
        return Visit(frames, taken, self.random.choice([0, 0, 1, self.random.randint(0, 12)]))

    def extremes(self) -> list[Visit]:
        frames = (1,) * self.case["Frames"]
        longer = (5,) * self.case["Frames"]
        return [
            *(Visit(frames, 1, delay) for delay in (0, 0, 3)),
            *(Visit(longer, taken, 0) for taken in (1, sum(longer) - 1, sum(longer))),
        ]

    def send(self, transaction: Visit) -> None:
        self.core.waiting.append(transaction)
        for length in transaction.frames:
            self.source.send(Beat(0, index == length - 1) for index in range(length))

    async def timing(self) -> None:
        whole = Visit((3,) * self.case["Frames"], 3 * self.case["Frames"], 2)
        start, arrivals = await self.arrivals_of([whole, whole])
        assert arrivals[0] == start, "it must add no latency"
        assert arrivals[whole.beats] == self.core.stops[0] + 2, "the next one must come 2 clocks on"
        left = Visit((4,) * self.case["Frames"], 1, 0)
        self.core.stops.clear()
        _, arrivals = await self.arrivals_of([left, whole])
        # In the clock of the decision a beat may still pass.
        dropped = left.beats - 2
        assert arrivals[2] == self.core.stops[0] + 1 + max(dropped, 1), "a beat must take one clock"
