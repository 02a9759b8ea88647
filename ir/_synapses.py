"""Currents of synapses and products on whole batches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from spikeloom.ir._graph import Conv2d, Dense, MixAxis, Product, Synapse, TokenMix
from spikeloom.ir._intervals import Interval
from spikeloom.ir._neurons import AnyIntegers, integer_type

Operands = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]

_FLOAT32_EXACT = 1 << 24  # integers up to here are exact in float32
_PATCH_VALUES = 1 << 20  # values of the patch matrix at a time: stays in the cache


def exact_float(current: Interval) -> type[np.float32] | type[np.float64]:
    """Return the float type in which every partial sum within `current` is exact.

    Width inference has proved that every partial sum is an integer below 2**24
    (float32) or, since no current is wider than 32 bits, below 2**53 (float64).
    """
    return np.float32 if max(-current.lo, current.hi) < _FLOAT32_EXACT else np.float64


class Kernel:
    """One synapse, ready to run on batches; BLAS does the sums in floating point, exactly."""

    def __init__(self, synapse: Synapse, current: Interval) -> None:
        self._float = exact_float(current)
        self._integer = integer_type(current)
        self._synapse = synapse
        groups = synapse.groups if isinstance(synapse, Conv2d) else 1
        outputs = synapse.weight.shape[0]
        rows = synapse.weight.reshape(groups, outputs // groups, -1)
        self._rows = np.ascontiguousarray(rows.astype(self._float))

    def run(self, operands: Operands) -> AnyIntegers:
        """Return the currents `[B, *out]` of operands `[B, *in]`."""
        match self._synapse:
            case Dense():
                return self._rows_times(operands.reshape(operands.shape[0], self._rows.shape[2]))
            case TokenMix():
                return self._mix(self._synapse.axis, operands)
            case Conv2d():
                return self._convolve(self._synapse, operands)

    def _rows_times(self, vectors: Operands) -> AnyIntegers:
        """Return the matrix times every vector along the last axis."""
        count = math.prod(vectors.shape[:-1])  # it can be 0, with no inferences
        flat = vectors.reshape(count, vectors.shape[-1]).astype(self._float)
        sums: AnyIntegers = (flat @ self._rows[0].T).astype(self._integer)
        return sums.reshape(*vectors.shape[:-1], self._rows.shape[1])

    def _mix(self, axis: MixAxis, maps: Operands) -> AnyIntegers:
        match axis:
            case MixAxis.COLUMNS:
                return self._rows_times(maps)
            case MixAxis.ROWS:
                return self._rows_times(maps.swapaxes(2, 3)).swapaxes(2, 3)
            case MixAxis.TOKENS:
                flat = maps.reshape(*maps.shape[:2], self._rows.shape[2])
                return self._rows_times(flat).reshape(maps.shape)

    def _convolve(self, node: Conv2d, operands: Operands) -> AnyIntegers:
        windows = _windows(node, operands)
        batch, channels, kernel_h, kernel_w, height, width = windows.shape
        sums = np.empty((batch, node.weight.shape[0], height, width), self._integer)
        taps = channels * kernel_h * kernel_w
        lines = min(height, max(1, _PATCH_VALUES // (taps * width)))
        chunk = max(1, _PATCH_VALUES // (taps * lines * width))
        add = self._add_taps if node.weight.shape[1] == 1 else self._add_patches
        for start in range(0, batch, chunk):
            for top in range(0, height, lines):
                where = (slice(start, start + chunk), slice(None), slice(top, top + lines))
                part = windows[start : start + chunk, :, :, :, top : top + lines]
                sums[where] = add(part).reshape(sums[where].shape)
        return sums

    def _add_patches(self, windows: Operands) -> Floats:
        """Return the sums `[B, groups, out / groups, places]` of windows."""
        groups, _, taps = self._rows.shape
        patches = windows.astype(self._float, order="C")
        sums: Floats = self._rows @ patches.reshape(windows.shape[0], groups, taps, -1)
        return sums

    def _add_taps(self, windows: Operands) -> Floats:
        """Do the same where each output reads one channel: matrices would have one row."""
        batch, channels, kernel_h, kernel_w, height, width = windows.shape
        sums = np.zeros((batch, channels, self._rows.shape[1], height, width), self._float)
        for tap in range(kernel_h * kernel_w):
            seen = windows[:, :, tap // kernel_w, tap % kernel_w].astype(self._float)
            sums += self._rows[:, :, tap, None, None] * seen[:, :, None]
        return sums


class Gate:
    """One product, ready to run on batches."""

    def __init__(self, product: Product, current: Interval) -> None:
        self._product = product
        self._float = exact_float(current)
        self._integer = integer_type(current)

    def run(self, operands: Operands, weights: Operands) -> AnyIntegers:
        """Return currents `[N, F, *out]` of `[N, F, A, H, W]` and `[N, F, B, h, w]`.

        Each F is 1 (static) or T.
        """
        heads, places = self._product.heads, operands.shape[3:]
        events: Floats = _split(operands, heads).astype(self._float)
        matrix: Floats = _split(weights, heads).astype(self._float)
        if self._product.transposed:
            matrix = matrix.swapaxes(3, 4)
        sums = (matrix @ events).astype(self._integer)
        return sums.reshape(*sums.shape[:2], heads * sums.shape[3], *places)


def _split(maps: Operands, heads: int) -> Operands:
    """Return maps `[N, F, C, H, W]` as `[N, F, heads, C / heads, H * W]`."""
    batch, frames, channels, height, width = maps.shape
    return maps.reshape(batch, frames, heads, channels // heads, height * width)


def _windows(node: Conv2d, operands: Operands) -> Operands:
    """Return a view `[B, C, kh, kw, H, W]`: for every tap the map that it sees."""
    (pad_h, pad_w), (step_h, step_w) = node.padding, node.stride
    (apart_h, apart_w), (kernel_h, kernel_w) = node.dilation, node.weight.shape[2:]
    padded = operands
    if pad_h or pad_w:
        padded = np.pad(operands, ((0, 0), (0, 0), (pad_h, pad_h), (pad_w, pad_w)))
    extent = ((kernel_h - 1) * apart_h + 1, (kernel_w - 1) * apart_w + 1)
    windows = sliding_window_view(padded, extent, axis=(2, 3))
    kept = windows[:, :, ::step_h, ::step_w, ::apart_h, ::apart_w]
    return kept.transpose(0, 1, 4, 5, 2, 3)
