"""Random networks, random foldings: RTL, reference executor and estimator agree on everything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cycle_checks import cycles_of, differences
from random_events import with_random_events
from random_graphs import random_graph, random_options

import spikeloom
from spikeloom.codegen import load_manifest
from spikeloom.sim import lint, verify

# The last two have delays that are narrower than what they read.
QUICK = (*range(18), 32, 92)
SLOW = tuple(seed for seed in range(200) if seed not in QUICK)  # pytest -m slow


@pytest.mark.parametrize(
    "seed", [*QUICK, *(pytest.param(seed, marks=pytest.mark.slow) for seed in SLOW)]
)
def test_random_network_is_bit_exact(
    seed: int, tmp_path: Path, need: Callable[[str], None]
) -> None:
    need("verilator")
    graph = random_graph(seed)
    options = with_random_events(graph, random_options(graph, seed), seed)
    out = spikeloom.build(graph, tmp_path / "out", options=options)
    design = load_manifest(out)
    assert lint(design.sources, top=design.top, cwd=out) == []
    result = verify(out, probe=True)
    assert result.mismatches == 0, f"seed {seed}: {result.first_mismatches}"
    assert result.spikes_compared == result.membranes_compared > 0
    cycles = cycles_of(graph, options, out)
    assert cycles.exact
    assert differences(cycles, result) == [], f"seed {seed}"
