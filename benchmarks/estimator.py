"""Judge the area estimator on designs that its calibration has not seen, and write the page.

    python benchmarks/estimator_corpus.py NUMBER ...   # synthesise them, once
    python benchmarks/estimator.py

Takes every design with a number from 2000 on that out/estimator has of all families; writes
benchmarks/results/estimator.json and docs/estimator.md.  The networks of the other scripts are
shown beside what these have measured.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import spiker
from estimator_corpus import BOARDS, CACHE, ROOT, check_record
from estimator_designs import draw
from estimator_fit import DATA, FIRST_HELD_OUT
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from spikeloom._source import load_source
from spikeloom.boards import Resources
from spikeloom.boards._flow import FLOWS
from spikeloom.boards._reports import count_cells
from spikeloom.boards._tools import find_yosys
from spikeloom.codegen import Area, BuildOptions, estimate_area, estimate_fmax, lower
from spikeloom.ir import Graph, write_json

RESULTS = ROOT / "benchmarks" / "results"
NETWORKS = ("mnist", "fashion_dense", "mnist_latency", "mnist_spiker")
RUNS = {"mnist_spiker": ROOT / "out" / "figures" / "mnist_spiker_run"}  # where not in runs/
OPTIONS = {"mnist_spiker": spiker.HARDWARE}  # where not their own
_TITLES = {"ecp5": "ECP5", "ice40": "iCE40", "gowin": "Gowin", "xc7": "7-series"}


def main() -> None:
    names = held_out()
    rows = {name: {family: row(name, family) for family in BOARDS} for name in names}
    families = {family: errors([rows[name][family] for name in names]) for family in BOARDS}
    report = {
        "yosys": find_yosys().version,
        "families": families,
        "designs": rows,
        "networks": networks(),
    }
    write_json(RESULTS / "estimator.json", report)
    made = json.loads(DATA.read_text(encoding="utf-8"))["made"]
    loader = FileSystemLoader(Path(__file__).parent)
    templates = Environment(loader=loader, undefined=StrictUndefined, trim_blocks=True)
    template = templates.get_template("estimator.md.j2")
    text = template.render(report=report, made=made, titles=_TITLES)
    (ROOT / "docs" / "estimator.md").write_text(text.rstrip() + "\n", encoding="utf-8")
    print(json.dumps(families, indent=1))


def held_out() -> list[str]:
    """Designs that were synthesised flat for every family, and not for the fit."""
    found = [
        {path.stem.rpartition("-")[0] for path in CACHE.glob(f"*-{family}.json")}
        for family in BOARDS
    ]
    names = set.intersection(*found)
    return sorted((name for name in names if int(name) >= FIRST_HELD_OUT), key=int)


@cache
def drawn(name: str) -> tuple[Graph, BuildOptions]:
    """A design by its name."""
    return draw(int(name))


def row(name: str, family: str) -> dict[str, list[int]]:
    """Estimated and counted, of a design on a family."""
    record = json.loads((CACHE / f"{name}-{family}.json").read_text(encoding="utf-8"))
    counted = count_cells(record["cells"][""], FLOWS[family])
    graph, folding = drawn(name)
    design = lower(graph, folding, family=family)
    check_record(record, design)
    return pairs(estimate_area(design, family).total, counted)


def networks() -> dict[str, dict[str, Any]]:
    """The networks of the figures, as placed and routed for the ECP5."""
    found = {}
    for name in NETWORKS:
        routed = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        source = load_source(RUNS.get(name, ROOT / "runs" / name))
        design = lower(source.graph, OPTIONS.get(name, source.options), family="ecp5")
        clock = estimate_fmax(design, "ecp5")
        counted = Resources(**{key: routed[key] for key in ("lut", "ff", "bram")}, dsp=0, spram=0)
        found[name] = {
            **pairs(estimate_area(design, "ecp5").total, counted),
            "class_mhz": [round(clock.low_mhz), round(clock.high_mhz)],
            "fmax_mhz": [round(mhz, 1) for mhz in routed["fmax_mhz_all"]],
        }
    return found


def pairs(area: Area, counted: Resources) -> dict[str, list[int]]:
    """Estimated and counted, by resource."""
    return {
        "lut": [area.lut, counted.lut],
        "ff": [area.ff, counted.ff],
        "bram": [area.bram, counted.bram],
    }


def errors(rows: Sequence[dict[str, list[int]]]) -> dict[str, Any]:
    """Median and largest error in per cent, and how many block RAM counts are exact."""
    found: dict[str, Any] = {"designs": len(rows)}
    for what in ("lut", "ff"):
        relative = [100 * (row[what][0] / row[what][1] - 1) for row in rows]
        found[what] = {
            "median": round(statistics.median(map(abs, relative)), 1),
            "bias": round(statistics.median(relative), 1),
            "within_10": sum(abs(error) <= 10 for error in relative),
            "worst": round(max(relative, key=abs), 1),
        }
    found["bram_exact"] = sum(row["bram"][0] == row["bram"][1] for row in rows)
    return found


if __name__ == "__main__":
    main()
