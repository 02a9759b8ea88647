"""Networks with feedback on which the hardware was once wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import spikeloom
from spikeloom.codegen import lower, sources_of
from spikeloom.ir import (
    Add,
    Conv2d,
    Delay,
    Dense,
    Encoder,
    Graph,
    Input,
    Neurons,
    Node,
    Readout,
    as_integers,
)
from spikeloom.sim import lint, verify

SHAPE = (4, 2, 2)


def growing(time_steps: int) -> Graph:
    """A current that is added to itself in every time step, four channels to the beat."""
    nodes: list[Node] = [
        Input(name="pixels", shape=SHAPE, encoder=Encoder.SPIKES),
        Conv2d(
            name="conv",
            source="pixels",
            weight=np.eye(4, dtype=int)[..., None, None] * 3,
            weight_bits=3,
        ),
        Delay(name="late", source="total", shape=SHAPE),
        Add(name="total", sources=("conv", "late")),
        Neurons(name="first", source="total", threshold=as_integers(5)),
        Dense(name="dense", source="first", weight=np.ones((2, 16), int), weight_bits=2),
        Neurons(name="last", source="dense", threshold=as_integers(3)),
        Readout(name="scores", source="last"),
    ]
    return Graph.of("growing", time_steps, nodes)


@pytest.mark.parametrize("time_steps", [1, 2])
def test_what_a_delay_never_shows_may_be_wider_than_what_it_shows(
    time_steps: int, tmp_path: Path, need: Callable[[str], None]
) -> None:
    """The last sum of a loop has a bit more than the delayed ones: lanes got each other's bits."""
    need("verilator")
    graph = growing(time_steps)
    out = spikeloom.build(graph, tmp_path / "out")
    design = lower(graph)
    assert lint(sources_of(design), top=design.top, cwd=out) == []
    result = verify(out, probe=True, limit=20)
    assert result.mismatches == 0, result.first_mismatches
