"""What a network is made of: blocks that turn values into values, and those that only route.

A value is a tensor `[F, N, ...]` over all time steps (`F = T`, or 1 if it is
the same at every step) with its unit, the real number that 1 stands for.  Blocks
in a feedback loop run step by step instead, on tensors `[N, ...]`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  # its usual name
from torch import Tensor, nn

from spikeloom.model._flow import Flow, aligned
from spikeloom.model._pool import sum_pool

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor `[F, N, ...]` in multiples of `unit`."""

    data: Tensor
    unit: float


@dataclass(frozen=True, slots=True)
class Step:
    """A block made ready for one run of a feedback loop.

    Attributes:
        run: Output `[N, ...]` of the next step, given those of the sources.
        finish: Lets running statistics follow what was seen.
    """

    run: Callable[..., Tensor]
    finish: Callable[[], None] = lambda: None


class Block(nn.Module):
    """A layer.

    Args:
        name: Name of the layer.
        sources: Names of what it reads.
        flow: What is known of its output.
        time_steps: Steps of an inference.
    """

    def __init__(self, name: str, sources: Sequence[str], flow: Flow, time_steps: int) -> None:
        super().__init__()
        self.name = name
        self.sources = tuple(sources)
        self.flow = flow
        self.time_steps = time_steps

    def forward(self, *values: Value) -> Value:
        """The output of all time steps."""
        raise NotImplementedError

    def unit(self, units: Sequence[float]) -> float:
        """The unit of the output, given those of the sources, in evaluation or in a loop."""
        raise NotImplementedError

    def begin(self, units: Sequence[float]) -> Step:
        """Make it ready to run step by step, given the units of its sources."""
        raise NotImplementedError


class Route(Block):
    """A block without weights or state: it only adds, picks or arranges values."""

    def forward(self, *values: Value) -> Value:
        """The output of all time steps."""
        units = [value.unit for value in values]
        frames = max(value.data.shape[0] for value in values)
        wide = [value.data.expand(frames, *value.data.shape[1:]) for value in values]
        routed = self.route([data.flatten(0, 1) for data in wide], units)
        batch = wide[0].shape[1]
        return Value(routed.view(frames, batch, *routed.shape[1:]), self.unit(units))

    def begin(self, units: Sequence[float]) -> Step:
        """A step is what all steps are."""
        return Step(lambda *tensors: self.route(tensors, units))

    def route(self, tensors: Sequence[Tensor], units: Sequence[float]) -> Tensor:
        """The output `[N, ...]` of one step, or of several in one batch."""
        raise NotImplementedError

    def unit(self, units: Sequence[float]) -> float:
        """That of the finest source."""
        return aligned(units)[1]


class SumPool(Route):
    """Sums over windows; what they sum counts as an average."""

    def __init__(
        self,
        name: str,
        sources: Sequence[str],
        flow: Flow,
        time_steps: int,
        *,
        kernel: Pair,
        stride: Pair | None,
        padding: Pair,
    ) -> None:
        super().__init__(name, sources, flow, time_steps)
        self.kernel = kernel
        self.stride = None if stride == kernel else stride
        self.padding = padding

    def route(self, tensors: Sequence[Tensor], _units: Sequence[float]) -> Tensor:
        """Sums of maps `[N, C, H, W]`."""
        padded = _padded(tensors[0], self.padding, 0.0)
        if self.stride is None:
            return sum_pool(padded, self.kernel)
        return F.avg_pool2d(padded, self.kernel, self.stride, divisor_override=1)

    def unit(self, units: Sequence[float]) -> float:
        """The unit over the window; for currents over the nearest power of two."""
        window = math.prod(self.kernel)
        if self.flow.is_current:
            return units[0] / 2.0 ** round(math.log2(window))
        return 1.0 / self.flow.steps


class MaxPool(Route):
    """The largest value of windows; padding takes no part."""

    def __init__(
        self,
        name: str,
        sources: Sequence[str],
        flow: Flow,
        time_steps: int,
        *,
        kernel: Pair,
        stride: Pair | None,
        padding: Pair,
    ) -> None:
        super().__init__(name, sources, flow, time_steps)
        self.kernel = kernel
        self.stride = stride
        self.padding = padding

    def route(self, tensors: Sequence[Tensor], _units: Sequence[float]) -> Tensor:
        """Largest values of maps `[N, C, H, W]`."""
        padded = _padded(tensors[0], self.padding, -math.inf)
        return F.max_pool2d(padded, self.kernel, self.stride)


def _padded(x: Tensor, padding: Pair, value: float) -> Tensor:
    if padding == (0, 0):
        return x
    rows, columns = padding
    return F.pad(x, (columns, columns, rows, rows), value=value)


class Concat(Route):
    """Channels one after the other, in the unit of the finest source."""

    def route(self, tensors: Sequence[Tensor], units: Sequence[float]) -> Tensor:
        """Tensors side by side."""
        return torch.cat(shifted(tensors, units), dim=1)


class Add(Route):
    """A sum, in the unit of the finest source."""

    def route(self, tensors: Sequence[Tensor], units: Sequence[float]) -> Tensor:
        """The sum of all tensors."""
        first, *others = shifted(tensors, units)
        for tensor in others:
            first = first + tensor
        return first


def shifted(tensors: Sequence[Tensor], units: Sequence[float]) -> list[Tensor]:
    """The tensors in one unit (see `aligned`)."""
    shifts, _ = aligned(units)
    pairs = zip(tensors, shifts, strict=True)
    return [tensor * float(1 << shift) if shift else tensor for tensor, shift in pairs]


class Delay(Block):
    """What its source put out one step earlier; a loop keeps that by itself."""

    def forward(self, *values: Value) -> Value:
        """The source one step later, zeros first."""
        data = values[0].data.expand(self.time_steps, *values[0].data.shape[1:])
        late = torch.cat([torch.zeros_like(data[:1]), data[:-1]])
        return Value(late, values[0].unit)

    def unit(self, units: Sequence[float]) -> float:
        """That of the source."""
        return units[0]


def units_of(blocks: Sequence[Block], known: dict[str, float]) -> dict[str, float]:
    """The unit of every block, given those of what they read from elsewhere.

    In a loop a delay comes before its source: what is not known yet takes no
    part, and the pass is repeated until nothing changes.
    """
    units = dict(known)
    while True:
        before = dict(units)
        for block in blocks:
            found = [units[name] for name in block.sources if name in units]
            if found:
                units[block.name] = block.unit(found)
        if units == before:
            return units
