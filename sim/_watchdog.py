"""How long a design may take before it counts as stuck."""

from __future__ import annotations

import math

from spikeloom.ir import (
    Conv2d,
    Dense,
    Encoder,
    Graph,
    Input,
    MaxPool2d,
    Node,
    Product,
    Shape,
    SumPool2d,
    TokenMix,
    dense_operations,
    infer_shapes,
    infer_widths,
    input_of,
    pools_before,
    sources_of,
)

_LEAST = 20_000
_MARGIN = 2


def longest_inference(graph: Graph) -> int:
    """Return a number of clock cycles within which every inference is done.

    It takes the slowest hardware there could be: every block adds one weight
    or passes one value on in a clock, no two blocks work at the same time, and
    every operand is as large as it can be.
    """
    shapes = infer_shapes(graph)
    adding = _adding(graph)
    passing = sum(_passing(node, shapes) for node in graph.nodes)
    return _LEAST + _MARGIN * (adding + passing * graph.time_steps)


def _adding(graph: Graph) -> int:
    """Clocks of an inference in which weights are added, one by one."""
    operations, widths, shapes = dense_operations(graph), infer_widths(graph), infer_shapes(graph)
    clocks = 0
    for node in graph.nodes:
        if not isinstance(node, Dense | Conv2d | TokenMix | Product):
            continue
        pools = () if isinstance(node, Product) else pools_before(graph, node)
        source = pools[-1].source if pools else node.source
        window = math.prod(size for pool in pools for size in pool.kernel)
        events = operations[node.name] * window + math.prod(shapes[source])
        bits = max(1, widths.operands[source].bit_length())
        clocks += events * bits * _steps(graph, source)
    return clocks


def _steps(graph: Graph, source: str) -> int:
    """How often a stream is sent in an inference."""
    first = input_of(graph)
    is_static = source == first.name and first.encoder is Encoder.DIRECT
    return 1 if is_static else graph.time_steps


def _passing(node: Node, shapes: dict[str, Shape]) -> int:
    """Clocks of a time step in which values pass a node: each taken, resized, and sent on."""
    taken = sum(math.prod(shapes[name]) for name in sources_of(node))
    sent = math.prod(shapes[node.name]) if node.name in shapes else taken
    if isinstance(node, Input):
        return sent
    pooled = math.prod(node.kernel) * sent if isinstance(node, SumPool2d | MaxPool2d) else 0
    return 2 * taken + pooled + 2 * sent
