"""Minimax compression against magnitude pruning: accuracy over connectivity at equal epochs.

    python benchmarks/compression.py --data-dir FOLDER [--networks NAME ...] [--jobs N]

Each network is trained with some seeds, and each of these is compressed by every method to every
connectivity.  FOLDER has the folders of MNIST and Fashion-MNIST.  It takes hours; runs stay in
runs/compression, and what is finished is not done again.  Accuracies are those of the exported
integer networks on the 10,000 test images.  Writes benchmarks/results/compression.json and
docs/images/compression.svg; the plot needs matplotlib (`pip install matplotlib`).
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import statistics
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from flow import ROOT, machine

from spikeloom.ir import write_json
from spikeloom.model import CompressConfig, compress, load_config, train

RESULTS = ROOT / "benchmarks" / "results" / "compression.json"
PLOT = ROOT / "docs" / "images" / "compression.svg"
RUNS = ROOT / "runs" / "compression"
_SHOWN = 16  # points of accuracy below that with all weights, if minimax is not lower
METHODS = ("minimax", "gradual", "magnitude")
CONNECTIVITIES = (0.25, 0.1, 0.05, 0.02, 0.01)
# The better baseline with the score of minimax: what the solver adds to its score.
RELATIVE, FEW = "gradual-relative", (0.05, 0.02, 0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A network: its configuration, seeds, and the epochs of a compression."""

    config: Path
    seeds: tuple[int, ...]
    epochs: int
    relative: bool = False  # with the baseline RELATIVE where FEW are left


CASES = {
    "mnist": Case(
        config=ROOT / "examples" / "mnist.toml", seeds=(1, 2, 3), epochs=20, relative=True
    ),
    "fashion_dense": Case(
        config=ROOT / "examples" / "fashion_dense.toml", seeds=(1, 2, 3), epochs=20
    ),
    "fashion_conv": Case(
        config=ROOT / "benchmarks" / "compression_conv.toml", seeds=(1, 2), epochs=6
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One network of one seed, compressed by one method."""

    name: str
    seed: int
    method: str
    connectivity: float

    @property
    def source(self) -> Path:
        """The run that is compressed."""
        return RUNS / f"{self.name}-{self.seed}"

    @property
    def run(self) -> Path:
        """The run that comes out."""
        return RUNS / f"{self.name}-{self.seed}-{self.method}-{self.connectivity:g}"


def methods(name: str, share: float) -> tuple[str, ...]:
    """How a network is compressed to a connectivity."""
    return (*METHODS, RELATIVE) if CASES[name].relative and share in FEW else METHODS


def points(names: Iterable[str]) -> Iterator[Point]:
    """All points, the most telling first."""
    for name in names:
        for seed in CASES[name].seeds:
            for share in reversed(CONNECTIVITIES):
                for method in methods(name, share):
                    yield Point(name=name, seed=seed, method=method, connectivity=share)


def trained(name: str, seed: int, data_dir: Path) -> None:
    """Train a network, or go on with its training."""
    config = replace(load_config(CASES[name].config), seed=seed)
    train(config, run=RUNS / f"{name}-{seed}", data_dir=data_dir, resume=True)


def compressed(point: Point, data_dir: Path) -> str:
    """Compress a network, or go on with it; say what came out."""
    method, _, score = point.method.partition("-")
    options = CompressConfig(
        method=method,  # type: ignore[arg-type]  # checked by `compress`
        score=score or None,  # type: ignore[arg-type]
        connectivity=point.connectivity,
        epochs=CASES[point.name].epochs,
    )
    compress(point.source, options, run=point.run, data_dir=data_dir, resume=True)
    return f"{point.run.name}: {100 * accuracy(point.run):.2f} %"


def metrics_of(run: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    return metrics


def accuracy(run: Path) -> float:
    return float(metrics_of(run)["accuracy"]["exported"])


def collected() -> dict[str, Any]:
    """What has been measured up to now."""
    rows = []
    for name, share, method in itertools.product(CASES, CONNECTIVITIES, (*METHODS, RELATIVE)):
        mine = [
            point
            for point in points([name])
            if (point.connectivity, point.method) == (share, method)
            and (point.run / "metrics.json").is_file()
        ]
        if mine:
            rows.append(row(mine))
    dense = {
        name: [accuracy(RUNS / f"{name}-{seed}") for seed in case.seeds]
        for name, case in CASES.items()
        if all((RUNS / f"{name}-{seed}" / "metrics.json").is_file() for seed in case.seeds)
    }
    versions = {"torch": torch.__version__, "python": platform.python_version()}
    return {"rows": rows, "dense": dense, "versions": versions, "machine": machine()}


def row(mine: list[Point]) -> dict[str, Any]:
    """The seeds of one cell of the table."""
    found = [accuracy(point.run) for point in mine]
    uses = [metrics_of(point.run)["compression"]["budgets"][0]["use"] for point in mine]
    return {
        "network": mine[0].name,
        "connectivity": mine[0].connectivity,
        "method": mine[0].method,
        "seeds": [point.seed for point in mine],
        "accuracy": found,
        "mean": statistics.mean(found),
        "spread": max(found) - min(found),
        "connectivity_reached": max(uses),
        "epochs": CASES[mine[0].name].epochs,
    }


def plot(found: dict[str, Any], path: Path) -> None:
    """Draw accuracy over connectivity: mean of the seeds, from the lowest to the highest."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    names = [name for name in CASES if any(row["network"] == name for row in found["rows"])]
    figure = Figure(figsize=(4 * len(names), 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for method in (*METHODS, RELATIVE):
            rows = [r for r in found["rows"] if (r["network"], r["method"]) == (name, method)]
            if not rows:
                continue
            means = [100 * r["mean"] for r in rows]
            spread = [
                [mean - 100 * min(r["accuracy"]) for mean, r in zip(means, rows, strict=True)],
                [100 * max(r["accuracy"]) - mean for mean, r in zip(means, rows, strict=True)],
            ]
            shares = [100 * r["connectivity"] for r in rows]
            axes.errorbar(
                shares,
                means,
                spread,
                fmt=":" if method == RELATIVE else "-",
                marker="o",
                capsize=3,
                label=method,
            )
        dense = 100 * statistics.mean(found["dense"][name])
        axes.axhline(dense, color="grey", linewidth=0.8, label="all weights")
        ticks = [100 * share for share in CONNECTIVITIES]
        axes.set(xlabel="weights that are left, %", title=name, xscale="log")
        minimax = [
            min(r["accuracy"])
            for r in found["rows"]
            if r["method"] == METHODS[0] and r["network"] == name
        ]
        axes.set_ylim(min(dense - _SHOWN, 100 * min(minimax) - 1), dense + 1)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
        axes.minorticks_off()
    figure.axes[0].set_ylabel("accuracy, %")
    figure.axes[0].legend()
    with rc_context({"svg.hashsalt": "compression"}):  # the same bytes every time
        figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--networks", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--jobs", type=int, default=1, help="runs at once, a thread each")
    options = parser.parse_args()
    if find_spec("matplotlib") is None:
        parser.error("the plot in the end needs matplotlib; `pip install matplotlib`")
    with ProcessPoolExecutor(options.jobs) as pool:
        seeds = [(name, seed) for name in options.networks for seed in CASES[name].seeds]
        for done in [pool.submit(trained, *each, options.data_dir) for each in seeds]:
            done.result()
        chosen = list(points(options.networks))
        for text in pool.map(compressed, chosen, itertools.repeat(options.data_dir)):
            print(text, flush=True)
            write_json(RESULTS, collected())
    found = collected()
    plot(found, PLOT)
    for entry in found["rows"]:
        print(
            f"{entry['network']:14} {100 * entry['connectivity']:5.4g} %  {entry['method']:10} "
            f"{100 * entry['mean']:6.2f} % +- {50 * entry['spread']:.2f}"
        )


if __name__ == "__main__":
    main()
