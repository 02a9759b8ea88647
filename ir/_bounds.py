"""Bounds of what a node puts out, from the bounds of what it reads.

Bounds have one axis for each axis of the shape, of length 1 where nothing
differs along it.  They are cut off beyond every legal width, which keeps the
arithmetic within int64 and is an error anyway.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from spikeloom.ir._encode import largest_operand
from spikeloom.ir._graph import (
    Add,
    Concat,
    Conv2d,
    Delay,
    Dense,
    Input,
    IntArray,
    MaxPool2d,
    MixAxis,
    Neurons,
    Node,
    Product,
    Readout,
    Shape,
    SumPool2d,
    Synapse,
    TokenMix,
)
from spikeloom.ir._intervals import ANALYSED_BITS, Bounds, Interval, union
from spikeloom.ir._shapes import per_neuron, pool_stride

_CUT = 1 << ANALYSED_BITS
_CUT_OPERANDS = 1 << 17  # of a product: legal ones end at 16 bits
_CUT_WEIGHTS = 1 << 33  # of a product: legal ones end at 32 signed bits


def zeros(shape: Shape) -> Bounds:
    """Return the bounds 0..0 of a node of that shape."""
    return _constant(0, shape)


def node_bounds(node: Node, sources: Sequence[Bounds], shapes: dict[str, Shape]) -> Bounds:
    """Return the bounds of what `node` puts out; those of a delay allow for its first 0."""
    return _cut(_bounds(node, sources, shapes), _CUT)


def _bounds(node: Node, sources: Sequence[Bounds], shapes: dict[str, Shape]) -> Bounds:
    match node:
        case Input():
            return _constant(largest_operand(node), node.shape)
        case Neurons() | Readout():
            return _constant(1, shapes[node.name])
        case Dense() | Conv2d() | TokenMix() | Product():
            return _currents(node, sources, shapes)
        case SumPool2d():
            return _sum_pool(node, _over_positions(sources[0]), shapes[node.source])
        case MaxPool2d():
            return _over_positions(sources[0])
        case Concat():
            return _concat(node, sources, shapes)
        case Add():
            return _add(node, sources, shapes[node.name])
        case Delay():
            return union(zeros(node.shape), sources[0])


def _currents(
    node: Synapse | Product, sources: Sequence[Bounds], shapes: dict[str, Shape]
) -> Bounds:
    match node:
        case Dense():
            return _dense(node.weight, _operands(sources[0]), shapes[node.source])
        case Conv2d():
            return _convolution(node, _per_channel(_operands(sources[0]), shapes[node.source]))
        case TokenMix():
            return _mix(node, _operands(sources[0]), shapes[node.source])
        case Product():
            return _product(node, sources[0], sources[1], shapes)


def _constant(largest: int, shape: Shape) -> Bounds:
    ones = np.ones((1,) * len(shape), np.int64)
    return Bounds(0 * ones, largest * ones)


def _cut(bounds: Bounds, limit: int) -> Bounds:
    return bounds.clipped(Interval(-limit, limit))


def _operands(bounds: Bounds) -> IntArray:
    """Return the largest operands; the least that a synapse has to reckon with is 0."""
    return np.minimum(bounds.hi, _CUT_OPERANDS)


def _over_positions(bounds: Bounds) -> Bounds:
    """Return bounds that hold at every position, by channel."""
    axes = (1, 2)
    return Bounds(bounds.lo.min(axis=axes, keepdims=True), bounds.hi.max(axis=axes, keepdims=True))


def _per_channel(values: IntArray, shape: Shape) -> IntArray:
    return np.broadcast_to(values.max(axis=(1, 2)), shape[:1])


def _gains(weight: IntArray) -> Bounds:
    """Split weights into their negative and their positive parts."""
    return Bounds(np.minimum(weight, 0), np.maximum(weight, 0))


def _dense(weight: IntArray, operands: IntArray, shape: Shape) -> Bounds:
    """Bound the currents of a dense layer; 0 is inside every operand's interval.

    So zero padding and partial sums, in any order, stay within.
    """
    gains = _gains(weight)
    if operands.size == 1:
        largest = operands.item()
        return Bounds(gains.lo.sum(axis=1) * largest, gains.hi.sum(axis=1) * largest)
    spread = np.broadcast_to(operands, shape).reshape(-1)
    return Bounds(gains.lo @ spread, gains.hi @ spread)


def _convolution(node: Conv2d, operands: IntArray) -> Bounds:
    """Bound every output channel by its group of input channels `(C,)`."""
    outputs, inputs = node.weight.shape[:2]
    split = (node.groups, outputs // node.groups, inputs)
    spread = operands.reshape(node.groups, 1, inputs)
    lo, hi = (
        (gain.sum(axis=(2, 3)).reshape(split) * spread).sum(axis=2).reshape(outputs, 1, 1)
        for gain in _gains(node.weight)
    )
    return Bounds(lo, hi)


def _mix(node: TokenMix, operands: IntArray, shape: Shape) -> Bounds:
    gains = _gains(node.weight)
    height, width = shape[1:]
    channels = operands.shape[0]
    if node.axis is MixAxis.TOKENS:
        flat = np.broadcast_to(operands, (channels, height, width)).reshape(channels, -1)
        lo, hi = ((flat @ gain.T).reshape(channels, height, width) for gain in gains)
    elif node.axis is MixAxis.COLUMNS:
        rows = np.broadcast_to(operands, (channels, operands.shape[1], width))
        lo, hi = (rows @ gain.T for gain in gains)
    else:
        columns = np.broadcast_to(operands, (channels, height, operands.shape[2]))
        lo, hi = (gain @ columns for gain in gains)
    return Bounds(lo, hi)


def _product(node: Product, source: Bounds, weights: Bounds, shapes: dict[str, Shape]) -> Bounds:
    """Bound a product by the events of each channel times the weights that they add."""
    heads, (channels, *size) = node.heads, shapes[node.weights]
    tokens = math.prod(size)
    operands = _per_channel(_operands(source), shapes[node.source]).reshape(heads, -1, 1)
    ends = []
    for end in _cut(weights, _CUT_WEIGHTS):
        spread = np.broadcast_to(end, shapes[node.weights])
        ends.append(spread.reshape(heads, channels // heads, tokens))
    if node.transposed:
        ends = [end.swapaxes(1, 2) for end in ends]
    lo, hi = np.minimum(ends[0], 0) @ operands, np.maximum(ends[1], 0) @ operands
    return Bounds(lo.reshape(-1, 1, 1), hi.reshape(-1, 1, 1))


def _sum_pool(node: SumPool2d, source: Bounds, shape: Shape) -> Bounds:
    fewest, most = _window_sizes(node, shape)
    lo = np.minimum(source.lo * fewest, source.lo * most)
    return Bounds(lo, np.maximum(source.hi * fewest, source.hi * most))


def _window_sizes(node: SumPool2d, shape: Shape) -> tuple[int, int]:
    """Return how many values of the map the emptiest and the fullest window hold."""
    counts = []
    for size, kernel, stride, pad in zip(
        shape[1:], node.kernel, pool_stride(node), node.padding, strict=True
    ):
        starts = np.arange(-pad, size + pad - kernel + 1, stride)
        held = np.minimum(starts + kernel, size) - np.maximum(starts, 0)
        counts.append((int(held.min()), int(held.max())))
    return counts[0][0] * counts[1][0], counts[0][1] * counts[1][1]


def _concat(node: Concat, sources: Sequence[Bounds], shapes: dict[str, Shape]) -> Bounds:
    ends = []
    for which in (0, 1):
        parts = [source[which] for source in sources]
        size = np.broadcast_shapes(*(part.shape[1:] for part in parts))
        spread = [
            np.broadcast_to(part, (shapes[name][0], *size))
            for name, part in zip(node.sources, parts, strict=True)
        ]
        ends.append(np.concatenate(spread))
    return Bounds(ends[0], ends[1])


def _add(node: Add, sources: Sequence[Bounds], shape: Shape) -> Bounds:
    bias = per_neuron(node.bias, shape)
    total = Bounds(bias, bias)
    for source, shift in zip(sources, node.shifts, strict=True):
        # Cut before the shift: 2**41 << 31 would not fit int64.
        kept = _cut(source, _CUT >> shift)
        total = total.plus(Bounds(kept.lo << shift, kept.hi << shift))
    return total
