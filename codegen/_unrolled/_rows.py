"""The smallest plan that is found for the sum of one output."""

from __future__ import annotations

from collections.abc import Sequence

from spikeloom.codegen._unrolled._fabric import Fabric
from spikeloom.codegen._unrolled._leaves import group_bits
from spikeloom.codegen._unrolled._plan import Plan, Weighted, Wire, make_leaf
from spikeloom.codegen._unrolled._tree import add_up

_ROWS = (0, 1, 2, 3)  # of tables that are added one after the other
_PARTS = (0, 0.4, 0.55, 0.7, 0.8, 0.9, 1)  # of the carries that adders may take


def plan_sum(items: Sequence[Weighted], wires: Sequence[Wire], fabric: Fabric) -> Plan:
    """Plan the sum of weighted bits and of signals; there is at least one."""
    able = sorted((i for i in items if i[1] > 0 and i[1] & i[1] - 1 == 0), key=lambda i: i[::-1])
    plans = [
        plan
        for size in sorted({fabric.table_inputs, fabric.chain_inputs or fabric.table_inputs})
        for count in _counts(len(items), len(wires), len(able), size)
        if (plan := _plan(items, wires, able[:count], size, fabric))
    ]
    return min(plans, key=lambda plan: plan.luts)


def _counts(items: int, wires: int, able: int, size: int) -> list[int]:
    """Numbers of carries to try."""
    # If every adder takes a carry, there are so many operands and one carry less.
    most = min(able, max(0, (items + size * (wires - 1)) // (size + 1)))
    return sorted({int(part * most) for part in _PARTS})


def _plan(
    items: Sequence[Weighted],
    wires: Sequence[Wire],
    carries: list[Weighted],
    size: int,
    fabric: Fabric,
) -> Plan | None:
    """Plan with some bits that go in as carries; None if there are not so many adders."""
    taken = set(carries)
    rest = [item for item in items if item not in taken]
    groups = group_bits(rest, size, seed=len(carries))
    operands: list[Plan] = [*map(make_leaf, groups), *wires]
    if not operands:
        return None
    rows = _ROWS if fabric.chain_inputs else _ROWS[:1]
    found = [add_up(operands, carries, fabric, rows=count) for count in rows]
    return min((plan for plan, left in found if not left), key=lambda plan: plan.luts, default=None)
