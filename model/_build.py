"""From the dataclasses of a network to its blocks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Unpack

from spikeloom.ir import Input, Leak, MixAxis
from spikeloom.model._blocks import Add, Block, Concat, Delay, MaxPool, SumPool
from spikeloom.model._config import ReadoutConfig
from spikeloom.model._currents import CurrentLayer, ProductBlock
from spikeloom.model._flow import Flow, infer_flows, input_flow
from spikeloom.model._layer_config import (
    AddLayer,
    ConcatLayer,
    ConvLayer,
    DelayLayer,
    DenseLayer,
    LayerConfig,
    MaxPoolLayer,
    MixLayer,
    NeuronConfig,
    NeuronsLayer,
    PoolLayer,
    ProductLayer,
    SynapseLayer,
    layer_sources,
)
from spikeloom.model._layers import IntegratorLayer, NeuronGroup, SpikingLayer
from spikeloom.model._network_config import NetworkConfig
from spikeloom.model._neuron import IF, LIF, PLIF, Integrator, SpikingNeuron
from spikeloom.model._options import NeuronOptions
from spikeloom.model._quantiser import (
    LatticeWeightQuant,
    RoundedChannelWeightQuant,
    RoundedWeightQuant,
)
from spikeloom.model._shapes import product_terms
from spikeloom.model._surrogate import as_surrogate
from spikeloom.model._synapse import ConvSynapse, DenseSynapse, MixSynapse, Synapse


@dataclass(frozen=True, slots=True)
class Builder:
    """Makes the blocks of a network that `expand` has written out and that has no problems."""

    config: NetworkConfig
    readout: ReadoutConfig
    flows: Mapping[str, Flow]

    @classmethod
    def of(cls, config: NetworkConfig, readout: ReadoutConfig, node: Input) -> Builder:
        """A builder for inputs from `node`."""
        source = input_flow(node.shape, node.bits, node.encoder)
        flows = infer_flows(config.layers, source, config.time_steps)
        return cls(config, readout, flows)

    def blocks(self) -> list[Block]:
        """One for each layer."""
        return [self._block(layer) for layer in self.config.layers]

    def _block(self, layer: LayerConfig) -> Block:
        common = self._common(layer)
        match layer:
            case DenseLayer() | ConvLayer() | MixLayer():
                return self._synapse_block(layer)
            case ProductLayer():
                return self._product(layer)
            case PoolLayer() | MaxPoolLayer():
                kind = SumPool if isinstance(layer, PoolLayer) else MaxPool
                return kind(
                    **common, kernel=layer.kernel, stride=layer.stride, padding=layer.padding
                )
            case ConcatLayer():
                return Concat(**common)
            case AddLayer():
                return Add(**common)
            case DelayLayer():
                return Delay(**common)
            case NeuronsLayer():
                return NeuronGroup(**common, neuron=make_neuron(layer.neuron))

    def _common(self, layer: LayerConfig) -> dict[str, Any]:
        """What every block is told."""
        return {
            "name": layer.name,
            "sources": layer_sources(layer),
            "flow": self.flows[layer.name],
            "time_steps": self.config.time_steps,
        }

    def _synapse_block(self, layer: SynapseLayer) -> Block:
        common = self._common(layer)
        synapse = self._synapse(layer)
        if layer.neuron.kind == "none":
            return CurrentLayer(**common, synapse=synapse, batch_norm=layer.batch_norm)
        if layer is self.config.layers[-1] and self.readout.kind == "membrane":
            integrator = Integrator(_leak(layer.neuron), membrane_bits=layer.neuron.membrane_bits)
            return IntegratorLayer(**common, synapse=synapse, neuron=integrator)
        neuron = make_neuron(layer.neuron)
        return SpikingLayer(**common, synapse=synapse, neuron=neuron, batch_norm=layer.batch_norm)

    def _product(self, layer: ProductLayer) -> ProductBlock:
        return ProductBlock(
            **self._common(layer),
            neuron=make_neuron(layer.neuron),
            heads=layer.heads,
            terms=product_terms(layer, self.flows[layer.weights].shape),
            transposed=layer.transposed,
        )

    def _synapse(self, layer: SynapseLayer) -> Synapse:
        source = self.flows[layer.source]
        common: dict[str, Any] = {
            "weight_bits": layer.weight_bits,
            "weight_step": layer.weight_step,
            "quantiser": _quantiser(layer),
            "input_max": source.largest,
            "input_steps": source.steps,
        }
        match layer:
            case DenseLayer():
                inputs = math.prod(source.shape)
                return DenseSynapse(layer.name, inputs, layer.features, **common)
            case MixLayer():
                _, height, width = source.shape
                return MixSynapse(layer.name, MixAxis(layer.axis), (height, width), **common)
            case ConvLayer():
                return ConvSynapse(
                    layer.name,
                    source.shape[0],
                    layer.channels,
                    kernel=layer.kernel,
                    stride=layer.stride,
                    padding=layer.padding,
                    dilation=layer.dilation,
                    groups=layer.groups,
                    **common,
                )


def _quantiser(layer: SynapseLayer) -> type:
    if layer.neuron.kind == "none":
        return LatticeWeightQuant
    # A scale per channel is free where thresholds are per channel anyway.
    return RoundedChannelWeightQuant if layer.batch_norm else RoundedWeightQuant


def _leak(config: NeuronConfig) -> Leak:
    """The fixed leak of an integrator."""
    if config.kind == "if" or (config.leak is config.beta is config.tau is None):
        return Leak.none()
    return LIF(config.beta, tau=config.tau, leak=config.leak, leak_terms=config.leak_terms).leak


def make_neuron(config: NeuronConfig) -> SpikingNeuron:
    """The neuron module that a configuration describes."""
    options: NeuronOptions = {
        "threshold": config.threshold,
        "learn_threshold": config.learn_threshold,
        "reset": config.reset or "subtract",
        "membrane_bits": config.membrane_bits,
        "surrogate": as_surrogate(config.surrogate, config.sharpness),
        "detach_reset": config.detach_reset,
    }
    return _make(config, **options)


def _make(config: NeuronConfig, **options: Unpack[NeuronOptions]) -> SpikingNeuron:
    match config.kind:
        case "if":
            return IF(**options)
        case "plif":
            return PLIF(config.beta, init_tau=config.tau, leak_terms=config.leak_terms, **options)
        case _:
            return LIF(
                config.beta,
                tau=config.tau,
                leak=config.leak,
                leak_terms=config.leak_terms,
                **options,
            )
