"""Compares what a verification measured with the clock cycles that are estimated."""

from __future__ import annotations

from pathlib import Path

from spikeloom.codegen import BuildOptions, lower
from spikeloom.codegen._estimate import Cycles, estimate_cycles, recorded_signals
from spikeloom.ir import Graph, IntArray
from spikeloom.sim import VerifyResult
from spikeloom.sim._vectors import load_vectors


def cycles_of(graph: Graph, options: BuildOptions, out: Path) -> Cycles:
    """The clock cycles of a build for its own vectors, all of them."""
    inputs = load_vectors(out).inputs
    return estimate_cycles(lower(graph, options), recorded_signals(graph, inputs))


def differences(cycles: Cycles, result: VerifyResult) -> list[str]:
    """What differs: means and maxima over the inferences, and busy cycles layer by layer."""
    isolated, streaming = result.modes[0], result.modes[1]
    assert (isolated.mode, streaming.mode) == ("isolated", "streaming")
    assert streaming.inferences == isolated.inferences == len(cycles.latency)
    pairs = [
        ("latency", cycles.latency, isolated.latency),
        ("interval", cycles.interval, streaming.interval),
        *((layer, clocks, isolated.layers[layer]) for layer, clocks in cycles.busy.items()),
    ]
    found = []
    for what, clocks, measured in pairs:
        assert measured is not None
        if _figures(clocks) != (measured.mean, measured.max):
            found.append(f"{what}: {_figures(clocks)} estimated, {measured} measured")
    return found


def _figures(clocks: IntArray) -> tuple[float, int]:
    return round(int(clocks.sum()) / len(clocks), 2), int(clocks.max())
