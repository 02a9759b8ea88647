"""Which units go, so that all budgets are kept: as few as can be, and what they cost."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from spikeloom.model._compress._pruning import Pruning

_BRACKETS = 16  # part of the units that are left, for the first step from a rough number


def cut(pruning: Pruning, order: Tensor, *, refill: bool) -> Tensor:
    """The units that go: all that are 0, and the first of an order, as few as keep all budgets.

    Args:
        pruning: What it is about.
        order: All units.
        refill: Whether those of the first ones stay for which there is room nevertheless, as a
            resource may be taken by one layer alone.  They are looked for only where resources
            are measured quickly.

    Raises:
        ResourceError: If even the last units do not keep the budgets.
    """
    first = fewest(pruning, order)
    gone, others = order[:first], order[first : pruning.most]
    if refill and not any(budget.resource.rough for budget in pruning.budgets):
        gone = _refilled(pruning, gone)
    return torch.cat([gone, others[pruning.squares()[others] == 0]])


def lost(pruning: Pruning, gone: Tensor) -> list[float]:
    """What each layer loses with these units: the logarithm of how much its squares become less.

    A unit that goes adds its square over the sum of all that are left, so that the order of
    `relative_squares` makes the sum over the layers small.
    """
    tiny = torch.finfo(torch.float32).tiny
    found = []
    for layer, stays in zip(pruning.layers, pruning.split(pruning.all_but(gone)), strict=True):
        squares = layer.squares()
        left = squares[layer.rounded(stays)].sum()
        found.append(math.log((float(squares.sum()) + tiny) / (float(left) + tiny)))
    return found


def fewest(pruning: Pruning, order: Tensor, *, roughly: bool = False) -> int:
    """How many units of an order have to go, at least, so that all budgets are kept.

    Raises:
        ResourceError: If even the last units do not keep them.
    """
    low, high = (0, pruning.most) if roughly else _bracket(pruning, order)
    while low < high:
        middle = (low + high) // 2
        if pruning.keeps(order[:middle], roughly=roughly):
            high = middle
        else:
            low = middle + 1
    if roughly:
        return low
    while not pruning.keeps(order[:low]):  # a resource may become more where weights go
        if low == pruning.most:
            pruning.check(pruning.smallest(order))
        low += 1
    return low


def _bracket(pruning: Pruning, order: Tensor) -> tuple[int, int]:
    """Between which numbers `fewest` is to be looked for: few, if one is known roughly."""
    most = pruning.most
    if all(budget.resource.rough is None for budget in pruning.budgets):
        return 0, most
    low = high = fewest(pruning, order, roughly=True)
    step = max(1, (most - low) // _BRACKETS)
    if pruning.keeps(order[:high]):
        while low > 0 and pruning.keeps(order[: (low := max(0, low - step))]):
            high, step = low, 2 * step
        return low, high
    while high < most and not pruning.keeps(order[: (high := min(most, high + step))]):
        low, step = high, 2 * step
    return low, high


def _refilled(pruning: Pruning, gone: Tensor) -> Tensor:
    """Without those that fit in again, where most is lost first; what is 0 does not come back."""
    losses, squares = lost(pruning, gone), pruning.squares()
    ranges = zip(losses, pairwise(pruning.firsts), strict=True)
    for _, (first, end) in sorted(ranges, key=lambda each: -each[0]):
        own = (gone >= first) & (gone < end) & (squares[gone] > 0)
        best_first = own.nonzero().flatten().flip(0)
        room = _room(pruning, gone, best_first)
        stays = torch.zeros_like(own)
        stays[best_first[:room]] = True
        gone = gone[~stays]
    return gone


def _room(pruning: Pruning, gone: Tensor, places: Tensor) -> int:
    """How many units may stay of those at some places among what goes."""

    def fits(count: int) -> bool:
        goes = torch.ones_like(gone, dtype=torch.bool)
        goes[places[:count]] = False
        return pruning.keeps(gone[goes])

    if not len(places) or not fits(1):
        return 0
    low, high = 1, len(places)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low
