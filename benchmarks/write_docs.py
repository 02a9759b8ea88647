"""Make docs/benchmarks.md from the results that the other scripts here have left.

python benchmarks/write_docs.py
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from flow import RESULTS, ROOT
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from spiker import CYCLES, LUTS, MHZ

FIGURES = ("mnist", "mnist_latency", "fashion_dense", "mnist_spiker")


def main() -> None:
    loader = FileSystemLoader(Path(__file__).parent)
    templates = Environment(loader=loader, undefined=StrictUndefined, trim_blocks=True)
    text = templates.get_template("benchmarks.md.j2").render(
        figures=[found for name in FIGURES if (found := read(f"{name}.json"))],
        spiker=beside_peer(read("mnist_spiker.json")),
        activity=read("activity.json"),
        early=read("early.json"),
        unrolled=read("unrolled.json"),
        compression=by_connectivity(read("compression.json")),
        icebreaker=read("mnist_icebreaker.json"),
        architectures=read("compressed_architectures.json"),
    )
    (ROOT / "docs" / "benchmarks.md").write_text(text, encoding="utf-8")


def beside_peer(figure: dict[str, Any] | None) -> dict[str, Any] | None:
    """The figure with Spiker+'s beside it."""
    return figure and {**figure, "peer": {"cycles": CYCLES, "lut": LUTS, "fmax_mhz": MHZ}}


def by_connectivity(found: dict[str, Any] | None) -> list[dict[str, Any]]:
    """A row for each network and connectivity, with the methods beside each other."""
    rows: dict[tuple[str, float], dict[str, Any]] = {}
    for cell in found["rows"] if found else []:
        row = rows.setdefault((cell["network"], cell["connectivity"]), {**cell, "methods": {}})
        row["dense"] = statistics.mean(found["dense"][cell["network"]]) if found else None
        row["methods"][cell["method"]] = cell
    return list(rows.values())


def read(name: str) -> dict[str, Any] | None:
    """A result, if it is there."""
    path = RESULTS / name
    if not path.is_file():
        return None
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


if __name__ == "__main__":
    main()
