"""Solve a constant matrix with da4ml and write its Verilog: called by unrolled.py.

    python benchmarks/unrolled_peer.py MATRIX.npy FOLDER METHOD [METHOD ...]

Runs in an environment that has da4ml, which spikeloom neither needs nor imports.  Of the
given methods of its solver, the one that da4ml itself estimates to cost least is written.
Prints version, method, that cost and the Verilog sources as JSON.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from da4ml.codegen import VerilogModel
from da4ml.trace import FixedVariableArray, HWConfig, comb_trace
from da4ml.types import CombLogic

_SAMPLES = 100


def main() -> None:
    matrix, folder, *methods = sys.argv[1:]
    weights = np.load(matrix)
    solutions = {method: solve(weights, method) for method in methods}
    best = min(solutions, key=lambda method: solutions[method].cost)
    VerilogModel(solutions[best], "peer", folder).write()
    sources = [Path(folder, "src/peer.v"), *sorted(Path(folder, "src/static").glob("*.v"))]
    report = {
        "version": version("da4ml"),
        "method": best,
        "cost": float(solutions[best].cost),
        "sources": [source.as_posix() for source in sources],
    }
    print(json.dumps(report))


def solve(weights: np.ndarray, method: str) -> CombLogic:
    """Return combinational logic for 1-bit unsigned inputs, checked on random ones."""
    inputs = weights.shape[1]
    values = FixedVariableArray.from_lhs(
        np.zeros(inputs), np.ones(inputs), np.ones(inputs), HWConfig(1, -1, -1), 0.0,
        {"method0": method},
    )  # fmt: skip
    logic = comb_trace(values, values @ weights.T.astype(np.float32))
    spikes = np.random.default_rng(0).integers(0, 2, (_SAMPLES, inputs))
    if not (logic.predict(spikes.astype(np.float32)) == spikes @ weights.T).all():
        raise SystemExit(f"da4ml with method {method} computes something else")
    return logic


if __name__ == "__main__":
    main()
