"""The weights of a dense layer or a convolution: where they reach, and how memories hold them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikeloom.codegen._facts import Facts, map_size
from spikeloom.codegen._fold import Folding
from spikeloom.codegen._geometry import convolution_axes, covering_axes, dense_kernel
from spikeloom.codegen._rule import Axis
from spikeloom.codegen._sparse import SparseRows, may_pay, sparse_rows
from spikeloom.codegen._weights import WeightMemories, weight_memories
from spikeloom.ir import Conv2d, Dense, IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kernel:
    """Weights `[out, in / groups, rows, columns]`, inputs in stream order, and their two axes.

    A flat one has a single position in front and behind.
    """

    weight: IntArray
    weight_bits: int
    groups: int
    rows: Axis
    columns: Axis
    is_flat: bool

    @property
    def outputs(self) -> int:
        """Output channels of a group."""
        return int(self.weight.shape[0]) // self.groups

    @property
    def channels(self) -> int:
        """Input channels per position."""
        return int(self.weight.shape[1]) * self.groups

    def reached(self, of_rows: IntArray) -> IntArray:
        """Add up, for an event of each value in stream order, what belongs to the rows it reaches.

        `of_rows` has a number for each row of sparse weights: see `SparseRows`.
        """
        height, width = self.weight.shape[2:]
        by_tap = of_rows.reshape(height, width, self.channels)
        rows, columns = _taps(self.rows, height), _taps(self.columns, width)
        found = np.einsum("yi,xj,ijc->yxc", rows, columns, by_tap, optimize=True)
        return np.asarray(found.reshape(-1), np.int64)


def kernel_of(facts: Facts, node: Dense | Conv2d) -> Kernel:
    """The kernel of a synapse, behind the sum pooling in front of it."""
    source = facts.sources[node.name][0]
    shape, pool = facts.shapes[source.name], source.pool
    flat = isinstance(node, Dense) and (pool == (1, 1) or len(shape) == 1)
    size = (1, 1) if flat else map_size(shape)
    if isinstance(node, Conv2d):
        weight = node.weight
        axes = convolution_axes(node, size, pool, map_size(facts.shapes[node.name]))
    else:
        weight = dense_kernel(node, shape, facts.shapes[node.source], flat=flat)
        axes = covering_axes(size, (1, 1) if flat else pool)
    return Kernel(
        weight=weight,
        weight_bits=node.weight_bits,
        groups=node.groups if isinstance(node, Conv2d) else 1,
        rows=axes[0],
        columns=axes[1],
        is_flat=flat,
    )


def weights_of(kernel: Kernel, folding: Folding, value_bits: int) -> WeightMemories | SparseRows:
    """All words of the weights, or those that hold any: as asked for, or what pays."""
    weight, bits = kernel.weight, kernel.weight_bits
    groups, lanes = kernel.groups, folding.lanes
    if folding.sparse or (folding.sparse is None and may_pay(weight, groups=groups, lanes=lanes)):
        rows = sparse_rows(weight, groups=groups, lanes=lanes, weight_bits=bits)
        if folding.sparse or rows.memory_bits <= weight.size * bits:
            return rows
    return weight_memories(
        weight,
        groups=groups,
        lanes=lanes,
        events=folding.events,
        value_bits=value_bits,
        weight_bits=bits,
    )


def _taps(axis: Axis, taps: int) -> IntArray:
    """Whether `[coordinates, taps]` a tap is among those of a coordinate."""
    found = np.zeros((axis.size, taps), np.int64)
    for place, reach in enumerate(axis.reaches):
        found[place, [reach.tap + axis.tap_step * k for k in range(reach.count)]] = 1
    return found
