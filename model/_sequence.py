"""A whole sequence of spiking neurons as one autograd function.

Forward it is the recurrence of `docs/semantics.md` over `T` steps; backward
it is back-propagation through time with a surrogate.  Only the membranes
before the reset are kept for the backward pass, spikes are an output anyway,
and everything else is recomputed in bulk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spikeloom.ir import Leak, Reset
from spikeloom.model._autograd import apply
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


CHUNK = 1 << 18  # membranes of one chunk: small enough to stay in the cache of a core


def run_sequence(
    currents: Tensor,
    threshold: Tensor,
    bias: Tensor | None,
    beta: Tensor | None,
    rule: Rule,
    *,
    time_steps: int | None = None,
) -> Tensor:
    """Spikes `[T, N, ...]` of neurons driven by `currents` `[T, N, ...]`.

    Currents `[1, N, ...]` are static: they drive all `time_steps`.
    `threshold` and `bias` broadcast against one sample `[...]`.  `beta` only
    receives the gradient of a learnable decay; the decay applied is the
    rule's.  A saturated membrane passes its gradient on, as rounding does.
    """
    steps = currents.shape[0] if time_steps is None else time_steps
    return apply(_Sequence, currents, threshold, bias, beta, rule, steps)


def _chunks(shape: torch.Size) -> list[slice]:
    """Slices of the batch whose membranes `[T, n, ...]` stay in the cache."""
    batch = shape[1]
    size = max(1, CHUNK * batch // max(1, math.prod(shape)))
    return [slice(first, first + size) for first in range(0, batch, size)]


class _Sequence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        currents: Tensor,
        threshold: Tensor,
        bias: Tensor | None,
        _beta: Tensor | None,
        rule: Rule,
        time_steps: int,
    ) -> Tensor:
        shape = (time_steps, *currents.shape[1:])
        membranes = torch.empty(shape, dtype=currents.dtype, device=currents.device)
        spikes = torch.empty_like(membranes)
        for part in _chunks(membranes.shape):
            _run(currents[:, part], threshold, bias, rule, membranes[:, part], spikes[:, part])
        ctx.save_for_backward(membranes, spikes, threshold)
        ctx.rule = rule
        ctx.is_static = currents.shape[0] < time_steps
        ctx.bias_shape = None if bias is None else bias.shape
        return spikes

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        *grads: Tensor,
    ) -> tuple[Tensor | None, ...]:
        membranes, spikes, threshold = ctx.saved_tensors
        steps = 1 if ctx.is_static else membranes.shape[0]
        current_grad = membranes.new_empty((steps, *membranes.shape[1:]))
        sums = _Sums(threshold, ctx.bias_shape, ctx.needs_input_grad)
        for part in _chunks(membranes.shape):
            trace = _Trace(membranes[:, part], spikes[:, part], threshold, ctx.rule)
            grad = sums.add(trace, grads[0][:, part])
            current_grad[:, part] = grad.sum(0, keepdim=True) if ctx.is_static else grad
        return current_grad, sums.threshold, sums.bias, sums.beta, None, None


def _run(
    currents: Tensor,
    threshold: Tensor,
    bias: Tensor | None,
    rule: Rule,
    membranes: Tensor,
    spikes: Tensor,
) -> None:
    """The recurrence, written to `membranes` (before the reset) and `spikes`."""
    v: Tensor | None = None
    for t, (u, s) in enumerate(zip(membranes, spikes, strict=True)):
        _charge(currents[t % currents.shape[0]], bias, v, rule, out=u)
        torch.ge(u, threshold, out=s)
        v = _reset(u, s, threshold, rule.reset, out=v)


class _Sums:
    """Gradients that every sample adds to: of threshold, bias and decay, where wanted."""

    def __init__(
        self, threshold: Tensor, bias_shape: torch.Size | None, wanted: tuple[bool, ...]
    ) -> None:
        self.threshold = torch.zeros_like(threshold) if wanted[1] else None
        self.bias = threshold.new_zeros(bias_shape) if bias_shape is not None else None
        self.beta = threshold.new_zeros(()) if wanted[3] else None

    def add(self, trace: _Trace, spike_grad: Tensor) -> Tensor:
        """Add a chunk, given the gradient of its spikes; returns that of its membranes `u`."""
        through_spikes = trace.spike_gradient(spike_grad)
        grad = trace.through_time(through_spikes)
        if self.threshold is not None:
            self.threshold += trace.threshold_gradient(through_spikes, grad)
        if self.bias is not None:
            self.bias += grad.sum_to_size(self.bias.shape)
        if self.beta is not None:
            self.beta += trace.decay_gradient(grad)
        return grad


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
        """The gradient of every `u` through its own spike, whose gradient is `grad`.

        With an attached reset, the part that a reset sends to its spike at an
        earlier step is still missing: `through_time` adds it.
        """
        surrogate = self.rule.surrogate
        inverse = self.threshold.reciprocal()
        z = torch.mul(self.membranes, inverse * surrogate.slope).sub_(surrogate.slope)
        return surrogate.weigh_(z, grad).mul_(inverse * surrogate.height)

    def through_time(self, spike_grad: Tensor) -> Tensor:
        """Add what later steps send back; returns the gradient of every `u`."""
        if not self.rule.detach_reset and self.rule.reset is not Reset.NONE:
            return self._through_attached_reset(spike_grad)
        grad = spike_grad.clone()
        for t in range(grad.shape[0] - 2, -1, -1):
            if self.rule.reset is Reset.ZERO:
                kept = torch.rsub(self.spikes[t], 1.0)
                grad[t].addcmul_(grad[t + 1], kept, value=self.rule.beta)
            else:
                grad[t].add_(grad[t + 1], alpha=self.rule.beta)
        return grad

    def _through_attached_reset(self, spike_grad: Tensor) -> Tensor:
        """As above, where a reset also back-propagates into its spike."""
        grad = spike_grad.clone()
        slope = self.spike_gradient(torch.ones((), dtype=grad.dtype).expand_as(grad))
        zero = self.rule.reset is Reset.ZERO
        for t in range(grad.shape[0] - 2, -1, -1):
            carried = grad[t + 1] * self.rule.beta
            lost = self.membranes[t] if zero else self.threshold
            extra = (carried * lost).mul_(slope[t]).neg_()
            spike_grad[t].add_(extra)
            kept = carried * (1.0 - self.spikes[t]) if zero else carried
            grad[t].add_(extra).add_(kept)
        return grad

    def threshold_gradient(self, spike_grad: Tensor, grad: Tensor) -> Tensor:
        """Through `u / threshold` of every step, and what each reset subtracts."""
        shape = self.threshold.shape
        total = (spike_grad * self.membranes).sum_to_size(shape)
        total = total.div(self.threshold).neg_()
        if self.rule.reset is Reset.SUBTRACT and grad.shape[0] > 1:
            later = (grad[1:] * self.spikes[:-1]).sum_to_size(shape)
            total.sub_(later, alpha=self.rule.beta)
        return total

    def decay_gradient(self, grad: Tensor) -> Tensor:
        """The sum over neurons and steps of gradient times the membrane that decayed."""
        u, s = self.membranes[:-1], self.spikes[:-1]
        v = _reset(u, s, self.threshold, self.rule.reset, out=None)
        return (grad[1:] * v).sum()
