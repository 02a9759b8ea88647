"""Shapes of every node, and parameters spread over a shape."""

from __future__ import annotations

import math

from spikeloom.ir._errors import GraphError
from spikeloom.ir._graph import (
    Conv2d,
    Dense,
    Graph,
    Input,
    IntArray,
    Neurons,
    Node,
    Readout,
    Shape,
    SumPool2d,
)


def infer_shapes(graph: Graph) -> dict[str, Shape]:
    """Return the shape of what every node puts out, by node name.

    The shape of a readout is `(classes,)`.

    Raises:
        GraphError: If a node does not fit its source, or its source is unknown.
    """
    shapes: dict[str, Shape] = {}
    for node in graph.nodes:
        if isinstance(node, Input):
            shapes[node.name] = node.shape
            continue
        if node.source not in shapes:
            raise GraphError(f"node {node.name!r} must come after its source {node.source!r}")
        shapes[node.name] = output_shape(node, shapes[node.source])
    return shapes


def output_shape(node: Node, source: Shape) -> Shape:
    """Return the shape of `node` on a source of shape `source`.

    Raises:
        GraphError: If the node cannot read that shape.
    """
    match node:
        case Input():
            return node.shape
        case Dense():
            return _dense_shape(node, source)
        case Conv2d():
            return _conv_shape(node, source)
        case SumPool2d():
            return _pool_shape(node, source)
        case Neurons():
            return source
        case Readout():
            return (math.prod(source),)


def input_of(graph: Graph) -> Input:
    """Return the input of a graph.

    Raises:
        GraphError: If the graph does not begin with one.
    """
    first = graph.nodes[0] if graph.nodes else None
    if not isinstance(first, Input):
        raise GraphError(f"graph {graph.name!r} must begin with an Input")
    return first


def per_neuron(values: IntArray, shape: Shape) -> IntArray:
    """Return a threshold or bias with one axis per axis of `shape`.

    A value of shape `()` or `(C,)` gets axes of length 1 so that it broadcasts
    against a group of that shape.
    """
    missing = len(shape) - values.ndim
    if values.ndim == 1:
        return values.reshape(values.shape + (1,) * missing)
    return values.reshape((1,) * missing + values.shape)


def _dense_shape(node: Dense, source: Shape) -> Shape:
    if node.weight.ndim != 2:
        raise GraphError(
            f"weight of {node.name!r} must have shape [out, in], not {list(node.weight.shape)}"
        )
    outputs, inputs = node.weight.shape
    size = math.prod(source)
    if inputs != size:
        raise GraphError(
            f"weight of {node.name!r} must have {size} inputs, the size of {node.source!r} "
            f"{list(source)}, not {inputs}; change the weight to shape [{outputs}, {size}]"
        )
    return (outputs,)


def _conv_shape(node: Conv2d, source: Shape) -> Shape:
    if node.weight.ndim != 4:
        raise GraphError(
            f"weight of {node.name!r} must have shape [out, in, kh, kw], "
            f"not {list(node.weight.shape)}"
        )
    _require_map(node, source)
    outputs, channels, *kernel = node.weight.shape
    if channels != source[0]:
        raise GraphError(
            f"weight of {node.name!r} must have {source[0]} input channels, those of "
            f"{node.source!r}, not {channels}"
        )
    padded = [size + 2 * pad for size, pad in zip(source[1:], node.padding, strict=True)]
    _require_room(node, padded, kernel)
    sizes = [
        (size - taps) // step + 1
        for size, taps, step in zip(padded, kernel, node.stride, strict=True)
    ]
    return (outputs, *sizes)


def _pool_shape(node: SumPool2d, source: Shape) -> Shape:
    _require_map(node, source)
    _require_room(node, list(source[1:]), list(node.kernel))
    sizes = [size // window for size, window in zip(source[1:], node.kernel, strict=True)]
    return (source[0], *sizes)


def _require_map(node: Conv2d | SumPool2d, source: Shape) -> None:
    if len(source) != 3:
        raise GraphError(
            f"source of {node.name!r} must be a feature map (C, H, W), not {node.source!r} "
            f"of shape {list(source)}; use a Dense synapse on a vector"
        )


def _require_room(node: Conv2d | SumPool2d, sizes: list[int], kernel: list[int]) -> None:
    if any(window > size for size, window in zip(sizes, kernel, strict=True)):
        raise GraphError(
            f"kernel of {node.name!r} must fit the {sizes[0]}x{sizes[1]} map that it reads "
            f"(padding included), not {kernel[0]}x{kernel[1]}; use a smaller kernel or more padding"
        )
