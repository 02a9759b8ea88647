"""Which bits share a look-up table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import log2
from random import Random

from spikeloom.codegen._unrolled._plan import Weighted, extent, table_luts

_TRIES_PER_ITEM = 40
_SAME = 1e-9  # estimates that differ by less are equal


def group_bits(items: Sequence[Weighted], size: int, seed: int) -> list[list[Weighted]]:
    """Divide weighted bits into tables of up to `size` inputs.

    Starts from bits in the order of their weights, and exchanges bits between tables as long
    as the estimate falls.
    """
    ordered = sorted(items, key=_order)
    groups = [ordered[first : first + size] for first in range(0, len(ordered), size)]
    if len(groups) > 1:
        _improve(groups, size, Random(seed), _TRIES_PER_ITEM * len(items))
    return [group for group in groups if group]


def _order(item: Weighted) -> tuple[int, int, Weighted]:
    bit, weight = item
    size = abs(weight)
    return (-(size & -size), size, (bit, weight))


def _improve(groups: list[list[Weighted]], size: int, random: Random, tries: int) -> None:
    """Exchange bits of two tables, or move one, wherever that is not worse."""
    costs = [_cost(group) for group in groups]
    draw, count = random.random, len(groups)
    for _ in range(tries):
        first, second = int(draw() * count), int(draw() * count)
        one, two = groups[first], groups[second]
        if first == second or not one:
            continue
        i, j = int(draw() * len(one)), int(draw() * (len(two) + (len(two) < size)))
        if j < len(two) and one[i][1] == two[j][1]:
            continue
        new_one, new_two = _exchanged(one, i, two, j)
        new_costs = _cost(new_one), _cost(new_two)
        if sum(new_costs) < costs[first] + costs[second] + _SAME:
            groups[first], groups[second] = new_one, new_two
            costs[first], costs[second] = new_costs


def _exchanged(
    one: list[Weighted], i: int, two: list[Weighted], j: int
) -> tuple[list[Weighted], list[Weighted]]:
    """Bit `i` of one table for bit `j` of the other, or for nothing."""
    new_one, new_two = one.copy(), two.copy()
    moved = new_one.pop(i)
    if j < len(two):
        new_one.append(two[j])
        new_two[j] = moved
    else:
        new_two.append(moved)
    return new_one, new_two


def _cost(group: list[Weighted]) -> float:
    return _table_cost(tuple(sorted([weight for _, weight in group]))) if group else 0.0


@cache
def _table_cost(weights: tuple[int, ...]) -> float:
    """Look-up tables of a table and, about, of the adders that its result goes through.

    Half of the sums are one bit wider than a quarter, and so on: a result of `n` bits
    costs `n + 2` bits of adders on its way.
    """
    _, high = extent(weights)
    return table_luts(weights) + log2(high + 1) + 2
