"""How the sum of one output is made, before it is built: tables, operands, adders.

All numbers of a plan are unsigned.  A plan with the shift `s` stands for
`value << s`, and `value` lies between `low` and `high`.  What a sum was lifted by to be
unsigned is taken off once per output, see `_offset`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spikeloom.codegen._unrolled._fabric import Fabric
from spikeloom.codegen._unrolled._netlist import Bit

Weighted = tuple[Bit, int]  # a bit and what it counts


@dataclass(frozen=True, slots=True)
class Leaf:
    """A look-up table of some bits; a negative weight counts where its bit is 0."""

    items: tuple[Weighted, ...]
    shift: int
    high: int
    luts: int

    @property
    def low(self) -> int:
        """Smallest value."""
        return 0

    @property
    def lift(self) -> int:
        """What makes it unsigned, unshifted."""
        return -sum(weight for _, weight in self.items if weight < 0)


@dataclass(frozen=True, slots=True)
class Wire:
    """A signal that exists; if `negative`, it is to be subtracted."""

    signal: int
    shift: int
    low: int
    high: int
    negative: bool

    @property
    def luts(self) -> int:
        """It costs nothing."""
        return 0


@dataclass(frozen=True, slots=True)
class Add:
    """`left + right + carry`, or `left - right + 2 ** guard`, in units of `1 << shift`."""

    left: Plan
    right: Plan
    carry: Weighted | None
    guard: int | None  # None: an addition
    shift: int
    low: int
    high: int
    luts: int  # of everything in it

    @property
    def negative(self) -> bool:
        """Whether the sum is to be subtracted, as both operands are."""
        return self.guard is None and is_negative(self.right)


Plan = Leaf | Wire | Add


def is_negative(plan: Plan) -> bool:
    """Whether a plan is to be subtracted."""
    return not isinstance(plan, Leaf) and plan.negative


def top(plan: Plan) -> int:
    """The largest value, shifted."""
    return plan.high << plan.shift


def make_leaf(items: Sequence[Weighted]) -> Leaf:
    """Put bits into one table."""
    weights = [weight for _, weight in items]
    shift, high = extent(weights)
    return Leaf(tuple(items), shift, high, table_luts(weights))


def extent(weights: Sequence[int]) -> tuple[int, int]:
    """What weights that are not 0 are all shifted by, and the sum of their sizes in that unit."""
    total = union = 0
    for weight in weights:
        total += abs(weight)
        union |= abs(weight)
    shift = (union & -union).bit_length() - 1
    return shift, total >> shift


def table_luts(weights: Sequence[int]) -> int:
    """Look-up tables that a table takes: one per bit of the result, but for a bit that passes."""
    shift, high = extent(weights)
    luts = high.bit_length()
    odd = [weight for weight in weights if weight & 1 << shift]
    return luts - 1 if len(odd) == 1 and odd[0] > 0 else luts


def add(left: Plan, right: Plan, carries: dict[int, list[Weighted]], fabric: Fabric) -> Add:
    """Add two plans, of which at most the right one is to be subtracted unless both are.

    `carries` are bits with a weight that is a power of two, by weight; one that a carry chain
    takes at its low end is removed from them.
    """
    if isinstance(left, Leaf) and not isinstance(right, Leaf) and not is_negative(right):
        left, right = right, left
    shift = min(left.shift, right.shift)
    if is_negative(right) and not is_negative(left):
        return _subtract(left, right, shift)
    low = (left.low << left.shift - shift) + (right.low << right.shift - shift)
    high = (left.high << left.shift - shift) + (right.high << right.shift - shift)
    start = max(left.shift, right.shift)
    if not _overlaps(left, right):
        return Add(left, right, None, None, shift, low, high, left.luts + right.luts)
    luts = left.luts + (0 if _absorbs(right, fabric) else right.luts)
    carry = (
        None
        if is_negative(left)
        else _carry(carries, start, shift, high, left.shift != right.shift)
    )
    if carry:
        high += carry[1] >> shift
        # At the start of the chain it goes through the top bit of a sum below, see _chains.
        luts += carry[1] != 1 << start
    luts += high.bit_length() - (start - shift)
    return Add(left, right, carry, None, shift, low, high, luts)


def _subtract(left: Plan, right: Plan, shift: int) -> Add:
    above, below = left.high << left.shift - shift, right.high << right.shift - shift
    guard = max(above.bit_length(), below.bit_length())
    high = (1 << guard) + above - (right.low << right.shift - shift)
    low = (1 << guard) + (left.low << left.shift - shift) - below
    start = max(right.shift - shift, 0) if left.shift == shift else 0
    luts = left.luts + right.luts + high.bit_length() - start
    return Add(left, right, None, guard, shift, low, high, luts)


def _absorbs(right: Plan, fabric: Fabric) -> bool:
    """Whether the tables of the right operand are part of the carry chain."""
    return isinstance(right, Leaf) and 1 < len(right.items) <= fabric.chain_inputs


def _overlaps(left: Plan, right: Plan) -> bool:
    """Whether there is a bit at which both can be 1."""
    lower, upper = (left, right) if left.shift < right.shift else (right, left)
    return top(lower).bit_length() > upper.shift


def _carry(
    carries: dict[int, list[Weighted]], start: int, shift: int, high: int, vacant: bool
) -> Weighted | None:
    """Take a bit that the carry chain from bit `start` on adds without being longer."""
    for place in (start, start - 1) if vacant else (start,):
        waiting = carries.get(1 << place)
        if waiting and (high + (1 << place - shift)).bit_length() == high.bit_length():
            return waiting.pop()
    return None
