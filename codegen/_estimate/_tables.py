"""Look-up tables that a ROM in logic takes."""

from __future__ import annotations

from dataclasses import dataclass, field


def varying_columns(content: tuple[int, ...], bits: int) -> tuple[int, ...]:
    """Return the bits of a word that are not the same in all words."""
    ones, zeros = 0, 0
    for word in content:
        ones |= word
        zeros |= ~word
    both = ones & zeros
    return tuple(bit for bit in range(bits) if both >> bit & 1)


def distinct_columns(content: tuple[int, ...], bits: int) -> frozenset[int]:
    """Return the different columns that vary, each with word 0 as its lowest bit."""
    columns = (
        sum((word >> bit & 1) << row for row, word in enumerate(content))
        for bit in varying_columns(content, bits)
    )
    return frozenset(columns)


def count_tables(
    columns: frozenset[int], words: int, *, inputs: int, wider: int, resets: bool
) -> int:
    """Return how many look-up tables compute all columns of a ROM from its address.

    A column that needs more inputs than a table has is split at one of them
    into two, which what selects between them joins (Shannon's expansion); parts
    that are equal are made once.

    Args:
        columns: As `distinct_columns` gives them.
        words: Words of the ROM.
        inputs: Inputs of a table.
        wider: Inputs more that joining takes no table for.
        resets: Whether the address can reset the register of a column.
    """
    split = _Split(address_bits=(words - 1).bit_length(), inputs=inputs, widest=inputs + wider)
    for column in sorted(columns):
        function = _filled(column, words)
        split.add(split.behind_reset(function) if resets else function)
    return split.tables


def _filled(column: int, words: int) -> int:
    """Repeat the last words until their number is a power of two.

    As Yosys (`memory_map`) does: where one half of the words that are left
    does not exist, the address bit that selects it is not looked at.
    """
    while words & (words - 1):
        block = words & -words
        column |= (column >> (words - block)) << words
        words += block
    return column


@dataclass(slots=True)
class _Split:
    """Functions of the address, by their values, taken apart until each fits a table."""

    address_bits: int
    inputs: int
    widest: int
    tables: int = 0
    made: set[int] = field(default_factory=set)

    def behind_reset(self, function: int) -> int:
        """Return what is left of a column where the address resets its register.

        Yosys (`opt_dff`) makes a reset of a multiplexer that selects a constant.
        """
        support = self._support(function)
        if not support:
            return function
        halves = [self._half(function, support[0], value) for value in (0, 1)]
        left = [half for half in halves if self._support(half)]
        return left[0] if len(left) == 1 else function

    def add(self, function: int) -> None:
        """Count the tables for `function`, without those that are there already."""
        support = self._support(function)
        if len(support) < 2 or function in self.made:
            return
        self.made.add(function)
        if len(support) <= self.widest:
            self.tables += 1 << max(0, len(support) - self.inputs)
            return
        self.tables += 1
        for half in self._best_halves(function, support):
            self.add(half)

    def _best_halves(self, function: int, support: tuple[int, ...]) -> list[int]:
        """Return what the table that joins the halves of `function` does not compute itself."""
        splits = ([self._half(function, bit, value) for value in (0, 1)] for bit in support)
        return min((self._beside(halves) for halves in splits), key=self._cost)

    def _beside(self, halves: list[int]) -> list[int]:
        """Leave out the smaller half if it fits into the table that joins the two."""
        large, small = sorted(halves, key=lambda half: -len(self._support(half)))
        return [large] if len(self._support(small)) <= self.inputs - 2 else [large, small]

    def _cost(self, halves: list[int]) -> int:
        return sum(1 << len(self._support(half)) for half in halves if half not in self.made)

    def _support(self, function: int) -> tuple[int, ...]:
        """Return the address bits that `function` depends on, the highest first."""
        bits = reversed(range(self.address_bits))
        return tuple(
            bit for bit in bits if (function ^ (function >> (1 << bit))) & self._lower(bit)
        )

    def _half(self, function: int, bit: int, value: int) -> int:
        step = 1 << bit
        lower = (function >> step * value) & self._lower(bit)
        return lower | lower << step

    def _lower(self, bit: int) -> int:
        """Return a mask of the addresses in which `bit` is 0."""
        all_ones = (1 << (1 << self.address_bits)) - 1
        return all_ones // ((1 << (1 << bit)) + 1)
