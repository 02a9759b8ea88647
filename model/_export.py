"""From a trained network to the spike graph, without losing anything."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spikeloom.ir import (
    Executor,
    Graph,
    GraphError,
    IntArray,
    NullProgress,
    Progress,
    VerificationError,
    without_neurons,
)
from spikeloom.model._exact import check_exact
from spikeloom.model._layers import SpikingLayer
from spikeloom.model._network import Network
from spikeloom.model._nodes import network_nodes


@torch.no_grad()
def export(network: Network) -> Graph:
    """The spike graph of a network, which computes the same scores.

    The network must use the lattice; it is read as in evaluation mode.  Neurons that compression
    took away are not in the graph.

    Raises:
        GraphError: If a current or membrane could leave the range in which
            evaluation in PyTorch is exact, or the graph breaks a rule.
    """
    graph = graph_of(network)
    check_exact(graph)
    return graph


@torch.no_grad()
def graph_of(network: Network) -> Graph:
    """As `export`, for a network that is still trained: nothing is said of exactness."""
    if network.arithmetic != "lattice":
        raise GraphError("only a network on the lattice can be exported; call use('lattice')")
    was_training = network.training
    network.eval()
    try:
        nodes = network_nodes(network)
    finally:
        network.train(was_training)
    name, time_steps = network.name, network.config.time_steps
    gone = _gone_neurons(network)
    if not gone:
        return Graph.of(name, time_steps, nodes)
    # What neurons that are gone would do may break any rule.
    return without_neurons(Graph(name, time_steps, tuple(nodes)), gone)


def _gone_neurons(network: Network) -> dict[str, NDArray[np.bool_]]:
    """Which channels of which layers compression took away."""
    found = {}
    for block in network.blocks:
        left = block.synapse.left if isinstance(block, SpikingLayer) else None
        if left is not None and not bool(left.all()):
            found[block.name] = ~left.numpy()
    return found


def verify_export(
    network: Network, graph: Graph, inputs: Tensor, *, progress: Progress | None = None
) -> IntArray:
    """Run the graph's reference executor on inputs `[N, *shape]` against the network.

    Returns:
        The executor's predictions `[N]`.

    Raises:
        VerificationError: If any score of any input differs.
    """
    progress = progress or NullProgress()
    progress.start("checking the exported graph", len(inputs))
    predictions = []
    first = 0
    for trace in Executor(graph).batches(inputs.numpy(), batch=500):
        count = len(trace.predictions)
        with torch.no_grad():
            scores = network(inputs[first : first + count]).numpy()
        wrong = np.flatnonzero((scores != trace.scores).any(axis=1))
        if wrong.size:
            raise VerificationError(
                f"the exported graph and PyTorch differ on input {first + int(wrong[0])} "
                f"(and {wrong.size - 1} more of the same {count}); this is a defect of Spikeloom"
            )
        predictions.append(trace.predictions)
        first += count
        progress.advance(count)
    found: IntArray = np.concatenate(predictions)
    return found
