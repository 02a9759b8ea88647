"""Counting, against figures of the papers and against counts by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikeloom.ir import ConfigError
from spikeloom.model._architectures import (
    CellNetworkConfig,
    SkipNetworkConfig,
    SpikingMLPConfig,
    SpikingResformerConfig,
    cell_parameters,
)
from spikeloom.model._count import LayerCount, count, total
from spikeloom.model._layer_config import (
    AddLayer,
    ConvLayer,
    DelayLayer,
    DenseLayer,
    MixLayer,
    NeuronConfig,
    NeuronsLayer,
    PoolLayer,
    ProductLayer,
)
from spikeloom.model._network_config import Architecture, NetworkConfig

IMAGENET = (3, 224, 224)
CIFAR = (3, 32, 32)
BARE = NeuronConfig(kind="none")


def counted(architecture: Architecture, shape: tuple[int, ...], classes: int) -> LayerCount:
    return total(count(NetworkConfig(architecture=architecture), shape, classes))


def millions(parameters: int) -> str:
    return f"{parameters / 1e6:.2f}"


@pytest.mark.parametrize(
    ("variant", "without_norms", "with_norms", "giga_operations"),
    [
        ("ti", "11.14", "11.18", 4.03),
        ("s", "17.76", "17.81", 5.87),
        ("m", "35.52", "35.60", 10.69),
        ("l", "60.27", "60.38", 18.36),
    ],
)
def test_spiking_resformer_has_the_published_size(
    variant: str, without_norms: str, with_norms: str, giga_operations: float
) -> None:
    # The paper prints 11.14, 17.76 and 35.52 M without norms, and 60.38 M with them.
    network = SpikingResformerConfig(variant=variant)  # type: ignore[arg-type]  # one of the names
    found = counted(network, IMAGENET, 1000)
    assert millions(found.weights) == without_norms
    assert millions(found.parameters) == with_norms
    assert f"{found.operations / 1e9:.2f}" == f"{giga_operations:.2f}"


@pytest.mark.parametrize(
    ("variant", "shape", "classes", "parameters"),
    [
        ("cifar", CIFAR, 10, "10.79"),
        ("cifar", CIFAR, 100, "10.83"),
        ("dvs", (3, 64, 64), 11, "2.71"),
    ],
)
def test_small_spiking_resformers_have_the_known_size(
    variant: str, shape: tuple[int, ...], classes: int, parameters: str
) -> None:
    network = SpikingResformerConfig(variant=variant)  # type: ignore[arg-type]  # one of the names
    assert millions(counted(network, shape, classes).parameters) == parameters


def test_heads_change_neither_weights_nor_operations() -> None:
    code = counted(SpikingResformerConfig(variant="l"), IMAGENET, 1000)
    paper = counted(SpikingResformerConfig(variant="l", heads=(1, 8, 16)), IMAGENET, 1000)
    assert (code.parameters, code.operations) == (paper.parameters, paper.operations)


MLPS = [
    (SpikingMLPConfig(variant="t"), "25.23"),
    (SpikingMLPConfig(variant="s"), "37.98"),
    (SpikingMLPConfig(variant="s", spe=False), "34.49"),
    (SpikingMLPConfig(variant="t", spe=False), "22.93"),
    (SpikingMLPConfig(dim=80, variant="t", spe=False), "24.10"),
    (SpikingMLPConfig(variant="b"), "65.61"),
]


@pytest.mark.parametrize(("network", "parameters"), MLPS)
def test_spiking_mlp_has_the_published_size(network: SpikingMLPConfig, parameters: str) -> None:
    assert millions(network.published_parameters(IMAGENET, 1000)) == parameters


@pytest.mark.parametrize(("network", "parameters"), MLPS)
def test_published_spiking_mlp_differs_by_the_listed_terms(
    network: SpikingMLPConfig, parameters: str
) -> None:
    rows = {row.name: row for row in count(NetworkConfig(architecture=network), IMAGENET, 1000)}
    more = 1000 + 2 * rows["head_pool"].shape[0]  # offsets of the classes, last norm
    for name, row in rows.items():
        if row.kind == "mix":
            more += row.norms // 2  # an offset for each output of the map
        if name.endswith(("_expand", "_reduce")):  # an offset, and the norm by token
            more += row.shape[0] + 2 * row.shape[1] * row.shape[2] - row.norms
    ours = total(rows.values()).parameters
    assert network.published_parameters(IMAGENET, 1000) == ours + more
    assert ours < float(parameters) * 1e6 < ours * 1.002


@pytest.mark.parametrize(
    ("variant", "published"), [("sew_resnet18", 11_689_512), ("ms_resnet18", 11_689_512)]
)
def test_resnet18_has_the_known_size(variant: str, published: int) -> None:
    network = SkipNetworkConfig(variant=variant)  # type: ignore[arg-type]  # one of the names
    assert counted(network, IMAGENET, 1000).parameters == published - 1000  # no offsets of classes


def test_mobilenetv2_has_the_known_size() -> None:
    network = SkipNetworkConfig(variant="mobilenetv2")
    assert counted(network, IMAGENET, 1000).parameters == 3_504_872 - 1000


@pytest.mark.parametrize(
    ("variant", "classes", "published", "votes"),
    [("snasnet_cifar10", 10, "19.52", 1_000), ("snasnet_cifar100", 100, "20.62", 50_000)],
)
def test_snasnet_has_the_published_size(
    variant: str, classes: int, published: str, votes: int
) -> None:
    network = CellNetworkConfig(variant=variant)  # type: ignore[arg-type]  # one of the names
    ours = counted(network, CIFAR, classes).parameters
    assert millions(network.published_parameters(CIFAR, classes)) == published
    assert millions(ours - votes) == published


def test_memory_formula_differs_from_the_count_by_the_listed_terms() -> None:
    for network, classes in (
        (CellNetworkConfig(variant="snasnet_cifar10"), 10),
        (CellNetworkConfig(variant="snasnet_cifar100"), 100),
        (CellNetworkConfig(classifier_norm=False), 10),
        (CellNetworkConfig(classifier_norm=False, channels=(8, 12, 20), votes=3), 10),
    ):
        rows = {row.name: row for row in count(NetworkConfig(architecture=network), CIFAR, classes)}
        votes = rows["votes"].neurons if "votes" in rows else 0
        norms = sum(2 * rows[name].shape[0] for name in rows if name.endswith("_sn3"))
        ours = total(rows.values()).parameters - (rows["head"].weights if votes else 0)
        found = network.published_parameters(CIFAR, classes)
        assert found == ours + norms + (votes or classes)


def test_cell_parameters_are_those_of_the_written_cell() -> None:
    network = CellNetworkConfig(
        cell=("0234", "1050", "2004", "3500"),
        operations=("zero", "identity", "conv1", "conv3", "average_pool", "conv7"),
        channels=(6, 10),
    )
    rows = count(NetworkConfig(architecture=network), (1, 28, 28), 10)
    for cell, channels in (("c1_e", 6), ("c2_e", 10)):
        ours = sum(row.parameters for row in rows if row.name.startswith(cell))
        assert ours == cell_parameters(network.cell, network.operations, channels)


def test_cell_parameters_of_a_wrong_matrix() -> None:
    with pytest.raises(ConfigError, match=r"^the cell has problems:\n  cell must have 4 rows"):
        cell_parameters(("01",), ("zero", "identity"), 8)


def test_every_kind_of_layer_by_hand() -> None:
    layers = (
        ConvLayer(
            name="conv", channels=6, kernel=(3, 5), groups=2, batch_norm=True, padding=(1, 2)
        ),
        ConvLayer(
            name="image", source="conv", channels=4, kernel=(2, 2), stride=(2, 2), neuron=BARE
        ),
        MixLayer(name="rows", source="conv", axis="rows", batch_norm=True),
        MixLayer(name="columns", source="rows", axis="columns"),
        MixLayer(name="tokens", source="columns", axis="tokens"),
        ConvLayer(name="four", source="tokens", channels=4, kernel=(1, 1)),
        ProductLayer(name="attention", source="four", weights="image", heads=2, transposed=True),
        ProductLayer(name="gated", source="attention", weights="image", heads=2),
        DelayLayer(name="late", source="gated"),
        AddLayer(name="both", sources=("gated", "late")),
        NeuronsLayer(name="neurons", source="both"),
        PoolLayer(name="pool", source="neurons", kernel=(4, 6)),
        DenseLayer(name="last", features=3, batch_norm=True),
    )
    rows = {row.name: row for row in count(NetworkConfig(layers=layers), (2, 4, 6))}
    found = {
        name: (row.weights, row.norms, row.operations, row.neurons) for name, row in rows.items()
    }
    assert found == {
        "conv": (6 * 15, 12, 6 * 24 * 15, 144),
        "image": (4 * 6 * 4, 0, 4 * 6 * 24, 0),
        "rows": (16, 8, 144 * 4, 144),
        "columns": (36, 0, 144 * 6, 144),
        "tokens": (24 * 24, 0, 144 * 24, 144),
        "four": (24, 0, 96 * 6, 96),
        "attention": (0, 0, 2 * 6 * 24 * 2, 2 * 6 * 24),
        "gated": (0, 0, 4 * 24 * 6, 96),
        "late": (0, 0, 0, 0),
        "both": (0, 0, 0, 0),
        "neurons": (0, 0, 0, 96),
        "pool": (0, 0, 0, 0),
        "last": (12, 6, 12, 3),
    }
    everything = total(rows.values())
    assert everything.name == everything.kind == "total"
    assert everything.shape == (3,)
    assert everything.parameters == sum(row.weights + row.norms for row in rows.values())
    assert everything.operations == sum(row.operations for row in rows.values())
    assert everything.neurons == sum(row.neurons for row in rows.values())


def test_nothing_adds_up_to_nothing() -> None:
    assert total([]) == LayerCount(
        name="total", kind="total", shape=(), weights=0, norms=0, operations=0, neurons=0
    )


def test_counting_an_architecture_needs_the_classes() -> None:
    network = NetworkConfig(architecture=SpikingMLPConfig())
    with pytest.raises(ConfigError, match="classes"):
        count(network, (1, 28, 28))


TABLE: list[tuple[Architecture, tuple[int, ...], int, float | None]] = [
    (SpikingResformerConfig(variant="ti"), IMAGENET, 1000, 11.14),
    (SpikingResformerConfig(variant="s"), IMAGENET, 1000, 17.76),
    (SpikingResformerConfig(variant="m"), IMAGENET, 1000, 35.52),
    (SpikingResformerConfig(variant="l"), IMAGENET, 1000, 60.38),
    (SpikingResformerConfig(variant="cifar"), CIFAR, 10, None),
    (SpikingResformerConfig(variant="cifar"), CIFAR, 100, None),
    (SpikingResformerConfig(variant="dvs"), (3, 64, 64), 11, None),
    (SpikingResformerConfig(), (1, 28, 28), 10, None),
    (SpikingMLPConfig(variant="t"), IMAGENET, 1000, 25.23),
    (SpikingMLPConfig(variant="s"), IMAGENET, 1000, 37.98),
    (SpikingMLPConfig(variant="b"), IMAGENET, 1000, 65.61),
    (SpikingMLPConfig(), (1, 28, 28), 10, None),
    (SkipNetworkConfig(variant="sew_resnet18"), IMAGENET, 1000, 11.69),
    (SkipNetworkConfig(variant="ms_resnet18"), IMAGENET, 1000, 11.69),
    (SkipNetworkConfig(variant="mobilenetv2"), IMAGENET, 1000, 3.50),
    (SkipNetworkConfig(variant="densenet121"), IMAGENET, 1000, None),
    (SkipNetworkConfig(), (1, 28, 28), 10, None),
    (CellNetworkConfig(variant="snasnet_cifar10"), CIFAR, 10, 19.52),
    (CellNetworkConfig(variant="snasnet_cifar100"), CIFAR, 100, 20.62),
    (CellNetworkConfig(), (1, 28, 28), 10, None),
]


def table_row(
    architecture: Architecture, shape: tuple[int, ...], classes: int, published: float | None
) -> str:
    found = counted(architecture, shape, classes)
    digits = 2 if found.weights > 1e6 else 3
    cells = [
        f"`{architecture.kind}`",
        f"`{architecture.variant}`",
        "x".join(map(str, shape)),
        str(classes),
        f"{found.weights / 1e6:.{digits}f}",
        f"{found.parameters / 1e6:.{digits}f}",
        "-" if published is None else f"{published:.2f}",
        f"{found.operations / 1e9:.{digits}f}",
        f"{found.neurons / 1e6:.{digits}f}",
    ]
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize(("architecture", "shape", "classes", "published"), TABLE)
def test_table_of_the_documentation(
    architecture: Architecture,
    shape: tuple[int, ...],
    classes: int,
    published: float | None,
    root: Path,
) -> None:
    lines = (root / "docs" / "architectures.md").read_text(encoding="utf-8").splitlines()
    assert table_row(architecture, shape, classes, published) in lines
