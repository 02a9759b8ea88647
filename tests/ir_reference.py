"""A plain reference of what a graph of any nodes computes.

It takes one inference through all nodes step after step, one value
at a time, in Python integers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spikeloom.ir import (
    Add,
    Concat,
    Conv2d,
    Delay,
    Dense,
    Encoder,
    Graph,
    Input,
    MaxPool2d,
    MixAxis,
    Neurons,
    Node,
    Product,
    Readout,
    ReadoutKind,
    Reset,
    Shape,
    SumPool2d,
    TokenMix,
    encode,
    infer_shapes,
    sources_of,
)

Values = np.ndarray[Any, Any]  # of Python integers, so that nothing wraps around


def places(shape: Shape) -> Iterator[tuple[int, ...]]:
    return itertools.product(*(range(size) for size in shape))


def filled(shape: Shape, value: Callable[..., int]) -> Values:
    """Return an array of `value(*place)` at every place."""
    result = np.empty(shape, object)
    for place in places(shape):
        result[place] = value(*place)
    return result


def wires(node: Node, shapes: dict[str, Shape]) -> Iterator[tuple[Any, Any, int]]:
    """Yield (output place, input place, weight) of a synapse."""
    assert isinstance(node, Dense | Conv2d | TokenMix)
    shape, source = shapes[node.name], shapes[node.source]
    weight = node.weight.tolist()
    if isinstance(node, Dense):
        for o, (i, place) in itertools.product(range(shape[0]), enumerate(places(source))):
            yield (o,), place, weight[o][i]
    elif isinstance(node, TokenMix):
        for c, y, x in places(shape):
            if node.axis is MixAxis.ROWS:
                yield from (((c, y, x), (c, j, x), weight[y][j]) for j in range(shape[1]))
            elif node.axis is MixAxis.COLUMNS:
                yield from (((c, y, x), (c, y, j), weight[x][j]) for j in range(shape[2]))
            else:
                width = shape[2]
                for j, (q, p) in enumerate(places(shape[1:])):
                    yield (c, y, x), (c, q, p), weight[y * width + x][j]
    else:
        yield from _conv_wires(node, shape, source)


def _conv_wires(node: Conv2d, shape: Shape, source: Shape) -> Iterator[tuple[Any, Any, int]]:
    per_group = node.weight.shape[0] // node.groups
    for (o, y, x), (c, i, j) in itertools.product(places(shape), places(node.weight.shape[1:])):
        channel = (o // per_group) * node.weight.shape[1] + c
        row = y * node.stride[0] + i * node.dilation[0] - node.padding[0]
        column = x * node.stride[1] + j * node.dilation[1] - node.padding[1]
        if 0 <= row < source[1] and 0 <= column < source[2]:
            yield (o, y, x), (channel, row, column), int(node.weight[o, c, i, j])


def product_terms(node: Product, shapes: dict[str, Shape]) -> Iterator[tuple[Any, Any, Any]]:
    """Yield (output place, event place, weight place) of every term of a product."""
    channels, height, width = shapes[node.weights]
    b, n = channels // node.heads, height * width
    tokens = list(places((height, width)))
    for head, k, j in places((node.heads, b, n)):
        for y, x in places(shapes[node.source][1:]):
            out, into = (j, k) if node.transposed else (k, j)
            outs, ins = (n, b) if node.transposed else (b, n)
            yield (
                (head * outs + out, y, x),
                (head * ins + into, y, x),
                (head * b + k, *tokens[j]),
            )


def window(node: SumPool2d | MaxPool2d, shape: Shape, y: int, x: int) -> list[tuple[int, int]]:
    """Return the places of the map that a window of a pool holds."""
    stride = node.kernel if node.stride is None else node.stride
    top, left = y * stride[0] - node.padding[0], x * stride[1] - node.padding[1]
    rows, columns = range(top, top + node.kernel[0]), range(left, left + node.kernel[1])
    held = itertools.product(rows, columns)
    return [(q, p) for q, p in held if 0 <= q < shape[1] and 0 <= p < shape[2]]


def naive(node: Node, sources: list[Values], shapes: dict[str, Shape]) -> Values:
    """Return what a node without a state makes of one frame."""
    shape = shapes[node.name]
    result = filled(shape, lambda *_: 0)
    match node:
        case Dense() | Conv2d() | TokenMix():
            for out, into, weight in wires(node, shapes):
                result[out] += weight * sources[0][into]
        case Product():
            for out, into, weight_place in product_terms(node, shapes):
                result[out] += sources[1][weight_place] * sources[0][into]
        case SumPool2d() | MaxPool2d():
            join = sum if isinstance(node, SumPool2d) else max
            for c, y, x in places(shape):
                held = window(node, shapes[node.source], y, x)
                result[c, y, x] = join([sources[0][c, q, p] for q, p in held])
        case Concat():
            result = np.concatenate(sources)
        case Add():
            bias = node.bias.tolist()
            for place in places(shape):
                terms = (v[place] * 2**s for v, s in zip(sources, node.shifts, strict=True))
                result[place] = sum(terms) + (bias if isinstance(bias, int) else bias[place[0]])
        case _:
            raise TypeError(node)
    return result


@dataclass
class Run:
    """What the reference saw of one inference, by node: one frame for each time step."""

    scores: list[int] = field(default_factory=list)
    frames: dict[str, list[Values]] = field(default_factory=dict)
    membranes: dict[str, list[Values]] = field(default_factory=dict)


def reference(graph: Graph, data: np.ndarray[Any, Any]) -> Run:
    """Take one inference through the graph, all nodes at each step."""
    shapes = infer_shapes(graph)
    run = Run([], {node.name: [] for node in graph.nodes}, {node.name: [] for node in graph.nodes})
    first = graph.nodes[0]
    assert isinstance(first, Input)
    encoded = encode(first, graph.time_steps, data[None])[0]
    for step in range(graph.time_steps):
        now = {
            node.name: run.frames[node.source][-1] if step else filled(node.shape, lambda *_: 0)
            for node in graph.nodes
            if isinstance(node, Delay)
        }
        for node in graph.nodes:
            if isinstance(node, Input):
                now[node.name] = encoded[min(step, len(encoded) - 1)].astype(object)
            elif isinstance(node, Neurons):
                now[node.name] = _neurons(node, now[node.source], run)
            elif not isinstance(node, Readout | Delay):
                now[node.name] = naive(node, [now[name] for name in sources_of(node)], shapes)
        for name, frame in now.items():
            run.frames[name].append(frame)
    last = graph.nodes[-1]
    assert isinstance(last, Readout)
    count = sum(run.frames[last.source])
    is_count = last.kind is ReadoutKind.SPIKE_COUNT
    run.scores = (count if is_count else run.membranes[last.source][-1]).reshape(-1).tolist()
    return run


def _neurons(node: Neurons, current: Values, run: Run) -> Values:
    """Take neurons one step further, neuron by neuron as in docs/semantics.md."""
    before = run.membranes[node.name]
    v = before[-1] if before else filled(current.shape, lambda *_: 0)
    spikes = filled(current.shape, lambda *_: 0)
    after = filled(current.shape, lambda *_: 0)
    for place in places(current.shape):
        drive = current[place] + _own(node.bias, place)
        threshold = None if node.threshold is None else _own(node.threshold, place)
        after[place], spikes[place] = _step(node, v[place], drive, threshold)
    before.append(after)
    return spikes


def _own(values: Values, place: tuple[int, ...]) -> int:
    """The threshold or bias of one neuron: of all, of its channel, or its own."""
    return int(values[place[: values.ndim]])


def _step(node: Neurons, v: int, drive: int, threshold: int | None) -> tuple[int, int]:
    """Membrane and spike of one neuron."""
    start = sum(term.sign * (v // 2**term.shift) for term in node.leak.terms)
    if node.reset_delay and threshold is not None and v >= threshold:
        start = _reset(node.reset, start, threshold)
    u = start + drive
    if node.membrane_bits is not None:
        half = 2 ** (node.membrane_bits - 1)
        u = min(max(u, -half), half - 1)
    if threshold is None or u < threshold:
        return u, 0
    return (u if node.reset_delay else _reset(node.reset, u, threshold)), 1


def _reset(reset: Reset, u: int, threshold: int) -> int:
    return {Reset.SUBTRACT: u - threshold, Reset.ZERO: 0, Reset.NONE: u}[reset]


def counted(graph: Graph, run: Run) -> dict[str, tuple[int, int]]:
    """Return (events, synops) of every synapse and product in one inference."""
    shapes = infer_shapes(graph)
    nodes = {node.name: node for node in graph.nodes}
    result = {}
    for node in graph.nodes:
        if not isinstance(node, Dense | Conv2d | TokenMix | Product):
            continue
        reach: dict[Any, int] = {}
        terms = product_terms(node, shapes) if isinstance(node, Product) else wires(node, shapes)
        for _, into, _ in terms:
            reach[into] = reach.get(into, 0) + 1
        source, pools = nodes[node.source], []
        while not isinstance(node, Product) and _divides(source):
            assert isinstance(source, SumPool2d)
            pools.insert(0, source.kernel)
            source = nodes[source.source]
        frames = run.frames[source.name]
        is_static = isinstance(source, Input) and source.encoder is Encoder.DIRECT
        events = synops = 0
        for frame in frames[:1] if is_static else frames:
            for place in places(frame.shape):
                bits = int(frame[place]).bit_count()
                events += bits
                synops += bits * reach.get(_pooled_place(place, pools), 0)
        result[node.name] = (events, synops)
    return result


def _divides(node: Node) -> bool:
    """Say whether the address rule of a synapse takes a pool in."""
    return (
        isinstance(node, SumPool2d)
        and node.padding == (0, 0)
        and node.stride in (None, node.kernel)
    )


def _pooled_place(place: tuple[int, ...], kernels: list[tuple[int, int]]) -> tuple[int, ...]:
    for kernel in kernels:
        place = (place[0], place[1] // kernel[0], place[2] // kernel[1])
    return place
