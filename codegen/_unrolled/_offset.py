"""Where the constant of an output goes.

Tables are lifted to be unsigned, and a subtraction adds a power of two to stay so.  What
they were lifted by in all is taken off in the last adder of the output, as a constant in
those bits of an operand that are always 0: that costs nothing.  The rest of the constant,
below these bits, is made to vanish by lifting some tables a little more, where this costs
least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikeloom.codegen._unrolled._plan import Add, Leaf, Plan, is_negative

_NEVER = 1 << 20  # look-up tables of what cannot be done

Costs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lifts:
    """What it costs to lift a plan by 0, 1, ... in its own unit, and how it is done."""

    plan: Plan
    costs: Costs
    left: Costs  # of an adder: how far to lift the left operand
    parts: tuple[Lifts, Lifts] | None

    def parts_for(self, lift: int) -> tuple[int, int]:
        """How far the two operands of an adder are lifted to lift it by `lift`."""
        plan = self.plan
        assert isinstance(plan, Add)
        left = int(self.left[lift])
        rest = lift - (left << plan.left.shift - plan.shift)
        return left, rest >> plan.right.shift - plan.shift


def lifts_of(plan: Plan, count: int) -> Lifts:
    """Return the costs of lifting a plan by less than `count`."""
    if isinstance(plan, Add):
        return _adder(plan, count)
    costs = np.full(count, _NEVER)
    costs[0] = 0
    if isinstance(plan, Leaf):
        costs[:] = _leaf(plan, count)
    return Lifts(plan, costs, np.zeros(count, np.int64), None)


def _leaf(plan: Leaf, count: int) -> Costs:
    """A table may grow by a bit; a bit that passes costs a table when it is inverted."""
    lifts = np.arange(count)
    passes = plan.luts < plan.high.bit_length()
    costs = _bits(plan.high + lifts) - plan.high.bit_length() + passes * (lifts & 1)
    return np.where(lifts <= plan.high + 1, costs, _NEVER)


def _bits(values: Costs) -> Costs:
    """Width of unsigned numbers."""
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)


def _adder(plan: Add, count: int) -> Lifts:
    left, right = lifts_of(plan.left, count), lifts_of(plan.right, count)
    costs, taken = np.full(count, _NEVER), np.zeros(count, np.int64)
    spread = _spread(right, plan.right.shift - plan.shift, count)
    if is_negative(plan.right):
        spread[1:] = _NEVER  # to lift it would lower the difference
    for lift in np.flatnonzero(left.costs < _NEVER):
        place = int(lift) << plan.left.shift - plan.shift
        if place >= count:
            break
        total = left.costs[lift] + spread[: count - place]
        better = total < costs[place:]
        costs[place:][better] = total[better]
        taken[place:][better] = lift
    growth = _bits(plan.high + np.arange(count)) - plan.high.bit_length()
    if plan.guard is not None:  # the left operand must stay below the guard
        room = 1 << plan.guard
        used = plan.left.high << plan.left.shift - plan.shift
        costs[max(room - used, 1) :] = _NEVER
    return Lifts(plan, np.minimum(costs + growth, _NEVER), taken, (left, right))


def _spread(part: Lifts, shift: int, count: int) -> Costs:
    """The costs of a part in the unit of the adder that it belongs to."""
    costs = np.full(count, _NEVER)
    places = np.arange(count) << shift
    inside = places < count
    costs[places[inside]] = part.costs[inside]
    return costs


@dataclass(frozen=True, slots=True)
class Final:
    """The last adder of an output: how far its operands are lifted."""

    lifts: tuple[int, int]
    costs: int


def settle(plan: Add, parts: tuple[Lifts, Lifts], constant: int, bits: int) -> Final | None:
    """Find the cheapest way to add `constant`, in the unit of the last adder.

    Args:
        plan: The last adder.
        parts: The costs of lifting its operands.
        constant: What is missing if nothing is lifted, below 0 as a rule.
        bits: Width of the output in the unit of the adder; the sum may wrap.

    Returns:
        None if there is none without an adder more.
    """
    sides = (0,) if is_negative(plan.right) else (0, 1)
    found = [final for side in sides if (final := _settle(plan, parts, constant, bits, side))]
    return min(found, key=lambda final: final.costs, default=None)


def _settle(
    plan: Add, parts: tuple[Lifts, Lifts], constant: int, bits: int, side: int
) -> Final | None:
    holder, other = parts[side], parts[1 - side]
    shift = holder.plan.shift - plan.shift
    ours, theirs = (np.flatnonzero(part.costs < _NEVER) for part in (holder, other))
    if is_negative(plan.right):
        theirs = theirs[:1]
    widths = _bits(holder.plan.high + ours) + shift
    other_shift = other.plan.shift - plan.shift
    rest = constant - (ours << shift)[:, None] - (theirs << other_shift)[None, :]
    used = (1 << np.minimum(widths, bits)) - 1 >> shift << shift
    costs = holder.costs[ours][:, None] + other.costs[theirs][None, :]
    # A constant below the operand makes the carry chain longer.
    costs = costs + np.where(rest & ((1 << shift) - 1), shift, 0)
    costs = np.where(rest & used[:, None], _NEVER, costs)
    place = np.unravel_index(int(costs.argmin()), costs.shape)
    if costs[place] >= _NEVER:
        return None
    ours_lift, other_lift = int(ours[place[0]]), int(theirs[place[1]])
    lifts = (other_lift, ours_lift) if side else (ours_lift, other_lift)
    return Final(lifts, int(costs[place]))
