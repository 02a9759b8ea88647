"""Address rules: the two tables from which hardware knows where a spike goes.

For every coordinate along an axis a table word says how many outputs the
spike reaches along that axis, the first of them, and the first kernel tap.
Stride, borders and a pooling in front of the synapse are all resolved here,
so that the hardware adds and never divides.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A convolution along one axis, with a sum pooling in front of it.

    `size` counts the positions before the pooling, `outputs` those behind the
    synapse.
    """

    size: int
    pool: int
    kernel: int
    stride: int
    padding: int
    outputs: int


@dataclass(frozen=True, slots=True)
class Reach:
    """What a spike at one coordinate reaches.

    Taps `tap`, `tap + stride`, ... and outputs `output`, `output - 1`, ...,
    `count` of each.
    """

    tap: int
    output: int
    count: int


def reaches(axis: Axis) -> tuple[Reach, ...]:
    """Return the reach of every coordinate of `axis`, in order."""
    return tuple(_reach(axis, coordinate) for coordinate in range(axis.size))


def _reach(axis: Axis, coordinate: int) -> Reach:
    pooled = coordinate // axis.pool
    if pooled >= axis.size // axis.pool:  # the remainder that pooling drops
        return Reach(0, 0, 0)
    pairs = [
        (tap, (pooled + axis.padding - tap) // axis.stride)
        for tap in range(axis.kernel)
        if (pooled + axis.padding - tap) % axis.stride == 0
    ]
    legal = [(tap, output) for tap, output in pairs if 0 <= output < axis.outputs]
    if not legal:
        return Reach(0, 0, 0)
    tap, output = legal[0]
    return Reach(tap, output, len(legal))
