"""Pools, additions, concatenations and delays on whole batches `[N, F, *shape]`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spikeloom.ir._graph import Add, MaxPool2d
from spikeloom.ir._neurons import integer_type
from spikeloom.ir._shapes import Pool, per_neuron, pool_stride
from spikeloom.ir._synapses import Operands
from spikeloom.ir._widths import Widths

ValueType = np.dtype[np.integer[Any]]


def value_type(widths: Widths, name: str) -> ValueType:
    """Return the numpy type that holds what a node puts out."""
    if name in widths.operands:
        return np.dtype(np.min_scalar_type(widths.operands[name]))
    return integer_type(widths.currents[name])


def pooled(pool: Pool, maps: Operands, dtype: ValueType) -> Operands:
    """Return sums or maxima `[N, F, C, H', W']`, first along y and then along x."""
    is_maximum = isinstance(pool, MaxPool2d)
    values = maps.astype(dtype, copy=False)
    for axis in (0, 1):
        values = _pooled_along(
            3 + axis,
            values,
            pool.kernel[axis],
            pool_stride(pool)[axis],
            pool.padding[axis],
            is_maximum=is_maximum,
        )
    return values


def _pooled_along(
    axis: int, values: Operands, kernel: int, stride: int, pad: int, *, is_maximum: bool
) -> Operands:
    # Below every value, so that padding takes no part in a maximum.
    outside = int(np.iinfo(values.dtype).min) if is_maximum else 0
    widths = [(pad, pad) if place == axis else (0, 0) for place in range(values.ndim)]
    padded = np.moveaxis(np.pad(values, widths, constant_values=outside), axis, 0)
    last = padded.shape[0] - kernel
    result = padded[0 : last + 1 : stride].copy()
    join = np.maximum if is_maximum else np.add
    for tap in range(1, kernel):
        join(result, padded[tap : last + tap + 1 : stride], out=result)
    return np.moveaxis(result, 0, axis)


def added(node: Add, values: Sequence[Operands], dtype: ValueType) -> Operands:
    """Return the sum; what wraps around in 32 bits on the way does so back again."""
    total = per_neuron(node.bias, values[0].shape[2:]).astype(np.int32)
    for value, shift in zip(values, node.shifts, strict=True):
        # The first sum takes the frames of the widest: a static current has one.
        total = total + (value.astype(np.int32) << np.int32(shift))
    return total.astype(dtype, copy=False)


def concatenated(values: Sequence[Operands], dtype: ValueType) -> Operands:
    """Return all channels, those of a static value at every step."""
    frames = max(value.shape[1] for value in values)
    spread = [
        np.broadcast_to(value, (value.shape[0], frames, *value.shape[2:])) for value in values
    ]
    return np.concatenate([value.astype(dtype, copy=False) for value in spread], axis=2)


def delayed(values: Operands, time_steps: int, dtype: ValueType) -> Operands:
    """Return the values one step later, behind zeros."""
    result = np.zeros((values.shape[0], time_steps, *values.shape[2:]), dtype)
    result[:, 1:] = values[:, : time_steps - 1]
    return result
