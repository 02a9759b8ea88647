"""Shapes of every node, and parameters spread over a shape."""

from __future__ import annotations

import math
from collections.abc import Sequence

from spikeloom.ir._errors import GraphError
from spikeloom.ir._graph import (
    Add,
    Concat,
    Conv2d,
    Delay,
    Dense,
    Graph,
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
    sources_of,
)

Pool = SumPool2d | MaxPool2d


def infer_shapes(graph: Graph) -> dict[str, Shape]:
    """Return the shape of what every node puts out, by node name.

    The shape of a readout is `(classes,)`.

    Raises:
        GraphError: If a node does not fit its source, or its source is unknown.
    """
    shapes: dict[str, Shape] = {}
    for node in graph.nodes:
        sources = () if isinstance(node, Delay) else sources_of(node)
        for source in sources:
            if source not in shapes:
                raise GraphError(f"node {node.name!r} must come after its source {source!r}")
        shapes[node.name] = output_shape(node, [shapes[source] for source in sources])
    for node in graph.nodes:
        if isinstance(node, Delay):
            check_delay(node, shapes)
    return shapes


def output_shape(node: Node, sources: Sequence[Shape]) -> Shape:
    """Return the shape of `node` on sources of these shapes (a delay's is its own).

    Raises:
        GraphError: If the node cannot read those shapes.
    """
    match node:
        case Input() | Delay():
            return node.shape
        case Dense() | Conv2d() | TokenMix() | Product():
            return _current_shape(node, sources)
        case SumPool2d() | MaxPool2d():
            return _pool_shape(node, sources[0])
        case Concat():
            return _concat_shape(node, sources)
        case Add():
            return _add_shape(node, sources)
        case Neurons():
            return sources[0]
        case Readout():
            return (math.prod(sources[0]),)


def _current_shape(node: Synapse | Product, sources: Sequence[Shape]) -> Shape:
    match node:
        case Dense():
            return _dense_shape(node, sources[0])
        case Conv2d():
            return _conv_shape(node, sources[0])
        case TokenMix():
            return _mix_shape(node, sources[0])
        case Product():
            return _product_shape(node, *sources)


def check_delay(node: Delay, shapes: dict[str, Shape]) -> None:
    """Check the shape that a delay names against that of its source.

    Raises:
        GraphError: If they differ, or the source has no shape.
    """
    if node.source not in shapes:
        raise GraphError(
            f"source of {node.name!r} must be a node of the graph, not {node.source!r}"
        )
    found = shapes[node.source]
    if node.shape != found:
        raise GraphError(
            f"shape of {node.name!r} must be that of its source {node.source!r}, {list(found)}, "
            f"not {list(node.shape)}; set shape={tuple(found)}"
        )


def input_of(graph: Graph) -> Input:
    """Return the input of a graph.

    Raises:
        GraphError: If the graph does not begin with one.
    """
    first = graph.nodes[0] if graph.nodes else None
    if not isinstance(first, Input):
        raise GraphError(f"graph {graph.name!r} must begin with an Input")
    return first


def readout_of(graph: Graph) -> Readout:
    """Return the readout of a graph.

    Raises:
        GraphError: If the graph does not end with one.
    """
    last = graph.nodes[-1] if graph.nodes else None
    if not isinstance(last, Readout):
        raise GraphError(f"graph {graph.name!r} must end with a Readout")
    return last


def per_neuron(values: IntArray, shape: Shape) -> IntArray:
    """Return a threshold or bias with one axis per axis of `shape`.

    A value of shape `()` or `(C,)` gets axes of length 1 so that it broadcasts
    against a group of that shape.
    """
    missing = len(shape) - values.ndim
    if values.ndim == 1:
        return values.reshape(values.shape + (1,) * missing)
    return values.reshape((1,) * missing + values.shape)


def pool_stride(pool: Pool) -> tuple[int, int]:
    """Return how far apart the windows of a pool are."""
    return pool.kernel if pool.stride is None else pool.stride


def tokens_of(node: TokenMix, shape: Shape) -> int:
    """Return how many positions a token mixing of a map of that shape mixes."""
    match node.axis:
        case MixAxis.ROWS:
            return shape[1]
        case MixAxis.COLUMNS:
            return shape[2]
        case MixAxis.TOKENS:
            return shape[1] * shape[2]


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
    _require_map(node.name, node.source, source)
    _require_groups(node, source[0])
    extent = [
        (taps - 1) * apart + 1
        for taps, apart in zip(node.weight.shape[2:], node.dilation, strict=True)
    ]
    sizes = _windows(node.name, source, extent, node.stride, node.padding)
    return (node.weight.shape[0], *sizes)


def _require_groups(node: Conv2d, channels: int) -> None:
    outputs, inputs = node.weight.shape[:2]
    if node.groups == 1 and inputs != channels:
        raise GraphError(
            f"weight of {node.name!r} must have {channels} input channels, those of "
            f"{node.source!r}, not {inputs}"
        )
    if channels % node.groups or outputs % node.groups:
        raise GraphError(
            f"groups of {node.name!r} must divide its {channels} input and {outputs} output "
            f"channels, not be {node.groups}; choose a common divisor"
        )
    if inputs != channels // node.groups:
        raise GraphError(
            f"weight of {node.name!r} must have {channels // node.groups} input channels, the "
            f"{channels} of {node.source!r} in {node.groups} groups, not {inputs}"
        )


def _mix_shape(node: TokenMix, source: Shape) -> Shape:
    _require_map(node.name, node.source, source)
    count = tokens_of(node, source)
    if node.weight.shape != (count, count):
        raise GraphError(
            f"weight of {node.name!r} must have shape [{count}, {count}], the {node.axis.value} of "
            f"{node.source!r} {list(source)}, not {list(node.weight.shape)}; reshape it"
        )
    return source


def _product_shape(node: Product, source: Shape, weights: Shape) -> Shape:
    _require_map(node.name, node.source, source)
    _require_map(node.name, node.weights, weights)
    for name, shape in ((node.source, source), (node.weights, weights)):
        if shape[0] % node.heads:
            raise GraphError(
                f"heads of {node.name!r} must divide the {shape[0]} channels of {name!r}, "
                f"not be {node.heads}; choose a divisor"
            )
    tokens, width = weights[1] * weights[2], weights[0] // node.heads
    needed = width if node.transposed else tokens
    what = "channels per head" if node.transposed else "tokens"
    if source[0] // node.heads != needed:
        raise GraphError(
            f"source of {node.name!r} must have {needed} channels per head, the {what} of "
            f"{node.weights!r} {list(weights)}, not {source[0] // node.heads}; "
            "change heads, transposed or the source"
        )
    return (node.heads * tokens if node.transposed else weights[0], *source[1:])


def _pool_shape(node: Pool, source: Shape) -> Shape:
    _require_map(node.name, node.source, source)
    sizes = _windows(node.name, source, list(node.kernel), pool_stride(node), node.padding)
    return (source[0], *sizes)


def _concat_shape(node: Concat, sources: Sequence[Shape]) -> Shape:
    for name, shape in zip(node.sources, sources, strict=True):
        if len(shape) != len(sources[0]) or shape[1:] != sources[0][1:]:
            raise GraphError(
                f"sources of {node.name!r} must be equal but for their channels, but "
                f"{node.sources[0]!r} has shape {list(sources[0])} and {name!r} {list(shape)}; "
                "pool or convolve one of them"
            )
    return (sum(shape[0] for shape in sources), *sources[0][1:])


def _add_shape(node: Add, sources: Sequence[Shape]) -> Shape:
    for name, shape in zip(node.sources, sources, strict=True):
        if shape != sources[0]:
            raise GraphError(
                f"sources of {node.name!r} must have one shape, but {node.sources[0]!r} has "
                f"{list(sources[0])} and {name!r} {list(shape)}; convolve or pool one of them"
            )
    if node.bias.shape not in ((), (sources[0][0],)):
        raise GraphError(
            f"bias of {node.name!r} must have shape [] or [{sources[0][0]}], not "
            f"{list(node.bias.shape)}; give one value or one per channel"
        )
    return sources[0]


def _require_map(name: str, source_name: str, source: Shape) -> None:
    if len(source) != 3:
        raise GraphError(
            f"source of {name!r} must be a feature map (C, H, W), not {source_name!r} "
            f"of shape {list(source)}; use a Dense synapse on a vector"
        )


def _windows(
    name: str, source: Shape, extent: Sequence[int], stride: Sequence[int], padding: Sequence[int]
) -> tuple[int, int]:
    """Return how many windows fit along y and x."""
    rows, columns = (size + 2 * pad for size, pad in zip(source[1:], padding, strict=True))
    if extent[0] > rows or extent[1] > columns:
        raise GraphError(
            f"kernel of {name!r} must fit the {rows}x{columns} map that it reads "
            f"(padding included), not {extent[0]}x{extent[1]}; use a smaller kernel or more padding"
        )
    return (rows - extent[0]) // stride[0] + 1, (columns - extent[1]) // stride[1] + 1
