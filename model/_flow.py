"""What is known of the values between layers before any weight is.

All functions take layers that `expand` has written out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from spikeloom.ir import Shape
from spikeloom.model._layer_config import (
    AddLayer,
    ConcatLayer,
    ConvLayer,
    DelayLayer,
    DenseLayer,
    LayerConfig,
    MixLayer,
    NeuronsLayer,
    PoolLayer,
    ProductLayer,
    layer_sources,
)
from spikeloom.model._shapes import layer_shapes

Layers = Sequence[LayerConfig]


@dataclass(frozen=True, slots=True)
class Flow:
    """The output of a layer.

    Attributes:
        shape: Of one sample.
        is_current: Whether it is a current, else operands.
        largest: Of operands: the largest value.
        steps: Of operands: the integer that stands for a real value of 1.
        is_static: Whether it is the same at every time step.
    """

    shape: Shape
    is_current: bool = False
    largest: int = 1
    steps: int = 1
    is_static: bool = False


def input_flow(shape: Shape, bits: int, encoder: str) -> Flow:
    """What the first layer reads: values of `bits` bits if the encoder is direct, else spikes."""
    largest = (1 << bits) - 1 if encoder == "direct" else 1
    return Flow(shape, largest=largest, steps=largest, is_static=encoder == "direct")


def aligned(units: Sequence[float]) -> tuple[list[int], float]:
    """Left shifts that bring values of these units to one unit, and that unit.

    Where units differ, each counts as the nearest power of two (in octaves), and
    the finest is taken; only those of pooled values are not powers of two already.
    """
    if len(set(units)) == 1:
        return [0] * len(units), units[0]
    exponents = [round(math.log2(unit)) for unit in units]
    finest = min(exponents)
    return [exponent - finest for exponent in exponents], 2.0**finest


def current_names(layers: Layers) -> frozenset[str]:
    """Names of the layers that put out currents; a delay knows it from its source."""
    found: set[str] = set()
    while True:
        before = len(found)
        found |= {layer.name for layer in layers if _is_current(layer, found)}
        if len(found) == before:
            return frozenset(found)


def _is_current(layer: LayerConfig, currents: set[str]) -> bool:
    match layer:
        case DenseLayer() | ConvLayer() | MixLayer():
            return layer.neuron.kind == "none"
        case ProductLayer() | NeuronsLayer():
            return False
        case _:
            return any(source in currents for source in layer_sources(layer))


def infer_flows(layers: Layers, source: Flow, time_steps: int) -> dict[str, Flow]:
    """What the input (given as `source`) and every layer put out, by name."""
    shapes = layer_shapes(layers, source.shape)
    currents = current_names(layers)
    start = {layer.name: Flow(shapes[layer.name], layer.name in currents) for layer in layers}
    flows: dict[str, Flow] = {}
    for _ in range(1 + sum(isinstance(layer, DelayLayer) for layer in layers)):
        flows = _next_step(layers, source, start, flows)  # finds the units
    flows = {name: replace(flow, largest=0) for name, flow in flows.items()}
    for _ in range(time_steps):
        flows = _next_step(layers, source, start, flows)
    return flows


def _next_step(
    layers: Layers, source: Flow, start: Mapping[str, Flow], before: Mapping[str, Flow]
) -> dict[str, Flow]:
    """What there can be at a time step, given what there was at the one before."""
    found = {"input": source}
    for layer in layers:
        found[layer.name] = _grown(layer, start[layer.name], {**before, **found})
    return found


def _grown(layer: LayerConfig, flow: Flow, known: Mapping[str, Flow]) -> Flow:
    """Complete what `layer` puts out, after the flows of its sources."""
    unknown = replace(flow, largest=0)
    sources = [known.get(name, unknown) for name in layer_sources(layer)]
    match layer:
        case NeuronsLayer() | ProductLayer():
            return flow
        case DenseLayer() | ConvLayer() | MixLayer():
            return replace(flow, is_static=flow.is_current and sources[0].is_static)
        case DelayLayer():
            return replace(flow, largest=sources[0].largest, steps=sources[0].steps)
    static = all(source.is_static for source in sources)
    if flow.is_current:
        return replace(flow, is_static=static)
    largest, steps = _routed(layer, sources)
    return replace(flow, largest=largest, steps=steps, is_static=static)


def _routed(layer: LayerConfig, sources: list[Flow]) -> tuple[int, int]:
    """Largest value and steps of operands that were pooled, added or put side by side."""
    match layer:
        case PoolLayer():
            window = math.prod(layer.kernel)
            return sources[0].largest * window, sources[0].steps * window
        case AddLayer() | ConcatLayer():
            shifts, unit = aligned([1.0 / source.steps for source in sources])
            values = [s.largest << shift for s, shift in zip(sources, shifts, strict=True)]
            return (sum if isinstance(layer, AddLayer) else max)(values), round(1.0 / unit)
        case _:
            return sources[0].largest, sources[0].steps


def readers_of(layers: Layers) -> dict[str, list[str]]:
    """Who reads the input and every layer, once for each time it is read."""
    readers: dict[str, list[str]] = {"input": [], **{layer.name: [] for layer in layers}}
    for layer in layers:
        for source in layer_sources(layer):
            readers[source].append(layer.name)
    return readers


def feedback_loops(layers: Layers) -> list[frozenset[str]]:
    """The sets of layers that reach each other, through delays whose source comes later."""
    return cycles({layer.name: layer_sources(layer) for layer in layers})


def cycles(sources: Mapping[str, Sequence[str]]) -> list[frozenset[str]]:
    """The sets of names that reach each other, given what each reads (other names are ignored)."""
    readers: dict[str, list[str]] = {name: [] for name in sources}
    for name, read in sources.items():
        for source in read:
            readers.setdefault(source, []).append(name)
    order = {name: i for i, name in enumerate(sources)}
    found: list[frozenset[str]] = []
    for name, read in sources.items():
        late = any(order.get(source, -1) >= order[name] for source in read)
        if late and not any(name in cycle for cycle in found):
            cycle = reached(name, readers) & reached(name, sources)
            found += [cycle] if name in cycle else []
    return found


def reached(start: str, edges: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """What can be reached from `start` over at least one edge."""
    found: set[str] = set()
    pending = list(edges.get(start, ()))
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += edges.get(name, ())
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Stage:
    """A layer, or the layers of a loop in the order of a time step.

    Attributes:
        names: Of the layers; several are a loop.
        read_outside: Those of them whose outputs others read.
        read_last: What no later stage reads.
    """

    names: tuple[str, ...]
    read_outside: tuple[str, ...]
    read_last: tuple[str, ...]


def stages(layers: Layers) -> list[Stage]:
    """In what order a network runs, and what may be forgotten on the way."""
    readers = readers_of(layers)
    sources = {layer.name: layer_sources(layer) for layer in layers}
    found: list[Stage] = []
    later: set[str] = set()
    for group in reversed(_in_turn(layers)):
        reads = {source for name in group for source in sources[name]}
        outside = tuple(name for name in group if set(readers[name]) - set(group))
        found.append(Stage(group, outside, tuple(sorted(reads - later))))
        later |= reads
    return found[::-1]


def _in_turn(layers: Layers) -> list[tuple[str, ...]]:
    """Single layers, and loops whose layers run step by step, each after what it reads."""
    loops = feedback_loops(layers)
    loop_of = {name: loop for loop in loops for name in loop}
    sources = {layer.name: layer_sources(layer) for layer in layers}
    pending: list[tuple[str, ...]] = []
    for name in sources:
        loop = loop_of.get(name, frozenset({name}))
        group = tuple(member for member in sources if member in loop)
        pending += [group] if group[0] == name else []
    done = {"input"}
    order = []
    while pending:
        group = next(g for g in pending if _outside(g, sources) <= done)
        pending.remove(group)
        order.append(group)
        done.update(group)
    return order


def _outside(group: tuple[str, ...], sources: Mapping[str, Sequence[str]]) -> set[str]:
    return {source for name in group for source in sources[name]} - set(group)
