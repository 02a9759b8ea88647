"""The four architectures, small, on Fashion-MNIST: half of their weight memory taken away.

    python benchmarks/compressed_architectures.py --data-dir FOLDER [--networks NAME ...]

Trains what is not trained in runs/, compresses it word by word, builds both, and takes the first
test images through the RTL of the compressed one: every spike and membrane is compared.  Weight
memory is all bits that the synapses of a design hold, with the tables that say which words are
left.  Runs stay in runs/, and what is finished is not done again.  Writes
benchmarks/results/compressed_architectures.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flow import RESULTS, ROOT, machine

import spikeloom
from spikeloom.codegen import load_manifest
from spikeloom.ir import write_json
from spikeloom.sim import VerifyResult

RUNS, OUT = ROOT / "runs", ROOT / "out"
INFERENCES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """How a network is compressed: words of `lanes` outputs, of which a share is left."""

    lanes: int
    connectivity: float
    epochs: int = 2


# The share that is left is below a half, as the tables of what is left are memory too.
CASES = {
    "cell_network": Case(lanes=16, connectivity=0.45),
    "skip_network": Case(lanes=16, connectivity=0.45),
    "spiking_mlp": Case(lanes=8, connectivity=0.38),
    "spiking_resformer": Case(lanes=8, connectivity=0.38),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--networks", nargs="+", choices=list(CASES), default=list(CASES))
    options = parser.parse_args()
    place = RESULTS / "compressed_architectures.json"
    known = json.loads(place.read_text(encoding="utf-8"))["networks"] if place.is_file() else {}
    for name in options.networks:
        known[name] = measured(name, CASES[name], options.data_dir)
        write_json(place, {"networks": dict(sorted(known.items())), "machine": machine()})
        print(name, json.dumps(known[name], indent=1), flush=True)


def measured(name: str, case: Case, data_dir: Path) -> dict[str, Any]:
    """Compress, build and verify a network."""
    config, run = ROOT / "examples" / f"{name}.toml", RUNS / name
    small = run.with_name(f"{name}_half")
    spikeloom.train(config, out=run, data_dir=data_dir, resume=True)
    spikeloom.compress(
        run,
        out=small,
        data_dir=data_dir,
        connectivity=case.connectivity,
        lanes=case.lanes,
        keep=("head",),
        epochs=case.epochs,
    )
    before, after = (spikeloom.build(folder, OUT / folder.name) for folder in (run, small))
    dense, result = (spikeloom.verify(o, probe=True, limit=INFERENCES) for o in (before, after))
    return {
        "lanes": case.lanes,
        "connectivity": metrics_of(small)["compression"]["budgets"][0]["use"],
        "epochs": case.epochs,
        "accuracy_before": metrics_of(run)["accuracy"]["exported"],
        "accuracy_after": metrics_of(small)["accuracy"]["exported"],
        "weight_memory_before": weight_memory(before),
        "weight_memory_after": weight_memory(after),
        "inferences": result.inferences,
        "spikes": result.spikes_compared,
        "mismatches": result.mismatches,
        "predictions_equal": result.predictions_equal,
        "cycles_before": cycles(dense),
        "cycles_after": cycles(result),
    }


def cycles(result: VerifyResult) -> float:
    """Clock cycles per inference, on average."""
    assert result.cycles_per_inference is not None
    return result.cycles_per_inference.mean


def weight_memory(out: Path) -> int:
    """Bits of weights, and of the tables beside them."""
    memories = load_manifest(out).memories
    owners = {memory.owner for memory in memories if memory.holds == "weights"}
    return sum(
        memory.words * memory.bits
        for memory in memories
        if memory.owner in owners and memory.holds in ("weights", "tables")
    )


def metrics_of(run: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    return metrics


if __name__ == "__main__":
    main()
