"""Layers of a network: pools, a synapse, and the neurons behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from spikeloom.model._neuron import Integrator, SpikingNeuron
from spikeloom.model._norm import FoldedNorm
from spikeloom.model._pool import sum_pool
from spikeloom.model._ste import clamp_ste, round_ste
from spikeloom.model._synapse import Synapse


@dataclass(frozen=True, slots=True)
class Pool:
    """A sum over windows of `kernel` that do not overlap."""

    name: str
    kernel: tuple[int, int]

    def __call__(self, x: Tensor) -> Tensor:
        """Sums of `x` `[N, C, H, W]`; a remainder at the border is dropped."""
        return sum_pool(x, self.kernel)


@dataclass(frozen=True, slots=True)
class Folded:
    """What the hardware of a layer gets: weights, threshold and bias, floats of integers."""

    weight: Tensor
    threshold: Tensor | None
    bias: Tensor


class Layer(nn.Module):
    """Pools in front of a synapse, and the steps that every layer shares.

    Args:
        name: Name of its neurons.
        pools: Sum pools between the source and the synapse.
        synapse: The weights.
        outputs: Output channels or features.
    """

    def __init__(self, name: str, pools: Sequence[Pool], synapse: Synapse, outputs: int) -> None:
        super().__init__()
        self.name = name
        self.pools = tuple(pools)
        self.synapse = synapse
        self.outputs = outputs

    def _currents(self, x: Tensor, weight: Tensor) -> Tensor:
        """Currents `[F * N, outputs, ...]` of inputs `[F, N, ...]`, all frames in one batch."""
        x = x.flatten(0, 1)
        for pool in self.pools:
            x = pool(x)
        return cast("Tensor", self.synapse(x, weight))

    def folded(self) -> Folded:
        """The integers of evaluation mode."""
        raise NotImplementedError


class SpikingLayer(Layer):
    """A synapse, batch norm if wanted, and neurons that spike."""

    def __init__(
        self,
        name: str,
        pools: Sequence[Pool],
        synapse: Synapse,
        outputs: int,
        *,
        neuron: SpikingNeuron,
        batch_norm: bool,
    ) -> None:
        super().__init__(name, pools, synapse, outputs)
        self.neuron = neuron
        self.norm = FoldedNorm(outputs) if batch_norm else None
        self.bias = None if batch_norm else nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, time_steps: int) -> Tensor:
        """Spikes `[T, N, ...]` of inputs `[T, N, ...]`, or `[1, N, ...]` if static."""
        weight, unit = self._weight()
        currents = self._currents(x, weight)
        threshold, bias = self._threshold_and_bias(currents, unit)
        shape = (-1, *(1,) * (currents.dim() - 2))
        spikes = self.neuron(
            currents.view(*x.shape[:2], *currents.shape[1:]),
            threshold.view(shape) if threshold.dim() else threshold,
            bias.view(shape),
            time_steps=time_steps,
        )
        return cast("Tensor", spikes)

    def folded(self) -> Folded:
        """The integers of evaluation mode (an error in training mode or float arithmetic)."""
        assert not self.training
        assert self.neuron.lattice
        weight, unit = self._weight()
        threshold, bias = self.neuron.snap(*self._threshold_and_bias(weight, unit))
        assert bias is not None
        return Folded(weight, threshold, bias)

    def _weight(self) -> tuple[Tensor, Tensor]:
        weight, unit = self.synapse.codes()
        if self.norm is None:
            return weight, unit
        signs = self.norm.signs()
        if bool((signs < 0).any()):
            weight = weight * signs.view(-1, *(1,) * (weight.dim() - 1))
        return weight, unit

    def _threshold_and_bias(self, currents: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Threshold and bias in units of the current, not rounded."""
        if self.norm is None:
            assert self.bias is not None
            return self.neuron.threshold / unit, self.bias / unit
        ratio, bias = self.norm.fold(currents, unit)
        return self.neuron.threshold * ratio, bias


class IntegratorLayer(Layer):
    """A synapse and neurons that only integrate: the last layer of a membrane readout."""

    def __init__(
        self,
        name: str,
        pools: Sequence[Pool],
        synapse: Synapse,
        outputs: int,
        *,
        neuron: Integrator,
    ) -> None:
        super().__init__(name, pools, synapse, outputs)
        self.neuron = neuron
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, time_steps: int) -> tuple[Tensor, Tensor]:
        """Last membranes `[N, K]`, and the unit that turns them into real numbers."""
        weight, unit = self.synapse.codes()
        currents = self._currents(x, weight)
        sequence = currents.view(*x.shape[:2], -1).expand(time_steps, -1, -1)
        return self.neuron(sequence, self._snapped_bias(unit)), unit

    def folded(self) -> Folded:
        """The integers of evaluation mode."""
        weight, unit = self.synapse.codes()
        return Folded(weight, None, self._snapped_bias(unit))

    def _snapped_bias(self, unit: Tensor) -> Tensor:
        bias = self.bias / unit
        return clamp_ste(round_ste(bias), *self.neuron.limits) if self.neuron.lattice else bias


def set_lattice(module: nn.Module, lattice: bool) -> None:
    """Switch every synapse and neuron inside `module` between the two arithmetics."""
    for part in module.modules():
        if isinstance(part, Synapse | SpikingNeuron | Integrator):
            cast("Any", part).lattice = lattice
