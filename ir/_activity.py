"""Activity: how many spikes, events and synaptic operations an inference takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloom.ir._encode import check_inputs, encode
from spikeloom.ir._errors import DataError
from spikeloom.ir._execute import Executor
from spikeloom.ir._graph import (
    Conv2d,
    Dense,
    Encoder,
    Graph,
    IntArray,
    Neurons,
    Shape,
    SumPool2d,
    Synapse,
)
from spikeloom.ir._shapes import infer_shapes, input_of

_BATCH = 128


@dataclass(frozen=True, slots=True)
class Activity:
    """Means per inference of one neuron group and the synapse in front of it.

    `spikes` counts the spikes that the group emits.  `events` counts the
    events that its synapse takes in: spikes of the source, before pooling; for
    a direct input the set bits of its values, once per inference.  `synops`
    counts the weights that those events add: an event near a border reaches
    fewer membranes, one in the dropped remainder of a pool none.
    """

    spikes: float
    synops: float
    events: float


def measure_activity(graph: Graph, inputs: ArrayLike) -> dict[str, Activity]:
    """Measure the activity of every neuron group on `inputs`.

    Args:
        graph: The graph; it is checked first.
        inputs: At least one inference, as for `Executor.run`.

    Raises:
        GraphError: If the graph breaks a rule.
        DataError: If the inputs do not fit the graph, or there are none.
    """
    executor = Executor(graph)
    source = input_of(graph)
    values = check_inputs(source, graph.time_steps, inputs)
    if not values.shape[0]:
        raise DataError("activity must be measured on at least one inference, not 0")
    counts = _event_counts(executor, values)
    fan_outs = _fan_outs(graph)
    result = {}
    previous = source.name
    for name, fan_out in fan_outs.items():
        entering = counts[previous].astype(np.float64) / values.shape[0]
        result[name] = Activity(
            spikes=float(counts[name].sum() / values.shape[0]),
            synops=float((entering * fan_out).sum()),
            events=float(entering.sum()),
        )
        previous = name
    return result


def _event_counts(executor: Executor, values: NDArray[np.unsignedinteger]) -> dict[str, IntArray]:
    """Return the events of all inferences and steps at each position, by source."""
    graph = executor.graph
    source = input_of(graph)
    shapes = infer_shapes(graph)
    counts: dict[str, IntArray] = {source.name: np.zeros(source.shape, np.int64)}
    for start in range(0, values.shape[0], _BATCH):
        part = values[start : start + _BATCH]
        frames = encode(source, graph.time_steps, part)
        if source.encoder is Encoder.DIRECT:
            frames = np.bitwise_count(frames)
        counts[source.name] += frames.sum(axis=(0, 1), dtype=np.int64)
        for name, layer in executor.run(part, record=True).layers.items():
            spikes = layer.spikes.sum(axis=(0, 1), dtype=np.int64)
            counts[name] = counts.get(name, np.zeros(shapes[name], np.int64)) + spikes
    return counts


def _fan_outs(graph: Graph) -> dict[str, IntArray]:
    """Return, by neuron group, the weights that one event at each source position adds."""
    shapes = infer_shapes(graph)
    result: dict[str, IntArray] = {}
    pools: list[SumPool2d] = []
    fan_out = np.zeros(0, np.int64)
    for node in graph.nodes:
        if isinstance(node, SumPool2d):
            pools.append(node)
        elif isinstance(node, Dense | Conv2d):
            fan_out = _through_pools(_fan_out(node, shapes[node.source]), pools, shapes)
            pools = []
        elif isinstance(node, Neurons):
            result[node.name] = fan_out
    return result


def _fan_out(synapse: Synapse, shape: Shape) -> IntArray:
    outputs = synapse.weight.shape[0]
    if isinstance(synapse, Dense):
        return np.full(shape, outputs, np.int64)
    rows, columns = (_taps(synapse, axis, shape[1 + axis]) for axis in (0, 1))
    return np.broadcast_to(outputs * rows[:, None] * columns[None, :], shape).astype(np.int64)


def _taps(synapse: Conv2d, axis: int, size: int) -> IntArray:
    """Return how many outputs along one axis each input position reaches."""
    kernel, stride, pad = (
        synapse.weight.shape[2 + axis],
        synapse.stride[axis],
        synapse.padding[axis],
    )
    reached = np.zeros(size + 2 * pad, np.int64)
    for start in range(0, size + 2 * pad - kernel + 1, stride):
        reached[start : start + kernel] += 1
    return reached[pad : pad + size]


def _through_pools(
    fan_out: IntArray, pools: Sequence[SumPool2d], shapes: dict[str, Shape]
) -> IntArray:
    """Spread a fan-out over the positions in front of `pools`; a remainder gets 0."""
    for pool in reversed(pools):
        wide = np.zeros(shapes[pool.source], np.int64)
        spread = fan_out.repeat(pool.kernel[0], axis=1).repeat(pool.kernel[1], axis=2)
        wide[:, : spread.shape[1], : spread.shape[2]] = spread
        fan_out = wide
    return fan_out
