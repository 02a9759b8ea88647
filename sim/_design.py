"""The generated design in an output folder."""

from __future__ import annotations

from pathlib import Path

from spikeloom.codegen import Manifest, load_manifest
from spikeloom.ir import DataError, Graph, graph_digest, load_graph

_SIMULATED = ("rtl/", "mem/", "graph/")


def load_design(out: Path) -> Manifest:
    """Read the manifest of the output folder `out`.

    Raises:
        BuildError: If the manifest is missing or damaged.
        DataError: If a file that simulation needs is missing; all are named.
    """
    manifest = load_manifest(out)
    needed = [*manifest.sources, *(file for file in manifest.files if file.startswith(_SIMULATED))]
    missing = [file for file in dict.fromkeys(needed) if not (out / file).is_file()]
    if missing:
        raise DataError(f"{out} lacks {', '.join(missing)}; run `spikeloom build` again")
    return manifest


def load_source_graph(out: Path, manifest: Manifest) -> Graph:
    """Read the graph that the design in `out` was generated from.

    Raises:
        DataError: If the graph is missing, broken, or another one.
    """
    graph = load_graph(out / "graph")
    if graph_digest(graph) != manifest.graph_digest:
        raise DataError(
            f"{out / 'graph'} is not the graph that the RTL was generated from; "
            "run `spikeloom build` again"
        )
    return graph
