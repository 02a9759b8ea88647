"""`weight_step`: a coarser step of the quantiser leaves more weights zero."""

from __future__ import annotations

import pytest
import torch

from spikeloom.ir import Conv2d, Dense, TokenMix
from spikeloom.model import (
    ConvLayer,
    DenseLayer,
    DenseSynapse,
    MixLayer,
    Network,
    NetworkConfig,
    NeuronConfig,
    RoundedChannelWeightQuant,
    RoundedWeightQuant,
    export,
)
from spikeloom.model._layers import SpikingLayer
from spikeloom.model._quantiser import LatticeWeights

pytestmark = pytest.mark.usefixtures("one_thread")
LIF = NeuronConfig(leak=1)
STEP = 2.0
LAYERS = {
    "dense": DenseLayer(features=6, weight_bits=3, weight_step=STEP, neuron=LIF),
    "conv": ConvLayer(channels=6, weight_bits=3, weight_step=STEP, neuron=LIF),
    "mix": MixLayer(axis="rows", weight_bits=3, weight_step=STEP, neuron=LIF),
}


@pytest.mark.parametrize("quantiser", [RoundedWeightQuant, RoundedChannelWeightQuant])
def test_weights_of_less_than_half_a_step_are_zero(quantiser: type) -> None:
    zeros = []
    for step in (0.5, 1.0, 2.5):
        torch.manual_seed(1)
        synapse = DenseSynapse(
            "x", 40, 12, weight_bits=2, weight_step=step, quantiser=quantiser, lattice=True
        )
        codes, unit = synapse.codes()
        assert ((codes == 0) == (synapse.weight.abs() < (0.5 * unit).view(-1, 1))).all()
        assert (codes.detach().numpy() == synapse.integer_weight()).all()
        zeros.append(int((codes == 0).sum()))
    assert zeros == sorted(set(zeros))


@pytest.mark.parametrize("kind", LAYERS)
def test_layer_hands_its_step_to_its_weights(kind: str) -> None:
    layers = (ConvLayer(channels=2, neuron=LIF), LAYERS[kind], DenseLayer(features=3))
    network = Network(NetworkConfig(time_steps=2, layers=layers), shape=(1, 8, 8), seed=1)
    block = network.eval().blocks[1]
    assert isinstance(block, SpikingLayer)
    codes, unit = block.synapse.codes()
    torch.testing.assert_close(unit, STEP * block.synapse.weight.square().mean().sqrt())
    node = export(network).node(f"{kind}1_synapse")
    assert isinstance(node, Dense | Conv2d | TokenMix)
    assert (node.weight.ravel() == codes.detach().numpy().ravel()).all()
    assert (node.weight == 0).sum() > node.weight.size // 2


def test_step_of_a_shared_current_is_the_power_of_two_nearest_to_it() -> None:
    weight = torch.randn(8, 16, generator=torch.Generator().manual_seed(0))
    size = float(weight.square().mean().sqrt())
    for step in (0.5, 1.0, 2.0):
        ratio = float(LatticeWeights(2, False, step).scale(weight)) / (step * size)
        assert 0.7 < ratio < 1.42
