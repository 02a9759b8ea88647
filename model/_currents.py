"""Blocks on a lattice that others share: bare synapses, and products of spikes and currents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from spikeloom.model._blocks import Block, Step, Value
from spikeloom.model._flow import Flow
from spikeloom.model._layers import Spiking
from spikeloom.model._neuron import SpikingNeuron
from spikeloom.model._norm import LatticeNorm, Running, channel_mean, moments
from spikeloom.model._ste import round_ste
from spikeloom.model._synapse import Synapse

RATE_MOMENTUM = 1e-3
SMALLEST_RATE = 1.0 / 64.0  # a silent head keeps a finite scale


class CurrentLayer(Block):
    """A synapse that puts out its current, with batch norm in the weights if wanted.

    Without batch norm it has no bias.

    Args:
        name: Name of the layer.
        sources: Name of what it reads.
        flow: What is known of its output.
        time_steps: Steps of an inference.
        synapse: The weights, with a power of two for a scale.
        batch_norm: Whether there is a batch norm.
    """

    def __init__(
        self,
        name: str,
        sources: Sequence[str],
        flow: Flow,
        time_steps: int,
        *,
        synapse: Synapse,
        batch_norm: bool,
    ) -> None:
        super().__init__(name, sources, flow, time_steps)
        self.synapse = synapse
        self.norm = LatticeNorm(len(synapse.weight)) if batch_norm else None

    def forward(self, *values: Value) -> Value:
        """Currents of operands."""
        x = values[0].data.flatten(0, 1)
        if self.norm is not None and self.training:
            self.norm.show(running_variance=self._variance(x))
        codes, unit = self.synapse.shared_codes(self._factor())
        currents = cast("Tensor", self.synapse(x, codes))
        if self.norm is not None:
            currents = currents + self._spread(self._bias_of(currents, unit))
        return Value(currents.view(*values[0].data.shape[:2], *currents.shape[1:]), unit)

    def begin(self, _units: Sequence[float]) -> Step:
        """Weights and bias by the running statistics, which follow at the end."""
        codes, unit = self.synapse.shared_codes(self._factor())
        bias = self._running_bias(unit)
        seen: list[Tensor] = []

        def run(x: Tensor) -> Tensor:
            if self.norm is not None and self.training:
                seen.append(x.detach())
            currents = cast("Tensor", self.synapse(x, codes))
            return currents if bias is None else currents + self._spread(bias)

        def finish() -> None:
            if self.norm is not None and seen:
                self._follow(torch.cat(seen), codes, unit)

        return Step(run, finish)

    def unit(self, _units: Sequence[float]) -> float:
        """That of the weights, from the running statistics."""
        return self.synapse.shared_unit(self._factor())

    def folded(self) -> tuple[Tensor, Tensor | None]:
        """Weights and bias of evaluation mode, floats of integers."""
        assert not self.training
        codes, unit = self.synapse.shared_codes(self._factor())
        return codes, self._running_bias(unit)

    def _factor(self) -> Tensor | None:
        return None if self.norm is None else self.norm.factor()

    def _spread(self, values: Tensor) -> Tensor:
        return self.synapse.spread(values, self.flow.shape)

    @torch.no_grad()
    def _variance(self, x: Tensor) -> Tensor:
        """That of the current of the weights as they are, in real units."""
        return moments(self.synapse(x, self.synapse.scaled(None)))[1]

    def _bias_of(self, currents: Tensor, unit: float) -> Tensor:
        """The bias in units of the current: after the mean of this batch in training."""
        assert self.norm is not None
        if not self.training:
            return self._rounded(self.norm.bias() / unit)
        mean = channel_mean(currents) * unit
        self.norm.show(running_mean=mean.detach())
        self.norm.set_fresh(False)
        return self._rounded(self.norm.bias(mean) / unit)

    def _running_bias(self, unit: float) -> Tensor | None:
        return None if self.norm is None else self._rounded(self.norm.bias() / unit)

    def _rounded(self, bias: Tensor) -> Tensor:
        return round_ste(bias) if self.synapse.lattice else bias

    @torch.no_grad()
    def _follow(self, x: Tensor, codes: Tensor, unit: float) -> None:
        """Show the statistics of a whole run of a loop."""
        assert self.norm is not None
        mean = channel_mean(self.synapse(x, codes)) * unit
        self.norm.show(running_variance=self._variance(x), running_mean=mean)
        self.norm.set_fresh(False)


class FiringRate(Running):
    """The mean rate of each head: of spikes, or the mean square of larger operands."""

    rate: Tensor

    def __init__(self, heads: int) -> None:
        super().__init__(RATE_MOMENTUM, rate=torch.full((heads,), 0.25))

    @torch.no_grad()
    def follow(self, x: Tensor, unit: float) -> None:
        """Take in operands `[N, heads, ...]` in `unit`."""
        self.show(rate=(x * unit).square().flatten(2).mean((0, 2)))
        self.set_fresh(False)


class ProductBlock(Spiking):
    """Spikes that gate currents, and the neurons on the sums (see `spikeloom.ir.Product`).

    The sums are scaled by `1 / sqrt(rate * terms)`, which is in the thresholds:
    one for each head, in units of the currents.

    Args:
        name: Name of its neurons.
        sources: Names of the spikes and of the currents.
        flow: What is known of its output.
        time_steps: Steps of an inference.
        neuron: The neurons.
        heads: Into how many parts the channels are split.
        terms: Terms of each sum.
        transposed: Which of the two forms it is.
    """

    def __init__(
        self,
        name: str,
        sources: Sequence[str],
        flow: Flow,
        time_steps: int,
        *,
        neuron: SpikingNeuron,
        heads: int,
        terms: int,
        transposed: bool,
    ) -> None:
        super().__init__(name, sources, flow, time_steps)
        self.neuron = neuron
        self.heads = heads
        self.terms = terms
        self.transposed = transposed
        self.norm = FiringRate(heads)

    def forward(self, *values: Value) -> Value:
        """Spikes, of spikes and currents."""
        x, weights = values
        if self.training:
            self.norm.follow(self._by_head(x.data.flatten(0, 1)), x.unit)
        currents = self._gate(x.data, weights.data)
        threshold = self._threshold(x.unit * weights.unit)
        return Value(self.neuron(currents, threshold, time_steps=self.time_steps), 1.0)

    def begin(self, units: Sequence[float]) -> Step:
        """Neurons at rest, with the rates of before."""
        neurons = self.neuron.begin(self._threshold(units[0] * units[1]))
        seen: list[Tensor] = []

        def run(x: Tensor, weights: Tensor) -> Tensor:
            if self.training:
                seen.append(x.detach())
            return neurons(self._gate(x, weights))

        def finish() -> None:
            if seen:
                self.norm.follow(self._by_head(torch.cat(seen)), units[0])

        return Step(run, finish)

    def threshold(self, units: Sequence[float]) -> Tensor:
        """Thresholds of evaluation, `()` or one per channel, for sources in `units`."""
        threshold, _ = self.neuron.snap(self._threshold(units[0] * units[1]), None)
        return threshold.flatten() if threshold.dim() else threshold

    def _threshold(self, unit: float) -> Tensor:
        """Thresholds that broadcast against one sample, not rounded."""
        spread = (self.norm.rate.clamp_min(SMALLEST_RATE) * self.terms).sqrt()
        threshold = self.neuron.threshold * spread / unit
        if self.heads == 1:
            return threshold.squeeze(0)
        return threshold.repeat_interleave(self.flow.shape[0] // self.heads).view(-1, 1, 1)

    def _by_head(self, maps: Tensor) -> Tensor:
        """Maps `[..., C, H, W]` as matrices `[..., heads, C / heads, H * W]`."""
        *outer, channels, height, width = maps.shape
        return maps.reshape(*outer, self.heads, channels // self.heads, height * width)

    def _gate(self, x: Tensor, weights: Tensor) -> Tensor:
        matrix = self._by_head(weights)
        matrix = matrix.transpose(-2, -1) if self.transposed else matrix
        product = torch.matmul(matrix, self._by_head(x))
        return product.reshape(*product.shape[:-3], *self.flow.shape)
