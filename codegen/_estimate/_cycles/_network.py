"""A network of sequential processes that pass times on: no clock is ever counted.

Every module of the hardware is a few processes.  Each knows when what it does may happen at the
earliest, from what it did before and from what others did; and it says when it does happen.  The
order in which they are run changes nothing (a Kahn network): each reads what others have written,
and never looks whether something is there.

Clocks count from the first one after the reset, which is 0.  What happens in clock `t` changes
registers that are seen from `t + 1` on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field

Run = Generator[None, None, None]
Span = tuple[int, int]  # first and last clock


class Times(list[int]):
    """The clocks in which one thing happens again and again, in order."""

    __slots__ = ("readers", "shown")

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Process] = []
        self.shown = 0  # length that the readers have been told of


@dataclass(slots=True)
class Process:
    """A generator that yields where it needs a time that is not known yet."""

    run: Run
    writes: tuple[Times, ...]
    waits: bool = False  # in the queue of the network


@dataclass(frozen=True, slots=True)
class Stream:
    """The beats of a handshake.

    `valid` are the clocks from which a beat is on offer if the one before has been taken
    before, and `taken` those in which it is taken: a reader takes beat `i` at
    `max(valid[i], taken[i - 1] + 1)` or later.
    """

    valid: Times = field(default_factory=Times)
    taken: Times = field(default_factory=Times)


@dataclass(slots=True)
class Network:
    """Processes, run until none can go on."""

    _queue: deque[Process] = field(default_factory=deque)

    def add(self, run: Run, *, reads: Iterable[Times], writes: Iterable[Times]) -> None:
        """Add a process; `reads` are the times that it may wait for."""
        process = Process(run, tuple(writes), waits=True)
        for times in reads:
            times.readers.append(process)
        self._queue.append(process)

    def run(self) -> None:
        """Run all processes until each has ended or waits for another."""
        queue = self._queue
        while queue:
            process = queue.popleft()
            process.waits = False
            next(process.run, None)
            for times in process.writes:
                if len(times) != times.shown:
                    times.shown = len(times)
                    for reader in times.readers:
                        if not reader.waits:
                            reader.waits = True
                            queue.append(reader)
