"""Synapses: Brevitas-quantised weights, used as the integers they stand for."""

from __future__ import annotations

from typing import Any, cast

import brevitas.nn as qnn  # type: ignore[import-untyped]  # has no stubs
import torch
import torch.nn.functional as F  # noqa: N812  # its usual name
from torch import Tensor, nn

from spikeloom.ir import GraphError, IntArray, MixAxis, Shape
from spikeloom.model._autograd import apply
from spikeloom.model._quantiser import RoundedWeightQuant, RoundedWeights
from spikeloom.model._ste import round_ste

EXACT_LIMIT = 1 << 24  # float32 holds every integer up to here
# The ends of the names that two masks have in the state of a network.
MASK = "mask"  # weights that are left
LIVE = "live"  # weights between neurons that are left


class _Keep(torch.autograd.Function):
    """Weights times their mask, whose gradient reaches pruned ones too where they may come back."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        weight: Tensor,
        mask: Tensor,
        regrows: bool,
    ) -> Tensor:
        ctx.regrows = regrows
        ctx.save_for_backward(mask)
        return weight * mask

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401  # torch types its contexts as Any
        *grads: Tensor,
    ) -> tuple[Tensor, None, None]:
        (mask,) = ctx.saved_tensors
        return grads[0] if ctx.regrows else grads[0] * mask, None, None


class Synapse(nn.Module):
    """Weights without a bias: integers of `weight_bits` bits on the lattice.

    In float arithmetic the same weights are used as they are.

    Args:
        name: Name of the layer, for error messages.
        layer: A Brevitas layer without bias, symmetric around zero.
        weight_bits: Bits of its weights.
        input_max: Largest input value (1 for spikes), for the exactness check.
        input_steps: Input value that stands for 1, by default the largest.
        lattice: Whether to compute on integers.
    """

    def __init__(
        self,
        name: str,
        layer: nn.Module,
        *,
        weight_bits: int,
        input_max: int = 1,
        input_steps: int | None = None,
        lattice: bool = False,
    ) -> None:
        super().__init__()
        self.name = name
        self.layer = layer
        self.weight_bits = weight_bits
        self.input_max = input_max
        self.input_steps = input_steps or input_max
        self.lattice = lattice
        self.regrows = False
        self.register_buffer(MASK, None)
        self.register_buffer(LIVE, None)
        self.mask: Tensor | None
        self.live: Tensor | None
        # Where even the largest weights stay exact, no forward pass has to check.
        largest = (2 ** (weight_bits - 1) - 1) * input_max * self.weight[0].numel()
        self._must_check = largest >= EXACT_LIMIT

    @property
    def weight(self) -> Tensor:
        """The float weights being trained, output channels first."""
        return cast("Tensor", self.layer.weight)

    def prune(self, mask: Tensor | None, *, regrows: bool = False) -> None:
        """Compute with the weights where `mask` is 1, and with 0 elsewhere; None: with all.

        Args:
            mask: 0 or 1 for every weight, of its dtype and shape.
            regrows: Whether the gradient reaches pruned weights, as if they were there.
        """
        self.register_buffer(MASK, mask)
        self.regrows = regrows

    def confine(self, live: Tensor | None, *, regrows: bool = False) -> None:
        """Compute with 0 also where `live` is 0: there a neuron is gone; None: nowhere.

        Weights of neurons that are gone do not count for the quantiser, as others do that are
        pruned: it sees a smaller layer.

        Args:
            live: 0 or 1 for every weight, of its dtype and shape.
            regrows: See `prune`.
        """
        self.register_buffer(LIVE, live)
        self.regrows = regrows

    @property
    def kept(self) -> Tensor | None:
        """Both masks as one; None if all weights are left."""
        if self.mask is None or self.live is None:
            return self.live if self.mask is None else self.mask
        return self.mask * self.live

    @property
    def left(self) -> Tensor | None:
        """Which outputs are left, `[out]` bool; None: all."""
        return None if self.live is None else self.live.flatten(1).any(1)

    @property
    def pruned_weight(self) -> Tensor:
        """The float weights to compute with: 0 where they are pruned."""
        kept = self.kept
        return self.weight if kept is None else apply(_Keep, self.weight, kept, self.regrows)

    def codes(self) -> tuple[Tensor, Tensor]:
        """The weights to compute with, and the unit of their currents.

        On the lattice these are the integer codes, as floats with a gradient,
        else the weights themselves.  A current times its unit is what it would
        be for inputs of 0 to 1.  The unit has shape `()`, or `[out]` for one
        per channel.
        """
        if not self.lattice:
            return self.pruned_weight, torch.tensor(1.0 / self.input_steps, dtype=self.weight.dtype)
        codes, scale = self._quantised()
        if self._must_check and not self.training:
            self._check_exact(codes)
        return codes, scale.flatten().squeeze(0) / self.input_steps

    def scaled(self, factor: Tensor | None) -> Tensor:
        """The float weights times a factor per output, for inputs in their real values."""
        if factor is None:
            return self.pruned_weight / self.input_steps
        shape = (-1, *(1,) * (self.weight.dim() - 1))
        return self.pruned_weight * (factor / self.input_steps).view(shape)

    def shared_codes(self, factor: Tensor | None) -> tuple[Tensor, float]:
        """As `codes` for `scaled` weights, whose unit is a power of two for all outputs.

        In float arithmetic the unit is 1.
        """
        weight = self.scaled(factor)
        if not self.lattice:
            return weight, 1.0
        codes, unit = self._quantiser.codes(weight)
        if self._must_check and not self.training:
            self._check_exact(codes)
        return codes, float(unit)

    @torch.no_grad()
    def shared_unit(self, factor: Tensor | None) -> float:
        """The unit that goes with `shared_codes`."""
        if not self.lattice:
            return 1.0
        return float(self._quantiser.scale(self.scaled(factor)))

    def integer_weight(self, weight: Tensor | None = None) -> IntArray:
        """The codes of the weights (or of `scaled` ones) as Brevitas states them, int64."""
        weight = self.pruned_weight if weight is None else weight
        quantised = self._proxy(weight)
        codes: IntArray = quantised.int().detach().cpu().numpy().astype("int64")
        return codes

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        """Currents of the inputs `[N, ...]` through `weight` (codes, or their negatives)."""
        raise NotImplementedError

    def by_output(self, currents: Tensor) -> Tensor:
        """Currents `[N, ...]` as `[N, outputs, ...]`, an output being a row of the weights."""
        return currents

    def spread(self, values: Tensor, shape: Shape) -> Tensor:
        """One value per output, `[outputs]`, so that it broadcasts against a sample of `shape`."""
        return values.view(-1, *(1,) * (len(shape) - 1))

    @property
    def _proxy(self) -> Any:  # noqa: ANN401  # Brevitas has no types
        """What rounds the weights; Brevitas makes a new quantiser when a state is loaded."""
        proxy = cast("Any", self.layer).weight_quant
        if isinstance(proxy.tensor_quant, RoundedWeights):
            proxy.tensor_quant.live = self.live
        return proxy

    @property
    def _quantiser(self) -> Any:  # noqa: ANN401  # Brevitas has no types
        return self._proxy.tensor_quant

    def _quantised(self) -> tuple[Tensor, Tensor]:
        quantiser = self._quantiser
        if isinstance(quantiser, RoundedWeights):
            return quantiser.codes(self.pruned_weight)
        quantised = self._proxy(self.pruned_weight)  # any other Brevitas quantiser
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


class DenseSynapse(Synapse):
    """`qnn.QuantLinear` without bias; a feature map is flattened in (C, H, W) order."""

    def __init__(
        self,
        name: str,
        inputs: int,
        outputs: int,
        *,
        weight_bits: int,
        weight_step: float | None = None,
        quantiser: type = RoundedWeightQuant,
        input_max: int = 1,
        input_steps: int | None = None,
        lattice: bool = False,
    ) -> None:
        super().__init__(
            name,
            _linear(inputs, outputs, weight_bits, weight_step, quantiser),
            weight_bits=weight_bits,
            input_max=input_max,
            input_steps=input_steps,
            lattice=lattice,
        )

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
        dilation: tuple[int, int] = (1, 1),
        groups: int = 1,
        weight_bits: int,
        weight_step: float | None = None,
        quantiser: type = RoundedWeightQuant,
        input_max: int = 1,
        input_steps: int | None = None,
        lattice: bool = False,
    ) -> None:
        layer = qnn.QuantConv2d(
            inputs,
            outputs,
            kernel,
            groups=groups,
            bias=False,
            weight_quant=quantiser,
            weight_bit_width=weight_bits,
            **_given(weight_step),
        )
        super().__init__(
            name,
            layer,
            weight_bits=weight_bits,
            input_max=input_max,
            input_steps=input_steps,
            lattice=lattice,
        )
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        """Currents `[N, out, H', W']` of `x` `[N, in, H, W]`."""
        return F.conv2d(
            x,
            weight,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )


class MixSynapse(Synapse):
    """A `qnn.QuantLinear` along positions, the same for every channel.

    Args:
        axis: Along y, along x, or along both.
        sides: Height and width of the maps.
    """

    def __init__(
        self,
        name: str,
        axis: MixAxis,
        sides: tuple[int, int],
        *,
        weight_bits: int,
        weight_step: float | None = None,
        quantiser: type = RoundedWeightQuant,
        input_max: int = 1,
        input_steps: int | None = None,
        lattice: bool = False,
    ) -> None:
        height, width = sides
        count = {MixAxis.ROWS: height, MixAxis.COLUMNS: width, MixAxis.TOKENS: height * width}
        super().__init__(
            name,
            _linear(count[axis], count[axis], weight_bits, weight_step, quantiser),
            weight_bits=weight_bits,
            input_max=input_max,
            input_steps=input_steps,
            lattice=lattice,
        )
        self.axis = axis

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        """Currents `[N, C, H, W]` of `x` `[N, C, H, W]`."""
        match self.axis:
            case MixAxis.ROWS:
                return torch.matmul(weight, x)
            case MixAxis.COLUMNS:
                return F.linear(x, weight)
            case MixAxis.TOKENS:
                return F.linear(x.flatten(2), weight).view_as(x)

    def by_output(self, currents: Tensor) -> Tensor:
        """Positions first, `[N, positions, ...]`."""
        match self.axis:
            case MixAxis.ROWS:
                return currents.transpose(1, 2)
            case MixAxis.COLUMNS:
                return currents.movedim(3, 1)
            case MixAxis.TOKENS:
                return currents.flatten(2).transpose(1, 2)

    def spread(self, values: Tensor, shape: Shape) -> Tensor:
        """One value per position, for all channels."""
        match self.axis:
            case MixAxis.ROWS:
                return values.view(1, -1, 1)
            case MixAxis.COLUMNS:
                return values.view(1, 1, -1)
            case MixAxis.TOKENS:
                return values.view(1, *shape[1:])


def _linear(
    inputs: int, outputs: int, weight_bits: int, weight_step: float | None, quantiser: type
) -> nn.Module:
    return cast(
        "nn.Module",
        qnn.QuantLinear(
            inputs,
            outputs,
            bias=False,
            weight_quant=quantiser,
            weight_bit_width=weight_bits,
            **_given(weight_step),
        ),
    )


def _given(weight_step: float | None) -> dict[str, float]:
    """The step as Brevitas takes it; other quantisers than ours have none."""
    return {} if weight_step is None else {"weight_step": weight_step}
