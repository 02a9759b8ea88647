"""Inferences and what must come of them, as bytes for the harness and arrays for the bench."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloom.codegen import Manifest, ManifestInput, ManifestLayer
from spikeloom.ir import Shape, Trace

Bytes = NDArray[np.uint8]


def to_stream(values: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Flatten the trailing axes `shape` in stream order: (y, x, channel), channel fastest."""
    leading = values.shape[: values.ndim - len(shape)]
    ordered = np.moveaxis(values, -3, -1) if len(shape) == 3 else values
    return np.ascontiguousarray(ordered).reshape(*leading, -1)


def pack_input(port: ManifestInput, inputs: NDArray[Any]) -> Bytes:
    """Return the input beats of N inferences.

    Args:
        port: The input of the design.
        inputs: Unsigned values `[N, *shape]`, or `[N, T, *shape]` for spikes.

    Returns:
        Bytes `[N, frames * beats, data_bits / 8]`, the least significant
        first; value i of a beat lies at bits `[i * bits +: bits]`.
    """
    count = inputs.shape[0]
    frames = to_stream(inputs, port.shape).reshape(count, port.frames, -1)
    padding = port.beats * port.lanes - frames.shape[2]
    values = np.pad(frames, ((0, 0), (0, 0), (0, padding)))
    planes = (values.astype(np.uint32)[..., None] >> np.arange(port.bits, dtype=np.uint32)) & 1
    beats = planes.astype(np.uint8).reshape(count, port.frames * port.beats, -1)
    beats = np.pad(beats, ((0, 0), (0, 0), (0, port.data_bits - beats.shape[2])))
    return np.packbits(beats, axis=2, bitorder="little")


def pack_records(design: Manifest, inputs: NDArray[Any], trace: Trace, first_layer: int) -> Bytes:
    """Return N records for the harness, `[N, 4 + length]`, each with its length in front.

    Args:
        design: The design that is simulated.
        inputs: The inferences, as for `Executor.run`.
        trace: What they must give, with recorded layers.
        first_layer: Layers before this one are not compared.
    """
    parts = [
        _bytes(pack_input(design.input, inputs)),
        _bytes(trace.scores.astype("<i8")),
        _bytes(trace.predictions.astype("<u4")),
        _bytes(trace.steps.astype("<u4")),
    ]
    for layer in design.layers[first_layer:]:
        parts += _layer_parts(layer, trace)
    length = sum(part.shape[1] for part in parts)
    prefix = np.full(inputs.shape[0], length, "<u4")
    return np.concatenate([_bytes(prefix), *parts], axis=1)


def split_batches(count: int, batch: int) -> Sequence[slice]:
    """Return the slices of `count` things in batches."""
    return [slice(start, min(start + batch, count)) for start in range(0, count, batch)]


def _layer_parts(layer: ManifestLayer, trace: Trace) -> list[Bytes]:
    recorded = trace.layers[layer.name]
    spikes = to_stream(recorded.spikes, layer.shape)
    membranes = to_stream(recorded.membranes, layer.shape)
    return [_bytes(spikes.astype(np.uint8)), _bytes(membranes.astype("<i4"))]


def _bytes(array: NDArray[Any]) -> Bytes:
    """View N items of any shape as bytes `[N, size]`."""
    flat = np.ascontiguousarray(array).reshape(array.shape[0], -1)
    return flat.view(np.uint8)
