"""The executor against docs/semantics.md, written out once more in plain Python integers.

The reference below knows single neurons and single additions only: no batches, no intervals.
"""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from spikeloom.ir import (
    Conv2d,
    Dense,
    Encoder,
    Executor,
    Graph,
    Input,
    Leak,
    LeakTerm,
    Neurons,
    Node,
    Readout,
    ReadoutKind,
    Reset,
    SumPool2d,
    infer_shapes,
    infer_widths,
    measure_activity,
    validate,
)

SEEDS = range(150)
Position = tuple[int, ...]
Frame = dict[Position, int]


@dataclass
class Observed:
    """What the reference saw: enough to check executor, widths and activity."""

    scores: list[int] = field(default_factory=list)
    spikes: dict[str, list[Frame]] = field(default_factory=dict)
    membranes: dict[str, list[Frame]] = field(default_factory=dict)
    sums: dict[str, list[int]] = field(default_factory=dict)  # u before the clamp
    currents: dict[str, list[int]] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    synops: dict[str, int] = field(default_factory=dict)


def positions(shape: tuple[int, ...]) -> list[Position]:
    return list(itertools.product(*(range(size) for size in shape)))


def frame_of(array: np.ndarray[Any, Any]) -> Frame:
    return {p: int(array[p]) for p in positions(array.shape)}


def random_bits(node: Input, time_steps: int) -> list[Frame]:
    """Section 4: the numbers `r` of the rate encoder."""
    state = node.seed
    frames: list[Frame] = []
    for _ in range(time_steps):
        frame: Frame = {}
        if len(node.shape) == 1:
            order = positions(node.shape)
        else:
            c, h, w = node.shape
            order = [(k, y, x) for y in range(h) for x in range(w) for k in range(c)]
        for p in order:
            for _ in range(16):
                out = state & 1
                state >>= 1
                if out:
                    state ^= 0xB400
            frame[p] = state % 2**node.bits
        frames.append(frame)
    return frames


def encoded(node: Input, time_steps: int, data: np.ndarray[Any, Any]) -> list[Frame]:
    if node.encoder is Encoder.SPIKES:
        return [frame_of(data[t]) for t in range(time_steps)]
    values = frame_of(data)
    if node.encoder is Encoder.DIRECT:
        return [values] * time_steps
    noise = random_bits(node, time_steps)
    return [{p: int(values[p] > r[p]) for p in values} for r in noise]


def taps(node: Dense | Conv2d, in_shape: Position, out_shape: Position) -> list[Any]:
    """Section 2 as a list of (output, input, weight)."""
    if isinstance(node, Dense):
        return [
            ((o,), p, int(node.weight[o, i]))
            for o in range(out_shape[0])
            for i, p in enumerate(positions(in_shape))
        ]
    found = []
    for o, y, x in positions(out_shape):
        for c, i, j in positions(node.weight.shape[1:]):
            row = y * node.stride[0] + i - node.padding[0]
            column = x * node.stride[1] + j - node.padding[1]
            if 0 <= row < in_shape[1] and 0 <= column < in_shape[2]:
                found.append(((o, y, x), (c, row, column), int(node.weight[o, c, i, j])))
    return found


def pooled(node: SumPool2d, frame: Frame, out_shape: Position) -> Frame:
    kh, kw = node.kernel
    return {
        (c, y, x): sum(frame[c, y * kh + i, x * kw + j] for i in range(kh) for j in range(kw))
        for c, y, x in positions(out_shape)
    }


def leaked(leak: Leak, v: int) -> int:
    return sum(term.sign * math.floor(v / 2**term.shift) for term in leak.terms)


def value_at(values: np.ndarray[Any, Any], p: Position) -> int:
    if values.ndim == 0:
        return int(values)
    return int(values[p[0]]) if values.ndim == 1 else int(values[p])


def neuron(node: Neurons, p: Position, currents: list[int], seen: list[int]) -> list[Any]:
    """Section 3 for one neuron: (s, v) of every step."""
    v, steps = 0, []
    theta = None if node.threshold is None else value_at(node.threshold, p)
    for current in currents:
        late = node.reset_delay and theta is not None and v >= theta
        decayed = leaked(node.leak, v)
        if late and theta is not None:
            decayed = {"subtract": decayed - theta, "zero": 0, "none": decayed}[node.reset]
        u = decayed + current + value_at(node.bias, p)
        seen.append(u)
        if node.membrane_bits is not None:
            half = 2 ** (node.membrane_bits - 1)
            u = max(-half, min(half - 1, u))
        s = int(theta is not None and u >= theta)
        v = u
        if s and theta is not None and not node.reset_delay:
            v = {"subtract": u - theta, "zero": 0, "none": u}[node.reset]
        steps.append((s, v))
    return steps


def reference(graph: Graph, data: np.ndarray[Any, Any]) -> Observed:
    """Run one inference."""
    shapes, seen = infer_shapes(graph), Observed()
    frames: list[Frame] = []
    source: list[Frame] = []  # before pooling, to count events
    reach: dict[Position, int] = {}
    pools: list[SumPool2d] = []
    for node in graph.nodes:
        shape = shapes[node.name]
        if isinstance(node, Input):
            frames = source = encoded(node, graph.time_steps, data)
            if node.encoder is Encoder.DIRECT:
                source = [{p: value.bit_count() for p, value in frames[0].items()}]
        elif isinstance(node, SumPool2d):
            pools.append(node)
            frames = [pooled(node, frame, shape) for frame in frames]
        elif isinstance(node, Dense | Conv2d):
            wires = taps(node, shapes[node.source], shape)
            sums = [dict.fromkeys(positions(shape), 0) for _ in frames]
            for (o, i, weight), (t, frame) in itertools.product(wires, enumerate(frames)):
                sums[t][o] += weight * frame[i]
            seen.currents[node.name] = [value for each in sums for value in each.values()]
            reach = dict.fromkeys(positions(shapes[node.source]), 0)
            for _, i, _ in wires:
                reach[i] += 1
            frames = sums
        elif isinstance(node, Neurons):
            count_events(seen, node.name, source, reach, pools)
            pools = []
            seen.sums[node.name] = []
            steps = {
                p: neuron(node, p, [frame[p] for frame in frames], seen.sums[node.name])
                for p in positions(shape)
            }
            each = range(graph.time_steps)
            seen.spikes[node.name] = [{p: steps[p][t][0] for p in steps} for t in each]
            seen.membranes[node.name] = [{p: steps[p][t][1] for p in steps} for t in each]
            frames = source = seen.spikes[node.name]
        else:
            spikes, membranes = seen.spikes[node.source], seen.membranes[node.source]
            is_count = node.kind is ReadoutKind.SPIKE_COUNT
            seen.scores = [
                sum(frame[p] for frame in spikes) if is_count else membranes[-1][p]
                for p in positions(shapes[node.source])
            ]
    return seen


def count_events(
    seen: Observed, name: str, source: list[Frame], reach: Frame, pools: list[SumPool2d]
) -> None:
    seen.events[name] = sum(sum(frame.values()) for frame in source)
    total = 0
    for frame in source:
        for p, count in frame.items():
            q = p
            for pool in pools:
                q = (q[0], q[1] // pool.kernel[0], q[2] // pool.kernel[1])
            total += count * reach.get(q, 0)
    seen.synops[name] = total


# --- random graphs ---------------------------------------------------------------------------

LEAKS = [
    Leak.none(),
    Leak.shift(1),
    Leak.shift(3),
    Leak((LeakTerm(1, 1),)),
    Leak((LeakTerm(1, 0), LeakTerm(-1, 2), LeakTerm(1, 4))),
    Leak((LeakTerm(1, 0), LeakTerm(-1, 2), LeakTerm(-1, 3))),
    Leak((LeakTerm(1, 1), LeakTerm(1, 2), LeakTerm(-1, 5))),
    Leak((LeakTerm(1, 0), LeakTerm(-1, 0))),
]


def random_neurons(rng: random.Random, name: str, source: str, shape: Position) -> Neurons:
    generator = np.random.default_rng(rng.randrange(10**6))
    sizes = rng.choice([(), (shape[0],), shape])
    membrane_bits = rng.choice([None, None, 4, 6, 12])
    most = 2 ** (membrane_bits - 1) if membrane_bits else 20
    return Neurons(
        name=name,
        source=source,
        threshold=generator.integers(1, min(most, 20), sizes),
        bias=generator.integers(-4, 5, rng.choice([(), (shape[0],), shape])),
        leak=rng.choice(LEAKS),
        reset=rng.choice(list(Reset)),
        reset_delay=rng.random() < 0.5,
        membrane_bits=membrane_bits,
    )


def random_synapse(rng: random.Random, name: str, source: str, shape: Position) -> Dense | Conv2d:
    generator = np.random.default_rng(rng.randrange(10**6))
    bits = rng.choice([1, 2, 4, 8])
    span = (-(2 ** (bits - 1)), 2 ** (bits - 1))
    out = rng.randint(1, 3)
    if len(shape) == 1 or rng.random() < 0.3:
        weight = generator.integers(*span, (out, math.prod(shape)))
        return Dense(name=name, source=source, weight=weight, weight_bits=bits)
    padding = (rng.randint(0, 2), rng.randint(0, 2))
    kernel = [rng.randint(1, min(3, shape[1 + axis] + 2 * padding[axis])) for axis in (0, 1)]
    return Conv2d(
        name=name,
        source=source,
        weight=generator.integers(*span, (out, shape[0], *kernel)),
        weight_bits=bits,
        stride=(rng.randint(1, 3), rng.randint(1, 3)),
        padding=padding,
    )


def random_graph(seed: int) -> Graph:
    rng = random.Random(seed)
    encoder = rng.choice(list(Encoder))
    shape = rng.choice([(rng.randint(1, 6),), *[(rng.randint(1, 3), 5, rng.randint(3, 6))] * 3])
    bits = 1 if encoder is Encoder.SPIKES else rng.choice([1, 3, 8, 12])
    seed_value = rng.randint(1, 65535)
    source: Node = Input(name="x", shape=shape, bits=bits, encoder=encoder, seed=seed_value)
    nodes = [source]

    def add(node: Node) -> Position:
        nodes.append(node)
        return infer_shapes(Graph("g", 1, tuple(nodes)))[node.name]

    for layer in range(rng.randint(1, 3)):
        for pool in range(2):
            if len(shape) == 3 and rng.random() < 0.3 and min(shape[1:]) >= 2:
                kernel = (rng.randint(1, 2), rng.randint(1, 2))
                name = f"p{layer}_{pool}"
                shape = add(SumPool2d(name=name, source=nodes[-1].name, kernel=kernel))
        shape = add(random_synapse(rng, f"w{layer}", nodes[-1].name, shape))
        shape = add(random_neurons(rng, f"n{layer}", nodes[-1].name, shape))
    kind = rng.choice(list(ReadoutKind))
    if kind is ReadoutKind.MEMBRANE:
        last = nodes.pop()
        assert isinstance(last, Neurons)
        leak, limit = last.leak, last.membrane_bits
        nodes.append(
            Neurons(
                name=last.name,
                source=last.source,
                threshold=None,
                bias=last.bias,
                leak=leak,
                reset=Reset.NONE,
                membrane_bits=limit,
            )
        )
    nodes.append(Readout(name="scores", source=nodes[-1].name, kind=kind))
    return Graph.of("g", rng.randint(1, 6), nodes)


def inputs_for(graph: Graph, seed: int, count: int = 3) -> np.ndarray[Any, Any]:
    """Random inferences and, last, the extreme ones: nothing and everything."""
    node = graph.nodes[0]
    assert isinstance(node, Input)
    steps = (graph.time_steps,) if node.encoder is Encoder.SPIKES else ()
    rng = np.random.default_rng(seed)
    some = rng.integers(0, 2**node.bits, (count, *steps, *node.shape))
    none = np.zeros_like(some[:1])
    return np.concatenate([some, none, none + 2**node.bits - 1])


def stacked(frames: list[Frame], shape: Position) -> np.ndarray[Any, Any]:
    return np.array([[frame[p] for p in positions(shape)] for frame in frames]).reshape(-1, *shape)


# --- tests -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_executor_equals_the_scalar_reference(seed: int) -> None:
    graph = random_graph(seed)
    data = inputs_for(graph, seed)
    shapes = infer_shapes(graph)
    trace = Executor(graph).run(data, record=True)
    for n, item in enumerate(data):
        expected = reference(graph, item)
        assert trace.scores[n].tolist() == expected.scores
        assert trace.predictions[n] == expected.scores.index(max(expected.scores))
        assert set(trace.layers) == set(expected.spikes)
        for name, layer in trace.layers.items():
            spikes = stacked(expected.spikes[name], shapes[name])
            membranes = stacked(expected.membranes[name], shapes[name])
            np.testing.assert_array_equal(layer.spikes[n], spikes, strict=False)
            np.testing.assert_array_equal(layer.membranes[n], membranes, strict=False)


@pytest.mark.parametrize("seed", SEEDS)
def test_inferred_widths_hold_every_value(seed: int) -> None:
    graph = random_graph(seed)
    widths = infer_widths(graph)
    for item in inputs_for(graph, seed + 1):
        seen = reference(graph, item)
        assert widths.scores.lo <= min(seen.scores)
        assert max(seen.scores) <= widths.scores.hi
        for name, values in seen.currents.items():
            interval = widths.currents[name]
            assert interval.lo <= min(values)
            assert max(values) <= interval.hi
        for name, values in seen.sums.items():
            width = widths.membranes[name]
            half = 2 ** (width.bits - 1)
            assert width.interval.lo <= min(values)
            assert max(values) <= width.interval.hi
            if not width.saturates:
                assert all(-half <= value < half for value in values)
            held = [v for frame in seen.membranes[name] for v in frame.values()]
            assert all(-half <= v < half for v in held)


@pytest.mark.parametrize("seed", range(0, 150, 3))
def test_activity_counts_what_the_reference_counts(seed: int) -> None:
    graph = random_graph(seed)
    data = inputs_for(graph, seed)
    activity = measure_activity(graph, data)
    seen = [reference(graph, item) for item in data]
    for name, found in activity.items():
        spikes = sum(sum(frame.values()) for each in seen for frame in each.spikes[name])
        assert found.spikes == pytest.approx(spikes / len(data), rel=1e-12)
        assert found.events == pytest.approx(
            sum(each.events[name] for each in seen) / len(data), rel=1e-12
        )
        assert found.synops == pytest.approx(
            sum(each.synops[name] for each in seen) / len(data), rel=1e-12
        )


def test_the_random_graphs_cover_the_features() -> None:
    graphs = [random_graph(seed) for seed in SEEDS]
    assert all(validate(graph) == () for graph in graphs)
    nodes = [node for graph in graphs for node in graph.nodes]
    groups = [node for node in nodes if isinstance(node, Neurons) and node.threshold is not None]
    resets = {(group.reset, group.reset_delay) for group in groups}
    assert resets == set(itertools.product(Reset, (False, True)))
    assert {group.leak for group in groups} == set(LEAKS)
    assert {node.encoder for node in nodes if isinstance(node, Input)} == set(Encoder)
    assert {node.kind for node in nodes if isinstance(node, Readout)} == set(ReadoutKind)
    assert any(isinstance(node, SumPool2d) for node in nodes)
    saturates = [width.saturates for g in graphs for width in infer_widths(g).membranes.values()]
    assert saturates.count(True) > 20
    assert saturates.count(False) > 20
    fired = [Executor(g).run(inputs_for(g, 0), record=True).layers for g in graphs]
    rates = [layer.spikes.mean() for layers in fired for layer in layers.values()]
    assert sum(0.05 < rate < 0.95 for rate in rates) > 80
