"""Parameter sets of a whole layer, as code generation lowers them from graphs."""

from __future__ import annotations

from typing import Any

import numpy as np

from rtl_bench.layer import Network
from rtl_bench.library import Value
from rtl_bench.suite import Case
from spikeloom.codegen import BuildOptions, LayerOptions, lower
from spikeloom.ir import (
    Conv2d,
    Dense,
    Encoder,
    Graph,
    Input,
    Leak,
    Neurons,
    Node,
    Readout,
    ReadoutKind,
    Reset,
    SumPool2d,
)


def _layer(
    name: str,
    *,
    shape: tuple[int, ...],
    outputs: int,
    steps: int = 3,
    bits: int = 1,
    pool: int = 1,
    kernel: int = 0,  # 0: dense
    options: LayerOptions,
    input_lanes: int | None = None,
    slow: bool = False,
    **neurons: Any,
) -> Case:
    rng = np.random.default_rng(list(name.encode()))
    encoder = Encoder.DIRECT if bits > 1 else Encoder.SPIKES
    nodes: list[Node] = [Input(name="input", shape=shape, bits=bits, encoder=encoder)]
    if pool > 1:
        nodes.append(SumPool2d(name="pool", source="input", kernel=(pool, pool)))
        shape = (shape[0], shape[1] // pool, shape[2] // pool)
    source = nodes[-1].name
    if kernel:
        weight = rng.integers(-7, 8, (outputs, shape[0], kernel, kernel))
        nodes.append(
            Conv2d(name="synapse", source=source, weight=weight, weight_bits=4, padding=(1, 1))
        )
    else:
        weight = rng.integers(-7, 8, (outputs, int(np.prod(shape))))
        nodes.append(Dense(name="synapse", source=source, weight=weight, weight_bits=4))
    nodes.append(Neurons(name=name, source="synapse", **neurons))
    graph = Graph.of("one_layer", steps, [*nodes, *_ending(nodes[-1], shape, outputs, kernel)])
    view = lower(graph, BuildOptions(layers={name: options}, input_lanes=input_lanes)).layers[0]
    values = {p.name: _value(p.value) for section in view.sections for p in section.parameters}
    return Case(
        name=name,
        module="spikeloom_layer",
        parameters=values,
        files=dict(view.memories),
        facts=Network(graph, name),
        slow=slow,
    )


def _ending(group: Node, shape: tuple[int, ...], outputs: int, kernel: int) -> list[Node]:
    """Return what makes a graph of a layer; a map cannot be read out, so a layer follows it."""
    assert isinstance(group, Neurons)
    if not kernel:
        kind = ReadoutKind.MEMBRANE if group.threshold is None else ReadoutKind.SPIKE_COUNT
        return [Readout(name="readout", source=group.name, kind=kind)]
    values = outputs * (shape[1] + 3 - kernel) * (shape[2] + 3 - kernel)
    return [
        Dense(name="tail", source=group.name, weight=np.ones((1, values), int), weight_bits=2),
        Neurons(name="last", source="tail", threshold=np.array(1)),
        Readout(name="readout", source="last"),
    ]


def _value(value: str) -> Value:
    return int(value) if value.lstrip("-").isdigit() else value


def _fold(lanes: int, neuron_lanes: int, ports: int = 1) -> LayerOptions:
    return LayerOptions(lanes=lanes, neuron_lanes=neuron_lanes, event_ports=ports)


def _thresholds(count: int) -> np.ndarray:
    return np.arange(3, 3 + 2 * count, 2)


CASES: tuple[Case, ...] = (
    _layer(
        "lay_dense", shape=(12,), outputs=6, options=_fold(3, 3, 2), input_lanes=4,
        threshold=np.array(9), leak=Leak.shift(2),
    ),
    _layer(
        "lay_direct", shape=(6,), outputs=5, bits=4, steps=5, options=_fold(5, 5, 3), input_lanes=3,
        threshold=np.array(90), leak=Leak.shift(3), reset=Reset.ZERO, membrane_bits=8,
        bias=np.array([-5, 0, 3, -9, 7]),
    ),
    _layer(
        "lay_conv", shape=(2, 5, 4), outputs=4, kernel=3, options=_fold(2, 2, 2), input_lanes=2,
        threshold=_thresholds(4), leak=Leak.shift(1), reset_delay=True, membrane_bits=6,
    ),
    _layer(
        "lay_pool", shape=(3, 6, 5), outputs=2, kernel=2, pool=2, options=_fold(2, 1),
        input_lanes=3, threshold=np.array(12),
    ),
    _layer(
        "lay_scores", shape=(7,), outputs=3, steps=4, options=_fold(3, 1), input_lanes=1,
        threshold=None, reset=Reset.NONE, membrane_bits=6,
    ),
    _layer(
        "lay_image", shape=(1, 6, 6), outputs=6, bits=3, kernel=3, options=_fold(3, 3), slow=True,
        threshold=_thresholds(6) * 9, leak=Leak.shift(2), membrane_bits=8, steps=4,
    ),
    _layer(
        "lay_flat", shape=(2, 4, 4), outputs=10, pool=2, options=_fold(5, 5), slow=True, steps=6,
        threshold=np.array(8), reset_delay=True, leak=Leak.shift(3),
    ),
)  # fmt: skip
