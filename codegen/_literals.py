"""The only place that prints Verilog values and memory files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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


def pack_rows(rows: IntArray, bits: int) -> list[int]:
    """Pack every row of `rows` `[words, lanes]` into a word, lane 0 lowest."""
    mask = (1 << bits) - 1
    packed = []
    for row in rows.tolist():
        word = 0
        for value in reversed(row):
            word = (word << bits) | (value & mask)
        packed.append(word)
    return packed
