"""Where the carry chain of a sum begins, and what stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spikeloom.codegen._unrolled._netlist import Range, Sum, Term


@dataclass(frozen=True, slots=True)
class Field:
    """The bits of a sum in a carry chain, from bit `start` of the sum on.

    Below `start` the sum is one operand or the other.
    """

    signal: int
    start: int
    bits: int
    doubled: bool  # whether a bit in front of the field has the carry in both operands
    free_top: bool  # whether both operands are 0 at the top bit, which is a carry alone


def occupied(term: Term, ranges: Sequence[Range]) -> int:
    """A mask of the bits at which an operand can be 1; of all above, if it can be negative."""
    known = ranges[term.signal]
    mask: int = (-1 if known.signed else (1 << known.bits) - 1) << term.shift
    return mask


def constant_is_right(node: Sum, range_: Range, ranges: Sequence[Range]) -> bool:
    """Whether the constant goes into the right operand, because that is 0 there."""
    constant = node.constant & ((1 << range_.bits) - 1)
    return not node.subtract and not constant & occupied(node.right, ranges)


def field_of(signal: int, node: Sum, ranges: Sequence[Range]) -> Field | None:
    """Return the field of the sum that is `signal`; None if it is wires alone."""
    known = ranges[signal]
    masks, doubled = _masks(node, known, ranges)
    both = masks[1] if node.subtract else masks[0] & masks[1]
    if not both:
        return None
    start = (both & -both).bit_length() - 1
    free_top = not (masks[0] | masks[1]) >> known.bits - 1
    return Field(signal, start, known.bits - start, doubled, free_top)


def _masks(node: Sum, range_: Range, ranges: Sequence[Range]) -> tuple[list[int], bool]:
    """The bits at which the operands can be 1, and whether the carry finds neither free."""
    whole = (1 << range_.bits) - 1
    masks = [occupied(term, ranges) & whole for term in (node.left, node.right)]
    masks[constant_is_right(node, range_, ranges)] |= node.constant & whole
    if node.carry is None:
        return masks, False
    place = 1 << node.carry_shift
    for side in (1, 0):
        if not masks[side] & place:
            masks[side] |= place
            return masks, False
    return masks, True


def wraps(node: Sum, range_: Range) -> bool:
    """Whether a sum may carry out of its field."""
    return range_.low < 0 or node.constant < 0
