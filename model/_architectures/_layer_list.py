"""The layers of an architecture while it is written out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from spikeloom.ir import ConfigError, Shape
from spikeloom.model._layer_config import (
    AddLayer,
    ConcatLayer,
    ConvLayer,
    DenseLayer,
    LayerConfig,
    MaxPoolLayer,
    NeuronConfig,
    NeuronsLayer,
    PoolLayer,
    ProductLayer,
    SynapseLayer,
    layer_sources,
    neuron_problems,
)
from spikeloom.model._shapes import output_shape

Stem = Literal["imagenet", "cifar", "strided"]
NEURON = "network.architecture.neuron"
BARE = NeuronConfig(kind="none")
# SpikingJelly's LIF decays its input as well: v = v/2 + x/2.  Doubling v and the
# threshold turns that into v = v/2 + x, with the same spikes.
LIF = NeuronConfig(tau=2.0, threshold=2.0, reset="zero")


@dataclass(slots=True)
class LayerList:
    """Layers in order, and the shape of what each puts out.

    Every method that appends a layer returns its name, so that calls read as
    the data flows.

    Attributes:
        input: Shape of the network's input.
        weight_bits: Bits of weights for which nothing else is said.
        neuron: Neurons for which nothing else is said.
        layers: The layers so far.
        shapes: Shape of the input and of every layer's output, by name.
    """

    input: Shape
    weight_bits: int
    neuron: NeuronConfig
    layers: list[LayerConfig] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.input) != 3:
            raise ConfigError(
                f"the architecture needs feature maps (channels, height, width) as input, "
                f"not shape {self.input}; use layers for vectors"
            )
        problems = neuron_problems(self.neuron, NEURON)
        if self.neuron.kind == "none":
            problems.append(f"{NEURON}.kind must not be 'none': an architecture needs neurons")
        if problems:
            raise ConfigError("\n  ".join(problems))
        self.shapes["input"] = self.input

    def append(self, layer: LayerConfig) -> str:
        """Append any layer with a name and sources.

        Raises:
            ConfigError: If nothing is left of the map that it reads.
        """
        known = [self.shapes[name] for name in layer_sources(layer) if name in self.shapes]
        shape = output_shape(layer, known)
        if min(shape) < 1:
            raise ConfigError(
                f"layer {layer.name!r} of the architecture would put out shape {shape} for an "
                f"input of shape {self.input}; use larger inputs, or fewer or smaller strides"
            )
        self.layers.append(layer)
        self.shapes[layer.name] = shape
        return layer.name

    def conv(
        self,
        name: str,
        source: str,
        channels: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        padding: int | None = None,
        weight_bits: int | None = None,
        neuron: NeuronConfig = BARE,
    ) -> str:
        """Append a convolution with batch norm, by default bare and padded to keep the size."""
        pad = kernel // 2 if padding is None else padding
        return self.append(
            ConvLayer(
                name=name,
                source=source,
                channels=channels,
                kernel=(kernel, kernel),
                stride=(stride, stride),
                padding=(pad, pad),
                groups=groups,
                weight_bits=weight_bits or self.weight_bits,
                batch_norm=True,
                neuron=neuron,
            )
        )

    def neurons(self, name: str, source: str) -> str:
        """Append neurons on a current."""
        return self.append(NeuronsLayer(name=name, source=source, neuron=self.neuron))

    def product(self, name: str, source: str, weights: str, heads: int, *, transposed: bool) -> str:
        """Append a product and its neurons."""
        return self.append(
            ProductLayer(
                name=name,
                source=source,
                weights=weights,
                heads=heads,
                transposed=transposed,
                neuron=self.neuron,
            )
        )

    def add(self, name: str, *sources: str) -> str:
        """Append a sum; of a single source that is the source itself."""
        if len(sources) == 1:
            return sources[0]
        return self.append(AddLayer(name=name, sources=sources))

    def concat(self, name: str, *sources: str) -> str:
        """Append a concatenation; of a single source that is the source itself."""
        if len(sources) == 1:
            return sources[0]
        return self.append(ConcatLayer(name=name, sources=sources))

    def average_pool(self, name: str, source: str, side: int = 0) -> str:
        """Append the mean (in hardware a sum) of windows of `side` by `side`, 0: of the map."""
        kernel = (side, side) if side else _pair(self.shapes[source][1:])
        return self.append(PoolLayer(name=name, source=source, kernel=kernel))

    def stem(
        self, stem: Stem, channels: int, *, weight_bits: int, neuron: NeuronConfig = BARE
    ) -> str:
        """Append what reads the input: one of the usual first convolutions."""
        kernel, stride = {"imagenet": (7, 2), "cifar": (3, 1), "strided": (3, 2)}[stem]
        name = self.conv(
            "stem",
            "input",
            channels,
            kernel=kernel,
            stride=stride,
            weight_bits=weight_bits,
            neuron=neuron,
        )
        if stem != "imagenet":
            return name
        return self.append(
            MaxPoolLayer(
                name="stem_pool", source=name, kernel=(3, 3), stride=(2, 2), padding=(1, 1)
            )
        )

    def head(self, source: str, classes: int, *, weight_bits: int) -> None:
        """Append the last layer: a score per class, from operands."""
        self.append(
            DenseLayer(
                name="head",
                source=source,
                features=classes,
                weight_bits=weight_bits,
                neuron=NeuronConfig(kind="if"),
            )
        )

    def done(self) -> tuple[LayerConfig, ...]:
        """Return the layers, neurons joined to the synapse that nothing else reads.

        Batch norm in front of them then costs nothing: it is folded into thresholds.
        """
        readers = Counter(name for layer in self.layers for name in layer_sources(layer))
        bare = {
            layer.name: layer
            for layer in self.layers
            if isinstance(layer, SynapseLayer)
            and layer.neuron.kind == "none"
            and readers[layer.name] == 1
        }
        joined = {
            layer.name: replace(bare[layer.source], neuron=layer.neuron)
            for layer in self.layers
            if isinstance(layer, NeuronsLayer) and layer.source in bare
        }
        return _joined(self.layers, {layer.name: name for name, layer in joined.items()}, joined)


def _joined(
    layers: list[LayerConfig], neurons: Mapping[str, str], joined: Mapping[str, SynapseLayer]
) -> tuple[LayerConfig, ...]:
    """The layers, with the neurons `neurons[synapse]` replaced by `joined[neurons]`."""
    synapse = {name: layer.name for name, layer in joined.items()}
    made: list[LayerConfig] = []
    for layer in layers:
        if layer.name in joined:
            continue
        kept = joined[neurons[layer.name]] if layer.name in neurons else layer
        made.append(_renamed(kept, synapse))
    return tuple(made)


def _renamed(layer: LayerConfig, names: Mapping[str, str]) -> LayerConfig:
    """The layer with its sources under their new names."""
    match layer:
        case ConcatLayer() | AddLayer():
            return replace(layer, sources=tuple(names.get(name, name) for name in layer.sources))
        case ProductLayer():
            source, weights = (names.get(name, name) for name in (layer.source, layer.weights))
            return replace(layer, source=source, weights=weights)
        case _:
            return replace(layer, source=names.get(layer.source, layer.source))


def _pair(shape: Shape) -> tuple[int, int]:
    return shape[0], shape[1]
