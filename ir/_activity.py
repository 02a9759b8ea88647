"""Activity: how many spikes, events and synaptic operations an inference takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloom.ir._encode import check_inputs
from spikeloom.ir._errors import DataError
from spikeloom.ir._execute import Executor
from spikeloom.ir._fan_out import fan_out, pools_before
from spikeloom.ir._graph import Conv2d, Dense, Graph, IntArray, Neurons, Product, TokenMix
from spikeloom.ir._layers import layer_of
from spikeloom.ir._shapes import infer_shapes, input_of, readout_of
from spikeloom.ir._synapses import Operands

_BATCH = 128


@dataclass(frozen=True, slots=True)
class SynapseActivity:
    """Means per inference of one synapse or product.

    `events` counts the set bits of the operands that it takes in, in front of
    the pools that its address rule handles; a direct input counts once per
    inference.  `synops` counts the weights that those events add: an event near
    a border reaches fewer membranes, one in the dropped remainder of a pool none.
    """

    events: float
    synops: float


@dataclass(frozen=True, slots=True)
class Activity:
    """Means per inference of one layer: a neuron group and all that belongs to it.

    `spikes` counts the spikes that the group emits; `synops` and `events` are
    the sums over the synapses and products of the layer (see `layer_of`).
    """

    spikes: float
    synops: float
    events: float


def measure_activity(graph: Graph, inputs: ArrayLike) -> dict[str, Activity]:
    """Measure the activity of every neuron group on `inputs`, up to their decision.

    Args:
        graph: The graph; it is checked first.
        inputs: At least one inference, as for `Executor.run`.

    Raises:
        GraphError: If the graph breaks a rule.
        DataError: If the inputs do not fit the graph, or there are none.
    """
    counts = _mean_events(graph, inputs)
    synapses = _synapses(graph, counts)
    layers = layer_of(graph)
    members: dict[str, list[SynapseActivity]] = {
        node.name: [] for node in graph.nodes if isinstance(node, Neurons)
    }
    for name, found in synapses.items():
        members[layers[name]].append(found)
    return {
        name: Activity(
            spikes=float(counts[name].sum()) if name in counts else 0.0,
            synops=sum((found.synops for found in parts), 0.0),
            events=sum((found.events for found in parts), 0.0),
        )
        for name, parts in members.items()
    }


def synapse_activity(graph: Graph, inputs: ArrayLike) -> dict[str, SynapseActivity]:
    """Measure the activity of every synapse and product on `inputs`, up to their decision.

    Args:
        graph: The graph; it is checked first.
        inputs: At least one inference, as for `Executor.run`.

    Raises:
        GraphError: If the graph breaks a rule.
        DataError: If the inputs do not fit the graph, or there are none.
    """
    return _synapses(graph, _mean_events(graph, inputs))


def _synapses(
    graph: Graph, counts: Mapping[str, NDArray[np.float64]]
) -> dict[str, SynapseActivity]:
    shapes = infer_shapes(graph)
    result: dict[str, SynapseActivity] = {}
    for node in graph.nodes:
        if isinstance(node, Dense | Conv2d | TokenMix | Product):
            pools = () if isinstance(node, Product) else pools_before(graph, node)
            entering = counts[pools[-1].source if pools else node.source]
            reached = fan_out(node, pools, shapes)
            result[node.name] = SynapseActivity(
                events=float(entering.sum()), synops=float((entering * reached).sum())
            )
    return result


def _mean_events(graph: Graph, inputs: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Return, by node, the set bits per inference at each place of what it puts out."""
    executor = Executor(graph)
    values = check_inputs(input_of(graph), graph.time_steps, inputs)
    if not values.shape[0]:
        raise DataError("activity must be measured on at least one inference, not 0")
    totals: dict[str, IntArray] = {}
    wanted = _event_sources(graph)
    batch = min(_BATCH, executor.batch_size)
    for start in range(0, values.shape[0], batch):
        part = values[start : start + batch]
        taken = _steps_taken(executor, part)

        def count(name: str, found: Operands, taken: NDArray[np.bool_] | None = taken) -> None:
            if name in wanted:
                bits = _counted(found, taken).sum(axis=(0, 1), dtype=np.int64)
                totals[name] = totals[name] + bits if name in totals else bits

        executor.observe(part, count)
    return {name: total / values.shape[0] for name, total in totals.items()}


def _steps_taken(executor: Executor, values: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Return `[N, T]`: the time steps up to the decision, or None where all are taken."""
    if readout_of(executor.graph).early is None:
        return None
    steps = np.arange(executor.graph.time_steps)
    return steps < executor.run(values).steps[:, None]


def _counted(found: Operands, taken: NDArray[np.bool_] | None) -> NDArray[np.integer[Any]]:
    """Return the set bits of values `[N, F, *shape]`, those of steps not taken left out."""
    bits = np.bitwise_count(found)
    if taken is None or bits.shape[1] == 1:
        return bits
    return bits * taken.reshape(*taken.shape, *(1,) * (bits.ndim - 2))


def _event_sources(graph: Graph) -> set[str]:
    """Return every node whose events are counted: sources of synapses, and all groups."""
    found = {node.name for node in graph.nodes if isinstance(node, Neurons)}
    for node in graph.nodes:
        if isinstance(node, Dense | Conv2d | TokenMix):
            pools = pools_before(graph, node)
            found.add(pools[-1].source if pools else node.source)
        elif isinstance(node, Product):
            found.add(node.source)
    return found
