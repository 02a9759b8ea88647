"""The nodes of the spike graph that compute what the blocks of a network compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from spikeloom.ir import (
    Add,
    Concat,
    Conv2d,
    Delay,
    Dense,
    IntArray,
    MaxPool2d,
    Neurons,
    Node,
    Product,
    Readout,
    ReadoutKind,
    Reset,
    SumPool2d,
    Synapse,
    TokenMix,
    as_integers,
)
from spikeloom.model import _blocks as blocks
from spikeloom.model._currents import CurrentLayer, ProductBlock
from spikeloom.model._flow import aligned, readers_of
from spikeloom.model._layers import IntegratorLayer, NeuronGroup, SpikingLayer
from spikeloom.model._network import Network
from spikeloom.model._neuron import Integrator, SpikingNeuron
from spikeloom.model._synapse import ConvSynapse, MixSynapse
from spikeloom.model._synapse import Synapse as Weights


def network_nodes(network: Network) -> list[Node]:
    """All nodes of a network in evaluation mode on the lattice."""
    units = blocks.units_of(network.blocks, {"input": network.input_unit})
    biases = _merged_biases(network)
    nodes: list[Node] = [network.input]
    for block in network.blocks:
        nodes += _block_nodes(block, units, biases)
    kind = ReadoutKind(network.readout.kind)
    return [*nodes, Readout(name="readout", source=nodes[-1].name, kind=kind)]


def _merged_biases(network: Network) -> dict[str, Tensor]:
    """Biases, by synapse, that a sum behind it adds: where nothing else reads the current."""
    readers = readers_of(network.config.layers)
    sums = {block.name for block in network.blocks if isinstance(block, blocks.Add)}
    found = {}
    for block in network.blocks:
        if isinstance(block, CurrentLayer) and len(readers[block.name]) == 1:
            _, bias = block.folded()
            if bias is not None and readers[block.name][0] in sums:
                found[block.name] = bias
    return found


def _block_nodes(
    block: blocks.Block, units: Mapping[str, float], biases: Mapping[str, Tensor]
) -> list[Node]:
    name, sources = block.name, block.sources
    own = [units[source] for source in sources]
    match block:
        case SpikingLayer() | IntegratorLayer():
            return _layer_nodes(block)
        case CurrentLayer():
            return _current_nodes(block, merged=name in biases)
        case ProductBlock():
            return _product_nodes(block, own)
        case NeuronGroup():
            return [_neurons(name, sources[0], block.neuron, block.threshold(own[0]))]
        case blocks.Add():
            shifts, _ = aligned(own)
            return [
                Add(
                    name=name,
                    sources=sources,
                    shifts=tuple(shifts),
                    bias=_sum_of_biases(sources, shifts, biases),
                )
            ]
        case blocks.Concat():
            return _concat_nodes(block, own)
        case _:
            return [_route_node(block)]


def _route_node(block: blocks.Block) -> Node:
    name, source = block.name, block.sources[0]
    match block:
        case blocks.SumPool():
            return SumPool2d(
                name=name,
                source=source,
                kernel=block.kernel,
                stride=block.stride,
                padding=block.padding,
            )
        case blocks.MaxPool():
            return MaxPool2d(
                name=name,
                source=source,
                kernel=block.kernel,
                stride=block.stride,
                padding=block.padding,
            )
        case _:
            return Delay(name=name, source=source, shape=block.flow.shape)


def _layer_nodes(layer: SpikingLayer | IntegratorLayer) -> list[Node]:
    folded = layer.folded()
    synapse = _synapse_node(f"{layer.name}_synapse", layer.sources[0], layer.synapse, folded.weight)
    threshold, bias = (
        None if values is None else _per_neuron(layer, values)
        for values in (folded.threshold, folded.bias)
    )
    return [synapse, _neurons(layer.name, synapse.name, layer.neuron, threshold, bias)]


def _per_neuron(layer: SpikingLayer | IntegratorLayer, values: Tensor) -> Tensor:
    """Values per position of a token mixing are per neuron in the graph."""
    if not values.dim() or not isinstance(layer.synapse, MixSynapse):
        return values
    shape = layer.flow.shape
    return layer.synapse.spread(values, shape).expand(shape)


def _current_nodes(layer: CurrentLayer, *, merged: bool) -> list[Node]:
    codes, bias = layer.folded()
    if bias is None or merged:
        return [_synapse_node(layer.name, layer.sources[0], layer.synapse, codes)]
    synapse = _synapse_node(f"{layer.name}_synapse", layer.sources[0], layer.synapse, codes)
    return [synapse, Add(name=layer.name, sources=(synapse.name,), bias=_integers(bias))]


def _product_nodes(block: ProductBlock, units: Sequence[float]) -> list[Node]:
    product = Product(
        name=f"{block.name}_synapse",
        source=block.sources[0],
        weights=block.sources[1],
        heads=block.heads,
        transposed=block.transposed,
    )
    return [product, _neurons(block.name, product.name, block.neuron, block.threshold(units))]


def _concat_nodes(block: blocks.Block, units: Sequence[float]) -> list[Node]:
    """A concatenation, behind sums of one source that shift what is not in its unit."""
    nodes: list[Node] = []
    sources = list(block.sources)
    for k, shift in enumerate(aligned(units)[0]):
        if shift:
            name = f"{block.name}_source{k}"
            nodes.append(Add(name=name, sources=(sources[k],), shifts=(shift,)))
            sources[k] = name
    return [*nodes, Concat(name=block.name, sources=tuple(sources))]


def _sum_of_biases(
    sources: Sequence[str], shifts: Sequence[int], biases: Mapping[str, Tensor]
) -> IntArray:
    total = as_integers(0)
    for source, shift in zip(sources, shifts, strict=True):
        if source in biases:
            total = as_integers(total + (_integers(biases[source]) << shift))
    return total


def _synapse_node(name: str, source: str, synapse: Weights, codes: Tensor) -> Synapse:
    weight, bits = _integers(codes), synapse.weight_bits
    match synapse:
        case ConvSynapse():
            return Conv2d(
                name=name,
                source=source,
                weight=weight,
                weight_bits=bits,
                stride=synapse.stride,
                padding=synapse.padding,
                dilation=synapse.dilation,
                groups=synapse.groups,
            )
        case MixSynapse():
            return TokenMix(
                name=name, source=source, weight=weight, weight_bits=bits, axis=synapse.axis
            )
        case _:
            return Dense(name=name, source=source, weight=weight, weight_bits=bits)


def _neurons(
    name: str,
    source: str,
    neuron: SpikingNeuron | Integrator,
    threshold: Tensor | None,
    bias: Tensor | None = None,
) -> Neurons:
    return Neurons(
        name=name,
        source=source,
        threshold=None if threshold is None else _integers(threshold),
        bias=as_integers(0) if bias is None else _integers(bias),
        leak=neuron.leak,
        reset=neuron.reset if isinstance(neuron, SpikingNeuron) else Reset.NONE,
        membrane_bits=neuron.membrane_bits,
    )


def _integers(values: Tensor) -> IntArray:
    array = values.detach().cpu().double().numpy()
    integers = array.astype("int64")
    assert (integers == array).all(), "evaluation must be on integers"
    return as_integers(integers)
