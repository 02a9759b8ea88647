"""Convolutional networks whose layers are joined by any skip connections (cf. arXiv 2303.13563)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from spikeloom.ir import ConfigError, Shape
from spikeloom.model._architectures._layer_list import BARE, LIF, LayerList, Stem
from spikeloom.model._architectures._skip_presets import (
    PRESETS,
    Addition,
    SkipBlockConfig,
    SkipLayerConfig,
    SkipPreset,
)
from spikeloom.model._layer_config import Bits, LayerConfig, MaxPoolLayer, NeuronConfig
from spikeloom.model._schema import Between

EDGES = "0CA"


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipNetworkConfig:
    """A stem, blocks of convolutions with skip connections, and a dense layer.

    What is not given is the variant's.

    Attributes:
        variant: "sew_resnet18", "ms_resnet18", "mobilenetv2", "densenet121", or
            "small": two blocks with both kinds of skips that train in minutes.
        addition: What a skip of kind A adds: "current" the source's spikes to the
            current in front of the neurons; "spikes" the source's spikes to the spikes
            behind them (SEW), so that values are counts; "membrane" the source's current
            to the current (membrane shortcut), so that values are currents and
            neurons stand in front of every convolution.
        stem: "imagenet" (7x7 with stride 2, then 3x3 max pooling with stride 2),
            "cifar" (3x3) or "strided" (3x3 with stride 2).
        stem_channels: Channels of the stem.
        blocks: The blocks, in order.
        weight_bits: Bits of all weights but those of stem and head.
        stem_bits: Bits of the stem's weights.
        head_bits: Bits of the last layer's weights.
        neuron: Neurons of all layers but the last.
    """

    kind: Literal["skip_network"] = "skip_network"
    variant: Literal["sew_resnet18", "ms_resnet18", "mobilenetv2", "densenet121", "small"] = "small"
    addition: Addition | None = None
    stem: Stem | None = None
    stem_channels: Annotated[int, Between(1, 4096)] | None = None
    blocks: tuple[SkipBlockConfig, ...] = ()
    weight_bits: Bits = 4
    stem_bits: Bits = 4
    head_bits: Bits = 4
    neuron: NeuronConfig | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(self.blocks))

    def layers(self, shape: Shape, classes: int) -> tuple[LayerConfig, ...]:
        """The layers for inputs of `shape` (C, H, W).

        Raises:
            ConfigError: If the options do not fit each other or the input.
        """
        made = self._resolved()
        net = LayerList(shape, self.weight_bits, self.neuron or LIF)
        build = _Blocks(net, made.addition)
        value = build.stem(made.stem, made.stem_channels, self.stem_bits)
        for i, block in enumerate(made.blocks):
            for j in range(block.repeat):
                value = build.block(f"b{i + 1}r{j + 1}", block if j == 0 else _again(block), value)
        pooled = net.average_pool("head_pool", build.spikes(value))
        net.head(pooled, classes, weight_bits=self.head_bits)
        return net.done()

    def _resolved(self) -> SkipPreset:
        """The variant with what is given in its place."""
        names = ("addition", "stem", "stem_channels", "blocks")
        given = {name: getattr(self, name) for name in names if getattr(self, name)}
        made = replace(PRESETS[self.variant], **given)
        problems = [
            problem
            for i, block in enumerate(made.blocks)
            for problem in _problems(block, f"blocks[{i}]")
        ]
        if problems:
            raise ConfigError("\n  ".join(["skip_network does not fit together:", *problems]))
        return made


def _again(block: SkipBlockConfig) -> SkipBlockConfig:
    """The block as it is repeated: only the first time it makes the map smaller."""
    return replace(block, layers=tuple(replace(layer, stride=1) for layer in block.layers))


def _problems(block: SkipBlockConfig, where: str) -> list[str]:
    problems = [*_adjacency_problems(block, where)]
    if not block.layers:
        problems.append(f"{where}.layers must have at least one layer")
    for i, layer in enumerate(block.layers):
        if layer.kernel % 2 == 0:
            problems.append(f"{where}.layers[{i}].kernel must be odd, not {layer.kernel}")
    return problems


def _adjacency_problems(block: SkipBlockConfig, where: str) -> list[str]:
    rows = len(block.layers) - 1
    if not block.adjacency:
        return []
    if len(block.adjacency) != rows:
        return [
            f"{where}.adjacency must have {rows} rows, one for each layer but the first, "
            f"not {len(block.adjacency)}"
        ]
    return [
        f"{where}.adjacency[{i}] must have {i + 1} of the letters 0 (none), C (concatenation) and "
        f"A (addition), one for each node up to the one before last, not {row!r}"
        for i, row in enumerate(block.adjacency)
        if len(row) != i + 1 or set(row) - set(EDGES)
    ]


@dataclass(slots=True)
class _Blocks:
    """Writes blocks out; a node is known by the layer that holds its value."""

    net: LayerList
    addition: Addition

    def stem(self, stem: Stem, channels: int, weight_bits: int) -> str:
        """The stem, with spikes unless values are currents."""
        if self.addition == "membrane":
            return self.net.stem(stem, channels, weight_bits=weight_bits)
        return self.net.stem(stem, channels, weight_bits=weight_bits, neuron=self.net.neuron)

    def block(self, name: str, block: SkipBlockConfig, value: str) -> str:
        """A block behind the node `value`; returns its last node."""
        nodes = [value]
        for i, layer in enumerate(block.layers):
            row = block.adjacency[i - 1] if i and block.adjacency else ""
            nodes.append(self._layer(f"{name}_{i + 1}", layer, nodes, row))
        return self._pool(f"{name}_pool", block, nodes[-1])

    def spikes(self, value: str) -> str:
        """The node as operands: neurons on it (one group for all readers) if it is a current."""
        if self.addition != "membrane":
            return value
        name = f"{value}_sn"
        return name if name in self.net.shapes else self.net.neurons(name, value)

    def _layer(self, name: str, layer: SkipLayerConfig, nodes: list[str], row: str) -> str:
        source = self._widened(name, nodes, row)
        groups = layer.groups or self.net.shapes[source][0]
        self._require_groups(name, source, layer.channels, groups)
        adds = [node for node, edge in zip(nodes, row, strict=False) if edge == "A"]
        spiking = self.addition == "spikes" or (self.addition == "current" and not adds)
        main = self.net.conv(
            f"{name}_conv" if adds else name,
            source,
            layer.channels,
            kernel=layer.kernel,
            stride=layer.stride,
            groups=groups,
            neuron=self.net.neuron if spiking else BARE,
        )
        return self._summed(name, main, adds) if adds else main

    def _require_groups(self, name: str, source: str, outputs: int, groups: int) -> None:
        inputs = self.net.shapes[source][0]
        if inputs % groups or outputs % groups:
            raise ConfigError(
                f"groups of layer {name!r} of the skip_network must divide its {inputs} input and "
                f"{outputs} output channels, not be {groups}; choose a common divisor, or for "
                "groups = 0 (depthwise) a multiple of the input channels"
            )

    def _widened(self, name: str, nodes: list[str], row: str) -> str:
        """The spikes that a layer reads: those before it and those concatenated to them."""
        last = self.spikes(nodes[-1])
        joined = [
            self._resized(f"{name}_c{i}", node, last)
            for i, (node, edge) in enumerate(zip(nodes, row, strict=False))
            if edge == "C"
        ]
        return self.net.concat(f"{name}_in", last, *joined)

    def _resized(self, name: str, node: str, like: str) -> str:
        """The spikes of a node on the map of `like`: as they are, or convolved with a stride."""
        spikes = self.spikes(node)
        shape, target = self.net.shapes[spikes], self.net.shapes[like]
        if shape[1:] == target[1:]:
            return spikes
        stride = _stride(shape, target)
        return self.net.conv(name, spikes, shape[0], stride=stride, neuron=self.net.neuron)

    def _summed(self, name: str, main: str, adds: list[str]) -> str:
        """The node that adds skips to the layer `main`."""
        shortcuts = [self._shortcut(f"{name}_a{i}", node, main) for i, node in enumerate(adds)]
        if self.addition == "current":
            return self.net.neurons(name, self.net.add(f"{name}_sum", main, *shortcuts))
        return self.net.add(name, main, *shortcuts)

    def _shortcut(self, name: str, node: str, like: str) -> str:
        """The value of a node in the shape of `like`: as it is, or through a 1x1 convolution."""
        shape, target = self.net.shapes[node], self.net.shapes[like]
        if shape == target:
            return node
        neuron = self.net.neuron if self.addition == "spikes" else BARE
        stride = _stride(shape, target)
        return self.net.conv(name, self.spikes(node), target[0], stride=stride, neuron=neuron)

    def _pool(self, name: str, block: SkipBlockConfig, value: str) -> str:
        if block.pool == "none":
            return value
        if block.pool == "average":
            return self.net.average_pool(name, value, 2)
        return self.net.append(MaxPoolLayer(name=name, source=value, kernel=(2, 2)))


def _stride(shape: Shape, target: Shape) -> int:
    """The stride with which a padded convolution turns one map into the other."""
    return next(
        stride
        for stride in range(1, max(shape) + 1)
        if all(-(-a // stride) == b for a, b in zip(shape[1:], target[1:], strict=True))
    )
