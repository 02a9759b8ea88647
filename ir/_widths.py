"""Width inference: intervals of every current and membrane, over all time steps.

The analysis runs the neuron equations of `docs/semantics.md` on intervals
instead of numbers, for exactly the time steps of the graph, so that it is
finite for neurons without leak too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spikeloom.ir._encode import largest_operand
from spikeloom.ir._graph import (
    Conv2d,
    Dense,
    Graph,
    Input,
    IntArray,
    Leak,
    Neurons,
    Readout,
    ReadoutKind,
    Reset,
    Shape,
    SumPool2d,
    Synapse,
)
from spikeloom.ir._intervals import Bounds, Interval, leak_bounds, signed_interval, union
from spikeloom.ir._shapes import infer_shapes, per_neuron

# Beyond this no width is legal; stopping there keeps every sum within int64.
ANALYSED_BITS = 41


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


@dataclass(frozen=True, slots=True)
class Widths:
    """The proven intervals of a graph.

    `inputs` holds, by synapse, what one operand `x` can be (0..1 for spikes);
    `currents`, by synapse, every sum `I` and every partial sum of it;
    `membranes`, by neuron group; `scores`, the scores of all classes.
    """

    inputs: dict[str, Interval]
    currents: dict[str, Interval]
    membranes: dict[str, MembraneWidth]
    scores: Interval


def infer_widths(graph: Graph) -> Widths:
    """Return intervals and widths that provably hold for every input.

    Raises:
        GraphError: If the graph breaks a rule; all are listed.
    """
    from spikeloom.ir._validate import check

    check(graph)
    return analyse(graph)


def analyse(graph: Graph) -> Widths:
    """Do the work of `infer_widths` for a graph whose structure is known to be valid."""
    shapes = infer_shapes(graph)
    largest: dict[str, int] = {}  # what a node puts out at most, if no currents
    inputs: dict[str, Interval] = {}
    sums: dict[str, Bounds] = {}
    membranes: dict[str, MembraneWidth] = {}
    finals: dict[str, Bounds] = {}
    scores = Interval(0, graph.time_steps)
    for node in graph.nodes:
        match node:
            case Input():
                largest[node.name] = largest_operand(node)
            case SumPool2d():
                largest[node.name] = largest[node.source] * math.prod(node.kernel)
            case Dense() | Conv2d():
                inputs[node.name] = Interval(0, largest[node.source])
                sums[node.name] = _current_bounds(node, largest[node.source])
            case Neurons():
                membranes[node.name], finals[node.name] = _membrane(
                    node, sums[node.source], shapes[node.name], graph.time_steps
                )
                largest[node.name] = 1
            case Readout():
                if node.kind is ReadoutKind.MEMBRANE:
                    scores = finals[node.source].overall()
    currents = {name: bounds.overall() for name, bounds in sums.items()}
    return Widths(inputs, currents, membranes, scores)


def _current_bounds(synapse: Synapse, largest: int) -> Bounds:
    """Return the bounds of the current of every output (channel), before the bias.

    Zero is inside every operand's interval, so that zero padding and partial
    sums stay within.
    """
    weight = synapse.weight
    axes = tuple(range(1, weight.ndim))
    lo = np.minimum(weight, 0).sum(axis=axes) * largest
    hi = np.maximum(weight, 0).sum(axis=axes) * largest
    trailing = (1,) * (weight.ndim - 2)
    return Bounds(lo.reshape(-1, *trailing), hi.reshape(-1, *trailing))


def _membrane(
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
        if _equal(following, start) or _is_hopeless(raw):
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


def _equal(one: Bounds, other: Bounds) -> bool:
    return bool(np.all(one.lo == other.lo) and np.all(one.hi == other.hi))


def _is_hopeless(u: Bounds) -> bool:
    return u.overall().bits > ANALYSED_BITS
