"""The neuron equations on whole batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloom.ir._graph import Leak, Neurons, Reset, Shape
from spikeloom.ir._intervals import Interval, signed_interval
from spikeloom.ir._shapes import per_neuron
from spikeloom.ir._widths import MembraneWidth

AnyIntegers = NDArray[np.signedinteger[Any]]
Bits = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Activations:
    """What a group did: `spikes` `[N, T, *shape]`, `membranes` likewise, `final` v `[N, *shape]`.

    `spikes` is None for integrators, `membranes` unless they were recorded.
    """

    spikes: Bits | None
    membranes: NDArray[np.int32] | None
    final: AnyIntegers


class Dynamics:
    """One group of neurons, ready to run on batches of currents."""

    def __init__(self, neurons: Neurons, shape: Shape, width: MembraneWidth) -> None:
        self._neurons = neurons
        self._shape = shape
        self._dtype = integer_type(width.interval)
        self._limit: Interval | None = None
        if width.saturates and neurons.membrane_bits is not None:
            self._limit = signed_interval(neurons.membrane_bits)
        self._bias: AnyIntegers = per_neuron(neurons.bias, shape).astype(self._dtype)
        self._threshold: AnyIntegers | None = None
        if neurons.threshold is not None:
            self._threshold = per_neuron(neurons.threshold, shape).astype(self._dtype)

    def run(self, currents: AnyIntegers, time_steps: int, *, record: bool) -> Activations:
        """Run all time steps on currents `[N, F, *shape]`, F being 1 (static) or T."""
        drive: AnyIntegers = currents.astype(self._dtype, copy=False) + self._bias
        size = (drive.shape[0], time_steps, *self._shape)
        spikes = None if self._threshold is None else np.empty(size, np.uint8)
        membranes = np.empty(size, np.int32) if record else None
        v = np.zeros((drive.shape[0], *self._shape), self._dtype)
        for step in range(time_steps):
            v, fired = self._step(v, drive[:, min(step, drive.shape[1] - 1)])
            if spikes is not None and fired is not None:
                spikes[:, step] = fired
            if membranes is not None:
                membranes[:, step] = v
        return Activations(spikes, membranes, v)

    def _step(
        self, v: AnyIntegers, drive: AnyIntegers
    ) -> tuple[AnyIntegers, NDArray[np.bool_] | None]:
        """Return the next `v` and what fired; `drive` is `I + b`."""
        u = self._start(v) + drive
        if self._limit is not None:
            np.clip(u, self._limit.lo, self._limit.hi, out=u)
        if self._threshold is None:
            return u, None
        fired = u >= self._threshold
        if not self._neurons.reset_delay:
            self._reset(u, fired)
        return u, fired

    def _start(self, v: AnyIntegers) -> AnyIntegers:
        """Return what the step adds its current to: the decayed, reset membrane."""
        decayed = _leak(self._neurons.leak, v)
        if self._neurons.reset_delay and self._threshold is not None:
            decayed = decayed.copy()
            self._reset(decayed, v >= self._threshold)
        return decayed

    def _reset(self, values: AnyIntegers, fired: NDArray[np.bool_]) -> None:
        """Reset `values` in place where `fired`."""
        if self._neurons.reset is Reset.SUBTRACT and self._threshold is not None:
            values -= self._threshold * fired
        elif self._neurons.reset is Reset.ZERO:
            values *= ~fired


def integer_type(interval: Interval) -> np.dtype[np.signedinteger[Any]]:
    """Return the numpy type whose arithmetic holds `interval`."""
    return np.dtype(np.int32 if interval.bits <= 32 else np.int64)


def _leak(leak: Leak, v: AnyIntegers) -> AnyIntegers:
    """Apply a leak; sums that wrap around on the way do so back again."""
    if leak == Leak.none():
        return v
    first, *rest = leak.terms
    total = v >> first.shift if first.sign > 0 else -(v >> first.shift)
    for term in rest:
        if term.sign > 0:
            total += v >> term.shift
        else:
            total -= v >> term.shift
    return total
