"""What lies between engines: copies, changes of lanes, FIFOs, sums, concatenations, delays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, repeat

from spikeloom.codegen._estimate._cycles._network import Run, Stream, Times


def fork(source: Stream, branches: Sequence[Stream]) -> Run:
    """`spikeloom_fork`: a beat is on offer to all at once, and gone when all have it."""
    gone = -1
    for beat in count():
        while len(source.valid) <= beat:
            yield
        offered = max(source.valid[beat], gone + 1)
        for branch in branches:
            branch.valid.append(offered)
        for branch in branches:
            while len(branch.taken) <= beat:
                yield
        gone = max(branch.taken[beat] for branch in branches)
        source.taken.append(gone)


def split(source: Stream, result: Stream, parts: int) -> Run:
    """`spikeloom_resize` to fewer lanes: a beat is taken with the last of its parts."""
    given = taken = 0
    while True:
        if len(source.valid) > given:
            result.valid.extend(repeat(source.valid[given], parts))
            given += 1
        elif len(result.taken) >= (taken + 1) * parts:
            taken += 1
            source.taken.append(result.taken[taken * parts - 1])
        else:
            yield


def gather(source: Stream, result: Stream, parts: int) -> Run:
    """`spikeloom_resize` to more lanes: the word that is gathered is the one on offer."""
    taken = -1
    for beat in count():
        while len(source.valid) <= beat:
            yield
        word, part = divmod(beat, parts)
        taken = max(source.valid[beat], taken + 1)
        if part == 0 and word:
            while len(result.taken) < word:
                yield
            taken = max(taken, result.taken[word - 1])
        source.taken.append(taken)
        if part == parts - 1:
            result.valid.append(taken + 1)


def filled(source: Stream, writes: Times, reads: Times, depth: int) -> Run:
    """The side of `spikeloom_fifo` that words come in on."""
    taken = -1
    for word in count():
        while len(source.valid) <= word or len(reads) <= word - depth:
            yield
        taken = max(source.valid[word], taken + 1)
        if word >= depth:
            taken = max(taken, reads[word - depth] + 1)
        source.taken.append(taken)
        writes.append(taken)


def drained(result: Stream, writes: Times, reads: Times) -> Run:
    """The side that words leave on: read from the memory, then on offer in a register."""
    while True:
        if len(writes) > len(result.valid):
            result.valid.append(writes[len(result.valid)] + 2)
        elif len(writes) > len(reads) <= len(result.taken):
            word = len(reads)
            reads.append(max(writes[word] + 1, result.taken[word - 1] if word else 0))
        else:
            yield


def added(sources: Sequence[Stream], result: Stream) -> Run:
    """`spikeloom_add`: a beat of each input at once, into one register."""
    offers = [source.valid for source in sources]
    while True:
        offered, taken = len(result.valid), len(sources[0].taken)
        known = min(map(len, offers))
        if known > offered:
            beats = zip(*(valid[offered:known] for valid in offers), strict=True)
            result.valid.extend(max(beat) + 1 for beat in beats)
        elif offered > taken <= len(result.taken):
            for source in sources:
                source.taken.append(_registered(result, taken))
        else:
            yield


def concatenated(sources: Sequence[Stream], result: Stream, groups: Sequence[int]) -> Run:
    """`spikeloom_concat`: beats of each input in turn, into one register."""
    turns = [
        (source, beat, beats)
        for source, beats in zip(sources, groups, strict=True)
        for beat in range(beats)
    ]
    taken = 0
    while True:
        offered = len(result.valid)
        position, turn = divmod(offered, len(turns))
        source, beat, beats = turns[turn]
        place = position * beats + beat
        if len(source.valid) > place:
            result.valid.append(source.valid[place] + 1)
        elif offered > taken <= len(result.taken):
            turns[taken % len(turns)][0].taken.append(_registered(result, taken))
            taken += 1
        else:
            yield


def _registered(result: Stream, beat: int) -> int:
    """When a beat goes into an output register: it is free, or emptied in this clock."""
    come = result.valid[beat] - 1
    return max(come, result.taken[beat - 1]) if beat else come


def delay_filled(
    source: Stream, writes: Times, reads: Times, *, depth: int, words: int, steps: int
) -> Run:
    """The input of `spikeloom_delay`: a FIFO that drops the last step of an inference."""
    taken, written = -1, 0
    for beat in count():
        while len(source.valid) <= beat:
            yield
        taken = max(source.valid[beat], taken + 1)
        if steps == 1 or beat // words % steps != steps - 1:
            while len(reads) <= written - depth:
                yield
            if written >= depth:
                taken = max(taken, reads[written - depth] + 1)
            writes.append(taken)
            written += 1
        source.taken.append(taken)


def delay_drained(result: Stream, writes: Times, reads: Times, *, words: int, steps: int) -> Run:
    """The output of `spikeloom_delay`: a step of zeros, on offer at once, and what was kept."""
    valid, taken = result.valid, result.taken
    kept: list[int] = []  # places of the beats that were kept
    gone = 0
    while True:
        beat = len(valid)
        step = beat // words
        if step == 0 or (steps > 1 and step % steps == 0):
            valid.extend(repeat(0, words))
        elif len(writes) > len(kept):
            valid.append(writes[len(kept)] + 2)
            kept.append(beat)
        elif len(kept) > len(reads) and len(taken) > (kept[len(reads) - 1] if reads else -1):
            gone = taken[kept[len(reads) - 1]] if reads else 0
            reads.append(max(writes[len(reads)] + 1, gone))
        else:
            yield
