"""Tiny instances of every architecture: PyTorch on the lattice against the reference executor."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_architectures import SHAPE, TINY, trained_a_little

from spikeloom.ir import Executor
from spikeloom.model import Network, NeuronConfig, ReadoutConfig, export
from spikeloom.model._architectures import (
    SpikingMLPConfig,
)

pytestmark = pytest.mark.usefixtures("one_thread")


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
