"""Batch norm that is nothing but integer thresholds, biases and weights.

With `y = gamma (I - mu) / sigma + beta` in front of neurons of threshold 1,
dividing by `gamma / sigma` gives the same spikes from the integer current:

    theta = sigma / |gamma|;   b = beta sigma / |gamma| - mu;   I from sign(gamma) W

(`mu` that of the current with the flipped weights): `FoldedNorm`.  A current
that is added to others keeps its scale, and there the factor goes into the
weights before they are rounded: `LatticeNorm`.  Training rounds all of them with
straight-through gradients, so nothing is lost in the export.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.model._autograd import apply_pair
from spikeloom.model._ste import clamp_ste

MOMENTUM = 0.1
EPSILON = 1e-5
SMALLEST_GAMMA = 1e-2  # keeps the threshold of a channel that training lets die finite


class Running(nn.Module):
    """Means that follow what they are shown; the first time they become it.

    Args:
        momentum: Share of what is new.
        **start: Value of each before it is shown anything.
    """

    started: Tensor

    def __init__(self, momentum: float, **start: Tensor) -> None:
        super().__init__()
        self._momentum = momentum
        for name, value in start.items():
            self.register_buffer(name, value)
        self.register_buffer("started", torch.tensor(False))

    @torch.no_grad()
    def show(self, **values: Tensor) -> None:
        """Move the buffers of these names towards the values."""
        share = self._momentum if bool(self.started) else 1.0
        for name, value in values.items():
            self.get_buffer(name).lerp_(value, share)

    @property
    def is_fresh(self) -> bool:
        """Whether nothing was shown yet."""
        return not bool(self.started)

    def set_fresh(self, fresh: bool) -> None:
        """Say whether what comes next replaces the means."""
        self.started.fill_(not fresh)


class _Norm(Running):
    """Gain, shift and running statistics of `channels` channels of current.

    Statistics are kept in real units, so that they stay valid while the
    quantisation step moves.
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(
            MOMENTUM,
            running_mean=torch.zeros(channels),
            running_variance=torch.ones(channels),
        )
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))


class FoldedNorm(_Norm):
    """The batch norm of `channels` channels of current in front of their own neurons."""

    def signs(self) -> Tensor:
        """-1 for channels whose weights must be flipped, else 1, `[channels]`."""
        return torch.where(self.gamma.detach() < 0, -1.0, 1.0)

    def fold(self, currents: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Threshold and bias per channel, `[channels]`, not yet rounded.

        `currents` `[N, channels, ...]` come from weights with `signs` applied.
        In training its own statistics are used, in evaluation the running ones.
        """
        if not self.training:
            return self.fold_running(unit)
        mean, variance = moments(currents)
        self.follow(mean, variance, unit)
        return self._fold(mean, variance, unit)

    def fold_running(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """As `fold`, with the running statistics."""
        mean = self.running_mean * self.signs() / unit
        return self._fold(mean, self.running_variance / unit.square(), unit)

    def follow(self, mean: Tensor, variance: Tensor, unit: Tensor) -> None:
        """Move the running statistics towards those of currents in `unit`."""
        with torch.no_grad():
            self.show(
                running_mean=mean * self.signs() * unit, running_variance=variance * unit.square()
            )
            self.set_fresh(False)

    def _fold(self, mean: Tensor, variance: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        sigma = (variance + EPSILON / unit.square()).sqrt()
        # Straight through, so that a gamma below the limit can still grow out of it.
        ratio = sigma / clamp_ste(self.gamma * self.signs(), SMALLEST_GAMMA, math.inf)
        return ratio, self.beta * ratio - mean


class LatticeNorm(_Norm):
    """The batch norm of a current that keeps its scale: a factor for the weights and a bias.

    The spread is a running one also in training, and a constant of the backward
    pass.  `running_variance` is that of the current of the weights as they are,
    `running_mean` that of the current of the weights with their factor.
    """

    def factor(self) -> Tensor:
        """What the weights of each channel are multiplied with, `[channels]`."""
        return self.gamma / (self.running_variance + EPSILON).sqrt()

    def bias(self, mean: Tensor | None = None) -> Tensor:
        """What is added to each channel: after the `mean` of this batch, or the running one."""
        return self.beta - (self.running_mean if mean is None else mean)


def channel_mean(currents: Tensor) -> Tensor:
    """Mean `[C]` of currents `[N, C, ...]`."""
    rows = currents.flatten(2) if currents.dim() > 2 else currents.unsqueeze(2)
    return rows.sum(2).sum(0) / (rows.shape[0] * rows.shape[2])


def moments(currents: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance `[C]` of currents `[N, C, ...]`."""
    return apply_pair(_Moments, currents)


class _Moments(torch.autograd.Function):
    """Mean and variance per channel of `[N, C, ...]` from sums, many times faster than var_mean.

    Integer currents have a mean of the order of their spread, so that the
    difference of the sums loses nothing that matters.
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        x: Tensor,
    ) -> tuple[Tensor, Tensor]:
        rows = x.flatten(2) if x.dim() > 2 else x.unsqueeze(2)
        count = rows.shape[0] * rows.shape[2]
        mean = rows.sum(2).sum(0) / count
        squares = torch.linalg.vector_norm(rows, dim=2).square().sum(0) / count
        ctx.save_for_backward(x, mean)
        return mean, (squares - mean.square()).clamp_min(0.0)

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        *grads: Tensor,
    ) -> Tensor:
        x, mean = ctx.saved_tensors
        shape = (-1, *(1,) * (x.dim() - 2))
        per_value = 2.0 * grads[1] * mean.numel() / x.numel()
        constant = grads[0] * mean.numel() / x.numel() - per_value * mean
        return torch.addcmul(constant.view(shape), x, per_value.view(shape))
