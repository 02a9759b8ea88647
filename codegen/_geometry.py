"""How the address rule and the weights of an engine lie in its memories."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from spikeloom.codegen._literals import address_bits, memory_file, pack, unsigned_bits
from spikeloom.codegen._rule import Axis, Window, kept_axis, mixing_axis, sliding_axis
from spikeloom.ir import Conv2d, Dense, IntArray, MixAxis, Shape, TokenMix

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Two axes and the address steps of an engine.

    A position has `position_words` words of results; each of the `taps` has
    `tap_words` words of weights (0 where there are none), and `row_taps` taps
    lie between one tap along y and the next.
    """

    rows: Axis
    columns: Axis
    taps: int
    row_taps: int
    tap_words: int
    position_words: int

    @property
    def depth(self) -> int:
        """Words of results."""
        return self.rows.outputs * self.columns.outputs * self.position_words

    @property
    def positions(self) -> int:
        """Positions in front of the engine."""
        return self.rows.size * self.columns.size

    @property
    def weight_depth(self) -> int:
        """Words of weights."""
        return max(1, self.taps * self.tap_words)

    @property
    def tap_bits(self) -> int:
        """Bits of the largest number of taps along an axis."""
        return unsigned_bits(max(r.count for a in (self.rows, self.columns) for r in a.reaches))

    @property
    def row_tap_step(self) -> int:
        """Weight words from one visited row to the next."""
        return self.rows.tap_step * self.row_taps * self.tap_words

    @property
    def column_tap_step(self) -> int:
        """Weight words from one visited column to the next."""
        return self.columns.tap_step * self.tap_words

    @property
    def row_output_step(self) -> int:
        """Result words from one visited row to the next."""
        return self.rows.output_step * self.columns.outputs * self.position_words

    @property
    def column_output_step(self) -> int:
        """Result words from one visited column to the next."""
        return self.columns.output_step * self.position_words

    @property
    def entry_bits(self) -> int:
        """Bits of a word of either table."""
        return sum(self._widths)

    @property
    def _widths(self) -> tuple[int, int, int]:
        return (self.tap_bits, address_bits(self.depth), address_bits(self.weight_depth))

    def row_file(self) -> str:
        """The table of the rows."""
        return self._file(
            self.rows, self.row_taps * self.tap_words, self.columns.outputs * self.position_words
        )

    def column_file(self) -> str:
        """The table of the columns."""
        return self._file(self.columns, self.tap_words, self.position_words)

    def _file(self, axis: Axis, tap: int, output: int) -> str:
        words = [
            pack(zip((r.count, r.output * output, r.tap * tap), self._widths, strict=True))
            for r in axis.reaches
        ]
        return memory_file(words, self.entry_bits)


def convolution_axes(conv: Conv2d, size: Pair, pool: Pair, outputs: Pair) -> tuple[Axis, Axis]:
    """The axes of a convolution on a map of `size`, behind sum pools of `pool`."""
    return _pair(
        Window(
            size=size[axis],
            kernel=int(conv.weight.shape[2 + axis]),
            outputs=outputs[axis],
            pool=pool[axis],
            stride=conv.stride[axis],
            padding=conv.padding[axis],
            dilation=conv.dilation[axis],
        )
        for axis in (0, 1)
    )


def covering_axes(size: Pair, pool: Pair) -> tuple[Axis, Axis]:
    """The axes of a dense synapse behind pools: a kernel that covers the whole pooled map."""
    return _pair(
        Window(size=size[axis], kernel=size[axis] // pool[axis], outputs=1, pool=pool[axis])
        for axis in (0, 1)
    )


def pooling_axes(
    size: Pair, outputs: Pair, *, kernel: Pair, stride: Pair, padding: Pair
) -> tuple[Axis, Axis]:
    """The axes of a pooling."""
    return _pair(
        Window(
            size=size[axis],
            kernel=kernel[axis],
            outputs=outputs[axis],
            stride=stride[axis],
            padding=padding[axis],
        )
        for axis in (0, 1)
    )


def kept_axes(size: Pair) -> tuple[Axis, Axis]:
    """The axes of a rule that changes channels only."""
    return kept_axis(size[0]), kept_axis(size[1])


def mixing_tables(mix: TokenMix, size: Pair, pool: Pair, position_words: int) -> Tables:
    """The tables of a token mixing; its weights are one per tap (see `mixing_weights`)."""
    height, width = (side // window for side, window in zip(size, pool, strict=True))
    rows, columns, row_taps = kept_axis(size[0], pool[0]), kept_axis(size[1], pool[1]), 1
    match mix.axis:
        case MixAxis.ROWS:
            rows = mixing_axis(size[0], pool[0], block=height)
        case MixAxis.COLUMNS:
            columns = mixing_axis(size[1], pool[1], block=width)
        case MixAxis.TOKENS:
            # tap = (y * width + x) * tokens + ky * width + kx
            rows = mixing_axis(size[0], pool[0], block=height * width)
            columns = mixing_axis(size[1], pool[1], block=height * width)
            row_taps = width
    return Tables(
        rows=rows,
        columns=columns,
        taps=mix.weight.size,
        row_taps=row_taps,
        tap_words=1,
        position_words=position_words,
    )


def mixing_weights(mix: TokenMix, height: int, width: int) -> IntArray:
    """Weights `[taps, 1]` of a token mixing in the order of its tables: outputs fall."""
    if mix.axis is not MixAxis.TOKENS:
        return np.ascontiguousarray(mix.weight[::-1].T).reshape(-1, 1)
    taps = mix.weight.reshape(height, width, -1)[::-1, ::-1].reshape(height * width, -1)
    return np.ascontiguousarray(taps.T).reshape(-1, 1)


def dense_kernel(dense: Dense, source: Shape, pooled: Shape, *, flat: bool) -> IntArray:
    """Return the weights as `[out, in, rows, columns]`.

    A `flat` source is one long vector, its values in stream order; else the kernel covers
    the `pooled` map.
    """
    outputs = dense.weight.shape[0]
    if flat:
        return stream_weights(dense.weight, source).reshape(outputs, -1, 1, 1)
    return dense.weight.reshape(outputs, *pooled)


def stream_weights(weight: IntArray, source: Shape, pool: Pair = (1, 1)) -> IntArray:
    """Return dense weights `[out, in]` for the inputs of a stream, in stream order.

    Streams run channel-fastest, a `Dense` synapse indexes (C, H, W).  A sum pooling in front
    gives each of its inputs the weight of their sum, and those that it drops none.
    """
    if len(source) == 1:
        return weight
    channels, height, width = source
    rows, columns = height // pool[0], width // pool[1]
    pooled = weight.reshape(-1, channels, rows, columns)
    wide = np.zeros((len(weight), *source), np.int64)
    wide[:, :, : rows * pool[0], : columns * pool[1]] = pooled.repeat(pool[0], 2).repeat(pool[1], 3)
    return np.ascontiguousarray(wide.transpose(0, 2, 3, 1)).reshape(len(weight), -1)


def weight_rows(kernel: IntArray, *, groups: int, lanes: int) -> IntArray:
    """Weights `[rows, channels, lanes]` as an engine reads them.

    `kernel` is `[out, in / groups, rows, columns]`; the row of a tap and a word
    `w` of `lanes` outputs of a channel group is `tap * words of a channel group + w`.
    """
    out, channels, height, width = kernel.shape
    words = out // groups // lanes
    split = kernel.reshape(groups, words, lanes, channels, height, width)
    ordered = np.transpose(split, (4, 5, 1, 0, 3, 2))  # rows, columns, word, group, channel, lane
    return np.ascontiguousarray(ordered).reshape(-1, groups * channels, lanes)


def field_sums(rows: IntArray, *, values: int, value_bits: int) -> IntArray:
    """Sums `[rows, channels / values * 2 ** (values * value_bits), lanes]` over fields.

    `rows` is `[rows, channels, lanes]`.  A field is so many neighbouring `values`
    of `value_bits` bits; behind each other are the sums of its weights for
    everything that it may hold, the first value in the lowest bits.
    """
    count, channels, lanes = rows.shape
    codes = np.arange(1 << (values * value_bits))
    shifts = np.arange(values) * value_bits
    factors = (codes[:, None] >> shifts) & ((1 << value_bits) - 1)
    sums = factors @ rows.reshape(count, channels // values, values, lanes)
    return np.asarray(sums.reshape(count, -1, lanes), np.int64)


def in_bank(rows: IntArray, *, banks: int, bank: int, codes: int = 1) -> IntArray:
    """Words `[words, lanes]` of one of several memories that share the channels (or fields).

    `rows` is `[rows, channels * codes, lanes]`; the channels (or fields) go to the banks in turn.
    """
    count, _, lanes = rows.shape
    split = rows.reshape(count, -1, banks, codes, lanes)[:, :, bank]
    return np.ascontiguousarray(split).reshape(-1, lanes)


def channel_weights(kernel: IntArray, lanes: int) -> IntArray:
    """Words `[words, lanes]` of a depthwise kernel `[channels, 1, rows, columns]`.

    The word of a tap and a word of channels is `tap * words per position + word`.
    """
    channels, _, height, width = kernel.shape
    split = kernel.reshape(channels // lanes, lanes, height, width)
    return np.ascontiguousarray(np.transpose(split, (2, 3, 0, 1))).reshape(-1, lanes)


def offset_file(channels: int, heads: int, words: int, depth: int) -> str:
    """The channel table: where the outputs of a channel's group begin at a position."""
    size = channels // heads
    offsets = [channel // size * words for channel in range(channels)]
    return memory_file(offsets, address_bits(depth))


def _pair(windows: Iterable[Window]) -> tuple[Axis, Axis]:
    first, second = map(sliding_axis, windows)
    return first, second
