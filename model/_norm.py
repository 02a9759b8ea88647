"""Batch norm that is nothing but integer thresholds and biases.

With `y = gamma (I - mu) / sigma + beta` in front of neurons of threshold 1,
dividing by `gamma / sigma` gives the same spikes from the integer current:

    theta = sigma / |gamma|;   b = beta sigma / |gamma| - mu;   I from sign(gamma) W

(`mu` that of the current with the flipped weights).  Training rounds `theta`
and `b` with straight-through gradients, so nothing is lost in the export.
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


class FoldedNorm(nn.Module):
    """The batch norm of `channels` channels of current.

    Running statistics are kept in units of the weights, so that they stay
    valid while the quantisation step moves.
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(channels))

    def signs(self) -> Tensor:
        """-1 for channels whose weights must be flipped, else 1, `[channels]`."""
        return torch.where(self.gamma.detach() < 0, -1.0, 1.0)

    def fold(self, currents: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Threshold and bias per channel, `[channels]`, not yet rounded.

        `currents` `[N, channels, ...]` come from weights with `signs` applied.
        In training its own statistics are used, in evaluation the running ones.
        """
        if self.training:
            mean, variance = self._measure(currents, unit)
        else:
            mean = self.running_mean * self.signs() / unit
            variance = self.running_variance / unit.square()
        sigma = (variance + EPSILON / unit.square()).sqrt()
        # Straight through, so that a gamma below the limit can still grow out of it.
        ratio = sigma / clamp_ste(self.gamma * self.signs(), SMALLEST_GAMMA, math.inf)
        return ratio, self.beta * ratio - mean

    def _measure(self, currents: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        mean, variance = apply_pair(_Moments, currents)
        with torch.no_grad():
            self.running_mean.lerp_(mean * self.signs() * unit, MOMENTUM)
            self.running_variance.lerp_(variance * unit.square(), MOMENTUM)
        return mean, variance


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
