"""Synapses: Brevitas-quantised weights, used as the integers they stand for."""

from __future__ import annotations

from typing import Any, cast

import brevitas.nn as qnn  # type: ignore[import-untyped]  # has no stubs
import torch
import torch.nn.functional as F  # noqa: N812  # its usual name
from torch import Tensor, nn

from spikeloom.ir import GraphError, IntArray
from spikeloom.model._quantiser import (
    RoundedChannelWeightQuant,
    RoundedWeightQuant,
    RoundedWeights,
)
from spikeloom.model._ste import round_ste

EXACT_LIMIT = 1 << 24  # float32 holds every integer up to here


class Synapse(nn.Module):
    """Weights without a bias: integers of `weight_bits` bits on the lattice.

    In float arithmetic the same weights are used as they are.

    Args:
        name: Name of the layer, for error messages.
        layer: A Brevitas layer without bias, symmetric around zero.
        weight_bits: Bits of its weights.
        input_max: Largest input value (1 for spikes), for the exactness check.
        lattice: Whether to compute on integers.
    """

    def __init__(
        self,
        name: str,
        layer: nn.Module,
        *,
        weight_bits: int,
        input_max: int = 1,
        lattice: bool = False,
    ) -> None:
        super().__init__()
        self.name = name
        self.layer = layer
        self.weight_bits = weight_bits
        self.input_max = input_max
        self.lattice = lattice
        # Where even the largest weights stay exact, no forward pass has to check.
        largest = (2 ** (weight_bits - 1) - 1) * input_max * self.weight[0].numel()
        self._must_check = largest >= EXACT_LIMIT

    @property
    def weight(self) -> Tensor:
        """The float weights being trained, output channels first."""
        return cast("Tensor", self.layer.weight)

    def codes(self) -> tuple[Tensor, Tensor]:
        """The weights to compute with, and the unit of their currents.

        On the lattice these are the integer codes, as floats with a gradient,
        else the weights themselves.  A current times its unit is what it would
        be for inputs of 0 to 1.  The unit has shape `()`, or `[out]` for one
        per channel.
        """
        if not self.lattice:
            return self.weight, torch.tensor(1.0 / self.input_max, dtype=self.weight.dtype)
        codes, scale = self._quantised()
        if self._must_check and not self.training:
            self._check_exact(codes)
        return codes, scale.flatten().squeeze(0) / self.input_max

    def integer_weight(self) -> IntArray:
        """The codes as Brevitas states them (`quant_weight().int()`), int64."""
        quantised = cast("Any", self.layer).quant_weight()
        codes: IntArray = quantised.int().detach().cpu().numpy().astype("int64")
        return codes

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        """Currents of the inputs `[N, ...]` through `weight` (codes, or their negatives)."""
        raise NotImplementedError

    def _quantised(self) -> tuple[Tensor, Tensor]:
        layer = cast("Any", self.layer)
        quantiser = layer.weight_quant.tensor_quant
        if isinstance(quantiser, RoundedWeights):
            return quantiser.codes(self.weight)
        quantised = layer.quant_weight()  # any other Brevitas quantiser
        scale = quantised.scale.detach()
        return round_ste(quantised.value / scale), scale

    def _check_exact(self, codes: Tensor) -> None:
        rows = codes.detach().abs().flatten(1).sum(1)
        largest = int(rows.max()) * self.input_max
        if largest >= EXACT_LIMIT:
            raise GraphError(
                f"layer {self.name!r}: a current may reach {largest}, but must stay below 2^24 "
                "to be exact in training; lower its weight_bits or the input_bits"
            )


def _quantiser(per_channel: bool) -> type:
    return RoundedChannelWeightQuant if per_channel else RoundedWeightQuant


class DenseSynapse(Synapse):
    """`qnn.QuantLinear` without bias; a feature map is flattened in (C, H, W) order."""

    def __init__(
        self,
        name: str,
        inputs: int,
        outputs: int,
        *,
        weight_bits: int,
        per_channel: bool = False,
        input_max: int = 1,
        lattice: bool = False,
    ) -> None:
        layer = qnn.QuantLinear(
            inputs,
            outputs,
            bias=False,
            weight_quant=_quantiser(per_channel),
            weight_bit_width=weight_bits,
        )
        super().__init__(name, layer, weight_bits=weight_bits, input_max=input_max, lattice=lattice)

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        """Currents `[N, out]` of `x` `[N, ...]`."""
        return F.linear(x.flatten(1), weight)


class ConvSynapse(Synapse):
    """`qnn.QuantConv2d` without bias: cross-correlation, zero padded."""

    def __init__(
        self,
        name: str,
        inputs: int,
        outputs: int,
        *,
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int] = (0, 0),
        weight_bits: int,
        per_channel: bool = False,
        input_max: int = 1,
        lattice: bool = False,
    ) -> None:
        layer = qnn.QuantConv2d(
            inputs,
            outputs,
            kernel,
            bias=False,
            weight_quant=_quantiser(per_channel),
            weight_bit_width=weight_bits,
        )
        super().__init__(name, layer, weight_bits=weight_bits, input_max=input_max, lattice=lattice)
        self.stride = stride
        self.padding = padding

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        """Currents `[N, out, H', W']` of `x` `[N, in, H, W]`."""
        return F.conv2d(x, weight, stride=self.stride, padding=self.padding)
