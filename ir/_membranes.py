"""Intervals of membranes: the neuron equations on intervals instead of numbers.

The equations of `docs/semantics.md` run for exactly the time steps of the
graph, so that the analysis is finite for neurons without leak too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikeloom.ir._graph import IntArray, Leak, Neurons, Reset, Shape
from spikeloom.ir._intervals import (
    ANALYSED_BITS,
    Bounds,
    Interval,
    leak_bounds,
    same,
    signed_interval,
    union,
)
from spikeloom.ir._shapes import per_neuron


@dataclass(frozen=True, slots=True)
class MembraneWidth:
    """How wide the membranes of a group are.

    `interval` holds every `u` before the clamp.  `bits` signed bits hold every
    `u` after the clamp, every `v` and every threshold.  `saturates` says
    whether the clamp to `membrane_bits` can ever change a value; where it is
    False, hardware needs none.
    """

    interval: Interval
    bits: int
    saturates: bool


def membrane_width(
    neurons: Neurons, current: Bounds, shape: Shape, time_steps: int
) -> tuple[MembraneWidth, Bounds]:
    """Return the width of a group and the bounds of `v` after the last step."""
    threshold = None if neurons.threshold is None else per_neuron(neurons.threshold, shape)
    drive = current.shifted(per_neuron(neurons.bias, shape))
    seen, v = _steps(neurons, threshold, drive, time_steps)
    limit = None if neurons.membrane_bits is None else signed_interval(neurons.membrane_bits)
    clamped = seen if limit is None else seen.clipped(limit)
    held = union(clamped, v).overall()  # any signed width holds the 0 of the start
    if threshold is not None:
        held = held.hull(int(threshold.min()), int(threshold.max()))
    interval = seen.overall()
    saturates = limit is not None and (interval.lo < limit.lo or interval.hi > limit.hi)
    return MembraneWidth(interval, held.bits, saturates), v


def _steps(
    neurons: Neurons, threshold: IntArray | None, drive: Bounds, time_steps: int
) -> tuple[Bounds, Bounds]:
    """Return the bounds of `u` before the clamp over all steps, and of the last `v`."""
    start = Bounds(np.zeros_like(drive.lo), np.zeros_like(drive.hi))
    seen, v = drive, start
    limit = signed_interval(neurons.membrane_bits) if neurons.membrane_bits else None
    for _ in range(time_steps):
        raw = start.plus(drive)
        seen = union(seen, raw)
        u = raw if limit is None else raw.clipped(limit)
        v, following = _end_of_step(neurons, threshold, u)
        if same(following, start) or _is_hopeless(raw):
            break  # every later step repeats this one, or is an error already
        start = following
    return seen, v


def _end_of_step(neurons: Neurons, threshold: IntArray | None, u: Bounds) -> tuple[Bounds, Bounds]:
    """Return the bounds of `v`, and of what the next step adds its current to."""
    if neurons.reset_delay:
        return u, _reset(neurons, threshold, u, neurons.leak)
    v = _reset(neurons, threshold, u, Leak.none())
    return v, leak_bounds(neurons.leak, v)


def _reset(neurons: Neurons, threshold: IntArray | None, u: Bounds, leak: Leak) -> Bounds:
    """Return the bounds of `leak(u)`, reset where `u` reached the threshold.

    Neurons that fired and those that did not are bounded apart: after a
    subtraction nothing is negative that was not so before.
    """
    if threshold is None or neurons.reset is Reset.NONE:
        return leak_bounds(leak, u)
    silent = Bounds(u.lo, np.minimum(u.hi, threshold - 1))
    fired = Bounds(np.maximum(u.lo, threshold), u.hi)
    return union(
        _where_any(silent, leak_bounds(leak, silent)),
        _where_any(fired, _after_spike(neurons.reset, threshold, leak_bounds(leak, fired))),
    )


def _after_spike(reset: Reset, threshold: IntArray, decayed: Bounds) -> Bounds:
    if reset is Reset.SUBTRACT:
        return decayed.shifted(-threshold)
    return Bounds(np.zeros_like(decayed.lo), np.zeros_like(decayed.hi))


def _where_any(domain: Bounds, image: Bounds) -> Bounds:
    """Return `image`, made empty where `domain` is empty."""
    is_empty = domain.lo > domain.hi
    return Bounds(np.where(is_empty, 1, image.lo), np.where(is_empty, 0, image.hi))


def _is_hopeless(u: Bounds) -> bool:
    return u.overall().bits > ANALYSED_BITS
