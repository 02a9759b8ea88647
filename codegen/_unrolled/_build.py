"""From plans to nodes."""

from __future__ import annotations

from spikeloom.codegen._unrolled._builder import Builder
from spikeloom.codegen._unrolled._netlist import Range, Term
from spikeloom.codegen._unrolled._offset import Lifts, lifts_of, settle
from spikeloom.codegen._unrolled._plan import Add, Leaf, Plan, Wire

_MOST_LIFTS = 1 << 8  # in the unit of a plan; more are not looked at


def build_part(builder: Builder, plan: Plan) -> Term:
    """Build a plan as an unsigned signal."""
    return _build(builder, lifts_of(plan, 1), 0)


def build_output(builder: Builder, plan: Plan, constant: int, range_: Range) -> Term:
    """Build a plan as an output.

    Args:
        builder: Where the nodes go.
        plan: The sum.
        constant: What is missing from it.
        range_: The values that the output has.

    Returns:
        The output, signed if it can be negative.
    """
    if isinstance(plan, Leaf):
        return builder.table(plan.items, plan.lift + constant)
    if isinstance(plan, Wire):
        return _corrected(builder, plan, constant)
    if plan.guard is not None:  # the sum may wrap, so nothing has to keep it positive
        constant += 1 << plan.guard + plan.shift
    parts = _parts(plan)
    unit = Range(range_.low >> plan.shift, range_.high >> plan.shift)
    final = settle(plan, parts, constant >> plan.shift, unit.bits)
    if final is None:
        return _corrected(builder, plan, constant)
    left, right = (
        _build(builder, part, lift) for part, lift in zip(parts, final.lifts, strict=True)
    )
    lifted = (final.lifts[0] << plan.left.shift) + (final.lifts[1] << plan.right.shift)
    return builder.sum(
        left,
        right,
        subtract=plan.guard is not None,
        constant=constant - lifted,
        carry=plan.carry,
    )


def _parts(plan: Add) -> tuple[Lifts, Lifts]:
    """The costs of lifting the operands of the last adder, as far as it may be of use."""
    count = min(_MOST_LIFTS, 2 + plan.high)
    return lifts_of(plan.left, count), lifts_of(plan.right, count)


def _corrected(builder: Builder, plan: Plan, constant: int) -> Term:
    """Add a constant that goes nowhere else."""
    term = build_part(builder, plan)
    if isinstance(plan, Add) and plan.guard is not None:
        constant -= 1 << plan.guard + plan.shift
    if not constant:
        return term
    return builder.sum(term, builder.table((), constant))


def _build(builder: Builder, lifts: Lifts, lift: int) -> Term:
    plan = lifts.plan
    if isinstance(plan, Leaf):
        return builder.table(plan.items, plan.lift + (lift << plan.shift))
    if isinstance(plan, Wire):
        return Term(plan.signal, plan.shift)
    assert lifts.parts
    left, right = (
        _build(builder, part, count)
        for part, count in zip(lifts.parts, lifts.parts_for(lift), strict=True)
    )
    if plan.guard is None:
        return builder.sum(left, right, carry=plan.carry)
    constant = 1 << plan.guard + plan.shift
    return builder.sum(left, right, subtract=True, constant=constant)


def lift_of(plan: Plan) -> int:
    """By how much a plan is larger than the sum that it stands for, unshifted."""
    if isinstance(plan, Leaf):
        return plan.lift
    if isinstance(plan, Wire):
        return 0
    guard = 0 if plan.guard is None else 1 << plan.guard + plan.shift
    return lift_of(plan.left) + lift_of(plan.right) + guard
