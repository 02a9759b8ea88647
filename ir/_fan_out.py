"""Fan-outs: how many weights one event adds, and how many a dense network would multiply."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from spikeloom.ir._graph import (
    Conv2d,
    Dense,
    Graph,
    IntArray,
    Node,
    Product,
    Shape,
    SumPool2d,
    Synapse,
    TokenMix,
)
from spikeloom.ir._shapes import infer_shapes, tokens_of
from spikeloom.ir._wiring import is_address_rule


def dense_operations(graph: Graph) -> dict[str, int]:
    """Return the multiply-accumulates of a dense network per time step.

    By synapse or product: positions of the output times weights for each,
    padding counted.

    Raises:
        GraphError: If the shapes do not fit each other.
    """
    shapes = infer_shapes(graph)
    return {
        node.name: math.prod(shapes[node.name]) * _terms(node, shapes)
        for node in graph.nodes
        if isinstance(node, Dense | Conv2d | TokenMix | Product)
    }


def pools_before(graph: Graph, node: Synapse) -> tuple[SumPool2d, ...]:
    """Return the pools, nearest first, whose windows a synapse handles by dividing addresses.

    They are the sum pools right in front of it whose windows lie side by side,
    without padding.  Its events are those of the source of the last of them.
    """
    nodes = {found.name: found for found in graph.nodes}
    pools: list[SumPool2d] = []
    source = nodes[node.source]
    while isinstance(source, SumPool2d) and is_address_rule(source):
        pools.append(source)
        source = nodes[source.source]
    return tuple(pools)


def fan_out(
    node: Synapse | Product, pools: Sequence[SumPool2d], shapes: dict[str, Shape]
) -> IntArray:
    """Return the weights that one event at each place in front of `pools` adds."""
    result = _fan_out(node, shapes)
    for pool in pools:
        wide = np.zeros(shapes[pool.source], np.int64)
        spread = result.repeat(pool.kernel[0], axis=1).repeat(pool.kernel[1], axis=2)
        wide[:, : spread.shape[1], : spread.shape[2]] = spread
        result = wide
    return result


def _terms(node: Node, shapes: dict[str, Shape]) -> int:
    """Return how many products one output is the sum of."""
    match node:
        case Product():
            channels, *size = shapes[node.weights]
            return channels // node.heads if node.transposed else math.prod(size)
        case Dense() | Conv2d() | TokenMix():
            return math.prod(node.weight.shape[1:])
        case _:
            raise TypeError(f"{type(node).__name__} adds nothing")


def _fan_out(node: Synapse | Product, shapes: dict[str, Shape]) -> IntArray:
    shape = shapes[node.source]
    match node:
        case Dense():
            return np.full(shape, node.weight.shape[0], np.int64)
        case TokenMix():
            return np.full(shape, tokens_of(node, shape), np.int64)
        case Product():
            return np.full(shape, shapes[node.name][0] // node.heads, np.int64)
        case Conv2d():
            outputs = node.weight.shape[0] // node.groups
            rows, columns = (_taps(node, axis, shape[1 + axis]) for axis in (0, 1))
            reached = outputs * rows[:, None] * columns[None, :]
            return np.broadcast_to(reached, shape).astype(np.int64)


def _taps(node: Conv2d, axis: int, size: int) -> IntArray:
    """Return how many outputs along one axis each input position reaches."""
    kernel, apart = node.weight.shape[2 + axis], node.dilation[axis]
    stride, pad = node.stride[axis], node.padding[axis]
    reached = np.zeros(size + 2 * pad, np.int64)
    extent = (kernel - 1) * apart + 1
    for start in range(0, size + 2 * pad - extent + 1, stride):
        reached[start : start + extent : apart] += 1
    return reached[pad : pad + size]
