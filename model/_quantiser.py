"""A Brevitas weight quantiser that is cheap enough for every training step.

Brevitas' stock weight quantisers spend most of their time in the backward
pass of the scale (`benchmarks/training.py --quantisers` times both).  This one is an
ordinary Brevitas quantiser (`weight_quant=` of any Brevitas layer, narrow range,
`quant_weight()`, `.int()`, export) whose scale is a constant of the backward
pass and whose rounding is one function, which also hands out the integer
codes themselves.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from brevitas.inject import ExtendedInjector  # type: ignore[import-untyped]  # has no stubs
from brevitas.proxy import (  # type: ignore[import-untyped]  # has no stubs
    WeightQuantProxyFromInjector,
)
from torch import Tensor, nn

from spikeloom.model._autograd import apply
from spikeloom.model._step_size import STEPS, step_of_kept

# No lattice is finer: currents are about 1, and sums of aligned ones have to fit float32.
FINEST_UNIT = 2.0**-12
LONGEST_ROW = 8.0


class _Codes(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        weight: Tensor,
        scale: Tensor,
        limit: int,
    ) -> Tensor:
        ctx.save_for_backward(scale)
        return torch.div(weight, scale).round_().clamp_(-limit, limit)

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        *grads: Tensor,
    ) -> tuple[Tensor, None, None]:
        (scale,) = ctx.saved_tensors
        return grads[0] / scale, None, None


class RoundedWeights(nn.Module):
    """The tensor quantiser: weights to `codes * scale`, with `|codes| < 2**(bits-1)`.

    The scale is the root mean square of the weights times `step`, by default the one
    that suits a normal distribution, per output channel or for the whole tensor.
    Weights of less than half a step are zero.  Weights that are 0 count as pruned: the scale
    is that of the others (see `step_of_kept`); where `live` is 0 there is no weight at all.
    """

    bits: Tensor
    zero_point: Tensor
    live: Tensor | None  # 0 or 1 for every weight; None: 1

    def __init__(self, bit_width: int, per_channel: bool, step: float | None = None) -> None:
        super().__init__()
        self.limit = 2 ** (bit_width - 1) - 1
        self._step = STEPS[bit_width] if step is None else step
        self._per_channel = per_channel
        self.live = None
        self.register_buffer("bits", torch.tensor(float(bit_width)), persistent=False)
        self.register_buffer("zero_point", torch.tensor(0.0), persistent=False)

    def codes(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Integer codes (as floats, with a gradient) and their scale."""
        with torch.no_grad():
            scale = self.scale(weight)
        return apply(_Codes, weight, scale, self.limit), scale

    def forward(self, weight: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What Brevitas expects: value, scale, zero point and bit width."""
        codes, scale = self.codes(weight)
        return codes * scale, scale, self.zero_point, self.bits

    def scale(self, weight: Tensor) -> Tensor:
        """The scale of these weights, `()` or one per output channel."""
        dims = list(range(1, weight.dim())) if self._per_channel else None
        norm = torch.linalg.vector_norm(weight, dim=dims, keepdim=self._per_channel)
        count = weight[0].numel() if self._per_channel else weight.numel()
        kept = torch.count_nonzero(weight, dim=dims)
        if bool((kept == count).all()):
            scale: Tensor = norm * (self._step / math.sqrt(count))
        else:
            counts = kept.new_tensor(count).expand_as(kept)
            if self.live is not None:
                counts = torch.count_nonzero(self.live, dim=dims)
            scale = norm * self._steps_of(kept, counts).view_as(norm)
            scale = scale.where(scale > 0, scale.max())  # a channel without weights: any will do
        return scale.clamp_min(1e-10)

    def _steps_of(self, kept: Tensor, counts: Tensor) -> Tensor:
        """Steps in units of the norm, of tensors or channels of which so many weights are left."""
        bits = int(self.bits)
        steps = [
            self._step * step_of_kept(bits, n / max(1, count)) / math.sqrt(max(1, n))
            for n, count in zip(kept.flatten().tolist(), counts.flatten().tolist(), strict=True)
        ]
        return torch.tensor(steps, dtype=self.bits.dtype, device=kept.device)


class LatticeWeights(RoundedWeights):
    """As `RoundedWeights`, with the power of two nearest to the scale, at least `FINEST_UNIT`.

    Currents of such weights are aligned by shifts.
    """

    def scale(self, weight: Tensor) -> Tensor:
        """The scale of these weights."""
        scale = super().scale(_shortened(weight)).clamp_min(FINEST_UNIT)
        mantissa, _ = torch.frexp(scale)  # one half to 1
        power = scale / mantissa  # exact
        return torch.where(mantissa < math.sqrt(0.5), 0.5 * power, power).clamp_min(FINEST_UNIT)


def _shortened(weight: Tensor) -> Tensor:
    """The weights, rows of more than `LONGEST_ROW` times the lower quartile cut to that norm.

    Batch norm makes the row of an output that was silent as long as it can: it alone
    would then set the step and round the weights of all others to nothing.
    """
    norms = torch.linalg.vector_norm(weight.flatten(1), dim=1)
    used = norms[norms > 0]  # an output without weights says nothing of the others
    if not len(used):
        return weight
    limit = LONGEST_ROW * used.kthvalue((len(used) + 3) // 4).values
    if not bool(((norms > limit) & (limit > 0)).any()):
        return weight
    factors: Tensor = (limit / norms).clamp_max(1.0)
    return weight * factors.view(-1, *(1,) * (weight.dim() - 1))


class RoundedWeightQuant(ExtendedInjector):  # type: ignore[misc]  # Brevitas has no stubs
    """Brevitas quantiser with `RoundedWeights`, one scale per tensor.

    Use it as `qnn.QuantLinear(..., weight_quant=RoundedWeightQuant, weight_bit_width=4)`.
    """

    proxy_class = WeightQuantProxyFromInjector
    tensor_quant = RoundedWeights
    signed = True
    narrow_range = True
    bit_width = 4
    per_channel = False
    step = None


class RoundedChannelWeightQuant(RoundedWeightQuant):
    """As `RoundedWeightQuant`, with one scale per output channel."""

    per_channel = True


class LatticeWeightQuant(RoundedWeightQuant):
    """As `RoundedWeightQuant`, with a power of two for a scale."""

    tensor_quant = LatticeWeights
