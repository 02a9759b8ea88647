"""The engines: a queue of words, their events one after the other, and the currents that leave.

An engine is three processes.  Words arrive and go into the queue; they leave it, and each keeps
the loop of the address rule for as many clocks as its events make visits; and after the last
visit of a step its currents leave.

The latencies are those that the modules state: 6 clocks from a word to its first event
(`spikeloom_event_queue`; 2 for `spikeloom_word_queue` alone), 2 from an event to its first visit
(`spikeloom_address_rule`), with sparse weights 2 to the loop over the words of a row and one behind
it (`spikeloom_sparse_rows`), then one for each register up to the accumulator, and 5 from the last
visit that arrives there to the first beat, 3 with one word (`spikeloom_accumulator`).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from itertools import count, repeat

from spikeloom.codegen._estimate._cycles._network import Network, Run, Span, Stream, Times
from spikeloom.codegen._estimate._cycles._words import RowWords, Words


@dataclass(slots=True, kw_only=True)
class Engine:
    """One engine, whatever it computes.

    `front` are the registers of an event between the queue and the rule: 2 with a
    `spikeloom_event_queue` (the finder, and one behind it), which has two registers in front of
    the queue as well; 1 where a finder takes bit planes; 0 where a word is an event.

    `stages` are the clocks from a visit to the input of the accumulator, `depth` its words,
    `beats` those in which a word leaves, `buffers` the steps that it holds, and `repeats` the
    times that a step leaves.  The weights of a product are `weight_beats` for each step.
    """

    words: Words | RowWords
    source: Stream
    result: Stream
    front: int
    queue: int
    stages: int
    depth: int
    beats: int
    buffers: int = 1
    repeats: int = 1
    weights: Stream | None = None
    weight_beats: int = 0
    spans: list[Span] = field(default_factory=list)  # visits without a pause
    _writes: Times = field(default_factory=Times)  # words go into the queue
    _reads: Times = field(default_factory=Times)  # and leave its memory
    _closed: Times = field(default_factory=Times)  # the last visit of a step sets out
    _left: Times = field(default_factory=Times)  # a step has left the accumulator
    _loads: Times = field(default_factory=Times)  # the weights of a step are there

    def add_to(self, network: Network) -> None:
        """Add the processes of the engine to a network."""
        source, result, weights = self.source, self.result, self.weights
        words = self.words
        network.add(
            self._arrive_counted() if self.front == 2 else self._arrive(),
            reads=(source.valid, self._reads),
            writes=(source.taken, self._writes),
        )
        network.add(
            self._visit(words) if isinstance(words, Words) else self._visit_rows(words),
            reads=(self._writes, self._left, self._loads),
            writes=(self._reads, self._closed),
        )
        network.add(
            self._leave_registers() if self.depth == 1 else self._leave_memory(),
            reads=(self._closed, result.taken),
            writes=(result.valid, self._left),
        )
        if weights is not None:
            network.add(
                self._load(weights),
                reads=(weights.valid, self._closed),
                writes=(weights.taken, self._loads),
            )

    # --- Arrival --------------------------------------------------------------------------------

    def _arrive(self) -> Run:
        """Words go into the queue; a silent one is dropped, where there is room for it."""
        valid, taken, reads = self.source.valid, self.source.taken, self._reads
        now, written = -1, 0
        for word, kept in enumerate(self.words.kept):
            while len(valid) <= word or len(reads) <= written - self.queue:
                yield
            now = max(valid[word], now + 1)
            if written >= self.queue:
                now = max(now, reads[written - self.queue] + 1)
            taken.append(now)
            if kept:
                self._writes.append(now)
                written += 1

    def _arrive_counted(self) -> Run:
        """Words pass two registers first, each free in the clock in which its word moves on."""
        valid, taken, reads = self.source.valid, self.source.taken, self._reads
        now, moved, moved_before, written = -1, -1, -1, 0
        for word, kept in enumerate(self.words.kept):
            while len(valid) <= word:
                yield
            now = max(valid[word], now + 1, moved_before)
            taken.append(now)
            moved, moved_before = max(now + 2, moved + 1), moved
            if written >= self.queue:
                while len(reads) <= written - self.queue:
                    yield
                moved = max(moved, reads[written - self.queue] + 1)
            if kept:
                self._writes.append(moved)
                written += 1

    # --- Visits ---------------------------------------------------------------------------------

    def _visit(self, words: Words) -> Run:
        """Words leave the queue, their events the finder, and the rule makes visits of them.

        `head` is the clock in which the last word left the queue; `found`, `entered` and `loaded`
        those in which its last event left the finder, entered the rule, and came into its loop;
        and `done` is that of the last visit.
        """
        writes, reads, front = self._writes, self._reads, self.front
        head = found = entered = loaded = done = -1
        step, opened = 0, -1
        for word, (events, taps, last) in enumerate(words.events):
            while len(writes) <= word:
                yield
            read = max(writes[word] + 1, head)
            reads.append(read)
            if front:
                head = max(read + 1, found)
                found = max(head + 1, entered) if front == 2 else head
                entered = max(found + 1, loaded)
            else:
                head = entered = max(read + 1, loaded)
            loaded = max(entered + 1, done)
            if taps or last:
                if opened < 0:
                    opened = yield from self._open(step)
                done = max(loaded + (1 if taps else events), opened)
                self.spans.append((done, done + (events * taps or 1) - 1))
            if events > 1:
                found, entered, loaded = _last_event(events, taps, found, entered, loaded, done)
            if front == 1:
                found = entered
            if taps or last:
                done += (events * taps or 1) - 1
            if last:
                self._closed.append(done)
                step, opened = step + 1, -1

    def _visit_rows(self, words: RowWords) -> Run:
        """The same with sparse weights, row by row.

        `asked` is the clock in which the rule asked for the last row, `taken` the one in which
        that came into the loop over its words, and `done` that of the last visit.
        """
        writes, reads = self._writes, self._reads
        head = found = entered = loaded = asked = taken = done = -1
        step, opened = 0, -1
        for word, (events, last) in enumerate(words.events):
            while len(writes) <= word:
                yield
            reads.append(max(writes[word] + 1, head))
            head = max(reads[-1] + 1, found)
            found = head
            for left, rows in zip(reversed(range(len(events))), events, strict=True):
                ends = last and not left
                found = max(found + 1, entered)
                entered = max(found + 1, loaded)
                loaded = max(entered + 1, asked)
                asked_rows = rows or ((0,) if ends else ())
                came = loaded
                for place, stored in enumerate(asked_rows, start=1):
                    asked = max(came + 1, taken)
                    taken = max(asked + 1, done)
                    came = asked
                    if not stored and not (ends and place == len(asked_rows)):
                        continue
                    if opened < 0:
                        opened = yield from self._open(step)
                    first = max(taken + 1, opened)
                    done = first + max(1, stored) - 1
                    self.spans.append((first + 1, done + 1))
            if last:
                self._closed.append(done)
                step, opened = step + 1, -1

    def _open(self, step: int) -> Generator[None, None, int]:
        """The first clock in which a visit of a step may set out."""
        before = step - self.buffers
        while len(self._left) <= before:
            yield
        # After a reset the memory is cleared first.
        opened = self._left[before] + 1 if before >= 0 else self.depth if self.depth > 1 else 0
        if self.weights is not None:
            while len(self._loads) <= step:
                yield
            opened = max(opened, self._loads[step])
        return opened

    def _load(self, weights: Stream) -> Run:
        """The weights of a product come when the last visit of the step before is on its way."""
        for beat in count():
            step, place = divmod(beat, self.weight_beats)
            while len(weights.valid) <= beat or len(self._closed) < step:
                yield
            taken = weights.valid[beat]
            if beat:
                taken = max(taken, weights.taken[-1] + 1)
            if step:
                taken = max(taken, self._closed[step - 1] + 2)
            weights.taken.append(taken)
            if place == self.weight_beats - 1:
                self._loads.append(taken + 1)

    # --- Currents -------------------------------------------------------------------------------

    def _leave_registers(self) -> Run:
        """One word of currents: registers, free one clock after they have left."""
        valid, taken = self.result.valid, self.result.taken
        while True:
            offered, left = len(valid) // self._sent, len(self._left)
            if len(taken) == offered * self._sent and offered > left:
                self._left.append(taken[-1])
            elif len(self._closed) > offered == left:
                free = self._left[-1] + 1 if left else 0
                added = self._closed[offered] + self.stages + 2
                valid.extend(repeat(max(added, free) + 1, self._sent))
            else:
                yield

    def _leave_memory(self) -> Run:
        """Several words: the last has left the memory when the one before it has been taken."""
        valid, taken = self.result.valid, self.result.taken
        while True:
            offered, left = len(valid) // self._sent, len(self._left)
            if len(self._closed) > offered:
                valid.extend(repeat(self._closed[offered] + self.stages + 5, self._sent))
            elif len(taken) >= (left + 1) * self._sent - self.beats and offered > left:
                self._left.append(taken[(left + 1) * self._sent - self.beats - 1])
            else:
                yield

    @property
    def _sent(self) -> int:
        """Beats that leave for a step."""
        return self.depth * self.beats * self.repeats


def _last_event(
    events: int, taps: int, found: int, entered: int, loaded: int, visited: int
) -> tuple[int, int, int]:
    """When the last of several events of a word was found, entered the rule, and was loaded.

    The other times are those of the first event, `visited` that of its first visit.  From the
    second on the loop sets the pace, and each event is a stage behind the one before: the third
    is found when the second enters the rule and the first is loaded.
    """
    pace = taps or 1
    second = visited - 1 + taps if taps else loaded + 1  # when it is loaded
    times = (found, entered, loaded, *range(second, second + 3 * pace, pace))
    if events < 4:
        return times[events - 1], times[events], times[events + 1]
    last = second + (events - 2) * pace
    return last - 2 * pace, last - pace, last
