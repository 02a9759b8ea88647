"""Spiking neurons one step at a time, for loops in which a step waits for the last one.

Values and gradients are those of `run_sequence`, which is faster where all
currents are there at once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spikeloom.ir import Reset
from spikeloom.model._autograd import apply
from spikeloom.model._leak import leaked
from spikeloom.model._sequence import Rule
from spikeloom.model._ste import clamp_ste
from spikeloom.model._surrogate import Surrogate


class StepwiseNeurons:
    """Neurons of one group, from rest.

    Args:
        threshold: Broadcasts against one sample `[...]`, like `bias`.
        bias: What is added to every current, or None.
        beta: Receives the gradient of a learnable decay, or None.
        rule: What a step does.
    """

    def __init__(
        self, threshold: Tensor, bias: Tensor | None, beta: Tensor | None, rule: Rule
    ) -> None:
        self._threshold = threshold
        self._bias = bias
        self._beta = beta
        self._rule = rule
        self._membrane: Tensor | None = None

    def __call__(self, current: Tensor) -> Tensor:
        """Spikes `[N, ...]` of the next currents `[N, ...]`."""
        u = current if self._bias is None else current + self._bias
        if self._membrane is not None:
            u = u + apply(_Decay, self._membrane, self._beta, self._rule)
        if self._rule.limits is not None:
            u = clamp_ste(u, *self._rule.limits)
        spikes = apply(_Fire, u, self._threshold, self._rule.surrogate)
        self._membrane = self._after(u, spikes)
        return spikes

    def _after(self, u: Tensor, spikes: Tensor) -> Tensor:
        """The membrane that the spikes leave."""
        fired = spikes.detach() if self._rule.detach_reset else spikes
        match self._rule.reset:
            case Reset.SUBTRACT:
                return u - fired * self._threshold
            case Reset.ZERO:
                return u * (1.0 - fired)
            case Reset.NONE:
                return u


class _Decay(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        v: Tensor,
        _beta: Tensor | None,
        rule: Rule,
    ) -> Tensor:
        ctx.save_for_backward(v)
        ctx.rule = rule
        return leaked(v, rule.leak).view_as(v) if rule.lattice else v * rule.beta

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        *grads: Tensor,
    ) -> tuple[Tensor, Tensor | None, None]:
        (v,) = ctx.saved_tensors
        beta_grad = (grads[0] * v).sum() if ctx.needs_input_grad[1] else None
        return grads[0] * ctx.rule.beta, beta_grad, None


class _Fire(torch.autograd.Function):
    """`u >= threshold`; the distance `u / threshold - 1` back-propagates the surrogate."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        u: Tensor,
        threshold: Tensor,
        surrogate: Surrogate,
    ) -> Tensor:
        ctx.save_for_backward(u, threshold)
        ctx.surrogate = surrogate
        return (u >= threshold).to(u.dtype)

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        *grads: Tensor,
    ) -> tuple[Tensor, Tensor | None, None]:
        u, threshold = ctx.saved_tensors
        surrogate: Surrogate = ctx.surrogate
        inverse = threshold.reciprocal()
        z = torch.mul(u, inverse * surrogate.slope).sub_(surrogate.slope)
        grad = surrogate.weigh_(z, grads[0]).mul_(inverse * surrogate.height)
        if not ctx.needs_input_grad[1]:
            return grad, None, None
        return grad, (grad * u).sum_to_size(threshold.shape).div(threshold).neg_(), None
