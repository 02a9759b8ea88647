"""The two ends of a design: who sends inferences, the rate encoder, and the readout."""

from __future__ import annotations

from itertools import count, repeat

from spikeloom.codegen._estimate._cycles._network import Run, Stream, Times


def sender(
    stream: Stream, completes: Times, *, inferences: int, beats: int, waits: bool, first: int
) -> Run:
    """Whoever has the inferences: the next at once, or (`waits`) when a result has come."""
    for inference in range(inferences):
        while waits and len(completes) < inference:
            yield
        ready = completes[inference - 1] + 1 if waits and inference else first
        stream.valid.extend(repeat(ready, beats))


def encoder(source: Stream, result: Stream, *, words: int, steps: int) -> Run:
    """`spikeloom_rate_encoder`: a frame comes, leaves `steps` times, and then the next may come."""
    taken = -1
    for word in count():
        while len(source.valid) <= word:
            yield
        frame, place = divmod(word, words)
        taken = max(source.valid[word], taken + 1)
        if place == 0 and frame:
            while len(result.taken) < frame * words * steps:
                yield
            taken = max(taken, result.taken[-1] + 1)
        source.taken.append(taken)
        if place == words - 1:
            result.valid.extend(repeat(taken + 2, words * steps))


def readout(source: Stream, completes: Times, *, lanes: int, words: int) -> Run:
    """`spikeloom_argmax` with an output that is always ready: one score per clock.

    `completes` are the clocks in which the last score of an inference is taken.
    """
    taken = -lanes
    for word in count():
        while len(source.valid) <= word:
            yield
        taken = max(source.valid[word], taken + lanes)
        source.taken.append(taken)
        if word % words == words - 1:
            completes.append(taken + lanes + 1)


def judge(source: Stream, judged: Times, *, words: int, first: int) -> Run:
    """The input of `spikeloom_decision`: from clock `first` on it takes a beat per clock."""
    taken = first - 1
    for word in count():
        while len(source.valid) <= word:
            yield
        taken = max(source.valid[word], taken + 1)
        source.taken.append(taken)
        if word % words == words - 1:
            judged.append(taken)
