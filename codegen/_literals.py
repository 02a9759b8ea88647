"""The only place that prints Verilog values and memory files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from spikeloom.ir import IntArray


def unsigned_bits(largest: int) -> int:
    """Bits of an unsigned number up to `largest`, at least 1."""
    return max(1, largest.bit_length())


def address_bits(depth: int) -> int:
    """Bits of an address into `depth` words, at least 1."""
    return unsigned_bits(depth - 1)


def sized(value: int, bits: int) -> str:
    """Print `value` as a sized hexadecimal literal, two's complement if negative."""
    return f"{bits}'h{value & ((1 << bits) - 1):x}"


def vector(bits: int) -> str:
    """Print the range of a signal of `bits` bits."""
    return f"[{bits - 1}:0]"


def text(value: str) -> str:
    """Print `value`, a path of ours, as a string literal."""
    return f'"{value}"'


def joined(signals: Sequence[str]) -> str:
    """Print signals as one, the first lowest."""
    return signals[0] if len(signals) == 1 else f"{{{', '.join(reversed(signals))}}}"


def pack(fields: Iterable[tuple[int, int]]) -> int:
    """Join `(value, bits)` fields into one word, the first field lowest."""
    word = position = 0
    for value, bits in fields:
        word |= (value & ((1 << bits) - 1)) << position
        position += bits
    return word


def memory_file(words: Sequence[int], bits: int) -> str:
    """Print words for `$readmemh`: one hexadecimal number of `bits` bits a line."""
    digits = (bits + 3) // 4
    return "".join(f"{word:0{digits}x}\n" for word in words)


def rows_file(rows: IntArray, bits: int) -> str:
    """Print every row of `rows` `[words, lanes]` as a word of `bits` bits a lane, lane 0 lowest.

    What `memory_file` would print, for millions of weights.
    """
    words, lanes = rows.shape
    shifts = np.arange(bits)
    planes = (rows[:, :, None] >> shifts & 1).astype(np.uint8).reshape(words, lanes * bits)
    digits = (lanes * bits + 3) // 4
    padded = np.pad(planes, ((0, 0), (0, digits * 4 - lanes * bits)))
    nibbles = padded.reshape(words, digits, 4) @ np.array([1, 2, 4, 8], np.uint8)
    letters = np.frombuffer(b"0123456789abcdef", np.uint8)[nibbles[:, ::-1]]
    lines = np.concatenate([letters, np.full((words, 1), ord("\n"), np.uint8)], axis=1)
    return lines.tobytes().decode("ascii")
