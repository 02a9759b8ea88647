"""Skip networks written out as layers."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from spikeloom.ir import ConfigError
from spikeloom.model import parse_config
from spikeloom.model._architectures import (
    SkipBlockConfig,
    SkipLayerConfig,
    SkipNetworkConfig,
)
from spikeloom.model._layer_config import (
    ConvLayer,
    DenseLayer,
    LayerConfig,
    MixLayer,
    NeuronConfig,
    NeuronsLayer,
    PoolLayer,
    ProductLayer,
    layer_sources,
)
from spikeloom.model._network_config import Architecture, NetworkConfig, expand
from spikeloom.model._shapes import layer_shapes

FASHION = (1, 28, 28)
IMAGENET = (3, 224, 224)


def made(
    architecture: Architecture, shape: tuple[int, ...] = FASHION, classes: int = 10
) -> dict[str, LayerConfig]:
    network = expand(NetworkConfig(architecture=architecture), shape, classes)
    return {layer.name: layer for layer in network.layers}


CHAIN = (SkipBlockConfig(layers=(SkipLayerConfig(channels=4), SkipLayerConfig(channels=6))),)


def read(table: str) -> Architecture:
    text = f'name = "a"\n[data]\nset = "mnist"\n[network.architecture]\n{table}'
    architecture = parse_config(text).network.architecture
    assert architecture is not None
    return architecture


def neurons_of(layers: dict[str, LayerConfig]) -> list[NeuronConfig]:
    """Those of every layer that spikes, but for the last."""
    kinds = ConvLayer | MixLayer | DenseLayer | ProductLayer | NeuronsLayer
    found = [layer.neuron for layer in layers.values() if isinstance(layer, kinds)]
    return [neuron for neuron in found[:-1] if neuron.kind != "none"]


SKIPS = """kind = "skip_network"
stem_channels = 4
addition = "{addition}"
[[network.architecture.blocks]]
adjacency = ["A", "0C", "CAA"]
layers = [
    {{ channels = 4 }}, {{ channels = 4 }}, {{ channels = 4, stride = 2 }}, {{ channels = 6 }}
]
"""


def test_adjacency_of_current_additions() -> None:
    layers = made(read(SKIPS.format(addition="current")))
    # Layer 2 adds node 0; layer 3 also reads node 1; layer 4 reads node 0, adds nodes 1 and 2.
    assert layer_sources(layers["b1r1_1"]) == ("stem",)
    assert layer_sources(layers["b1r1_2_conv"]) == ("b1r1_1",)
    assert layer_sources(layers["b1r1_2_sum"]) == ("b1r1_2_conv", "stem")
    assert layer_sources(layers["b1r1_2"]) == ("b1r1_2_sum",)
    assert layer_sources(layers["b1r1_3_in"]) == ("b1r1_2", "b1r1_1")
    assert layer_sources(layers["b1r1_4_in"]) == ("b1r1_3", "b1r1_4_c0")
    assert layer_sources(layers["b1r1_4_sum"]) == ("b1r1_4_conv", "b1r1_4_a0", "b1r1_4_a1")
    resized, shortcut = layers["b1r1_4_c0"], layers["b1r1_4_a1"]
    assert isinstance(resized, ConvLayer)
    assert (resized.source, resized.channels, resized.stride) == ("stem", 4, (2, 2))
    assert resized.neuron.kind == "lif"
    assert isinstance(shortcut, ConvLayer)
    assert (shortcut.source, shortcut.channels, shortcut.stride) == ("b1r1_2", 6, (2, 2))
    assert shortcut.neuron.kind == "none"


def test_adjacency_of_spike_additions() -> None:
    layers = made(read(SKIPS.format(addition="spikes")))
    assert layer_sources(layers["b1r1_2"]) == ("b1r1_2_conv", "stem")
    assert layers["b1r1_2"].kind == "add"
    assert {neuron.kind for neuron in neurons_of(layers)} == {"lif"}
    bare = [name for name, layer in layers.items() if getattr(layer, "neuron", None) == BARE]
    assert bare == []


BARE = NeuronConfig(kind="none")


def test_adjacency_of_membrane_additions() -> None:
    layers = made(read(SKIPS.format(addition="membrane")))
    assert layer_sources(layers["b1r1_2"]) == ("b1r1_2_conv", "stem")
    assert layers["b1r1_2"].kind == "add"
    # Convolutions and concatenations read neurons, additions the currents.
    assert layer_sources(layers["b1r1_1"]) == ("stem_sn",)
    assert layer_sources(layers["b1r1_3_in"]) == ("b1r1_2_sn", "b1r1_1")
    assert layer_sources(layers["b1r1_4_a0"]) == ("b1r1_1",)  # nothing adds it as it is


def test_repeats_have_no_stride() -> None:
    layers = made(SkipNetworkConfig(variant="ms_resnet18"), IMAGENET)
    first, again = layers["b2r1_1"], layers["b2r2_1"]
    assert isinstance(first, ConvLayer)
    assert isinstance(again, ConvLayer)
    assert (first.stride, again.stride) == ((2, 2), (1, 1))
    assert layer_sources(layers["b2r2_2"]) == ("b2r2_2_conv", "b2r1_2")


def test_dense_pairs_read_everything_before() -> None:
    layers = made(SkipNetworkConfig(variant="densenet121"), IMAGENET)
    assert layer_sources(layers["b1r1_5_in"]) == ("b1r1_4", "stem_pool", "b1r1_2")
    assert layer_sources(layers["b1r1_6"]) == ("b1r1_5",)
    pool = layers["b1r1_pool"]
    assert isinstance(pool, PoolLayer)
    assert pool.source == "b1r1_13"


def test_mobilenet_is_depthwise() -> None:
    wide = made(SkipNetworkConfig(variant="mobilenetv2"), IMAGENET)["b2r1_2"]
    assert isinstance(wide, ConvLayer)
    assert (wide.groups, wide.channels, wide.kernel) == (96, 96, (3, 3))


@pytest.mark.parametrize("addition", ["current", "spikes", "membrane"])
@pytest.mark.parametrize(("pool", "kind"), [("average", "pool"), ("max", "max_pool")])
def test_pools_behind_a_block(addition: Any, pool: Any, kind: str) -> None:
    block = replace(CHAIN[0], pool=pool)
    layers = made(SkipNetworkConfig(addition=addition, blocks=(block, block)))
    assert [layers[f"b{i}r1_pool"].kind for i in (1, 2)] == [kind] * 2
    shapes = layer_shapes(layers.values(), FASHION)
    assert shapes["b2r1_pool"] == (6, 3, 3)


def test_maps_need_not_be_square() -> None:
    network = SkipNetworkConfig(variant="small")
    shape = (2, 4, 30)
    shapes = layer_shapes(network.layers(shape, 3), shape)
    assert shapes["b2r1_2_a0"] == shapes["b2r1_2_conv"] == (32, 1, 8)


def blocks(*layers: SkipLayerConfig, adjacency: tuple[str, ...] = ()) -> SkipNetworkConfig:
    return SkipNetworkConfig(blocks=(SkipBlockConfig(layers=layers, adjacency=adjacency),))


ONE = SkipLayerConfig(channels=4)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (blocks(), "skip_network does not fit together:\n  blocks[0].layers must have at least"),
        (
            blocks(ONE, ONE, ONE, adjacency=("A",)),
            "blocks[0].adjacency must have 2 rows, one for each layer but the first, not 1",
        ),
        (
            blocks(ONE, ONE, ONE, adjacency=("A", "0B")),
            "blocks[0].adjacency[1] must have 2 of the letters 0 (none), C (concatenation) and "
            "A (addition), one for each node up to the one before last, not '0B'",
        ),
        (
            blocks(ONE, ONE, adjacency=("AC",)),
            "blocks[0].adjacency[0] must have 1 of the letters",
        ),
        (
            blocks(ONE, replace(ONE, kernel=4)),
            "blocks[0].layers[1].kernel must be odd, not 4",
        ),
        (
            blocks(replace(ONE, groups=3)),
            "groups of layer 'b1r1_1' of the skip_network must divide its 16 input and 4 output "
            "channels, not be 3; choose a common divisor, or for groups = 0 (depthwise) a "
            "multiple of the input channels",
        ),
        (blocks(replace(ONE, groups=0)), "channels, not be 16; choose"),
    ],
)
def test_wrong_skip_network(network: SkipNetworkConfig, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        network.layers(FASHION, 10)
