"""The weight memories of a synapse: what lies in them, and how a row is found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikeloom.codegen._events import Events
from spikeloom.codegen._geometry import field_sums, in_bank, weight_rows
from spikeloom.codegen._literals import address_bits
from spikeloom.ir import IntArray, Interval

_WORTH = 4  # a lookup has to save so many times the bits that it takes


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightMemories:
    """Words `[words, lanes]` of every bank, numbers of `bits` bits, signed.

    A row has `codes` words behind each other: one, or what a field of inputs may select.  With
    `lookups`, `[rows]` for every bank, equal rows are stored once: they say which one it is.
    """

    words: tuple[IntArray, ...]
    bits: int
    codes: int
    lookups: tuple[IntArray, ...] = ()

    @property
    def depth(self) -> int:
        """Words of a memory."""
        return int(self.words[0].shape[0])

    @property
    def row_bits(self) -> int:
        """Bits of the number of a stored row."""
        return address_bits(self.depth // self.codes)


def weight_memories(
    kernel: IntArray, *, groups: int, lanes: int, events: Events, value_bits: int, weight_bits: int
) -> WeightMemories:
    """Lay out a kernel `[out, in / groups, rows, columns]`, inputs in stream order.

    Equal rows are stored once where that saves memory: rows of inputs that no weight
    leaves (the border of an image), or of channels that were pruned.
    """
    rows = weight_rows(kernel, groups=groups, lanes=lanes)
    codes, bits = 1, weight_bits
    if events.field_values:
        codes = 1 << (events.field_values * value_bits)
        rows = field_sums(rows, values=events.field_values, value_bits=value_bits)
        bits = Interval(int(rows.min()), int(rows.max())).bits
    words = tuple(
        in_bank(rows, banks=events.banks, bank=bank, codes=codes) for bank in range(events.banks)
    )
    return _shared(WeightMemories(words=words, bits=bits, codes=codes))


def _shared(memories: WeightMemories) -> WeightMemories:
    """Store equal rows once if that is worth a lookup."""
    lanes = memories.words[0].shape[1]
    rows = memories.depth // memories.codes
    flat = [words.reshape(rows, memories.codes * lanes) for words in memories.words]
    found = [np.unique(bank, axis=0, return_inverse=True) for bank in flat]
    depth = max(stored.shape[0] for stored, _ in found)
    saved = (rows - depth) * memories.codes * lanes * memories.bits
    if saved <= _WORTH * rows * address_bits(depth):
        return memories
    return WeightMemories(
        words=tuple(_padded(stored, depth).reshape(-1, lanes) for stored, _ in found),
        bits=memories.bits,
        codes=memories.codes,
        lookups=tuple(np.asarray(inverse, np.int64).reshape(-1) for _, inverse in found),
    )


def _padded(stored: IntArray, depth: int) -> IntArray:
    return np.pad(stored, ((0, depth - stored.shape[0]), (0, 0)))
