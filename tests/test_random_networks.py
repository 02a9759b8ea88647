"""Random networks, random foldings: RTL, reference executor and estimator agree on everything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cycle_checks import cycles_of, differences
from random_events import with_random_events
from random_graphs import random_graph, random_options
from random_sparse import with_sparse_weights

import spikeloom
from spikeloom.codegen import BuildOptions, load_manifest
from spikeloom.ir import Graph
from spikeloom.sim import lint, verify

# The last two have delays that are narrower than what they read.
QUICK = (*range(18), 32, 92)
SLOW = tuple(seed for seed in range(200) if seed not in QUICK)  # pytest -m slow
QUICK_SPARSE = (200, 202, 203, 204, 207, 208)
SLOW_SPARSE = tuple(seed for seed in range(200, 300) if seed not in QUICK_SPARSE)


@pytest.mark.parametrize(
    "seed", [*QUICK, *(pytest.param(seed, marks=pytest.mark.slow) for seed in SLOW)]
)
def test_random_network_is_bit_exact(
    seed: int, tmp_path: Path, need: Callable[[str], None]
) -> None:
    need("verilator")
    graph = random_graph(seed)
    check(graph, with_random_events(graph, random_options(graph, seed), seed), seed, tmp_path)


@pytest.mark.parametrize(
    "seed", [*QUICK_SPARSE, *(pytest.param(seed, marks=pytest.mark.slow) for seed in SLOW_SPARSE)]
)
def test_random_network_with_sparse_weights_is_bit_exact(
    seed: int, tmp_path: Path, need: Callable[[str], None]
) -> None:
    need("verilator")
    graph, options = sparse_network(seed)
    check(graph, options, seed, tmp_path)


def test_random_networks_have_sparse_weights() -> None:
    asked = [sparse_network(seed)[1].layers.values() for seed in QUICK_SPARSE]
    assert all(any(options.sparse for options in layers) for layers in asked)


def sparse_network(seed: int) -> tuple[Graph, BuildOptions]:
    """A random network, its events one at a time in half of the cases."""
    graph = random_graph(seed)
    options = random_options(graph, seed)
    if seed % 2:
        options = with_random_events(graph, options, seed)
    return with_sparse_weights(graph, options, seed)


def check(graph: Graph, options: BuildOptions, seed: int, folder: Path) -> None:
    """RTL, reference and estimate agree."""
    out = spikeloom.build(graph, folder / "out", options=options)
    design = load_manifest(out)
    assert lint(design.sources, top=design.top, cwd=out) == []
    result = verify(out, probe=True)
    assert result.mismatches == 0, f"seed {seed}: {result.first_mismatches}"
    assert result.spikes_compared == result.membranes_compared > 0
    cycles = cycles_of(graph, options, out)
    assert cycles.exact
    assert differences(cycles, result) == [], f"seed {seed}"
