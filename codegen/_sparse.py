"""Weights without the words that hold none: rows, where their words lie, and where these belong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikeloom.codegen._geometry import weight_rows
from spikeloom.codegen._literals import address_bits, memory_file, pack, unsigned_bits
from spikeloom.ir import IntArray

_WORTH = 2  # so many times fewer clock cycles make sparse weights the automatic choice


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SparseRows:
    """Rows of a kernel: one for each kernel tap and input channel, `tap * channels + channel`.

    Row `r` has the `counts[r]` stored words from `firsts[r]` on.  Stored word `w` holds the
    weights `words[w]`, `[lanes]`, of the `offsets[w]`-th word of output channels (of a group).
    Rows that are equal share their words.
    """

    firsts: IntArray  # [rows]
    counts: IntArray  # [rows]
    offsets: IntArray  # [stored words]
    words: IntArray  # [stored words, lanes]
    groups: int  # words of output channels: what a row has if none is left out
    bits: int  # of a weight

    @property
    def depth(self) -> int:
        """Stored words."""
        return len(self.words)

    @property
    def all_words(self) -> int:
        """Words of the kernel, with those that are left out."""
        return len(self.counts) * self.groups

    @property
    def row_widths(self) -> tuple[int, int]:
        """Bits of the number of words, and of the first one."""
        return unsigned_bits(self.groups), address_bits(self.depth)

    @property
    def entry_bits(self) -> int:
        """Bits of a word of the row table."""
        return sum(self.row_widths)

    @property
    def offset_bits(self) -> int:
        """Bits of a word of the offset table; 0: there is none."""
        return address_bits(self.groups) if self.groups > 1 else 0

    @property
    def memory_bits(self) -> int:
        """Bits of the weights and of both tables."""
        width = int(self.words.shape[1]) * self.bits + self.offset_bits
        return self.depth * width + len(self.counts) * self.entry_bits

    def row_file(self) -> str:
        """The row table."""
        entries = zip(self.counts.tolist(), self.firsts.tolist(), strict=True)
        words = [pack(zip(entry, self.row_widths, strict=True)) for entry in entries]
        return memory_file(words, self.entry_bits)

    def offset_file(self) -> str:
        """The offset table."""
        return memory_file(self.offsets.tolist(), self.offset_bits)


def may_pay(kernel: IntArray, *, groups: int, lanes: int) -> bool:
    """Whether so few words hold a weight that leaving out the others saves many clock cycles."""
    return _WORTH * share_of_words(kernel, groups=groups, lanes=lanes) <= 1


def share_of_words(kernel: IntArray, *, groups: int, lanes: int) -> float:
    """The share of the words of `lanes` weights that hold any; `kernel` is `[out, ...]`."""
    return float(kernel.reshape(groups, -1, lanes, *kernel.shape[1:]).any(axis=2).mean())


def words_of_rows(kernel: IntArray, *, groups: int, lanes: int) -> IntArray:
    """How many words of each row hold a weight, `[rows]`."""
    parts = kernel.reshape(groups, -1, lanes, *kernel.shape[1:]).any(axis=2).sum(axis=1)
    return np.asarray(np.transpose(parts, (2, 3, 0, 1)).reshape(-1), np.int64)


def sparse_rows(kernel: IntArray, *, groups: int, lanes: int, weight_bits: int) -> SparseRows:
    """Lay out a kernel `[out, in / groups, rows, columns]`, inputs in stream order."""
    words = kernel.shape[0] // groups // lanes  # of a group of output channels
    by_word = weight_rows(kernel, groups=groups, lanes=lanes)
    by_row = by_word.reshape(-1, words, by_word.shape[1], lanes).swapaxes(1, 2)
    rows = by_row.reshape(-1, words * lanes)
    distinct, which = np.unique(rows, axis=0, return_inverse=True)
    parts = distinct.reshape(-1, words, lanes)
    present = parts.any(axis=2)  # [distinct rows, words]
    counts = present.sum(axis=1)
    firsts = np.where(counts, np.cumsum(counts) - counts, 0)
    which = which.reshape(-1)
    stored, offsets = parts[present], np.nonzero(present)[1]
    if not len(stored):  # a memory has a word, here one that nothing visits
        stored, offsets = np.zeros((1, lanes), np.int64), np.zeros(1, np.int64)
    return SparseRows(
        firsts=firsts[which],
        counts=counts[which],
        offsets=offsets,
        words=stored,
        groups=words,
        bits=weight_bits,
    )
