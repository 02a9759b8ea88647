"""Spikes and synaptic operations of a build over its first vectors, measured once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spikeloom._early import MOST, Decision, measure_early
from spikeloom._results import read_result
from spikeloom._vectors import read_vectors
from spikeloom.codegen import Manifest
from spikeloom.ir import Activity, Progress, load_graph, measure_activity, write_json

ACTIVITY = "activity.json"
VECTORS = "vectors/test.npz"


@dataclass(frozen=True, slots=True)
class Measured:
    """The activity of each neuron group, means over so many inferences, and early decision."""

    inferences: int
    layers: Mapping[str, Activity]
    decision: Decision | None


def activity_of(out: Path, manifest: Manifest, progress: Progress) -> Measured:
    """Return the activity of each neuron group, from `out`/activity.json if that is current.

    Raises:
        DataError: If the graph or the vectors of `out` are damaged.
    """
    key = f"{manifest.graph_digest}:{manifest.files[VECTORS]}:{MOST}"
    known = read_result(out / ACTIVITY)
    if known is None or known.get("key") != key:
        progress.start("measuring the activity")
        known = {"key": key, **_measure(out)}
        write_json(out / ACTIVITY, known)
    layers = {name: Activity(**values) for name, values in known["layers"].items()}
    found = known.get("decision")
    return Measured(known["inferences"], layers, Decision(**found) if found else None)


def _measure(out: Path) -> dict[str, Any]:
    graph = load_graph(out / "graph")
    vectors = read_vectors(out / VECTORS, graph)
    inputs = vectors.inputs[:MOST]
    activities = measure_activity(graph, inputs)
    layers = {name: asdict(activity) for name, activity in activities.items()}
    decision = measure_early(graph, vectors)
    return {
        "inferences": len(inputs),
        "layers": layers,
        "decision": decision.to_json() if decision else None,
    }
