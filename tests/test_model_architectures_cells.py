"""Cell networks written out as layers."""

from __future__ import annotations

import re

import pytest

from spikeloom.ir import ConfigError
from spikeloom.model._architectures import (
    CellNetworkConfig,
)
from spikeloom.model._layer_config import (
    ConvLayer,
    DelayLayer,
    DenseLayer,
    LayerConfig,
    PoolLayer,
    layer_sources,
)
from spikeloom.model._network_config import Architecture, NetworkConfig, expand

FASHION = (1, 28, 28)
CIFAR = (3, 32, 32)


def made(
    architecture: Architecture, shape: tuple[int, ...] = FASHION, classes: int = 10
) -> dict[str, LayerConfig]:
    network = expand(NetworkConfig(architecture=architecture), shape, classes)
    return {layer.name: layer for layer in network.layers}


def test_edges_of_a_released_cell() -> None:
    layers = made(CellNetworkConfig(variant="snasnet_cifar10"), CIFAR)  # 0303 0030 2002 0200
    kernels = {
        name: layer.kernel[0]
        for name, layer in layers.items()
        if isinstance(layer, ConvLayer) and name.startswith("c1_e")
    }
    assert kernels == {
        "c1_e01": 3,
        "c1_e03": 3,
        "c1_e12": 3,
        "c1_e20": 1,
        "c1_e23": 1,
        "c1_e31": 1,
    }
    late = {name: layer.source for name, layer in layers.items() if isinstance(layer, DelayLayer)}
    assert late["c1_e20_late"] == "c1_e20"
    assert late["c1_e31_late"] == "c1_e31"
    assert len(late) == 4
    assert layer_sources(layers["c1_n0"]) == ("stem", "c1_e20_late")
    assert layer_sources(layers["c1_n1"]) == ("c1_e01", "c1_e31_late")
    assert layer_sources(layers["c1_n3"]) == ("c1_e03", "c1_e23")
    assert layer_sources(layers["c2_n0"]) == ("c2_pool", "c2_e20_late")
    assert layer_sources(layers["c2_pool"]) == ("c2_reduce",)
    # One group of neurons per node; the node 2 has one edge, whose neurons join it.
    assert {layers[name].kind for name in ("c1_sn0", "c1_sn1", "c1_sn3")} == {"neurons"}
    assert layer_sources(layers["c1_e31"]) == layer_sources(layers["c2_reduce"]) == ("c1_sn3",)
    assert layer_sources(layers["c1_e20"]) == layer_sources(layers["c1_e23"]) == ("c1_e12",)


def cell(
    *rows: str, operations: tuple[str, ...] = ("zero", "identity", "conv3", "average_pool")
) -> CellNetworkConfig:
    return CellNetworkConfig(cell=rows, operations=operations, channels=(4, 6))


def test_identity_edges_are_the_nodes_themselves() -> None:
    layers = made(cell("0101", "0020", "1001", "0000"))
    assert layer_sources(layers["c1_n0"]) == ("stem", "c1_e20_late")
    assert layer_sources(layers["c1_e20_late"]) == ("c1_e12",)  # node 2 has one edge, that of 1
    assert layer_sources(layers["c1_e12"]) == ("c1_sn0",)  # node 1 is node 0
    assert layer_sources(layers["c1_n3"]) == ("c1_n0", "c1_e12")


def test_a_node_may_be_fed_by_a_backward_edge_alone() -> None:
    layers = made(cell("0022", "0002", "0200", "0000"))
    assert layer_sources(layers["c1_sn1"]) == ("c1_e21_late",)
    assert layer_sources(layers["c1_n3"]) == ("c1_e03", "c1_e13")


def test_average_pool_is_one_of_spikes() -> None:
    layers = made(cell("0003", "0000", "0000", "0000"))
    pool = layers["c1_e03"]
    assert isinstance(pool, PoolLayer)
    assert (pool.kernel, pool.stride, pool.padding) == ((3, 3), (1, 1), (1, 1))
    assert layer_sources(pool) == ("stem",)
    assert layer_sources(layers["c1_sn3"]) == ("c1_e03",)


def test_dead_nodes_are_left_out() -> None:
    # Node 1 is not reached, node 2 leads nowhere.
    layers = made(cell("0022", "0002", "0000", "0000"))
    assert [name for name in layers if name.startswith("c1")] == ["c1_e03"]


def test_classifier_of_a_cell_network() -> None:
    layers = made(CellNetworkConfig(variant="snasnet_cifar100"), CIFAR, 100)
    hidden, votes, pool = layers["hidden"], layers["votes"], layers["head_pool"]
    assert isinstance(pool, PoolLayer)
    assert pool.kernel == (2, 2)
    assert isinstance(hidden, DenseLayer)
    assert (hidden.features, hidden.batch_norm) == (1024, False)
    assert isinstance(votes, DenseLayer)
    assert (votes.source, votes.features) == ("hidden", 500)
    assert layer_sources(layers["head"]) == ("votes",)
    normed = made(CellNetworkConfig())
    assert isinstance(hidden := normed["hidden"], DenseLayer)
    assert hidden.batch_norm
    assert layer_sources(normed["head"]) == ("hidden",)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            cell("0002", "0000", "0000", "0000", operations=("zero", "identity", "conv4")),
            "operations[2] must be 'zero', 'identity', 'average_pool' or 'conv' and an odd number "
            "of at most 63, not 'conv4'",
        ),
        (
            cell("0001", "0000", "0000", "0000", operations=("zero", "conv65")),
            "operations[1] must be 'zero'",
        ),
        (
            cell("0001", "0000", "0000", "0000", operations=("zero", *["conv3"] * 10)),
            "operations must be at most 10, one for each digit",
        ),
        (cell("0001", "0000", "0000"), "cell must have 4 rows of 4 digits, not ['0001', '0000',"),
        (cell("0005", "0000", "0000", "0000"), "cell must be of the digits 0123, not '5'"),
        (
            cell("0002", "0200", "0000", "0000"),
            "cell[1][1] must be zero: no edge leads to its own node",
        ),
        (
            cell("0200", "0000", "0002", "0000"),
            "cell must lead from node 0 to node 3, directly or through other nodes",
        ),
        (
            CellNetworkConfig(channels=(4,) * 6),
            "layer 'c5_pool' of the architecture would put out shape (4, 0, 0) for an input of "
            "shape (1, 28, 28); use larger inputs, or fewer or smaller strides",
        ),
    ],
)
def test_wrong_cell_network(network: CellNetworkConfig, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        network.layers(FASHION, 10)
