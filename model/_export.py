"""From a trained network to the spike graph, without losing anything."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from spikeloom.ir import (
    Conv2d,
    Dense,
    Executor,
    Graph,
    GraphError,
    IntArray,
    Neurons,
    Node,
    NullProgress,
    Progress,
    Readout,
    ReadoutKind,
    Reset,
    SumPool2d,
    VerificationError,
    as_integers,
    infer_widths,
)
from spikeloom.model._layers import Folded, IntegratorLayer, Layer, SpikingLayer
from spikeloom.model._network import Network
from spikeloom.model._synapse import EXACT_LIMIT, ConvSynapse


@torch.no_grad()
def export(network: Network) -> Graph:
    """The spike graph of a network, which computes the same scores.

    The network must use the lattice; it is read as in evaluation mode.

    Raises:
        GraphError: If a membrane could leave the range in which evaluation in
            PyTorch is exact, or the graph breaks a rule.
    """
    if network.arithmetic != "lattice":
        raise GraphError("only a network on the lattice can be exported; call use('lattice')")
    was_training = network.training
    network.eval()
    try:
        graph = Graph.of(network.name, network.config.time_steps, _nodes(network))
    finally:
        network.train(was_training)
    _check_exact(graph)
    return graph


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


def _nodes(network: Network) -> list[Node]:
    nodes: list[Node] = [network.input]
    for layer in network.layers:
        assert isinstance(layer, Layer)
        nodes += _layer_nodes(layer, source=nodes[-1].name)
    kind = ReadoutKind(network.readout.kind)
    return [*nodes, Readout(name="readout", source=nodes[-1].name, kind=kind)]


def _layer_nodes(layer: Layer, source: str) -> list[Node]:
    nodes: list[Node] = []
    for pool in layer.pools:
        nodes.append(SumPool2d(name=pool.name, source=source, kernel=pool.kernel))
        source = pool.name
    folded = layer.folded()
    synapse = _synapse_node(layer, folded, source)
    return [*nodes, synapse, _neuron_node(layer, folded, synapse.name)]


def _synapse_node(layer: Layer, folded: Folded, source: str) -> Dense | Conv2d:
    name = f"{layer.name}_synapse"
    synapse = layer.synapse
    weight = _integers(folded.weight)
    if isinstance(synapse, ConvSynapse):
        return Conv2d(
            name=name,
            source=source,
            weight=weight,
            weight_bits=synapse.weight_bits,
            stride=synapse.stride,
            padding=synapse.padding,
        )
    return Dense(name=name, source=source, weight=weight, weight_bits=synapse.weight_bits)


def _neuron_node(layer: Layer, folded: Folded, source: str) -> Neurons:
    assert isinstance(layer, SpikingLayer | IntegratorLayer)
    neuron = layer.neuron
    threshold = None if folded.threshold is None else _integers(folded.threshold)
    return Neurons(
        name=layer.name,
        source=source,
        threshold=threshold,
        bias=_integers(folded.bias),
        leak=neuron.leak,
        reset=layer.neuron.reset if isinstance(layer, SpikingLayer) else Reset.NONE,
        membrane_bits=neuron.membrane_bits,
    )


def _integers(values: Tensor) -> IntArray:
    array = values.detach().cpu().double().numpy()
    integers = array.astype("int64")
    assert (integers == array).all(), "evaluation must be on integers"
    return as_integers(integers)


def _check_exact(graph: Graph) -> None:
    """Float32 must hold every membrane, and its fraction after a leak."""
    widths = infer_widths(graph)
    for node in graph.nodes:
        if not isinstance(node, Neurons):
            continue
        membrane = widths.membranes[node.name]
        shift = max(term.shift for term in node.leak.terms)
        before = max(-membrane.interval.lo, membrane.interval.hi)
        after = 1 << (membrane.bits - 1 + shift)
        if before >= EXACT_LIMIT or after > EXACT_LIMIT:
            raise GraphError(
                f"layer {node.name!r}: membranes of {membrane.bits} bits are too wide for exact "
                f"evaluation in PyTorch (2^24, less {shift} bits of its leak); "
                f"set its membrane_bits to {25 - shift} or less"
            )
