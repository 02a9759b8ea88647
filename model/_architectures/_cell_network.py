"""Networks of SNASNet cells with kernels of any size (cf. arXiv 2201.10355, 2404.01685)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Annotated, Literal

from spikeloom.ir import ConfigError, Shape
from spikeloom.model._architectures._cell import (
    SNASNET_OPERATIONS,
    CellWriter,
    cell_parameters,
    cell_problems,
    live_edges,
)
from spikeloom.model._architectures._layer_list import LayerList, Stem
from spikeloom.model._layer_config import (
    Bits,
    ConvLayer,
    DenseLayer,
    LayerConfig,
    NeuronConfig,
)
from spikeloom.model._schema import Between
from spikeloom.model._shapes import layer_shapes

# SpikingJelly's LIF with tau = 4/3 decays its input as well: v = v/4 + 3/4 x.
# Scaling v and the threshold by 4/3 turns that into v = v/4 + x.
SNASNET_LIF = NeuronConfig(tau=4 / 3, threshold=4 / 3, reset="zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variant:
    cell: tuple[str, ...]
    channels: tuple[int, ...]
    operations: tuple[str, ...] = SNASNET_OPERATIONS
    stem: Stem = "cifar"
    pool: int = 2
    hidden: int = 1024
    votes: int = 5
    classifier_norm: bool = False


_VARIANTS = {
    "snasnet_cifar10": _Variant(
        cell=("0303", "0030", "2002", "0200"), channels=(256, 512), pool=4, votes=10
    ),
    "snasnet_cifar100": _Variant(cell=("0302", "0030", "3003", "0000"), channels=(128, 256)),
    "small": _Variant(
        cell=("0203", "0020", "0201", "0000"),
        channels=(16, 32),
        operations=("zero", "identity", "conv3", "conv5", "average_pool"),
        stem="strided",
        pool=0,
        hidden=128,
        votes=0,
        classifier_norm=True,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellNetworkConfig:
    """A stem, cells of one matrix with a halving of the map between them, and dense layers.

    What is not given is the variant's.

    Attributes:
        variant: "snasnet_cifar10" and "snasnet_cifar100" have the released cells,
            "small" a cell with one backward edge and kernels of 3 and 5.
        cell: Four rows of four digits: digit j of row i is the operation from node i
            to node j, its number in `operations`.  Above the diagonal edges lead
            forward, below it backward: they act one time step later.
        operations: "zero", "identity", "average_pool" (of the spikes in 3x3 windows)
            and "conv1", "conv3", ... of any odd kernel.
        channels: Channels of each cell.
        stem: "imagenet" (7x7 with stride 2, then 3x3 max pooling with stride 2),
            "cifar" (3x3) or "strided" (3x3 with stride 2).
        pool: Side of the pooling behind the last cell, 0: the whole map.
        hidden: Neurons of the dense layer behind it.
        votes: Voting neurons for each class in front of the last layer, 0: none.
        classifier_norm: Whether these dense layers have batch norm.
        weight_bits: Bits of all weights but those of stem and head.
        stem_bits: Bits of the stem's weights.
        head_bits: Bits of the last layer's weights.
        neuron: Neurons of all layers but the last.
    """

    kind: Literal["cell_network"] = "cell_network"
    variant: Literal["snasnet_cifar10", "snasnet_cifar100", "small"] = "small"
    cell: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    channels: tuple[Annotated[int, Between(1, 4096)], ...] = ()
    stem: Stem | None = None
    pool: Annotated[int, Between(0, 64)] | None = None
    hidden: Annotated[int, Between(1, 65536)] | None = None
    votes: Annotated[int, Between(0, 256)] | None = None
    classifier_norm: bool | None = None
    weight_bits: Bits = 4
    stem_bits: Bits = 4
    head_bits: Bits = 4
    neuron: NeuronConfig | None = None

    def layers(self, shape: Shape, classes: int) -> tuple[LayerConfig, ...]:
        """The layers for inputs of `shape` (C, H, W).

        Raises:
            ConfigError: If the options do not fit each other or the input.
        """
        made = self._resolved()
        net = LayerList(shape, self.weight_bits, self.neuron or SNASNET_LIF)
        edges = live_edges(made.cell, made.operations)
        value = net.stem(made.stem, made.channels[0], weight_bits=self.stem_bits)
        spikes = CellWriter(net, "c1", value, edges).write()
        for i, channels in enumerate(made.channels[1:], start=2):
            value = net.conv(f"c{i}_reduce", spikes, channels, kernel=3)
            halved = net.average_pool(f"c{i}_pool", value, 2)
            spikes = CellWriter(net, f"c{i}", halved, edges).write()
        self._classifier(net, made, spikes, classes)
        return net.done()

    def published_parameters(self, shape: Shape, classes: int) -> int:
        """Weights, norms and offsets that SNASNet's own code has for this configuration.

        It differs from what `count` finds: that code has norms in front of the neurons
        behind a cell and offsets of the voting neurons, while here votes have weights
        and the dense layers may have norms.

        Raises:
            ConfigError: As `layers`.
        """
        made = self._resolved()
        layers = self.layers(shape, classes)
        stem = next(layer for layer in layers if isinstance(layer, ConvLayer))
        pooled = layer_shapes(layers, shape)["head_pool"]
        votes = classes * max(made.votes, 1)
        cells = sum(cell_parameters(made.cell, made.operations, c) + 2 * c for c in made.channels)
        between = sum(9 * a * b + 2 * b for a, b in pairwise(made.channels))
        first = (shape[0] * math.prod(stem.kernel) + 2) * made.channels[0]
        return first + cells + between + (math.prod(pooled) + votes) * made.hidden + votes

    def _resolved(self) -> _Variant:
        """The variant with what is given in its place."""
        given = {
            field.name: value
            for field in fields(_Variant)
            if (value := getattr(self, field.name)) not in (None, ())
        }
        made = replace(_VARIANTS[self.variant], **given)
        problems = cell_problems(made.cell, made.operations)
        if problems:
            raise ConfigError("\n  ".join(["cell_network does not fit together:", *problems]))
        return made

    def _classifier(self, net: LayerList, made: _Variant, spikes: str, classes: int) -> None:
        """Dense layers behind a pool."""
        last = net.average_pool("head_pool", spikes, made.pool)
        last = self._dense(net, made, "hidden", last, made.hidden)
        if made.votes:
            last = self._dense(net, made, "votes", last, classes * made.votes)
        net.head(last, classes, weight_bits=self.head_bits)

    def _dense(self, net: LayerList, made: _Variant, name: str, source: str, features: int) -> str:
        return net.append(
            DenseLayer(
                name=name,
                source=source,
                features=features,
                weight_bits=self.weight_bits,
                batch_norm=made.classifier_norm,
                neuron=net.neuron,
            )
        )
