"""Blocks with neurons of their own: a synapse or a product, and the neurons behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from spikeloom.model._blocks import Block, Step, Value
from spikeloom.model._flow import Flow
from spikeloom.model._neuron import Integrator, SpikingNeuron
from spikeloom.model._norm import FoldedNorm, moments
from spikeloom.model._ste import clamp_ste, round_ste
from spikeloom.model._synapse import Synapse


@dataclass(frozen=True, slots=True)
class Folded:
    """What the hardware of a layer gets: weights, threshold and bias, floats of integers."""

    weight: Tensor
    threshold: Tensor | None
    bias: Tensor


class Spiking(Block):
    """A block that puts out spikes."""

    neuron: SpikingNeuron

    def unit(self, _units: Sequence[float]) -> float:
        """A spike is 1."""
        return 1.0


class SpikingLayer(Spiking):
    """A synapse whose current feeds its own neurons alone, and batch norm if wanted.

    Args:
        name: Name of its neurons.
        sources: Name of what it reads.
        flow: What is known of its output.
        time_steps: Steps of an inference.
        synapse: The weights.
        neuron: The neurons.
        batch_norm: Whether thresholds and biases hold a batch norm.
    """

    def __init__(
        self,
        name: str,
        sources: Sequence[str],
        flow: Flow,
        time_steps: int,
        *,
        synapse: Synapse,
        neuron: SpikingNeuron,
        batch_norm: bool,
    ) -> None:
        super().__init__(name, sources, flow, time_steps)
        self.synapse = synapse
        self.neuron = neuron
        outputs = len(synapse.weight)
        self.norm = FoldedNorm(outputs) if batch_norm else None
        self.bias = None if batch_norm else nn.Parameter(torch.zeros(outputs))

    def forward(self, *values: Value) -> Value:
        """Spikes of operands."""
        x = values[0].data
        weight, unit = self._weight()
        currents = cast("Tensor", self.synapse(x.flatten(0, 1), weight))
        if self.norm is None:
            threshold, bias = self._own_threshold_and_bias(unit)
        else:
            threshold, bias = self._folded(*self.norm.fold(self._by_output(currents), unit))
        sequence = currents.view(*x.shape[:2], *currents.shape[1:])
        spikes = self.neuron(
            sequence, self._spread(threshold), self._spread(bias), time_steps=self.time_steps
        )
        return Value(spikes, 1.0)

    def begin(self, _units: Sequence[float]) -> Step:
        """Neurons at rest, with the running statistics."""
        weight, unit = self._weight()
        threshold, bias = self._running(unit)
        neurons = self.neuron.begin(self._spread(threshold), self._spread(bias))
        seen: list[Tensor] = []

        def run(x: Tensor) -> Tensor:
            currents = cast("Tensor", self.synapse(x, weight))
            if self.norm is not None and self.training:
                seen.append(currents.detach())
            return neurons(currents)

        def finish() -> None:
            if self.norm is not None and seen:
                self.norm.follow(*moments(self._by_output(torch.cat(seen))), unit)

        return Step(run, finish)

    def folded(self) -> Folded:
        """The integers of evaluation mode (an error in training mode or float arithmetic)."""
        assert not self.training
        assert self.neuron.lattice
        weight, unit = self._weight()
        threshold, bias = self.neuron.snap(*self._running(unit))
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

    def _by_output(self, currents: Tensor) -> Tensor:
        return self.synapse.by_output(currents)

    def _spread(self, values: Tensor) -> Tensor:
        return self.synapse.spread(values, self.flow.shape) if values.dim() else values

    def _running(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Threshold and bias in units of the current, not rounded, as in evaluation."""
        if self.norm is None:
            return self._own_threshold_and_bias(unit)
        return self._folded(*self.norm.fold_running(unit))

    def _own_threshold_and_bias(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        assert self.bias is not None
        return self.neuron.threshold / unit, self.bias / unit

    def _folded(self, ratio: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        return self.neuron.threshold * ratio, bias


class IntegratorLayer(Block):
    """A synapse and neurons that only integrate: the last layer of a membrane readout."""

    def __init__(
        self,
        name: str,
        sources: Sequence[str],
        flow: Flow,
        time_steps: int,
        *,
        synapse: Synapse,
        neuron: Integrator,
    ) -> None:
        super().__init__(name, sources, flow, time_steps)
        self.synapse = synapse
        self.neuron = neuron
        self.bias = nn.Parameter(torch.zeros(len(synapse.weight)))

    def forward(self, *values: Value) -> Value:
        """Last membranes `[1, N, K]`."""
        x = values[0].data
        weight, unit = self.synapse.codes()
        currents = cast("Tensor", self.synapse(x.flatten(0, 1), weight))
        sequence = currents.view(*x.shape[:2], -1).expand(self.time_steps, -1, -1)
        membranes = self.neuron(sequence, self._snapped_bias(unit))
        return Value(membranes.unsqueeze(0), float(unit))

    def unit(self, _units: Sequence[float]) -> float:
        """What turns a membrane into a real number."""
        return float(self.synapse.codes()[1])

    def folded(self) -> Folded:
        """The integers of evaluation mode."""
        weight, unit = self.synapse.codes()
        return Folded(weight, None, self._snapped_bias(unit))

    def _snapped_bias(self, unit: Tensor) -> Tensor:
        bias = self.bias / unit
        return clamp_ste(round_ste(bias), *self.neuron.limits) if self.neuron.lattice else bias


class NeuronGroup(Spiking):
    """Neurons on a current that comes with a unit of its own."""

    def __init__(
        self,
        name: str,
        sources: Sequence[str],
        flow: Flow,
        time_steps: int,
        *,
        neuron: SpikingNeuron,
    ) -> None:
        super().__init__(name, sources, flow, time_steps)
        self.neuron = neuron

    def forward(self, *values: Value) -> Value:
        """Spikes of currents."""
        threshold = self.neuron.threshold / values[0].unit
        return Value(self.neuron(values[0].data, threshold, time_steps=self.time_steps), 1.0)

    def begin(self, units: Sequence[float]) -> Step:
        """Neurons at rest."""
        return Step(self.neuron.begin(self.neuron.threshold / units[0]))

    def threshold(self, unit: float) -> Tensor:
        """The threshold in evaluation, for currents in `unit`."""
        return self.neuron.snap(self.neuron.threshold / unit, None)[0]


def set_lattice(module: nn.Module, lattice: bool) -> None:
    """Switch every synapse and neuron inside `module` between the two arithmetics."""
    for part in module.modules():
        if isinstance(part, Synapse | SpikingNeuron | Integrator):
            cast("Any", part).lattice = lattice
