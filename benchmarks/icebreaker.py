"""MNIST compressed to the block RAM of an iCEBreaker, with the serial bridge of the board.

    python benchmarks/icebreaker.py [--data-dir FOLDER] [--seeds N ...]

Trains examples/mnist_icebreaker.toml, compresses it to what the board has, verifies every test
image in RTL, and places and routes the whole design with some seeds.  Runs stay in runs/, and what
is finished is not done again.  Writes benchmarks/results/mnist_icebreaker.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from flow import RESULTS, ROOT, RTL, Goal, machine, once, verified

import spikeloom
from spikeloom.ir import write_json

NAME, BOARD = "mnist_icebreaker", "icebreaker"
# The smallest published SNN for MNIST takes 1,623 cells and 1.1 ms, and reaches 96.2 to 97.2 %.
GOALS = [
    Goal(key="accuracy", limit=0.975),
    Goal(key="predictions_equal", limit=10_000),
    Goal(key="lut", limit=1500, at_most=True),
    Goal(key="latency_us_max", limit=150, at_most=True),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    run = ROOT / "runs" / NAME
    spikeloom.train(ROOT / "examples" / f"{NAME}.toml", out=run, data_dir=options.data_dir)
    small = spikeloom.compress(run, board=BOARD, data_dir=options.data_dir)
    out = spikeloom.build(small, ROOT / "out" / "figures" / NAME, board=BOARD)
    figure = measured(small, out, options.seeds)
    figure["goals"] = [{"goal": str(goal), "met": goal.met(figure)} for goal in GOALS]
    write_json(RESULTS / f"{NAME}.json", figure)
    json.dump(figure, sys.stdout, indent=1)
    print()


def measured(small: Path, out: Path, seeds: list[int]) -> dict[str, Any]:
    """What a compressed run takes, and what it does."""
    metrics = json.loads((small / "metrics.json").read_text(encoding="utf-8"))
    checked = verified(out)
    routed = [synthesised(out, seed) for seed in seeds]
    clocks = [result["fmax_mhz"] for result in routed]
    cycles = checked["cycles_per_inference"]
    clock = statistics.median(clocks)
    return {
        "name": NAME,
        "board": BOARD,
        "training_seed": metrics["seed"],
        "accuracy_before": metrics["compression"]["accuracy_before"],
        "accuracy": checked["accuracy"],
        "words": metrics["compression"]["words"],
        "inferences": checked["inferences"],
        "predictions_equal": checked["predictions_equal"],
        "spikes": checked["spikes_compared"],
        "mismatches": checked["mismatches"],
        "latency_cycles": cycles["mean"],
        "latency_cycles_max": cycles["max"],
        "fmax_mhz": clock,
        "fmax_mhz_all": clocks,
        "route_seeds": seeds,
        "latency_us": cycles["mean"] / clock,
        "latency_us_max": cycles["max"] / clock,
        **{key: routed[0][key] for key in ("lut", "ff", "bram", "dsp")},
        "tools": {**routed[0]["tool"], "simulator": checked["simulator"]},
        "machine": machine(),
    }


def synthesised(out: Path, seed: int) -> dict[str, Any]:
    """The design for the board, placed and routed with one seed."""

    def make() -> dict[str, Any]:
        (result,) = spikeloom.synth(out, seed=seed)
        value: dict[str, Any] = result.to_json()
        return value

    return once(out, f"synth{seed}", (*RTL, f"syn/{BOARD}/"), make)


if __name__ == "__main__":
    main()
