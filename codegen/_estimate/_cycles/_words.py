"""What the values of a stream mean to the engine that reads it: words, events, taps."""

from __future__ import annotations

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
