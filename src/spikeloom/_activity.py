"""Spikes and synaptic operations of a build over its vectors, measured once."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from spikeloom._results import read_result
from spikeloom._vectors import read_vectors
from spikeloom.codegen import Manifest
from spikeloom.ir import Activity, Progress, load_graph, measure_activity, write_json

ACTIVITY = "activity.json"
VECTORS = "vectors/test.npz"


def activity_of(out: Path, manifest: Manifest, progress: Progress) -> dict[str, Activity]:
    """Return the activity of each neuron group, from `out`/activity.json if that is current.

    Raises:
        DataError: If the graph or the vectors of `out` are damaged.
    """
    key = f"{manifest.graph_digest}:{manifest.files[VECTORS]}"
    known = read_result(out / ACTIVITY)
    if known is None or known.get("key") != key:
        progress.start("measuring the activity over the test set")
        known = {"key": key, "layers": _measure(out)}
        write_json(out / ACTIVITY, known)
    return {name: Activity(**values) for name, values in known["layers"].items()}


def _measure(out: Path) -> dict[str, dict[str, float]]:
    graph = load_graph(out / "graph")
    vectors = read_vectors(out / VECTORS, graph)
    activities = measure_activity(graph, vectors.inputs)
    return {name: asdict(activity) for name, activity in activities.items()}
