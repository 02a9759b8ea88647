"""Exact steps onto the integer lattice whose gradient ignores the rounding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from spikeloom.ir import Leak
from spikeloom.model._autograd import apply
from spikeloom.model._leak import leaked


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: FunctionCtx, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def backward(_ctx: FunctionCtx, *grads: Tensor) -> Tensor:
        return grads[0]


class _Clamp(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: FunctionCtx, x: Tensor, low: float, high: float) -> Tensor:
        return x.clamp(low, high)

    @staticmethod
    def backward(_ctx: FunctionCtx, *grads: Tensor) -> tuple[Tensor, None, None]:
        return grads[0], None, None


def round_ste(x: Tensor) -> Tensor:
    """Round half to even; the gradient passes through."""
    return apply(_Round, x)


def clamp_ste(x: Tensor, low: float, high: float) -> Tensor:
    """Clamp to `[low, high]`; the gradient passes through."""
    return apply(_Clamp, x, low, high)


class _Leaked(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        v: Tensor,
        leak: Leak,
    ) -> Tensor:
        ctx.beta = leak.beta
        return leaked(v, leak).view_as(v)

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        *grads: Tensor,
    ) -> tuple[Tensor, None]:
        return grads[0] * ctx.beta, None


def leaked_ste(v: Tensor, leak: Leak) -> Tensor:
    """`leak(v)` of integers; the gradient is the decay factor."""
    return apply(_Leaked, v, leak)
