"""Simulation of generated designs: lint, whole test sets, and cocotb benches.

The reusable AXI4-Stream drivers for benches are in `spikeloom.sim.axis`; it is
imported by the simulated benches alone, since it needs cocotb.
"""

from __future__ import annotations

from spikeloom.sim._bench import BenchResult, emit_bench, run_bench
from spikeloom.sim._result import CycleStats, Mismatch, ModeResult, VerifyResult
from spikeloom.sim._verify import verify
from spikeloom.sim._verilator import lint

__all__ = [
    "BenchResult",
    "CycleStats",
    "Mismatch",
    "ModeResult",
    "VerifyResult",
    "emit_bench",
    "lint",
    "run_bench",
    "verify",
]
