"""The neuron equations on whole batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloom.ir._graph import Leak, Neurons, Reset, Shape
from spikeloom.ir._intervals import Interval, signed_interval
from spikeloom.ir._membranes import MembraneWidth
from spikeloom.ir._shapes import per_neuron

AnyIntegers = NDArray[np.signedinteger[Any]]
Bits = NDArray[np.uint8]
Currents = NDArray[np.integer[Any]]  # operands count as currents of their value


@dataclass(slots=True)
class GroupRun:
    """One group at work on a batch, step by step: `v` is `[N, *shape]`.

    `spikes` and `membranes` are `[N, T, *shape]`; integrators have no spikes,
    and membranes are there only if they are recorded.
    """

    dynamics: Dynamics
    v: AnyIntegers
    spikes: Bits | None
    membranes: NDArray[np.int32] | None
    steps_done: int = 0

    def step(self, currents: Currents) -> Bits:
        """Take one time step on currents `[N, *shape]`; return the spikes, `[N, *shape]`."""
        self.v, fired = self.dynamics.step(self.v, currents)
        if self.membranes is not None:
            self.membranes[:, self.steps_done] = self.v
        if self.spikes is not None and fired is not None:
            self.spikes[:, self.steps_done] = fired
        self.steps_done += 1
        return np.zeros(self.v.shape, np.uint8) if fired is None else fired.view(np.uint8)


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

    def start(self, batch: int, time_steps: int, *, record: bool) -> GroupRun:
        """Return a run of that many inferences and steps, before the first step."""
        size = (batch, time_steps, *self._shape)
        spikes = None if self._threshold is None else np.empty(size, np.uint8)
        membranes = np.empty(size, np.int32) if record else None
        return GroupRun(self, np.zeros((batch, *self._shape), self._dtype), spikes, membranes)

    def step(
        self, v: AnyIntegers, currents: Currents
    ) -> tuple[AnyIntegers, NDArray[np.bool_] | None]:
        """Return the next `v` and what fired, both `[N, *shape]`."""
        u = self._start(v) + currents.astype(self._dtype, copy=False) + self._bias
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
