"""The whole flow for one figure: train, build, verify every test image, place and route.

Each step is kept and not repeated, so that an interrupted run goes on where it stopped.  The
result is benchmarks/results/NAME.json, from which docs/benchmarks.md is made.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spikeloom
from spikeloom.codegen import BuildOptions
from spikeloom.ir import write_json
from spikeloom.sim import verify

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
STREAMED = 10_000  # test images that go in back to back
RTL = ("rtl/", "mem/")  # what a synthesis depends on, beside its scripts
VERIFIED = (*RTL, "vectors/")  # what a verification depends on


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a figure is held against: the value of `key` has to reach `limit`."""

    key: str
    limit: float
    at_most: bool = False

    def met(self, figure: dict[str, Any]) -> bool:
        """Whether a figure reaches the goal."""
        value = float(figure[self.key])
        return value <= self.limit if self.at_most else value >= self.limit

    def __str__(self) -> str:
        return f"{self.key} {'at most' if self.at_most else 'at least'} {self.limit:g}"


def run(
    name: str,
    goals: list[Goal],
    description: str,
    prepare: Callable[[Path, Path | None], Path] | None = None,
    hardware: BuildOptions | None = None,
    describe: Callable[[Path], dict[str, Any]] | None = None,
    board: str = "ulx3s",
    *,
    core_only: bool = True,
) -> None:
    """Measure the network of examples/`name`.toml and say which goals it reaches.

    `prepare` turns the run folder, beside that of the data set, into the one that is built, of
    which `describe` says what else is to be known; `hardware` replaces the network's own
    [hardware] table.  It is synthesised for `board`, unless another is asked for: the core alone,
    or the whole design with the board's serial port.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data-dir", type=Path, help="folder of the data set's idx files")
    parser.add_argument("--board", default=board)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    folder = ROOT / "runs" / name
    if not (folder / "metrics.json").is_file():
        example = ROOT / "examples" / f"{name}.toml"
        spikeloom.train(example, out=folder, data_dir=options.data_dir)
    prepared = prepare(folder, options.data_dir) if prepare else folder
    out = ROOT / "out" / "figures" / name
    spikeloom.build(prepared, out, board=options.board, options=hardware or BuildOptions())
    figure = {
        "name": name,
        **measure(prepared, out, options.board, options.seeds, core_only=core_only),
    }
    figure |= describe(prepared) if describe else {}
    figure["goals"] = [{"goal": str(goal), "met": goal.met(figure)} for goal in goals]
    RESULTS.mkdir(exist_ok=True)
    write_json(RESULTS / f"{name}.json", figure)
    json.dump(figure, sys.stdout, indent=1)
    print()


def measure(
    folder: Path, out: Path, board: str, seeds: list[int], *, core_only: bool
) -> dict[str, Any]:
    """Everything that is measured of one network on one board."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    checked = verified(out)
    routed = [synthesised(out, board, seed, core_only=core_only) for seed in seeds]
    clocks = [result["fmax_mhz"] for result in routed]
    clock = statistics.median(clocks)
    return {
        "board": board,
        "accuracy": checked["accuracy"],
        "training_seed": metrics["seed"],
        "inferences": checked["inferences"],
        "predictions_equal": checked["predictions_equal"],
        "spikes": checked["spikes_compared"],
        "mismatches": checked["mismatches"],
        "latency_cycles": checked["cycles_per_inference"]["mean"],
        "latency_cycles_max": checked["cycles_per_inference"]["max"],
        "interval_cycles": checked["interval_cycles"]["mean"],
        "fmax_mhz": clock,
        "fmax_mhz_all": clocks,
        "route_seeds": seeds,
        "latency_us": checked["cycles_per_inference"]["mean"] / clock,
        "latency_us_max": checked["cycles_per_inference"]["max"] / clock,
        "inferences_per_second": 1e6 * clock / checked["interval_cycles"]["mean"],
        **{key: routed[0][key] for key in ("lut", "ff", "bram", "dsp")},
        "tools": {**routed[0]["tool"], "simulator": checked["simulator"]},
        "machine": machine(),
    }


def machine() -> str:
    """The processor that all of it ran on, and its Python."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = models[0] if models else platform.machine()
    return f"{os.cpu_count()} cores of {name}, Python {platform.python_version()}"


def verified(out: Path) -> dict[str, Any]:
    """The verification of the whole test set."""

    def make() -> dict[str, Any]:
        verify(out, probe=True, stress=STREAMED)
        result: dict[str, Any] = json.loads((out / "verify.json").read_text(encoding="utf-8"))
        return result

    return once(out, "verify", VERIFIED, make)


def synthesised(out: Path, board: str, seed: int, *, core_only: bool) -> dict[str, Any]:
    """The core alone or the whole design, placed and routed with one seed."""

    def make() -> dict[str, Any]:
        (result,) = spikeloom.synth(out, core_only=core_only, seed=seed)
        value: dict[str, Any] = result.to_json()
        return value

    core = (f"syn/{board}/synth.ys", f"syn/{board}/spikeloom_carry.v")
    scripts = core if core_only else (f"syn/{board}/",)
    return once(out, f"synth{seed}", (*RTL, *scripts), make)


def once(
    out: Path, step: str, depends: tuple[str, ...], make: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """What `make` returns, made once for the generated files that it depends on."""
    store, digests = out.with_suffix(f".{step}.json"), digests_of(out, depends)
    if store.is_file():
        kept: dict[str, Any] = json.loads(store.read_text(encoding="utf-8"))
        if kept["design"] == digests:
            return kept
    made = make()
    write_json(store, {**made, "design": digests})
    return made


def digests_of(out: Path, paths: tuple[str, ...]) -> dict[str, str]:
    """What the generated files are whose paths start so."""
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    files: dict[str, str] = manifest["files"]
    return {name: digest for name, digest in files.items() if name.startswith(paths)}
