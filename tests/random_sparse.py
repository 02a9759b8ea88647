"""Random graphs whose synapses have few words of weights left, and foldings that leave them out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from random_graphs import Sketch

from spikeloom.codegen import BuildOptions, LayerOptions, lower
from spikeloom.ir import BuildError, Conv2d, Dense, Graph, Node

_KEPT = (0.0, 0.1, 0.3, 0.5, 0.8)


def with_sparse_weights(
    graph: Graph, options: BuildOptions, seed: int
) -> tuple[Graph, BuildOptions]:
    """Take words of weights out of most synapses, and ask for sparse weights where legal."""
    sketch = Sketch(np.random.default_rng([seed, 5]))
    layers = dict(options.layers)
    nodes: list[Node] = []
    for node in graph.nodes:
        thin = isinstance(node, Dense | Conv2d) and sketch.chance(0.8)
        nodes.append(_thinned(sketch, node, layers.get(node.name)) if thin else node)
    thinned = Graph.of(graph.name, graph.time_steps, nodes)
    for node in nodes:
        if isinstance(node, Dense | Conv2d) and sketch.chance(0.8):
            own = layers.get(node.name, LayerOptions())
            wanted = {**layers, node.name: replace(own, sparse=sketch.chance(0.9))}
            layers = wanted if _fits(thinned, replace(options, layers=wanted)) else layers
    return thinned, replace(options, layers=layers)


def _thinned(sketch: Sketch, node: Node, options: LayerOptions | None) -> Node:
    assert isinstance(node, Dense | Conv2d)
    groups = node.groups if isinstance(node, Conv2d) else 1
    outputs = int(node.weight.shape[0]) // groups
    lanes = (options.lanes if options else None) or sketch.divisor(outputs)
    if outputs % lanes:
        lanes = 1
    kept = _KEPT[sketch.integer(0, len(_KEPT) - 1)]
    shape = (node.weight.shape[0] // lanes, *node.weight.shape[1:])
    words = (sketch.rng.random(shape) < kept).repeat(lanes, axis=0)
    return replace(node, weight=node.weight * words)


def _fits(graph: Graph, options: BuildOptions) -> bool:
    """Whether no engine is in the way: one in logic, one that keeps channels, several events."""
    try:
        lower(graph, options)
    except BuildError:
        return False
    return True
