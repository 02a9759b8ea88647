"""How one layer lies in hardware: its words, its positions and its address rule."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spikeloom.codegen._literals import address_bits, unsigned_bits
from spikeloom.codegen._rule import Axis, Reach, reaches
from spikeloom.ir import Dense, IntArray, Shape, Synapse


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """The synapse of one layer as a convolution over (rows, columns).

    A dense synapse on a vector has one position; a dense synapse behind a
    pooling is a convolution whose kernel covers the whole pooled map.
    `weight` is `[out, in, kernel_rows, kernel_columns]` with `in` in stream
    order.
    """

    spatial: bool
    rows: Axis
    columns: Axis
    weight: IntArray
    in_lanes: int
    ports: int
    lanes: int

    @property
    def in_groups(self) -> int:
        """Input words per position."""
        return int(self.weight.shape[1]) // self.in_lanes

    @property
    def port_channels(self) -> int:
        """Input channels of one event port."""
        return int(self.weight.shape[1]) // self.ports

    @property
    def groups(self) -> int:
        """Words of output channels per position."""
        return int(self.weight.shape[0]) // self.lanes

    @property
    def depth(self) -> int:
        """Words of currents."""
        return self.rows.outputs * self.columns.outputs * self.groups

    @property
    def in_words(self) -> int:
        """Input words per time step."""
        return self.rows.size * self.columns.size * self.in_groups

    @property
    def weight_depth(self) -> int:
        """Words in the weight memory of one port."""
        taps = self.rows.kernel * self.columns.kernel
        return taps * self.groups * self.port_channels

    # Strides of the weight address and of the current address.
    @property
    def column_tap(self) -> int:
        """Weight words from one kernel column to the next."""
        return self.groups * self.port_channels

    @property
    def row_tap(self) -> int:
        """Weight words from one kernel row to the next."""
        return self.columns.kernel * self.column_tap

    @property
    def row_output(self) -> int:
        """Current words from one output row to the next."""
        return self.columns.outputs * self.groups

    @property
    def tap_bits(self) -> int:
        """Bits of the largest number of taps along an axis."""
        counts = [reach.count for axis in (self.rows, self.columns) for reach in reaches(axis)]
        return unsigned_bits(max(counts))

    def row_table(self) -> list[tuple[tuple[int, int], ...]]:
        """Entries of the row table as `(value, bits)` fields, lowest first."""
        return [self._entry(r, self.row_tap, self.row_output) for r in reaches(self.rows)]

    def column_table(self) -> list[tuple[tuple[int, int], ...]]:
        """Entries of the column table as `(value, bits)` fields, lowest first."""
        return [self._entry(r, self.column_tap, self.groups) for r in reaches(self.columns)]

    def _entry(self, reach: Reach, tap: int, output: int) -> tuple[tuple[int, int], ...]:
        return (
            (reach.count, self.tap_bits),
            (reach.output * output, address_bits(self.depth)),
            (reach.tap * tap, address_bits(self.weight_depth)),
        )

    @property
    def table_bits(self) -> int:
        """Bits of a table entry."""
        return self.tap_bits + address_bits(self.depth) + address_bits(self.weight_depth)

    def port_weights(self, port: int) -> IntArray:
        """Words of the weight memory of `port`, as `[words, lanes]`."""
        own = self.weight[:, port :: self.ports]
        out, channels, height, width = own.shape
        grouped = own.reshape(self.groups, self.lanes, channels, height, width)
        # word = ((row * width + column) * groups + group) * channels + channel
        ordered = np.transpose(grouped, (3, 4, 0, 2, 1))
        return np.ascontiguousarray(ordered).reshape(-1, out // self.groups)


def kernel_of(synapse: Synapse, source: Shape, pooled: Shape, *, flat: bool) -> IntArray:
    """Return the weights as `[out, in, rows, columns]`, inputs in stream order.

    Streams run channel-fastest; a `Dense` synapse indexes (C, H, W).
    """
    if not isinstance(synapse, Dense):
        return synapse.weight
    outputs = synapse.weight.shape[0]
    if len(source) == 1:
        return synapse.weight.reshape(outputs, -1, 1, 1)
    maps = synapse.weight.reshape(outputs, *pooled)
    if flat:
        return np.transpose(maps, (0, 2, 3, 1)).reshape(outputs, math.prod(pooled), 1, 1)
    return maps
