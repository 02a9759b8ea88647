"""Surrogate gradients: what stands for the derivative of a spike in training.

A spike is `x >= 0` with `x = u / threshold - 1`, the distance of the membrane
from its threshold in units of the threshold.  The forward pass is exact; only
the backward pass uses these functions.  The names and the default sharpness
are those of snnTorch and SpikingJelly.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor

from spikeloom.ir import ConfigError


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A spike function with a smooth derivative; call it on `x` of any shape.

    Attributes:
        name: Usual name of the function.
        sharpness: Its one parameter (`alpha`, `slope` or a width).
    """

    name: str
    sharpness: float
    _derivative: Callable[[Tensor, float], Tensor] = field(repr=False, compare=False)

    def derivative_(self, x: Tensor) -> Tensor:
        """Overwrite `x` with the derivative at `x` (no temporary of its size is kept)."""
        return self._derivative(x, self.sharpness)

    def __call__(self, x: Tensor) -> Tensor:
        """Spikes (1 where `x >= 0`) that back-propagate this surrogate."""
        return cast("Tensor", _Spike.apply(x, self))


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, shape: Surrogate) -> Tensor:
        ctx.save_for_backward(x)
        ctx.surrogate = shape  # type: ignore[attr-defined]  # torch's own idiom
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]  # torch's own idiom
        shape: Surrogate = ctx.surrogate  # type: ignore[attr-defined]  # torch's own idiom
        return shape.derivative_(x.clone()).mul_(grads[0]), None


def _atan_(x: Tensor, alpha: float) -> Tensor:
    x = x.mul_(0.5 * math.pi * alpha).square_().add_(1.0)
    return x.reciprocal_().mul_(0.5 * alpha)


def _sigmoid_(x: Tensor, alpha: float) -> Tensor:
    s = x.mul_(alpha).sigmoid_()
    return s.addcmul_(s, s, value=-1.0).mul_(alpha)


def _fast_sigmoid_(x: Tensor, slope: float) -> Tensor:
    return x.abs_().mul_(slope).add_(1.0).square_().reciprocal_()


def _triangular_(x: Tensor, width: float) -> Tensor:
    return x.abs_().mul_(-1.0 / width).add_(1.0).clamp_(min=0.0).mul_(1.0 / width)


def _rectangular_(x: Tensor, width: float) -> Tensor:
    return x.abs_().lt_(0.5 * width).mul_(1.0 / width)


def _straight_through_(x: Tensor, slope: float) -> Tensor:
    return x.fill_(slope)


def atan(alpha: float = 2.0) -> Surrogate:
    """`alpha / (2 (1 + (pi/2 alpha x)^2))`: the usual default."""
    return Surrogate("atan", alpha, _atan_)


def sigmoid(alpha: float = 4.0) -> Surrogate:
    """`alpha s (1 - s)` with `s = sigmoid(alpha x)`."""
    return Surrogate("sigmoid", alpha, _sigmoid_)


def fast_sigmoid(slope: float = 25.0) -> Surrogate:
    """`1 / (1 + slope |x|)^2`."""
    return Surrogate("fast_sigmoid", slope, _fast_sigmoid_)


def triangular(width: float = 1.0) -> Surrogate:
    """A triangle of area 1 that ends at `|x| = width`."""
    return Surrogate("triangular", width, _triangular_)


def rectangular(width: float = 1.0) -> Surrogate:
    """`1 / width` where `|x| < width / 2`, else 0."""
    return Surrogate("rectangular", width, _rectangular_)


def straight_through(slope: float = 1.0) -> Surrogate:
    """The constant `slope` everywhere."""
    return Surrogate("straight_through", slope, _straight_through_)


SURROGATES: dict[str, Callable[..., Surrogate]] = {
    "atan": atan,
    "sigmoid": sigmoid,
    "fast_sigmoid": fast_sigmoid,
    "triangular": triangular,
    "rectangular": rectangular,
    "straight_through": straight_through,
}


def as_surrogate(surrogate: str | Surrogate, sharpness: float | None = None) -> Surrogate:
    """Turn a name into a surrogate; one that is already made passes through.

    Raises:
        ConfigError: If no surrogate has that name.
    """
    if isinstance(surrogate, Surrogate):
        return surrogate
    if surrogate not in SURROGATES:
        near = difflib.get_close_matches(surrogate, SURROGATES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"surrogate must be one of {', '.join(SURROGATES)}, not {surrogate!r}{hint}"
        )
    make = SURROGATES[surrogate]
    return make() if sharpness is None else make(sharpness)
