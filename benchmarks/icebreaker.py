"""MNIST compressed to the block RAM of an iCEBreaker, with the serial bridge of the board.

    python benchmarks/icebreaker.py [--data-dir FOLDER] [--seeds N ...]

Trains examples/mnist_icebreaker.toml, compresses it to what the board has, verifies every test
image in RTL, and places and routes the whole design with some seeds.  Runs stay in runs/, and what
is finished is not done again.  Writes benchmarks/results/mnist_icebreaker.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flow import Goal, run

import spikeloom

BOARD = "icebreaker"
# The smallest published SNN for MNIST takes 1,623 cells and 1.1 ms, and reaches 96.2 to 97.2 %.
GOALS = [
    Goal(key="accuracy", limit=0.975),
    Goal(key="predictions_equal", limit=10_000),
    Goal(key="lut", limit=1500, at_most=True),
    Goal(key="latency_us_max", limit=150, at_most=True),
]


def compressed(folder: Path, data_dir: Path | None) -> Path:
    """The run that fits the board."""
    return spikeloom.compress(folder, board=BOARD, data_dir=data_dir)


def described(small: Path) -> dict[str, Any]:
    """What was left, and the accuracy with all weights."""
    found = json.loads((small / "metrics.json").read_text(encoding="utf-8"))["compression"]
    return {"accuracy_before": found["accuracy_before"], "words": found["words"]}


if __name__ == "__main__":
    run(
        "mnist_icebreaker",
        GOALS,
        __doc__,
        prepare=compressed,
        describe=described,
        board=BOARD,
        core_only=False,
    )
