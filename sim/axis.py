# SPDX-FileCopyrightText: The Spikeloom developers
# SPDX-License-Identifier: Apache-2.0
"""AXI4-Stream agents for cocotb benches.

An agent drives or watches some signals of one clock domain.  It has no task of
its own: in every clock cycle the domain lets all agents drive at the falling
edge, waits until all signals are settled, and lets all of them sample.  What
they see is then what the registers see at the rising edge that follows, in
every simulator and through any combinational path.

This file is also copied into the bench of every generated design, so it
imports nothing but cocotb and the standard library.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly, Timer

Handle = Any  # of a signal or a module: the simulator alone knows which ports there are

CLOCK_PERIOD_NS = 10
_SLOW = 0.9  # share of pauses in the slowest phase of `Pauses`
_PHASE_CYCLES = (1, 60)


@dataclass(frozen=True, slots=True)
class Beat:
    """One transfer."""

    data: int
    last: bool = False
    user: int = 0


class Agent(Protocol):
    """What a clock domain runs in every cycle."""

    def drive(self) -> None:
        """Write inputs of the design, at the falling edge."""

    def sample(self) -> None:
        """Read outputs of the design, when all signals are settled."""

    def clear(self) -> None:
        """Forget everything in flight: the design is being reset."""


class Domain:
    """A clock, its synchronous active-low reset, and the agents in it.

    Args:
        clock: Clock signal.
        reset_n: Reset signal, or None for a module without one.
    """

    def __init__(self, clock: Handle, reset_n: Handle | None = None) -> None:
        self.cycle = 0
        self._clock = clock
        self._reset_n = reset_n
        self._agents: list[Agent] = []

    def add(self, *agents: Agent) -> None:
        """Add agents; they run in the order in which they were added."""
        self._agents += agents

    async def start(self, reset_cycles: int = 4) -> None:
        """Start the clock and reset the design."""
        # The test before may have ended while signals must not be written.
        await Timer(1, "step")
        Clock(self._clock, CLOCK_PERIOD_NS, unit="ns").start()
        await self.reset(reset_cycles)

    async def reset(self, cycles: int = 1) -> None:
        """Hold the reset for `cycles` rising edges; every agent forgets what is in flight."""
        for agent in self._agents:
            agent.clear()
        if self._reset_n is None:
            return
        for _ in range(cycles):
            await FallingEdge(self._clock)
            self._reset_n.value = 0
            for agent in self._agents:
                agent.drive()
            self.cycle += 1
        await FallingEdge(self._clock)
        self._reset_n.value = 1
        await self._exchange()

    async def step(self, cycles: int = 1) -> None:
        """Run some clock cycles."""
        for _ in range(cycles):
            await FallingEdge(self._clock)
            await self._exchange()

    async def run_until(self, done: Callable[[], bool], *, limit: int, what: str) -> None:
        """Run until `done()`; fail after `limit` cycles, naming `what` was waited for."""
        for _ in range(limit):
            if done():
                return
            await self.step()
        assert done(), f"{what} did not happen within {limit} cycles"

    async def _exchange(self) -> None:
        for agent in self._agents:
            agent.drive()
        await ReadOnly()
        for agent in self._agents:
            agent.sample()
        self.cycle += 1


class Pauses:
    """Random pauses in phases: fluent, stuttering with the share given, or nearly still.

    A share of 0 never pauses.
    """

    def __init__(self, share: float = 0.0, random: Random | None = None) -> None:
        assert share == 0.0 or random is not None, "random pauses need a generator with a seed"
        self._share = share
        self._random = random or Random(0)
        self._phase = 0.0
        self._cycles_left = 0

    def __call__(self) -> bool:
        """Say whether to pause in this cycle."""
        if not self._share:
            return False
        if not self._cycles_left:
            self._phase = self._random.choice((0.0, self._share, _SLOW))
            self._cycles_left = self._random.randint(*_PHASE_CYCLES)
        self._cycles_left -= 1
        return self._random.random() < self._phase


class AxisSource:
    """Drives a stream into the design; a beat on offer stays until it is taken.

    While it pauses, data and last hold the opposite of the last beat, so that
    a design which looks at them without valid fails.

    Args:
        valid: tvalid, an input of the design.
        ready: tready, an output of the design.
        data: tdata, if the stream has any.
        last: tlast, if the stream has it.
        user: tuser, if the stream has it.
        pauses: When to offer nothing.
    """

    def __init__(
        self,
        valid: Handle,
        ready: Handle,
        data: Handle | None = None,
        *,
        last: Handle | None = None,
        user: Handle | None = None,
        pauses: Pauses | None = None,
    ) -> None:
        self.taken = 0  # beats since the last reset
        self._valid = _Output(valid)
        self._ready = ready
        self._data = _Output(data)
        self._last = _Output(last)
        self._user = _Output(user)
        self._pauses = pauses or Pauses()
        self._queue: deque[Beat] = deque()
        self._is_offering = False

    def send(self, beats: Iterable[Beat]) -> None:
        """Queue beats."""
        self._queue.extend(beats)

    @property
    def is_empty(self) -> bool:
        """Whether every beat has been taken."""
        return not self._queue

    def drive(self) -> None:
        """Offer the next beat, unless there is none or it is time for a pause."""
        if self._queue and not self._is_offering:
            self._is_offering = not self._pauses()
        self._valid.write(int(self._is_offering))
        if self._is_offering:
            self._write(self._queue[0])
        else:
            self._write_opposite()

    def sample(self) -> None:
        """Note whether the beat is taken."""
        if self._is_offering and _is_high(self._ready):
            self._queue.popleft()
            self.taken += 1
            self._is_offering = False

    def clear(self) -> None:
        """Drop the queue."""
        self._queue.clear()
        self._is_offering = False
        self.taken = 0

    def _write(self, beat: Beat) -> None:
        self._data.write(beat.data)
        self._last.write(int(beat.last))
        self._user.write(beat.user)

    def _write_opposite(self) -> None:
        for output in (self._data, self._last, self._user):
            output.write_opposite()


class AxisSink:
    """Takes a stream from the design, and checks that a beat on offer stays.

    Args:
        valid: tvalid, an output of the design.
        ready: tready, an input of the design.
        data: tdata, if the stream has any.
        last: tlast, if the stream has it.
        user: tuser, if the stream has it.
        pauses: When not to be ready.
        on_beat: Called with every beat; without it they collect in `beats`.
    """

    def __init__(
        self,
        valid: Handle,
        ready: Handle,
        data: Handle | None = None,
        *,
        last: Handle | None = None,
        user: Handle | None = None,
        pauses: Pauses | None = None,
        on_beat: Callable[[Beat], None] | None = None,
    ) -> None:
        self.beats: list[Beat] = []
        self._valid = valid
        self._ready = _Output(ready)
        self._signals = (data, last, user)
        self._pauses = pauses or Pauses()
        self._on_beat = on_beat or self.beats.append
        self._is_ready = False
        self._held: Beat | None = None

    def drive(self) -> None:
        """Be ready, unless it is time for a pause."""
        self._is_ready = not self._pauses()
        self._ready.write(int(self._is_ready))

    def sample(self) -> None:
        """Take the beat if one is on offer."""
        beat = self._read() if _is_high(self._valid) else None
        if self._held is not None:
            assert beat == self._held, f"{self._held} changed to {beat} before it was taken"
        self._held = None if self._is_ready else beat
        if beat is not None and self._is_ready:
            self._on_beat(beat)

    def clear(self) -> None:
        """Forget the beats."""
        self.beats.clear()
        self._held = None

    def _read(self) -> Beat:
        data, last, user = (0 if signal is None else _integer(signal) for signal in self._signals)
        return Beat(data, bool(last), user)


class Monitor:
    """Watches a stream that is never stalled: a valid and any number of values.

    Args:
        valid: The valid of the stream.
        values: The signals that go with it.
        on_values: Called with their values in every cycle with valid.
    """

    def __init__(
        self, valid: Handle, values: Sequence[Handle], on_values: Callable[..., None]
    ) -> None:
        self._valid = valid
        self._values = values
        self._on_values = on_values

    def drive(self) -> None:
        """Drive nothing."""

    def sample(self) -> None:
        """Read the values if they are valid."""
        if _is_high(self._valid):
            self._on_values(*map(_integer, self._values))

    def clear(self) -> None:
        """There is nothing to forget."""


class _Output:
    """A signal that the bench writes, only when it changes: writing is slow."""

    def __init__(self, signal: Handle | None) -> None:
        self._signal = signal
        self._value: int | None = None

    def write(self, value: int) -> None:
        if self._signal is not None and value != self._value:
            self._value = value
            self._signal.value = value

    def write_opposite(self) -> None:
        if self._signal is not None and (self._value is None or self._value >= 0):
            everything = (1 << len(self._signal)) - 1
            self._signal.value = everything ^ (self._value or 0)
            self._value = -1  # so that any beat is written


def _is_high(signal: Handle) -> bool:
    """Read a control signal; in a simulator that knows X, it must not be undefined."""
    value = signal.value
    assert value.is_resolvable, f"{signal._path} is {value} where 0 or 1 must be"
    return bool(value)


def _integer(signal: Handle) -> int:
    value = signal.value
    assert value.is_resolvable, f"{signal._path} is {value} while its valid is 1"
    # A port of one bit is a Logic, which has no to_unsigned.
    return int(value) if len(signal) == 1 else int(value.to_unsigned())
