"""Address rules: the two tables from which hardware knows where a spike goes.

For every coordinate along an axis a table word says how many outputs the
spike reaches along that axis, the first of them, and the first tap.  Stride,
dilation, borders and a sum pooling in front of the synapse are all resolved
here, so that the hardware adds and never divides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reach:
    """What a spike at one coordinate reaches.

    Taps `tap`, `tap + tap_step`, ... and outputs `output`,
    `output - output_step`, ..., `count` of each.
    """

    tap: int
    output: int
    count: int


_NOTHING = Reach(0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis of a synapse: the reach of every coordinate, and the constant steps between.

    `outputs` counts the positions behind the synapse.
    """

    reaches: tuple[Reach, ...]
    outputs: int
    tap_step: int
    output_step: int

    @property
    def size(self) -> int:
        """Positions in front of the synapse."""
        return len(self.reaches)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A kernel along one axis, behind a sum pooling of `pool` neighbours.

    `size` counts the positions before the pooling, `outputs` those behind the
    kernel.
    """

    size: int
    kernel: int
    outputs: int
    pool: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1


def sliding_axis(window: Window) -> Axis:
    """The axis of a convolution or a pooling."""
    common = math.gcd(window.stride, window.dilation)
    reaches = tuple(
        _NOTHING if position is None else _slide(window, position)
        for position in _pooled(window.size, window.pool)
    )
    if max(reach.count for reach in reaches) < 2:  # no step is ever taken, however long
        return Axis(reaches=reaches, outputs=window.outputs, tap_step=0, output_step=0)
    return Axis(
        reaches=reaches,
        outputs=window.outputs,
        tap_step=window.stride // common,
        output_step=window.dilation // common,
    )


def kept_axis(size: int, pool: int = 1) -> Axis:
    """An axis along which a spike stays where it is."""
    return sliding_axis(Window(size=size, kernel=1, outputs=size // pool, pool=pool))


def mixing_axis(size: int, pool: int = 1, *, block: int) -> Axis:
    """An axis along which every position reaches every output.

    The taps of position `p` start at `p * block`; tap `k` behind it belongs to
    output `outputs - 1 - k`.
    """
    outputs = size // pool
    return Axis(
        reaches=tuple(
            _NOTHING if position is None else Reach(position * block, outputs - 1, outputs)
            for position in _pooled(size, pool)
        ),
        outputs=outputs,
        tap_step=1,
        output_step=1,
    )


def _pooled(size: int, pool: int) -> Iterator[int | None]:
    """The position behind the pooling of every coordinate, None in its remainder."""
    for coordinate in range(size):
        pooled = coordinate // pool
        yield pooled if pooled < size // pool else None


def _slide(window: Window, position: int) -> Reach:
    """Taps rise as outputs fall, so that the first legal tap has the last output."""
    places = [
        (tap, position + window.padding - tap * window.dilation) for tap in range(window.kernel)
    ]
    reached = [(tap, place // window.stride) for tap, place in places if not place % window.stride]
    legal = [(tap, output) for tap, output in reached if 0 <= output < window.outputs]
    if not legal:
        return _NOTHING
    tap, output = legal[0]
    return Reach(tap, output, len(legal))
