"""Spikes and synaptic operations of a build over its first vectors, measured once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloom._early import MOST, Decision, measure_early
from spikeloom._results import read_result
from spikeloom._vectors import read_vectors
from spikeloom.codegen import UNROLLED, Manifest, ManifestLayer, count_additions
from spikeloom.ir import Activity, Graph, Progress, load_graph, measure_activity, write_json

ACTIVITY = "activity.json"
VECTORS = "vectors/test.npz"


@dataclass(frozen=True, slots=True)
class Measured:
    """The activity of each neuron group, means over so many inferences, and early decision.

    `additions` are those that the hardware makes for a group, as built.
    """

    inferences: int
    layers: Mapping[str, Activity]
    additions: Mapping[str, float]
    decision: Decision | None


def activity_of(out: Path, manifest: Manifest, progress: Progress) -> Measured:
    """Return the activity of each neuron group, from `out`/activity.json if that is current.

    Raises:
        DataError: If the graph or the vectors of `out` are damaged.
    """
    key = f"{manifest.graph_digest}:{manifest.files[VECTORS]}:{MOST}"
    known = read_result(out / ACTIVITY)
    if known is None or known.get("key") != key or "additions" not in known:
        progress.start("measuring the activity")
        known = {"key": key, **_measure(out, manifest)}
        write_json(out / ACTIVITY, known)
    layers = {name: Activity(**values) for name, values in known["layers"].items()}
    found = known.get("decision")
    decision = Decision(**found) if found else None
    return Measured(known["inferences"], layers, known["additions"], decision)


def _measure(out: Path, manifest: Manifest) -> dict[str, Any]:
    graph = load_graph(out / "graph")
    vectors = read_vectors(out / VECTORS, graph)
    inputs = vectors.inputs[:MOST]
    activities = measure_activity(graph, inputs)
    layers = {name: asdict(activity) for name, activity in activities.items()}
    decision = measure_early(graph, vectors)
    return {
        "inferences": len(inputs),
        "layers": layers,
        "additions": _additions(graph, manifest.layers, inputs, activities),
        "decision": decision.to_json() if decision else None,
    }


def _additions(
    graph: Graph,
    built: Sequence[ManifestLayer],
    inputs: NDArray[np.unsignedinteger],
    activities: Mapping[str, Activity],
) -> dict[str, float]:
    """Return the additions of each layer: its synaptic operations, where it makes all of them."""
    other = [layer for layer in built if not _adds_all(layer)]
    counted = count_additions(graph, [s for layer in other for s in layer.synapses], inputs)
    sums = {layer.name: sum(counted[s.name] for s in layer.synapses) for layer in other}
    return {layer.name: sums.get(layer.name, activities[layer.name].synops) for layer in built}


def _adds_all(layer: ManifestLayer) -> bool:
    """Whether each event adds each weight that it reaches, those that are 0 too."""
    return not any(s.sparse or s.field_values or s.engine == UNROLLED for s in layer.synapses)
