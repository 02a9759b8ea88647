"""Surrogate gradients: what stands for the derivative of a spike in training.

A spike is `x >= 0` with `x = u / threshold - 1`, the distance of the membrane
from its threshold in units of the threshold.  The forward pass is exact; only
the backward pass uses these functions.  The names and the default sharpness
are those of snnTorch and SpikingJelly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from spikeloom.ir import ConfigError, nearest_name
from spikeloom.model._autograd import apply


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A spike function with a smooth derivative; call it on `x` of any shape.

    The derivative is `height * shape(slope * x)`: written so, slope and height
    cost no pass over the membranes, because they join the threshold.

    Attributes:
        name: Usual name of the function.
        sharpness: Its one parameter (`alpha`, `slope` or a width).
        slope: What `x` is multiplied with.
        height: What the shape is multiplied with.
    """

    name: str
    sharpness: float
    slope: float
    height: float
    _weigh: Callable[[Tensor, Tensor], Tensor] = field(repr=False, compare=False)

    def weigh_(self, z: Tensor, grad: Tensor) -> Tensor:
        """`grad * shape(z)`, written over `z = slope * x`; the height is left to the caller."""
        return self._weigh(z, grad)

    def __call__(self, x: Tensor) -> Tensor:
        """Spikes (1 where `x >= 0`) that back-propagate this surrogate."""
        return apply(_Spike, x, self)


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        x: Tensor,
        surrogate: Surrogate,
    ) -> Tensor:
        ctx.save_for_backward(x)
        ctx.surrogate = surrogate
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        *grads: Tensor,
    ) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        surrogate: Surrogate = ctx.surrogate
        z = x * surrogate.slope
        return surrogate.weigh_(z, grads[0]).mul_(surrogate.height), None


def _bell(z: Tensor, grad: Tensor) -> Tensor:
    return torch.div(grad, z.square_().add_(1.0), out=z)


def _logistic(z: Tensor, grad: Tensor) -> Tensor:
    s = z.sigmoid_()
    return s.addcmul_(s, s, value=-1.0).mul_(grad)


def _fast_bell(z: Tensor, grad: Tensor) -> Tensor:
    return torch.div(grad, z.abs_().add_(1.0).square_(), out=z)


def _triangle(z: Tensor, grad: Tensor) -> Tensor:
    return z.abs_().neg_().add_(1.0).clamp_(min=0.0).mul_(grad)


def _box(z: Tensor, grad: Tensor) -> Tensor:
    return z.abs_().lt_(1.0).mul_(grad)


def _constant(z: Tensor, grad: Tensor) -> Tensor:
    return z.copy_(grad)


def atan(alpha: float = 2.0) -> Surrogate:
    """`alpha / (2 (1 + (pi/2 alpha x)^2))`: the usual default."""
    return Surrogate("atan", alpha, 0.5 * math.pi * alpha, 0.5 * alpha, _bell)


def sigmoid(alpha: float = 4.0) -> Surrogate:
    """The derivative of the logistic function of `alpha x`."""
    return Surrogate("sigmoid", alpha, alpha, alpha, _logistic)


def fast_sigmoid(slope: float = 25.0) -> Surrogate:
    """`1 / (1 + slope |x|)^2`."""
    return Surrogate("fast_sigmoid", slope, slope, 1.0, _fast_bell)


def triangular(width: float = 1.0) -> Surrogate:
    """A triangle of area 1 that ends at `|x| = width`."""
    return Surrogate("triangular", width, 1.0 / width, 1.0 / width, _triangle)


def rectangular(width: float = 1.0) -> Surrogate:
    """`1 / width` where `|x| < width / 2`, else 0."""
    return Surrogate("rectangular", width, 2.0 / width, 1.0 / width, _box)


def straight_through(slope: float = 1.0) -> Surrogate:
    """The constant `slope` everywhere."""
    return Surrogate("straight_through", slope, 1.0, slope, _constant)


SURROGATES: dict[str, Callable[..., Surrogate]] = {
    "atan": atan,
    "sigmoid": sigmoid,
    "fast_sigmoid": fast_sigmoid,
    "triangular": triangular,
    "rectangular": rectangular,
    "straight_through": straight_through,
}


ALSO_CALLED = {"straight_through_estimator": "straight_through"}


def as_surrogate(surrogate: str | Surrogate, sharpness: float | None = None) -> Surrogate:
    """Turn a name into a surrogate; one that is already made passes through.

    Names of snnTorch and SpikingJelly are understood in any case of letters
    ("ATan", "Sigmoid", "straight_through_estimator").

    Raises:
        ConfigError: If no surrogate has that name.
    """
    if isinstance(surrogate, Surrogate):
        return surrogate
    if not isinstance(surrogate, str):
        raise ConfigError(
            f"surrogate must be a name ({', '.join(SURROGATES)}) or a Surrogate, not {surrogate!r}"
        )
    name = ALSO_CALLED.get(surrogate.lower(), surrogate.lower())
    if name not in SURROGATES:
        near = nearest_name(name, SURROGATES)
        hint = f"; did you mean {near!r}?" if near else ""
        raise ConfigError(
            f"surrogate must be one of {', '.join(SURROGATES)}, not {surrogate!r}{hint}"
        )
    make = SURROGATES[name]
    return make() if sharpness is None else make(sharpness)
