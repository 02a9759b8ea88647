"""Networks without the neurons that a compression took away, to go on from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from spikeloom.model._compress._units import synapses_of
from spikeloom.model._config import Config
from spikeloom.model._layer_config import ConvLayer, DenseLayer, LayerConfig
from spikeloom.model._network import Network
from spikeloom.model._run import load_weights
from spikeloom.model._synapse import LIVE


def slimmed(network: Network, config: Config) -> tuple[Network, Config]:
    """A network and its configuration, with layers as large as they are in the exported graph."""
    found = {name: part.left for name, part in synapses_of(network).items()}
    sizes = {name: int(left.sum()) for name, left in found.items() if left is not None}
    if not sizes:
        return network, config
    layers = tuple(_sized(layer, sizes) for layer in network.config.layers)
    config = replace(config, network=replace(network.config, layers=layers))
    small = Network.from_config(config, network.input.shape)
    load_weights(small, _state(network))
    return small, config


def _sized(layer: LayerConfig, sizes: Mapping[str, int]) -> LayerConfig:
    match layer:
        case DenseLayer() if layer.name in sizes:
            return replace(layer, features=sizes[layer.name])
        case ConvLayer() if layer.name in sizes:
            return replace(layer, channels=sizes[layer.name])
        case _:
            return layer


def _state(network: Network) -> dict[str, Any]:
    """The state of the network with what is left of it."""
    state: dict[str, Tensor] = network.state_dict()
    synapses = synapses_of(network)
    for index, block in enumerate(network.blocks):
        live = synapses[block.name].live if block.name in synapses else None
        for name in [name for name in state if name.startswith(f"layers.{index}.")]:
            if name.endswith(f".{LIVE}"):
                del state[name]
            elif live is not None:
                state[name] = _left_of(state[name], live)
    return state


def _left_of(value: Tensor, live: Tensor) -> Tensor:
    """What is left of a tensor of a layer: `()`, one value per output, or one per weight."""
    if value.dim():
        value = value[live.flatten(1).any(1)]
    if value.dim() > 1:
        value = value[:, live.transpose(0, 1).flatten(1).any(1)]
    return value
