"""A network as layers or as an architecture, and the way from the second to the first."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from spikeloom.ir import ConfigError, Shape
from spikeloom.model._architectures import (
    CellNetworkConfig,
    SkipNetworkConfig,
    SpikingMLPConfig,
    SpikingResformerConfig,
)
from spikeloom.model._layer_config import AddLayer, ConcatLayer, LayerConfig
from spikeloom.model._schema import Between, Reader, to_toml

Architecture = SpikingResformerConfig | SpikingMLPConfig | SkipNetworkConfig | CellNetworkConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """Layers, or an architecture that makes them, run for `time_steps` on every input.

    Attributes:
        time_steps: Time steps of an inference.
        encoder: How input values become spikes, see `docs/semantics.md`.
        layers: The layers in order (a list will do).
        architecture: Instead of them, what `expand` turns into layers.
    """

    time_steps: Annotated[int, Between(1, 64)] = 4
    encoder: Literal["direct", "rate"] = "direct"
    layers: tuple[LayerConfig, ...] = ()
    architecture: Architecture | None = None

    def __post_init__(self) -> None:
        if isinstance(self.layers, list):  # what Python code is most likely to give
            object.__setattr__(self, "layers", tuple(self.layers))


def checked_network(network: NetworkConfig) -> NetworkConfig:
    """The same network with every value checked, and single numbers for pairs spread out.

    Raises:
        ConfigError: If a value has the wrong type or is out of range.
    """
    reader = Reader()
    read = reader.read(NetworkConfig, tomllib.loads(to_toml(network)), "")
    if read is None or reader.problems:
        raise ConfigError(
            "\n  ".join([f"the network has {count_problems(reader.problems)}:", *reader.problems])
        )
    return read


def expand(network: NetworkConfig, shape: Shape, classes: int | None = None) -> NetworkConfig:
    """The same network written out: no architecture, every layer with its name and source.

    Args:
        network: Layers or an architecture.
        shape: Shape of an input, `(C, H, W)` or `(N,)`.
        classes: Number of classes; only an architecture needs it.

    Raises:
        ConfigError: If a value is wrong, if there are both layers and an
            architecture, or if the architecture cannot be made for `shape`.
    """
    network = checked_network(network)
    if network.architecture is None:
        return replace(network, layers=_resolved(network.layers))
    if network.layers:
        raise ConfigError("network must have layers or an architecture, not both; remove one")
    if classes is None:
        raise ConfigError("an architecture needs the number of classes; give classes=")
    flat = _written_out(network, network.architecture.layers(shape, classes))
    return replace(flat, layers=_resolved(flat.layers))


def _written_out(network: NetworkConfig, layers: tuple[LayerConfig, ...]) -> NetworkConfig:
    """The network of these layers; what is wrong with them is said by name."""
    reader = Reader()
    flat = replace(network, layers=layers, architecture=None)
    read = reader.read(NetworkConfig, tomllib.loads(to_toml(flat)), "")
    if read is None or reader.problems:
        named = [
            re.sub(r"^layers\[(\d+)\]\.", lambda m: f"layer {layers[int(m[1])].name!r}: ", problem)
            for problem in reader.problems
        ]
        raise ConfigError(
            "\n  ".join(["the architecture makes layers that are not possible:", *named])
        )
    return read


def _resolved(layers: tuple[LayerConfig, ...]) -> tuple[LayerConfig, ...]:
    """The layers with the names and sources that were left to the defaults."""
    named = [
        replace(layer, name=layer.name or f"{layer.kind}{i}") for i, layer in enumerate(layers)
    ]
    before = ["input", *(layer.name for layer in named)]
    return tuple(_sourced(layer, name) for layer, name in zip(named, before, strict=False))


def _sourced(layer: LayerConfig, before: str) -> LayerConfig:
    if isinstance(layer, ConcatLayer | AddLayer):
        return layer
    return replace(layer, source=layer.source or before)


def count_problems(problems: list[str]) -> str:
    """Say how many problems there are."""
    return "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
