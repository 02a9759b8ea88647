"""Graphs without neurons that nothing reads: smaller, and with the same results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spikeloom.ir._errors import GraphError
from spikeloom.ir._graph import (
    Conv2d,
    Dense,
    Graph,
    IntArray,
    MaxPool2d,
    Neurons,
    Node,
    SumPool2d,
)
from spikeloom.ir._order import readers_of

_Channels = NDArray[np.bool_]


def without_neurons(graph: Graph, gone: Mapping[str, _Channels]) -> Graph:
    """Return the graph without some neurons: their weights and parameters, and those that read.

    All other neurons do what they did, and scores are the same, because every weight that reads
    a neuron that goes has to be 0.

    Args:
        graph: The graph.
        gone: By name of a neuron group, which of its channels go (of a vector: which neurons),
            `[C]`; at least one stays.

    Raises:
        GraphError: If a weight that reads one of them is not 0, the group is not fed by a `Dense`
            or `Conv2d` of its own without groups, or others than those and pools read it.
    """
    nodes = {node.name: node for node in graph.nodes}
    readers = readers_of(graph)
    for name, channels in gone.items():
        left = ~np.asarray(channels, np.bool_)
        for node in (*_own(name, nodes, readers, left), *_behind(name, nodes, readers, left)):
            nodes[node.name] = node
    return Graph.of(graph.name, graph.time_steps, list(nodes.values()))


def _own(
    name: str, nodes: Mapping[str, Node], readers: Mapping[str, tuple[str, ...]], left: _Channels
) -> Iterator[Node]:
    """Yield a group and the synapse in front of it, with the channels that are left."""
    group = nodes.get(name)
    synapse = nodes[group.source] if isinstance(group, Neurons) else None
    if (
        not isinstance(group, Neurons)
        or not isinstance(synapse, Dense | Conv2d)
        or not _is_whole(synapse)
        or readers[synapse.name] != (name,)
    ):
        raise GraphError(
            f"{name!r} must be neurons with a Dense, or a Conv2d without groups, of their own, so "
            "that some can be left out; leave out none"
        )
    if left.shape != synapse.weight.shape[:1] or not left.any():
        raise GraphError(
            f"what is left out of {name!r} must be some of its {len(synapse.weight)} channels, "
            f"not {left.size - int(left.sum())} of {left.size}; keep at least one"
        )
    yield replace(synapse, weight=synapse.weight[left])
    threshold = None if group.threshold is None else _channels(group.threshold, left)
    yield replace(group, threshold=threshold, bias=_channels(group.bias, left))


def _behind(
    name: str, nodes: Mapping[str, Node], readers: Mapping[str, tuple[str, ...]], left: _Channels
) -> Iterator[Node]:
    """Yield all synapses that read a group, with the inputs that are left."""
    pending = list(readers[name])
    while pending:
        node = nodes[pending.pop()]
        if isinstance(node, SumPool2d | MaxPool2d):
            pending += readers[node.name]
        elif isinstance(node, Dense | Conv2d) and _is_whole(node):
            yield replace(node, weight=_inputs(node, name, left))
        else:
            raise GraphError(
                f"neurons of {name!r} cannot be left out, as the {type(node).__name__} "
                f"{node.name!r} reads them; only pools, Dense, and Conv2d without groups may"
            )


def _is_whole(synapse: Dense | Conv2d) -> bool:
    """Say whether every output reads every channel."""
    return isinstance(synapse, Dense) or synapse.groups == 1


def _channels(values: IntArray, left: _Channels) -> IntArray:
    """Return a threshold or bias of shape `()`, `(C,)` or that of the group."""
    return values[left] if values.ndim else values


def _inputs(synapse: Dense | Conv2d, name: str, left: _Channels) -> IntArray:
    """Return the weights for the channels that are left, of which a Dense reads all positions."""
    weight = synapse.weight
    by_channel = weight.reshape(len(weight), len(left), -1)
    if by_channel[:, ~left].any():
        wrong = np.flatnonzero(~left & by_channel.any(axis=(0, 2)))[0]
        raise GraphError(
            f"channel {wrong} of {name!r} cannot be left out: {synapse.name!r} reads it with "
            "weights that are not 0; keep it, or set those weights to 0"
        )
    inputs = int(left.sum()) * weight.shape[1] // len(left)
    return by_channel[:, left].reshape(len(weight), inputs, *weight.shape[2:])
