"""Networks with layers in logic: RTL and reference executor agree on everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import spikeloom
from spikeloom.codegen import BuildOptions, LayerOptions, load_manifest
from spikeloom.ir import (
    Add,
    Conv2d,
    Delay,
    Dense,
    Encoder,
    Graph,
    Input,
    Leak,
    LeakTerm,
    Neurons,
    Node,
    Readout,
    ReadoutKind,
    Reset,
    Shape,
    SumPool2d,
)
from spikeloom.sim import lint, verify

UNROLLED = LayerOptions(engine="unrolled")
THREE = Leak((LeakTerm(1, 0), LeakTerm(-1, 2), LeakTerm(-1, 4)))


def dense(name: str, source: str, outputs: int, inputs: int, *, bits: int = 3) -> Dense:
    rng = np.random.default_rng(len(name) + outputs + inputs)
    top = 2 ** (bits - 1)
    weight = rng.integers(-top, top, (outputs, inputs)) * (rng.random((outputs, inputs)) < 0.6)
    return Dense(name=name, source=source, weight=weight, weight_bits=bits)


def neurons(name: str, source: str, count: int, **rest: object) -> Neurons:
    rng = np.random.default_rng(count)
    given = {"threshold": rng.integers(1, 9, count), "bias": rng.integers(-3, 4, count), **rest}
    return Neurons(name=name, source=source, **given)  # type: ignore[arg-type]  # of a test


def pixels(shape: Shape, bits: int, encoder: Encoder) -> Input:
    return Input(name="pixels", shape=shape, bits=bits, encoder=encoder, seed=77)


def scores(source: str, *, silent: bool = False) -> Readout:
    kind = ReadoutKind.MEMBRANE if silent else ReadoutKind.SPIKE_COUNT
    return Readout(name="scores", source=source, kind=kind)


def two_layers(first: Input, inputs: int, **hidden: object) -> list[Node]:
    """Integrators behind spiking neurons."""
    return [
        first,
        dense("fc1", "pixels", 12, inputs),
        neurons("hidden", "fc1", 12, **hidden),
        dense("fc2", "hidden", 5, 12),
        neurons("last", "fc2", 5, threshold=None, reset=Reset.NONE, leak=Leak.shift(3)),
        scores("last", silent=True),
    ]


def counted(first: Input, inputs: int, **hidden: object) -> list[Node]:
    """Spikes that are counted behind spiking neurons."""
    *nodes, _, _ = two_layers(first, inputs, **hidden)
    return [*nodes, neurons("last", "fc2", 5, bias=1), scores("last")]


def behind_a_map() -> list[Node]:
    """A sum pooling that drops a row, in front of a synapse in logic."""
    rng = np.random.default_rng(5)
    return [
        pixels((2, 5, 4), 2, Encoder.DIRECT),
        Conv2d(
            name="conv",
            source="pixels",
            weight=rng.integers(-3, 4, (3, 2, 3, 3)),
            weight_bits=3,
            padding=(1, 1),
        ),
        Neurons(name="maps", source="conv", threshold=np.array([3, 5, 7]), leak=Leak.shift(2)),
        SumPool2d(name="pool", source="maps", kernel=(2, 2)),
        dense("fc1", "pool", 6, 12),
        neurons("hidden", "fc1", 6, reset_delay=True, leak=Leak.shift(1)),
        dense("fc2", "hidden", 3, 6),
        neurons("last", "fc2", 3),
        scores("last"),
    ]


def shared_current() -> list[Node]:
    """A current that neurons read, and a sum with one of the event engine."""
    return [
        pixels((9,), 1, Encoder.SPIKES),
        dense("fc1", "pixels", 8, 9),
        neurons("hidden", "fc1", 8, reset=Reset.ZERO, reset_delay=True, leak=Leak.shift(2)),
        dense("fc2", "hidden", 8, 8),
        Add(name="sum", sources=("fc1", "fc2")),
        neurons("more", "sum", 8, membrane_bits=5),
        dense("fc3", "more", 4, 8),
        neurons("last", "fc3", 4),
        scores("last"),
    ]


def recurrent() -> list[Node]:
    """Neurons that read their own spikes, all in logic."""
    return [
        pixels((6,), 3, Encoder.RATE),
        Delay(name="late", source="hidden", shape=(7,)),
        dense("fc1", "pixels", 7, 6),
        dense("back", "late", 7, 7),
        Add(name="sum", sources=("fc1", "back")),
        neurons("hidden", "sum", 7, membrane_bits=6, leak=THREE, reset=Reset.NONE),
        dense("fc2", "hidden", 3, 7),
        neurons("last", "fc2", 3),
        scores("last"),
    ]


DIRECT, RATE, SPIKES = Encoder.DIRECT, Encoder.RATE, Encoder.SPIKES
CASES: list[tuple[str, int, list[Node], dict[str, LayerOptions]]] = [
    (
        "direct",
        4,
        two_layers(pixels((2, 4, 3), 3, DIRECT), 24, leak=Leak.shift(2)),
        {"hidden": UNROLLED, "last": UNROLLED},
    ),
    (
        "once",
        1,
        counted(pixels((12,), 1, DIRECT), 12, reset=Reset.ZERO),
        {"hidden": UNROLLED, "last": UNROLLED},
    ),
    (
        "rate",
        4,
        counted(pixels((3, 2, 2), 4, RATE), 12, membrane_bits=6, leak=THREE),
        {"hidden": UNROLLED, "last": UNROLLED},
    ),
    (
        "spikes",
        4,
        counted(pixels((10,), 1, SPIKES), 10, reset_delay=True, leak=Leak.shift(2)),
        {"fc1": UNROLLED},
    ),
    (
        "one_step",
        1,
        two_layers(pixels((10,), 1, SPIKES), 10, reset=Reset.NONE),
        {"hidden": LayerOptions(lanes=4), "last": UNROLLED},
    ),
    (
        "folded",
        3,
        counted(pixels((8,), 3, DIRECT), 8, membrane_bits=7, reset_delay=True),
        {"fc1": UNROLLED, "hidden": LayerOptions(neuron_lanes=3), "last": UNROLLED},
    ),
    ("pooled", 3, behind_a_map(), {"hidden": UNROLLED}),
    ("shared", 4, shared_current(), {"fc1": UNROLLED, "more": UNROLLED}),
    ("mixed", 4, shared_current(), {"fc1": UNROLLED, "fc2": LayerOptions(lanes=2)}),
    ("recurrent", 4, recurrent(), {"hidden": UNROLLED, "last": UNROLLED}),
]


@pytest.mark.parametrize(("name", "steps", "nodes", "layers"), CASES, ids=lambda v: str(v)[:9])
def test_layers_in_logic_are_bit_exact(
    need: Callable[[str], None],
    tmp_path: Path,
    name: str,
    steps: int,
    nodes: Sequence[Node],
    layers: dict[str, LayerOptions],
) -> None:
    need("verilator")
    graph = Graph.of(name, steps, nodes)
    out = spikeloom.build(graph, tmp_path / "out", options=BuildOptions(layers=layers))
    design = load_manifest(out)
    assert lint(design.sources, top=design.top, cwd=out) == []
    result = verify(out, probe=True)
    assert result.mismatches == 0, result.first_mismatches
    assert result.spikes_compared == result.membranes_compared > 0
