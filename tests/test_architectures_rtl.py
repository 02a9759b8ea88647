"""Every architecture in hardware: a tiny instance of each, bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_architectures import TINY, trained_a_little

import spikeloom
from spikeloom.model import ReadoutConfig, export

QUICK = (
    "attention with two heads and p = 2",
    "two-stage MLP with SPE",
    "skips that add to currents",
    "cell with one backward edge",
)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in TINY],
)
def test_hardware_of_an_architecture_is_bit_exact(
    name: str, tmp_path: Path, need: Callable[[str], None]
) -> None:
    need("verilator")
    graph = export(trained_a_little(TINY[name], ReadoutConfig()))
    out = spikeloom.build(graph, tmp_path / "out")
    result = spikeloom.verify(out, probe=True, limit=8)
    assert result.mismatches == 0, result.first_mismatches
    assert result.spikes_compared == result.membranes_compared > 0
