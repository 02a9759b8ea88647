"""Networks on which the hardware, or what judges it, was once wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

import spikeloom
from spikeloom.codegen import BuildOptions, LayerOptions
from spikeloom.ir import (
    Conv2d,
    Dense,
    Encoder,
    Graph,
    Input,
    Neurons,
    Readout,
    ReadoutKind,
    Reset,
    SumPool2d,
    as_integers,
)
from spikeloom.sim import verify


def test_membranes_that_all_saturate_at_the_bottom(
    tmp_path: Path, need: Callable[[str], None]
) -> None:
    """The clamp was one bit too wide, because -8..-8 was given five bits."""
    need("verilator")
    nodes = [
        Input(name="pixels", shape=(4,), bits=2),
        Dense(name="dense", source="pixels", weight=np.eye(2, 4, dtype=int), weight_bits=2),
        Neurons(
            name="last",
            source="dense",
            threshold=None,
            reset=Reset.NONE,
            bias=as_integers(-100),
            membrane_bits=4,
        ),
        Readout(name="scores", source="last", kind=ReadoutKind.MEMBRANE),
    ]
    out = spikeloom.build(Graph.of("bottom", 2, nodes), tmp_path / "out")
    result = verify(out, probe=True, limit=20)
    assert result.mismatches == 0, result.first_mismatches


def test_a_pool_in_front_of_few_lanes_is_no_deadlock(
    tmp_path: Path, need: Callable[[str], None]
) -> None:
    """The watchdog counted the events behind the pool, and there are nine times as many."""
    need("verilator")
    nodes = [
        Input(name="pixels", shape=(1, 60, 60), encoder=Encoder.SPIKES),
        Conv2d(name="conv", source="pixels", weight=np.ones((1, 1, 1, 1), int), weight_bits=2),
        Neurons(name="first", source="conv", threshold=as_integers(1)),
        SumPool2d(name="pool", source="first", kernel=(3, 3)),
        Dense(name="dense", source="pool", weight=np.ones((30, 400), int), weight_bits=2),
        Neurons(name="last", source="dense", threshold=as_integers(1)),
        Readout(name="scores", source="last"),
    ]
    options = BuildOptions(layers={"last": LayerOptions(lanes=1)})
    out = spikeloom.build(Graph.of("pooled", 1, nodes), tmp_path / "out", options=options)
    result = verify(out, probe=True, limit=4, stress=2)
    assert result.mismatches == 0, result.first_mismatches
