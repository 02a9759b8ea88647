"""Tiny instances of every architecture: PyTorch on the lattice against the reference executor."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from spikeloom.ir import Executor
from spikeloom.model import Network, NetworkConfig, NeuronConfig, ReadoutConfig, export
from spikeloom.model._architectures import (
    CellNetworkConfig,
    SkipBlockConfig,
    SkipLayerConfig,
    SkipNetworkConfig,
    SpikingMLPConfig,
    SpikingResformerConfig,
)
from spikeloom.model._network_config import Architecture

SHAPE = (2, 12, 12)
BLOCK = SkipBlockConfig(
    layers=(
        SkipLayerConfig(channels=4),
        SkipLayerConfig(channels=4, groups=2),
        SkipLayerConfig(channels=6, stride=2),
    ),
    adjacency=("A", "CA"),
)
POOLED = SkipBlockConfig(
    layers=(SkipLayerConfig(channels=4, kernel=1), SkipLayerConfig(channels=4)), pool="average"
)
KERNELS = ("zero", "identity", "conv1", "conv3", "average_pool", "conv5")

TINY: dict[str, Architecture] = {
    "attention with two heads and p = 2": SpikingResformerConfig(
        dims=(4, 6), heads=(2, 2), group_width=4, expansion=2
    ),
    "attention behind an ImageNet stem": SpikingResformerConfig(
        dims=(4,), heads=(2,), patches=(1,), blocks=(2,), group_width=4, stem="imagenet"
    ),
    "attention with learnt decays": SpikingResformerConfig(
        variant="dvs", dims=(4,), heads=(1,), patches=(2,), blocks=(1,), group_width=4
    ),
    "two-stage MLP with SPE": SpikingMLPConfig(dim=6, depths=(1, 1)),
    "two-stage MLP without SPE": SpikingMLPConfig(dim=5, depths=(2, 1), spe=False),
    "skips that add to currents": SkipNetworkConfig(stem_channels=4, blocks=(BLOCK, POOLED)),
    "skips that add spikes": SkipNetworkConfig(
        addition="spikes", stem_channels=4, blocks=(BLOCK, POOLED)
    ),
    "skips that add membranes": SkipNetworkConfig(
        addition="membrane", stem_channels=4, blocks=(BLOCK, POOLED)
    ),
    "cell with one backward edge": CellNetworkConfig(channels=(4, 6), hidden=8),
    "cell of CIFAR-10": CellNetworkConfig(
        variant="snasnet_cifar10", channels=(4, 6), hidden=8, votes=2, pool=3, stem="strided"
    ),
    "cell with pools and identities": CellNetworkConfig(
        cell=("0143", "0034", "1005", "0300"), operations=KERNELS, channels=(4, 6), hidden=8
    ),
    "cell with a backward pool": CellNetworkConfig(
        cell=("0332", "0030", "0402", "3000"), operations=KERNELS, channels=(4, 6), hidden=8
    ),
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained_a_little(architecture: Architecture, readout: ReadoutConfig) -> Network:
    """A network whose norms have seen currents, and whose norms are not what they began with."""
    torch.manual_seed(3)
    config = NetworkConfig(time_steps=3, architecture=architecture)
    network = Network(config, readout=readout, shape=SHAPE, classes=5, input_bits=4, seed=5)
    for _ in range(2):
        inputs = torch.randint(0, 16, (8, *SHAPE))
        network.logits(inputs).square().mean().backward()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("gamma"):
                parameter.uniform_(-1.5, 1.5)
            if name.endswith("beta"):
                parameter.normal_(0.5, 0.5)
    return network.eval()


def assert_equal_to_the_executor(network: Network, seed: int) -> None:
    """Scores, and the spikes of every group of neurons at every step."""
    inputs = np.random.default_rng(seed).integers(0, 16, (4, *SHAPE))
    with torch.no_grad():
        scores = network(torch.from_numpy(inputs)).numpy()
        spikes = network.spikes(torch.from_numpy(inputs))
    trace = Executor(export(network)).run(inputs, record=True)
    assert np.array_equal(trace.scores, scores.astype(np.int64))
    for name, ours in spikes.items():
        assert np.array_equal(trace.layers[name].spikes.swapaxes(0, 1), ours.numpy()), name
    assert sum(float(found.sum()) for found in spikes.values()) > 0.0


@pytest.mark.parametrize("name", TINY)
def test_lattice_is_what_the_executor_computes(name: str) -> None:
    assert_equal_to_the_executor(trained_a_little(TINY[name], ReadoutConfig()), seed=7)


@pytest.mark.parametrize(
    "kind", ["spiking_resformer", "spiking_mlp", "skip_network", "cell_network"]
)
def test_spike_counts_are_scores_as_well(kind: str) -> None:
    architecture = next(found for found in TINY.values() if found.kind == kind)
    network = trained_a_little(architecture, ReadoutConfig(kind="spike_count"))
    assert_equal_to_the_executor(network, seed=8)


def test_neurons_may_be_of_any_kind() -> None:
    neuron = NeuronConfig(kind="if", threshold=1.5, reset="subtract", membrane_bits=12)
    network = trained_a_little(SpikingMLPConfig(dim=6, neuron=neuron), ReadoutConfig())
    assert_equal_to_the_executor(network, seed=9)
