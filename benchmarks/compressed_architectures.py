"""The four architectures, small, on Fashion-MNIST: half of their weight memory taken away.

    python benchmarks/compressed_architectures.py --data-dir FOLDER [--networks NAME ...]

Trains what is not trained in runs/, builds it, and compresses it word by word until its weight
memory is half as large: all bits that the synapses of a design hold, with the tables that say
which words are left.  The first test images go through the RTL of both: every spike and membrane is
compared.  Runs stay in runs/, and what is finished is not done again.  Writes
benchmarks/results/compressed_architectures.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from flow import RESULTS, ROOT, machine

import spikeloom
from spikeloom.codegen import BuildOptions, LayerOptions, ManifestMemory, load_manifest, lower
from spikeloom.codegen._views import Storage
from spikeloom.ir import Conv2d, Dense, write_json
from spikeloom.model import Budget, Candidate, Resource
from spikeloom.sim import VerifyResult

RUNS, OUT = ROOT / "runs", ROOT / "out"
INFERENCES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """How a network is compressed: by words of `lanes` outputs."""

    lanes: int
    epochs: int = 2


CASES = {
    "cell_network": Case(lanes=16),
    "skip_network": Case(lanes=16),
    "spiking_mlp": Case(lanes=8),
    "spiking_resformer": Case(lanes=8),
}
HEAD = "head"  # keeps its weights: its 10 outputs are no multiple of the lanes


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
    before = spikeloom.build(run, OUT / run.name)
    memory = Resource("weight memory", "bits", partial(weight_memory_of, case.lanes))
    spikeloom.compress(
        run,
        out=small,
        data_dir=data_dir,
        budgets=[Budget(memory, weight_memory(before) // 2)],
        lanes=case.lanes,
        keep=(HEAD,),
        epochs=case.epochs,
    )
    after = spikeloom.build(small, OUT / small.name)
    dense, result = (spikeloom.verify(o, probe=True, limit=INFERENCES) for o in (before, after))
    return {
        "lanes": case.lanes,
        "connectivity": connectivity(metrics_of(small)["compression"]["words"]),
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
    """Bits of weights in a build, and of the tables beside them."""
    return weight_bits(load_manifest(out).memories)


def weight_memory_of(lanes: int, candidate: Candidate) -> float:
    """The same of a candidate."""
    graph = candidate.graph()
    layers = {
        node.name: LayerOptions(lanes=lanes)
        for node in graph.nodes
        if isinstance(node, Conv2d | Dense) and not node.name.startswith(HEAD)
    }
    return float(weight_bits(lower(graph, BuildOptions(layers=layers)).storages))


def weight_bits(memories: Sequence[Storage | ManifestMemory]) -> int:
    owners = {memory.owner for memory in memories if memory.holds == "weights"}
    return sum(
        memory.words * memory.bits
        for memory in memories
        if memory.owner in owners and memory.holds in ("weights", "tables")
    )


def connectivity(words: dict[str, dict[str, int]]) -> float:
    """The share of the words that is left."""
    return sum(w["left"] for w in words.values()) / sum(w["all"] for w in words.values())


def metrics_of(run: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    return metrics


if __name__ == "__main__":
    main()
