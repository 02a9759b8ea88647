"""Sum pooling over windows that do not overlap, from strided slices.

Torch's average pool takes several times as long on a CPU, forward and backward.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spikeloom.model._autograd import apply


def sum_pool(x: Tensor, kernel: tuple[int, int]) -> Tensor:
    """Sums over windows of `kernel` of `x` `[N, C, H, W]`; a remainder is dropped."""
    return apply(_SumPool, x, kernel)


class _SumPool(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        x: Tensor,
        kernel: tuple[int, int],
    ) -> Tensor:
        ctx.kernel, ctx.shape = kernel, x.shape
        return _every(_every(x, 2, kernel[0]), 3, kernel[1])

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        *grads: Tensor,
    ) -> tuple[Tensor, None]:
        kernel, shape = ctx.kernel, ctx.shape
        grad = grads[0]
        rows, columns = grad.shape[2:]
        wide = _blank(grad, (*grad.shape[:3], shape[3]), covered=columns * kernel[1] == shape[3])
        for first in range(kernel[1]):
            wide[..., first : columns * kernel[1] : kernel[1]] = grad
        full = _blank(grad, shape, covered=rows * kernel[0] == shape[2])
        kept = full[:, :, : rows * kernel[0]].view(*shape[:2], rows, kernel[0], shape[3])
        kept.copy_(wide.unsqueeze(3).expand_as(kept))
        return full, None


def _blank(like: Tensor, shape: tuple[int, ...], *, covered: bool) -> Tensor:
    """A tensor to write into; zeros only where a remainder would stay unwritten."""
    return like.new_empty(shape) if covered else like.new_zeros(shape)


def _every(x: Tensor, dim: int, size: int) -> Tensor:
    """Sums of `size` neighbours along `dim`."""
    length = x.shape[dim] // size * size
    slices = [x.narrow(dim, 0, length)[_strided(dim, first, size)] for first in range(size)]
    total = slices[0].clone()
    for part in slices[1:]:
        total += part
    return total


def _strided(dim: int, first: int, size: int) -> tuple[slice, ...]:
    return (*(slice(None),) * dim, slice(first, None, size))
