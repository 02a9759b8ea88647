"""Architectures written out as layers: structure, options, and what is said of wrong ones."""

from __future__ import annotations

import random
import re
import tomllib
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from spikeloom.ir import ConfigError, is_name
from spikeloom.model import dump_config, parse_config
from spikeloom.model._architectures import (
    CellNetworkConfig,
    SkipBlockConfig,
    SkipLayerConfig,
    SkipNetworkConfig,
    SpikingMLPConfig,
    SpikingResformerConfig,
)
from spikeloom.model._check import network_problems
from spikeloom.model._layer_config import (
    AddLayer,
    ConcatLayer,
    ConvLayer,
    DelayLayer,
    DenseLayer,
    LayerConfig,
    MixLayer,
    NeuronConfig,
    NeuronsLayer,
    ProductLayer,
    layer_sources,
)
from spikeloom.model._network_config import Architecture, NetworkConfig, expand
from spikeloom.model._schema import Reader
from spikeloom.model._shapes import layer_shapes

FASHION = (1, 28, 28)
IMAGENET = (3, 224, 224)
CIFAR = (3, 32, 32)

ALL: list[tuple[Architecture, tuple[int, ...], int]] = [
    (SpikingResformerConfig(), FASHION, 10),
    (SpikingResformerConfig(), CIFAR, 10),
    *((SpikingResformerConfig(variant=name), IMAGENET, 1000) for name in ("ti", "s", "m", "l")),
    (SpikingResformerConfig(variant="cifar"), CIFAR, 10),
    (SpikingResformerConfig(variant="dvs"), (3, 64, 64), 11),
    (SpikingMLPConfig(), FASHION, 10),
    (SpikingMLPConfig(), CIFAR, 10),
    (SpikingMLPConfig(spe=False), FASHION, 10),
    *((SpikingMLPConfig(variant=name), IMAGENET, 1000) for name in ("t", "s", "b")),
    (SkipNetworkConfig(), FASHION, 10),
    (SkipNetworkConfig(addition="spikes"), FASHION, 10),
    (SkipNetworkConfig(addition="membrane"), CIFAR, 10),
    (SkipNetworkConfig(variant="sew_resnet18"), IMAGENET, 1000),
    (SkipNetworkConfig(variant="ms_resnet18"), IMAGENET, 1000),
    (SkipNetworkConfig(variant="mobilenetv2"), IMAGENET, 1000),
    (SkipNetworkConfig(variant="densenet121"), IMAGENET, 1000),
    (CellNetworkConfig(), FASHION, 10),
    (CellNetworkConfig(), CIFAR, 10),
    (CellNetworkConfig(variant="snasnet_cifar10"), CIFAR, 10),
    (CellNetworkConfig(variant="snasnet_cifar100"), CIFAR, 100),
]


def made(
    architecture: Architecture, shape: tuple[int, ...] = FASHION, classes: int = 10
) -> dict[str, LayerConfig]:
    network = expand(NetworkConfig(architecture=architecture), shape, classes)
    return {layer.name: layer for layer in network.layers}


@pytest.mark.parametrize(("architecture", "shape", "classes"), ALL)
def test_layers_are_a_network(
    architecture: Architecture, shape: tuple[int, ...], classes: int
) -> None:
    layers = architecture.layers(shape, classes)
    names = [layer.name for layer in layers]
    assert len(set(names)) == len(names)
    assert all(is_name(name) for name in names)
    before = {"input"}
    for layer in layers:
        if not isinstance(layer, DelayLayer):
            assert set(layer_sources(layer)) <= before, layer.name
        before.add(layer.name)
    readers = Counter(source for layer in layers for source in layer_sources(layer))
    assert set(readers) == {"input", *names} - {"head"}


@pytest.mark.parametrize(("architecture", "shape", "classes"), ALL)
def test_shapes_fit(architecture: Architecture, shape: tuple[int, ...], classes: int) -> None:
    layers = architecture.layers(shape, classes)
    shapes = layer_shapes(layers, shape)
    assert shapes["head"] == (classes,)
    for layer in layers:
        sources = [shapes[name] for name in layer_sources(layer)]
        if isinstance(layer, AddLayer):
            assert set(sources) == {shapes[layer.name]}
        if isinstance(layer, ConcatLayer):
            assert len({source[1:] for source in sources}) == 1
        if isinstance(layer, DelayLayer):
            assert layer.shape == sources[0]
        if isinstance(layer, ProductLayer):
            width, height, columns = sources[1]
            part = width // layer.heads if layer.transposed else height * columns
            assert sources[0][0] == part * layer.heads


@pytest.mark.parametrize(("architecture", "shape", "classes"), ALL)
def test_convolutions_and_mixings_have_batch_norm(
    architecture: Architecture, shape: tuple[int, ...], classes: int
) -> None:
    layers = architecture.layers(shape, classes)
    assert all(layer.batch_norm for layer in layers if isinstance(layer, ConvLayer | MixLayer))


@pytest.mark.parametrize(
    "architecture",
    [
        SpikingResformerConfig(
            variant="ti",
            dims=(8, 16),
            heads=(1, 2),
            patches=(2, 1),
            blocks=(1, 2),
            expansion=2,
            group_width=4,
            stem="cifar",
            weight_bits=3,
            stem_bits=8,
            head_bits=5,
            neuron=NeuronConfig(kind="if", threshold=2.0),
        ),
        SpikingMLPConfig(variant="t", dim=9, depths=(1, 1), expansion=2, patch=7, spe=False),
        SkipNetworkConfig(
            variant="ms_resnet18",
            addition="spikes",
            stem="strided",
            stem_channels=6,
            blocks=(
                SkipBlockConfig(
                    layers=(SkipLayerConfig(channels=6, kernel=5, groups=2),) * 3,
                    adjacency=("C", "0A"),
                    repeat=2,
                    pool="max",
                ),
            ),
        ),
        CellNetworkConfig(
            cell=("0121", "0000", "0002", "1000"),
            operations=("zero", "identity", "conv7"),
            channels=(4, 6),
            stem="cifar",
            pool=3,
            hidden=12,
            votes=2,
            classifier_norm=False,
        ),
    ],
)
def test_options_survive_a_file(architecture: Architecture) -> None:
    config = parse_config(
        'name = "a"\n[data]\nset = "mnist"\n[[network.layers]]\nkind = "dense"\nfeatures = 10\n'
    )
    network = replace(config.network, layers=(), architecture=architecture)
    config = replace(config, network=network)
    assert parse_config(dump_config(config)) == config
    assert made(architecture)


def test_bits_of_stem_and_head_are_apart() -> None:
    for architecture in (
        SpikingResformerConfig(weight_bits=3, stem_bits=8, head_bits=6),
        SpikingMLPConfig(weight_bits=3, stem_bits=8, head_bits=6),
        SkipNetworkConfig(weight_bits=3, stem_bits=8, head_bits=6),
        CellNetworkConfig(weight_bits=3, stem_bits=8, head_bits=6, votes=2),
    ):
        first, *inner, last = [
            layer.weight_bits
            for layer in made(architecture).values()
            if isinstance(layer, ConvLayer | MixLayer | DenseLayer)
        ]
        assert (first, set(inner), last) == (8, {3}, 6)


def neurons_of(layers: dict[str, LayerConfig]) -> list[NeuronConfig]:
    """Those of every layer that spikes, but for the last."""
    kinds = ConvLayer | MixLayer | DenseLayer | ProductLayer | NeuronsLayer
    found = [layer.neuron for layer in layers.values() if isinstance(layer, kinds)]
    return [neuron for neuron in found[:-1] if neuron.kind != "none"]


def test_neurons_are_those_of_the_papers() -> None:
    # Where inputs decay as well, a threshold of 1 stands for one of tau here (2 and 4/3).
    paper = NeuronConfig(kind="lif", tau=2.0, threshold=2.0, reset="zero", surrogate="atan")
    assert set(neurons_of(made(SpikingResformerConfig()))) == {paper}
    assert set(neurons_of(made(SkipNetworkConfig()))) == {paper}
    assert set(neurons_of(made(SpikingMLPConfig()))) == {replace(paper, surrogate="sigmoid")}
    event = made(SpikingResformerConfig(variant="dvs"), (2, 64, 64))
    assert set(neurons_of(event)) == {replace(paper, kind="plif")}
    snasnet = replace(paper, tau=4 / 3, threshold=4 / 3)
    assert set(neurons_of(made(CellNetworkConfig()))) == {snasnet}


def test_other_neurons_reach_every_layer() -> None:
    neuron = NeuronConfig(kind="if", threshold=3.0, reset="subtract")
    for architecture in (
        SpikingResformerConfig(neuron=neuron),
        SpikingMLPConfig(neuron=neuron),
        SkipNetworkConfig(neuron=neuron),
        CellNetworkConfig(neuron=neuron),
    ):
        assert set(neurons_of(made(architecture))) == {neuron}


def test_neurons_join_the_synapse_that_nothing_else_reads() -> None:
    layers = made(SkipNetworkConfig(addition="membrane", blocks=CHAIN))
    assert [layer.kind for layer in layers.values()] == ["conv", "conv", "conv", "pool", "dense"]
    assert {n.kind for n in neurons_of(layers)} == {"lif"}
    shared = made(SpikingMLPConfig())
    assert [shared[name].kind for name in ("s1_h", "s1_sn", "s2_h1", "s2_h1_sn")] == [
        "conv",
        "neurons",
        "conv",
        "neurons",
    ]


CHAIN = (SkipBlockConfig(layers=(SkipLayerConfig(channels=4), SkipLayerConfig(channels=6))),)


@pytest.mark.parametrize(
    "architecture",
    [SpikingResformerConfig(), SpikingMLPConfig(), SkipNetworkConfig(), CellNetworkConfig()],
)
def test_architectures_need_maps(architecture: Architecture) -> None:
    message = "the architecture needs feature maps (channels, height, width) as input, not shape"
    with pytest.raises(ConfigError, match=re.escape(message)):
        architecture.layers((784,), 10)


def problems(architecture: Architecture) -> list[str]:
    shape, classes = (2, 16, 12), 5
    network = expand(NetworkConfig(architecture=architecture), shape, classes)
    return network_problems(network, "membrane", shape=shape, input_bits=4, classes=classes)


@pytest.mark.parametrize("seed", range(20))
def test_any_adjacency_makes_a_network(seed: int) -> None:
    rng = random.Random(seed)
    blocks = tuple(
        SkipBlockConfig(
            layers=tuple(
                SkipLayerConfig(
                    channels=rng.choice((4, 6)),
                    kernel=rng.choice((1, 3, 5)),
                    stride=rng.choice((1, 1, 2)),
                    groups=rng.choice((1, 2)),
                )
                for _ in range(depth)
            ),
            adjacency=tuple("".join(rng.choices("0CA", k=j)) for j in range(1, depth)),
            repeat=rng.choice((1, 2)),
        )
        for depth in (rng.randint(1, 5), rng.randint(1, 5))
    )
    addition: Any = rng.choice(("current", "spikes", "membrane"))
    assert problems(SkipNetworkConfig(addition=addition, stem_channels=6, blocks=blocks)) == []


@pytest.mark.parametrize("seed", range(40))
def test_any_cell_makes_a_network(seed: int) -> None:
    rng = random.Random(seed)
    operations = ("zero", "identity", "conv3", "average_pool", "conv5")
    rows = [rng.choices("01234", k=4) for _ in range(4)]
    for i in range(4):
        rows[i][i] = "0"
        for j in range(i):  # an edge leads forward or backward, as SNASNet samples them
            rows[i][j] = rows[i][j] if rows[j][i] == "0" else "0"
    rows[0][3], rows[3][0] = "2", "0"
    cell = tuple("".join(row) for row in rows)
    assert problems(CellNetworkConfig(cell=cell, operations=operations, channels=(4, 6))) == []


def toml_blocks(root: Path) -> list[dict[str, Any]]:
    text = (root / "docs" / "architectures.md").read_text(encoding="utf-8")
    return [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]


def test_documented_options_are_options(root: Path) -> None:
    kinds = set()
    for block in toml_blocks(root):
        reader = Reader()
        network = reader.read(NetworkConfig, block["network"], "network")
        assert reader.problems == []
        assert network is not None
        assert network.architecture is not None
        kinds.add(network.architecture.kind)
        shape, classes = (FASHION, 10) if "small" in str(block) else (IMAGENET, 1000)
        assert made(network.architecture, shape, classes)
    assert kinds == {"spiking_resformer", "spiking_mlp", "skip_network", "cell_network"}


def test_every_option_is_documented(root: Path) -> None:
    text = (root / "docs" / "architectures.md").read_text(encoding="utf-8")
    parts = (SpikingResformerConfig, SpikingMLPConfig, SkipNetworkConfig, CellNetworkConfig)
    for part in (*parts, SkipBlockConfig, SkipLayerConfig):
        for field in fields(part):
            assert re.search(rf"`{field.name}`|^{field.name} = |\b{field.name} = ", text, re.M), (
                field
            )


def test_documented_defaults_of_small_are_its_own(root: Path) -> None:
    """What the cell network's example spells out is what its variant has anyway."""
    block = next(b for b in toml_blocks(root) if "cell" in b["network"]["architecture"])
    spelled = Reader().read(CellNetworkConfig, block["network"]["architecture"])
    assert spelled is not None
    assert made(spelled) == made(CellNetworkConfig())


def test_spelled_out_variants_are_the_variants() -> None:
    ti = SpikingResformerConfig(
        variant="small",
        dims=(64, 192, 384),
        heads=(1, 3, 6),
        patches=(4, 2, 1),
        blocks=(1, 2, 3),
        expansion=4,
        group_width=64,
        stem="imagenet",
    )
    assert made(ti, IMAGENET) == made(SpikingResformerConfig(variant="ti"), IMAGENET)
    t = SpikingMLPConfig(dim=78, depths=(2, 8, 14, 2), expansion=3, patch=4)
    assert made(t, IMAGENET) == made(SpikingMLPConfig(variant="t"), IMAGENET)


def test_documented_count(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (root / "docs" / "architectures.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    exec(code[1], {})
    expected = code[1].rstrip().rpartition("# ")[2]
    assert capsys.readouterr().out == f"{expected}\n"


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (
            SpikingResformerConfig(dims=(4096, 4096), group_width=64),
            "the architecture makes layers that are not possible:\n"
            "  layer 's1b1_ffl1': channels must be 1 to 4096, not 16384",
        ),
        (
            CellNetworkConfig(neuron=NeuronConfig(kind="none")),
            "network.architecture.neuron.kind must not be 'none': an architecture needs neurons",
        ),
        (
            SpikingMLPConfig(neuron=NeuronConfig(leak=1, tau=2.0)),
            "network.architecture.neuron: give only one of leak, tau",
        ),
    ],
)
def test_what_an_option_makes_of_the_layers_is_said_once_and_by_name(
    architecture: Architecture, message: str
) -> None:
    with pytest.raises(ConfigError, match="^" + re.escape(message)):
        expand(NetworkConfig(architecture=architecture), FASHION, 10)
