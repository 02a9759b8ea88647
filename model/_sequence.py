"""A whole sequence of spiking neurons as one autograd function.

Forward it is the recurrence of `docs/semantics.md` over `T` steps; backward
it is back-propagation through time with a surrogate.  Only the membranes
before the reset are kept for the backward pass, spikes are an output anyway,
and everything else is recomputed in bulk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from spikeloom.ir import Leak, Reset
from spikeloom.model._leak import is_identity, leaked
from spikeloom.model._surrogate import Surrogate


@dataclass(frozen=True, slots=True)
class Rule:
    """What a step does besides adding its current.

    Attributes:
        leak: Decay of the membrane.  On the lattice its shifts are taken one
            by one; in float arithmetic only its `beta` counts.
        beta: The decay factor in float arithmetic, and in every gradient.
        lattice: Whether membranes are integers.
        reset: What a spike does to the membrane.
        detach_reset: Whether the reset is a constant in the backward pass.
        surrogate: What stands for the derivative of a spike.
        limits: Smallest and largest membrane before it saturates, or None.
    """

    leak: Leak
    beta: float
    lattice: bool
    reset: Reset
    detach_reset: bool
    surrogate: Surrogate
    limits: tuple[float, float] | None = None

    @property
    def keeps(self) -> bool:
        """Whether a membrane passes to the next step undiminished."""
        return is_identity(self.leak) if self.lattice else self.beta == 1.0


def run_sequence(
    currents: Tensor, threshold: Tensor, bias: Tensor | None, beta: Tensor | None, rule: Rule
) -> Tensor:
    """Spikes of neurons driven by `currents` `[T, N, ...]`, of the same shape.

    `threshold` and `bias` broadcast against `[N, ...]`.  `beta` only receives
    the gradient of a learnable decay; the decay applied is the rule's.  A
    saturated membrane passes its gradient on, as rounding does.
    """
    return cast("Tensor", _Sequence.apply(currents, threshold, bias, beta, rule))


class _Sequence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        currents: Tensor,
        threshold: Tensor,
        bias: Tensor | None,
        beta: Tensor | None,
        rule: Rule,
    ) -> Tensor:
        membranes = torch.empty(currents.shape, dtype=currents.dtype, device=currents.device)
        spikes = torch.empty_like(membranes)
        v: Tensor | None = None
        for current, u, s in zip(currents, membranes, spikes, strict=True):
            _charge(current, bias, v, rule, out=u)
            torch.ge(u, threshold, out=s)
            v = _reset(u, s, threshold, rule.reset, out=v)
        ctx.save_for_backward(membranes, spikes, threshold)
        ctx.rule = rule
        ctx.bias_shape = None if bias is None else bias.shape
        return spikes

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        *grads: Tensor,
    ) -> tuple[Tensor | None, ...]:
        membranes, spikes, threshold = ctx.saved_tensors
        trace = _Trace(membranes, spikes, threshold, ctx.rule)
        spike_grad = trace.spike_gradient(grads[0])
        grad = trace.through_time(spike_grad)
        wanted = ctx.needs_input_grad
        return (
            grad if wanted[0] else None,
            trace.threshold_gradient(spike_grad, grad) if wanted[1] else None,
            grad.sum_to_size(ctx.bias_shape) if wanted[2] else None,
            trace.decay_gradient(grad) if wanted[3] else None,
            None,
        )


def _charge(
    current: Tensor, bias: Tensor | None, v: Tensor | None, rule: Rule, *, out: Tensor
) -> None:
    """`out = leak(v) + current + bias`, saturated."""
    if bias is None:
        out.copy_(current)
    else:
        torch.add(current, bias, out=out)
    if v is not None and (rule.keeps or not rule.lattice):
        out.add_(v, alpha=rule.beta)
    elif v is not None:
        out.add_(leaked(v, rule.leak))
    if rule.limits is not None:
        out.clamp_(*rule.limits)


def _reset(u: Tensor, s: Tensor, threshold: Tensor, reset: Reset, *, out: Tensor | None) -> Tensor:
    """The membrane after the spikes `s`, written to `out` where possible."""
    if reset is Reset.NONE:
        return u
    v = torch.empty_like(u) if out is None else out
    lost = threshold if reset is Reset.SUBTRACT else u
    return torch.addcmul(u, s, lost, value=-1.0, out=v)


@dataclass(frozen=True, slots=True)
class _Trace:
    """What the forward pass left, `[T, N, ...]`, and the gradients from it."""

    membranes: Tensor
    spikes: Tensor
    threshold: Tensor
    rule: Rule

    def spike_gradient(self, grad: Tensor) -> Tensor:
        """The gradient of `u / threshold` at every step, from the spikes alone.

        With an attached reset, the part that a reset sends to its spike at an
        earlier step is still missing: `through_time` adds it.
        """
        x = torch.div(self.membranes, self.threshold).sub_(1.0)
        return self.rule.surrogate.derivative_(x).mul_(grad)

    def through_time(self, spike_grad: Tensor) -> Tensor:
        """Add what later steps send back; returns the gradient of every `u`."""
        if not self.rule.detach_reset and self.rule.reset is not Reset.NONE:
            return self._through_attached_reset(spike_grad)
        grad = torch.div(spike_grad, self.threshold)
        for t in range(grad.shape[0] - 2, -1, -1):
            if self.rule.reset is Reset.ZERO:
                kept = torch.rsub(self.spikes[t], 1.0)
                grad[t].addcmul_(grad[t + 1], kept, value=self.rule.beta)
            else:
                grad[t].add_(grad[t + 1], alpha=self.rule.beta)
        return grad

    def _through_attached_reset(self, spike_grad: Tensor) -> Tensor:
        """As above, where a reset also back-propagates into its spike."""
        grad = torch.div(spike_grad, self.threshold)
        slope = self.spike_gradient(torch.ones_like(self.threshold))
        zero = self.rule.reset is Reset.ZERO
        for t in range(grad.shape[0] - 2, -1, -1):
            carried = grad[t + 1] * self.rule.beta
            lost = self.membranes[t] if zero else self.threshold
            extra = (carried * lost).mul_(slope[t]).neg_()
            spike_grad[t].add_(extra)
            kept = carried * (1.0 - self.spikes[t]) if zero else carried
            grad[t].add_(extra / self.threshold).add_(kept)
        return grad

    def threshold_gradient(self, spike_grad: Tensor, grad: Tensor) -> Tensor:
        """Through `u / threshold` of every step, and what each reset subtracts."""
        shape = self.threshold.shape
        total = (spike_grad * self.membranes).sum_to_size(shape)
        total = total.div(self.threshold.square()).neg_()
        if self.rule.reset is Reset.SUBTRACT and grad.shape[0] > 1:
            later = (grad[1:] * self.spikes[:-1]).sum_to_size(shape)
            total.sub_(later, alpha=self.rule.beta)
        return total

    def decay_gradient(self, grad: Tensor) -> Tensor:
        """The sum over neurons and steps of gradient times the membrane that decayed."""
        u, s = self.membranes[:-1], self.spikes[:-1]
        v = _reset(u, s, self.threshold, self.rule.reset, out=None)
        return (grad[1:] * v).sum()
