"""Currents of synapses and sums of pools on whole batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from spikeloom.ir._graph import Dense, SumPool2d, Synapse
from spikeloom.ir._intervals import Interval
from spikeloom.ir._neurons import AnyIntegers, integer_type

Operands = NDArray[np.integer[Any]]

_FLOAT32_EXACT = 1 << 24  # integers up to here are exact in float32
_PATCH_VALUES = 1 << 20  # values of the patch matrix at a time: stays in the cache


class Kernel:
    """One synapse, ready to run on batches.

    The sums are done by BLAS in floating point, exactly: width inference has
    proved that every partial sum is an integer below 2**24 (float32) or, since
    no current is wider than 32 bits, below 2**53 (float64).
    """

    def __init__(self, synapse: Synapse, current: Interval) -> None:
        exact = max(-current.lo, current.hi) < _FLOAT32_EXACT
        self._float: type[np.float32] | type[np.float64] = np.float32 if exact else np.float64
        self._integer = integer_type(current)
        self._synapse = synapse
        rows = synapse.weight.reshape(synapse.weight.shape[0], -1)
        self._rows = np.ascontiguousarray(rows.astype(self._float))

    def run(self, operands: Operands) -> AnyIntegers:
        """Return the currents `[B, *out]` of operands `[B, *in]`."""
        if isinstance(self._synapse, Dense):
            flat = operands.reshape(operands.shape[0], self._rows.shape[1])
            return (flat.astype(self._float) @ self._rows.T).astype(self._integer)
        return self._convolve(operands)

    def _convolve(self, operands: Operands) -> AnyIntegers:
        windows = self._windows(operands)
        batch, channels, kernel_h, kernel_w, height, width = windows.shape
        taps = channels * kernel_h * kernel_w
        sums = np.empty((batch, self._rows.shape[0], height * width), self._integer)
        chunk = max(1, _PATCH_VALUES // (taps * height * width))
        for start in range(0, batch, chunk):
            part = windows[start : start + chunk]
            patches = part.astype(self._float, order="C").reshape(-1, taps, height * width)
            sums[start : start + chunk] = self._rows @ patches
        return sums.reshape(batch, self._rows.shape[0], height, width)

    def _windows(self, operands: Operands) -> Operands:
        """Return a view `[B, C, kh, kw, H, W]`: for every tap the map that it sees."""
        assert not isinstance(self._synapse, Dense)
        (pad_h, pad_w), (step_h, step_w) = self._synapse.padding, self._synapse.stride
        padded = np.pad(operands, ((0, 0), (0, 0), (pad_h, pad_h), (pad_w, pad_w)))
        kernel_h, kernel_w = self._synapse.weight.shape[2:]
        windows = sliding_window_view(padded, (kernel_h, kernel_w), axis=(2, 3))
        return windows[:, :, ::step_h, ::step_w].transpose(0, 1, 4, 5, 2, 3)


def sum_pool(pool: SumPool2d, operands: Operands, largest: int) -> Operands:
    """Return the sums `[B, C, H', W']` of operands `[B, C, H, W]` of at most `largest`."""
    kernel_h, kernel_w = pool.kernel
    height, width = operands.shape[2] // kernel_h, operands.shape[3] // kernel_w
    kept = operands[:, :, : height * kernel_h, : width * kernel_w]
    dtype = np.min_scalar_type(largest * kernel_h * kernel_w)
    sums = np.zeros((*operands.shape[:2], height, width), dtype)
    for y in range(kernel_h):
        for x in range(kernel_w):
            sums += kept[:, :, y::kernel_h, x::kernel_w].astype(dtype, copy=False)
    return sums
