"""What the values of a stream mean to the engine that reads it: words, events, taps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spikeloom.ir import IntArray


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a stream, in order.

    `kept` says of every word whether it goes into the queue, and `events` of those that do:
    beats of events, at least 1; clocks that each takes in the loop of the rule (0: it reaches
    nothing); and whether the word ends a time step.
    """

    kept: list[bool]
    events: list[tuple[int, int, bool]]

    @classmethod
    def of(cls, counts: IntArray, taps: IntArray) -> Words:
        """From the beats of events of the words `[steps, words]`, and their taps `[words]`."""
        last = np.zeros(counts.shape, bool)
        last[:, -1] = True
        kept = (counts > 0) | last
        reached = np.where(counts > 0, taps, 0)
        events = zip(
            np.maximum(counts, 1)[kept].tolist(),
            reached[kept].tolist(),
            last[kept].tolist(),
            strict=True,
        )
        return cls(kept.ravel().tolist(), list(events))


@dataclass(frozen=True, slots=True)
class RowWords:
    """The words of a stream in front of sparse weights, in order.

    `kept` says of every word whether it goes into the queue, and `events` of those that do: for
    each event how many words the rows that it reaches have, and whether the word ends a time step.
    """

    kept: list[bool]
    events: list[tuple[list[tuple[int, ...]], bool]]

    @classmethod
    def of(cls, words: IntArray, rows: Sequence[tuple[int, ...]]) -> RowWords:
        """From words `[steps, words, lanes]`, and what an event of each value of a step reaches.

        The events of a word are its set bits: by bit plane, then by lane.
        """
        steps, count, lanes = words.shape
        planes = np.arange(max(1, int(words.max(initial=0)).bit_length()))
        step, word, _, lane = np.nonzero(words[:, :, None, :] >> planes[:, None] & 1)
        places = (word * lanes + lane).tolist()
        numbers = np.bincount(step * count + word, minlength=steps * count).tolist()
        kept, events, first = [], [], 0
        for index, number in enumerate(numbers):
            last = index % count == count - 1
            kept.append(last or number > 0)
            if kept[-1]:
                found = [rows[place] for place in places[first : first + number]]
                events.append((found or [()], last))
            first += number
        return cls(kept, events)


def stream_words(values: IntArray, lanes: int) -> IntArray:
    """Values `[inferences, steps, *shape]` as words `[steps, words, lanes]`, in stream order."""
    ordered = np.moveaxis(values, 2, -1) if values.ndim == 5 else values
    steps = values.shape[0] * values.shape[1]
    return ordered.reshape(steps, -1, lanes)


def bit_events(words: IntArray, *, field: int, banks: int, bank_ports: int) -> IntArray:
    """Beats of events `[steps, words]` of words `[steps, words, lanes]`.

    An event is a set bit, or with `field` so many values that are not all zero. Events go to the
    banks in turn, and each bank sends `bank_ports` of its own in a beat.
    """
    steps, count, lanes = words.shape
    if field:
        found = words.reshape(steps, count, lanes // field, field).any(-1)
    else:
        found = np.bitwise_count(words)
    counts = found.reshape(steps, count, -1, banks).sum(2, dtype=np.int64).max(-1)
    return np.asarray(-(-counts // bank_ports))


def plane_events(words: IntArray) -> IntArray:
    """Bit planes `[steps, words]` that are not empty."""
    return np.asarray(np.bitwise_count(np.bitwise_or.reduce(words, axis=-1)), np.int64)


def word_events(words: IntArray, *, silent: int) -> IntArray:
    """1 for every word `[steps, words]` with a value that is not the silent one, else 0."""
    return np.asarray((words != silent).any(-1), np.int64)
