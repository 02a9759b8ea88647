"""Neurons step by step, as in feedback loops, are the neurons that run over all steps at once."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from spikeloom.ir import Leak, Reset
from spikeloom.model import IF, LIF, PLIF, SpikingNeuron
from spikeloom.model._options import NeuronOptions

RESETS = [Reset.SUBTRACT, Reset.ZERO, Reset.NONE]
NEURONS = ("if", "lif", "shifts", "plif")


def _neuron(kind: str, **options: object) -> SpikingNeuron:
    given: NeuronOptions = options  # type: ignore[assignment]  # made of its keys
    match kind:
        case "if":
            return IF(**given)
        case "lif":
            return LIF(leak=2, **given)
        case "shifts":
            return LIF(beta=0.7, leak_terms=3, **given)
        case _:
            return PLIF(beta=0.8, **given)


def _gradients(
    neuron: SpikingNeuron, inputs: list[Tensor], *, stepwise: bool
) -> tuple[Tensor, list[Tensor]]:
    """Spikes, and gradients of currents, threshold, bias and the parameters of the neuron."""
    currents, threshold, bias = (x.clone().requires_grad_() for x in inputs)
    if stepwise:
        neurons = neuron.begin(threshold, bias)
        spikes = torch.stack([neurons(current) for current in currents])
    else:
        spikes = neuron(currents, threshold, bias)
    weight = torch.linspace(-1.0, 2.0, spikes.numel(), dtype=spikes.dtype).view_as(spikes)
    learnt = [p for p in neuron.parameters() if p.requires_grad and p.dim() == 0]
    wanted = [currents, threshold, bias, *learnt]
    found = torch.autograd.grad((spikes * weight).sum(), wanted, allow_unused=True)
    return spikes, [grad for grad in found if grad is not None]


@pytest.mark.parametrize("lattice", [False, True])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("kind", NEURONS)
def test_stepwise_neurons_equal_the_fused_ones(kind: str, reset: Reset, lattice: bool) -> None:
    torch.manual_seed(0)
    for detach, bits in itertools.product((True, False), (None, 5)):
        neuron = _neuron(
            kind, reset=reset, lattice=lattice, detach_reset=detach, membrane_bits=bits
        ).double()
        currents = torch.randint(-6, 12, (7, 5, 3, 4)).double()
        threshold = torch.randint(3, 9, (3, 1)).double()
        bias = torch.randint(-2, 3, (3, 1)).double()
        fused = _gradients(neuron, [currents, threshold, bias], stepwise=False)
        ours = _gradients(neuron, [currents, threshold, bias], stepwise=True)
        assert (ours[0] == fused[0]).all()
        assert 0 < ours[0].sum() < ours[0].numel()
        assert len(ours[1]) == len(fused[1]) == (4 if kind == "plif" else 3)
        for one, other in zip(ours[1], fused[1], strict=True):
            torch.testing.assert_close(one, other)


def test_stepwise_neurons_need_no_bias_and_take_one_threshold_for_all() -> None:
    neuron = LIF(leak=Leak.shift(1), lattice=True)
    currents = torch.randint(0, 9, (6, 10)).float()
    neurons = neuron.begin(torch.tensor(7.4))
    spikes = torch.stack([neurons(current) for current in currents])
    assert (spikes == neuron(currents, torch.tensor(7.4))).all()
