"""SpikingResformer and the spiking MLP written out as layers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from spikeloom.ir import ConfigError
from spikeloom.model._architectures import (
    SpikingMLPConfig,
    SpikingResformerConfig,
)
from spikeloom.model._layer_config import (
    ConvLayer,
    LayerConfig,
    MaxPoolLayer,
    ProductLayer,
    layer_sources,
)
from spikeloom.model._network_config import Architecture, NetworkConfig, expand
from spikeloom.model._shapes import layer_shapes

FASHION = (1, 28, 28)
IMAGENET = (3, 224, 224)
CIFAR = (3, 32, 32)


def made(
    architecture: Architecture, shape: tuple[int, ...] = FASHION, classes: int = 10
) -> dict[str, LayerConfig]:
    network = expand(NetworkConfig(architecture=architecture), shape, classes)
    return {layer.name: layer for layer in network.layers}


def test_attention_of_spiking_resformer() -> None:
    layers = made(SpikingResformerConfig(variant="ti"), IMAGENET, 1000)
    f1, f2 = layers["s2b1_f1"], layers["s2b1_f2"]
    for f in (f1, f2):
        assert isinstance(f, ConvLayer)
        assert (f.source, f.channels) == ("s2b1_sn1", 192)
        assert (f.kernel, f.stride, f.padding) == ((2, 2), (2, 2), (0, 0))
        assert (f.batch_norm, f.neuron.kind) == (True, "none")
    attention, dssa = layers["s2b1_attention"], layers["s2b1_dssa"]
    assert isinstance(attention, ProductLayer)
    assert layer_sources(attention) == ("s2b1_sn1", "s2b1_f1")
    assert (attention.heads, attention.transposed) == (3, True)
    assert isinstance(dssa, ProductLayer)
    assert layer_sources(dssa) == ("s2b1_attention", "s2b1_f2")
    assert (dssa.heads, dssa.transposed) == (3, False)
    assert layer_sources(layers["s2b1_mid"]) == ("s2_down", "s2b1_project")
    assert layer_sources(layers["s2b2_mid"]) == ("s2b1_out", "s2b2_project")


def test_feed_forward_of_spiking_resformer() -> None:
    layers = made(SpikingResformerConfig(variant="ti"), IMAGENET, 1000)
    gwl = layers["s3b2_gwl"]
    assert isinstance(gwl, ConvLayer)
    assert (gwl.channels, gwl.groups, gwl.kernel) == (1536, 24, (3, 3))
    assert layer_sources(layers["s3b2_inner"]) == ("s3b2_gwl", "s3b2_ffl1")
    assert layer_sources(layers["s3b2_out"]) == ("s3b2_ffl2", "s3b2_mid")


def test_downsampling_and_stems_of_spiking_resformer() -> None:
    layers = made(SpikingResformerConfig(variant="ti"), IMAGENET, 1000)
    down, stem, pool = layers["s2_down"], layers["stem"], layers["stem_pool"]
    assert isinstance(down, ConvLayer)
    assert (down.kernel, down.stride, down.padding) == ((3, 3), (2, 2), (1, 1))
    assert isinstance(stem, ConvLayer)
    assert (stem.kernel, stem.stride, stem.padding) == ((7, 7), (2, 2), (3, 3))
    assert stem.neuron.kind == "none"
    assert isinstance(pool, MaxPoolLayer)
    assert (pool.kernel, pool.stride, pool.padding) == ((3, 3), (2, 2), (1, 1))
    assert "stem_pool" not in made(SpikingResformerConfig(variant="cifar"), CIFAR)


@pytest.mark.parametrize("variant", ["ti", "s", "m", "l"])
def test_attention_is_reduced_to_196_tokens_in_every_stage(variant: Any) -> None:
    network = SpikingResformerConfig(variant=variant)
    shapes = layer_shapes(network.layers(IMAGENET, 1000), IMAGENET)
    tokens = {shape[1] * shape[2] for name, shape in shapes.items() if name.endswith("_f2")}
    assert tokens == {196}


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            SpikingResformerConfig(heads=(2,)),
            "dims, heads, patches and blocks must have one entry per stage, but dims has 2, "
            "heads has 1, patches has 2, blocks has 2",
        ),
        (SpikingResformerConfig(heads=(3, 2)), "heads[0] must divide dims[0] = 16, not be 3"),
        (
            SpikingResformerConfig(group_width=48),
            "group_width must divide expansion * dims[0] = 64, not be 48\n  "
            "group_width must divide expansion * dims[1] = 128, not be 48",
        ),
        (
            SpikingResformerConfig(patches=(4, 1)),
            "patches of stage 1 must divide its map of 14x14, not be 4; choose other patches, "
            "another stem or another size of the input",
        ),
    ],
)
def test_wrong_spiking_resformer(network: SpikingResformerConfig, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        network.layers(FASHION, 10)


def test_stage_current_enters_every_block_of_spiking_mlp() -> None:
    layers = made(SpikingMLPConfig(depths=(2, 2)))
    for stage in (1, 2):
        for block in (1, 2):
            name = f"s{stage}b{block}"
            assert layer_sources(layers[f"{name}_token"]) == (f"s{stage}_h", f"{name}_fuse")
            assert layer_sources(layers[f"{name}_channel"]) == (f"{name}_token", f"{name}_reduce")
    assert layer_sources(layers["s1b2_mixed"]) == ("s1b1_sn", "s1b2_height", "s1b2_width")


def test_spike_patch_encoding() -> None:
    layers = made(SpikingMLPConfig())
    assert layer_sources(layers["s2_h2"]) == ("s2_h2_down", "s2_h2_next")
    assert layer_sources(layers["s2_h3"]) == ("s2_h3_down", "s2_h1", "s2_h3_next")
    assert layer_sources(layers["s2_h"]) == ("s2_h1", "s2_h2", "s2_h3")
    strides = {
        name: layer.stride[0]
        for name, layer in layers.items()
        if isinstance(layer, ConvLayer) and name.startswith("s2_h")
    }
    assert strides == {
        "s2_h1": 2,
        "s2_h2_down": 2,
        "s2_h3_down": 2,
        "s2_h2_next": 1,
        "s2_h3_next": 1,
    }


def test_without_spike_patch_encoding_stages_begin_with_one_convolution() -> None:
    h = made(SpikingMLPConfig(spe=False, dim=20))["s2_h"]
    assert isinstance(h, ConvLayer)
    assert (h.channels, h.kernel, h.stride, h.padding) == (40, (2, 2), (2, 2), (0, 0))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            SpikingMLPConfig(dim=20),
            "spiking_mlp: spiking patch encoding makes three equal parts of 40 channels ('s2_h'); "
            "choose a dim that is a multiple of 3, or spe = false",
        ),
        (
            SpikingMLPConfig(patch=5),
            "spiking_mlp: the input must have sides that are multiples of 5, not 28x28; "
            "change patch, spe or the size of the input",
        ),
        (
            SpikingMLPConfig(patch=4, spe=False),
            "spiking_mlp: the map before stage 2 must have sides that are multiples of 2, not 7x7",
        ),
    ],
)
def test_wrong_spiking_mlp(network: SpikingMLPConfig, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        network.layers(FASHION, 10)
