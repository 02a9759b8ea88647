"""The order in which the operands of an output are added."""

from __future__ import annotations

from collections.abc import Sequence

from spikeloom.codegen._unrolled._fabric import Fabric
from spikeloom.codegen._unrolled._plan import Plan, Weighted, add, is_negative, top

_PARTNERS = 4  # of the smallest operand are looked at


def add_up(
    operands: Sequence[Plan], carries: Sequence[Weighted], fabric: Fabric, *, rows: int
) -> tuple[Plan, int]:
    """Add operands, the smallest first; `carries` go in at the low ends of the adders.

    Args:
        operands: What is added, at least one.
        carries: Bits whose weight is a power of two.
        fabric: What the logic is made of.
        rows: First make so many sums by adding one operand after the other, so that
            carry chains take tables.  0: always add the smallest operands.

    Returns:
        The sum, and how many carries found no adder.
    """
    waiting: dict[int, list[Weighted]] = {}
    for carry in carries:
        waiting.setdefault(carry[1], []).append(carry)
    heap = sorted(operands, key=top)
    if rows:
        heap = [_row(heap[row::rows], waiting, fabric) for row in range(min(rows, len(heap)))]
        heap.sort(key=top)
    while len(heap) > 1:
        heap = _merge(heap, waiting, fabric)
    return heap[0], sum(map(len, waiting.values()))


def _row(operands: list[Plan], waiting: dict[int, list[Weighted]], fabric: Fabric) -> Plan:
    """Add one operand after the other."""
    total = operands[0]
    for operand in operands[1:]:
        total = add(*_sides(total, operand), waiting, fabric)
    return total


def _merge(heap: list[Plan], waiting: dict[int, list[Weighted]], fabric: Fabric) -> list[Plan]:
    """Add the smallest operand and the one that goes with it best."""
    smallest = heap[0]
    choices = [_pair(smallest, other, fabric) for other in heap[1 : 1 + _PARTNERS]]
    best = min(range(len(choices)), key=lambda place: choices[place])
    other = heap[1 + best]
    total = add(*_sides(smallest, other), waiting, fabric)
    rest = heap[1 : 1 + best] + heap[2 + best :]
    rest.append(total)
    rest.sort(key=top)
    return rest


def _pair(smallest: Plan, other: Plan, fabric: Fabric) -> tuple[int, int]:
    total = add(*_sides(smallest, other), {}, fabric)
    return total.luts - smallest.luts - other.luts, top(total)


def _sides(one: Plan, two: Plan) -> tuple[Plan, Plan]:
    """What is to be subtracted stands on the right."""
    return (two, one) if is_negative(one) else (one, two)
