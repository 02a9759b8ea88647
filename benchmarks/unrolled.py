"""Look-up tables of constant matrices times spikes: the unrolled engine against da4ml.

    python benchmarks/unrolled.py [--peer-python PATH] [--case NAME ...] [--family NAME ...]

The same matrices, synthesised as combinational logic by the same Yosys with the same
script, once with and once without wide multiplexers where that makes a difference
(`-nowidelut`); the smaller result counts.  Look-up tables are counted as everywhere in
Spikeloom: a carry cell of ECP5 takes two.  PATH is a Python that has da4ml (LGPL-3.0, measured and
nothing else); without one, and without da4ml in this environment, ours are measured alone.
Results are kept in WORK/results.json: what is there is not measured again.  `--case` without a
name measures nothing.  benchmarks/results/unrolled.json is written from all that is there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from flow import RESULTS

from spikeloom.boards import Family
from spikeloom.boards._flow import FLOWS
from spikeloom.boards._reports import count_cells, read_stat
from spikeloom.boards._tools import Tool, find_yosys, warm_up
from spikeloom.codegen._unrolled import FABRICS, evaluate, matrix_module, unroll
from spikeloom.ir import IntArray, write_json

_PEER = Path(__file__).with_name("unrolled_peer.py")
_METHODS = ("wmc", "mc", "wmc-pdc")  # of da4ml's solver; the first is its default


@dataclass(frozen=True, slots=True)
class Case:
    """A random matrix: weights are uniform in their range, some are made 0 by chance."""

    outputs: int
    inputs: int
    bits: int
    zeros: int  # per cent made 0
    seed: int

    @property
    def name(self) -> str:
        """As on the command line."""
        return f"{self.inputs}x{self.outputs}-{self.bits}bit-{'sparse' if self.zeros else 'dense'}"

    @property
    def large(self) -> bool:
        """Whether a synthesis takes more than minutes."""
        return self.inputs * self.outputs > 10_000

    def weights(self) -> IntArray:
        """Return the matrix `[outputs, inputs]`."""
        rng = np.random.default_rng(self.seed)
        half = 1 << self.bits - 1
        weights = rng.integers(-half, half, (self.outputs, self.inputs))
        weights[rng.random(weights.shape) < self.zeros / 100] = 0
        return weights


CASES = (
    Case(outputs=32, inputs=64, bits=3, zeros=80, seed=1),
    Case(outputs=32, inputs=64, bits=3, zeros=0, seed=2),
    Case(outputs=32, inputs=64, bits=6, zeros=80, seed=3),
    Case(outputs=32, inputs=64, bits=6, zeros=0, seed=4),
    Case(outputs=128, inputs=784, bits=3, zeros=80, seed=5),
)
FAMILIES = (Family.ECP5, Family.XC7)
_SYNTHESIS = {Family.ECP5: "synth_ecp5", Family.XC7: "synth_xilinx -flatten"}


@dataclass(frozen=True, slots=True)
class Source:
    """Verilog to synthesise, and what is to be said of it."""

    who: str
    top: str
    files: list[str]
    note: dict[str, Any]


class Results:
    """What has been measured, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def add(self, key: str, result: dict[str, Any]) -> None:
        """Keep a result, and write the file."""
        self.known[key] = result
        self._path.write_text(json.dumps(self.known, indent=2, sort_keys=True) + "\n")


def main() -> None:
    options = parse()
    options.work.mkdir(parents=True, exist_ok=True)
    results = Results(options.work / "results.json")
    peer = options.peer_python or (sys.executable if find_spec("da4ml") else None)
    yosys = find_yosys()
    warm_up([yosys])
    for case in CASES:
        for family in FAMILIES:
            if case.name in options.case and family.value in options.family:
                for source in sources(case, family, options.work, peer, results):
                    measure(case, family, source, yosys, options.work, results)
    found = rows(results.known)
    versions = {entry["version"] for entry in results.known.values() if "version" in entry}
    report = {"peer": ", ".join(sorted(versions)), "yosys": yosys.version, "rows": found}
    write_json(RESULTS / "unrolled.json", report)
    print(f"{yosys}, da4ml {report['peer'] or '-'}\n\n{table(found)}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the unrolled engine.")
    names = [case.name for case in CASES]
    parser.add_argument("--peer-python", help="a Python that has da4ml")
    parser.add_argument("--case", nargs="*", choices=names, default=names)
    families = [family.value for family in FAMILIES]
    parser.add_argument("--family", nargs="+", choices=families, default=families)
    parser.add_argument("--work", type=Path, default=Path("out/unrolled"))
    return parser.parse_args()


def sources(
    case: Case, family: Family, work: Path, peer: str | None, results: Results
) -> Iterator[Source]:
    """Our module, and da4ml's if there is one."""
    yield ours(case, family, work)
    if peer:
        yield theirs(case, work, peer, results)


def ours(case: Case, family: Family, work: Path) -> Source:
    weights = case.weights()
    start = time.perf_counter()
    netlist = unroll(weights, fabric=FABRICS[family.value])
    seconds = time.perf_counter() - start
    spikes = np.random.default_rng(0).integers(0, 2, (100, case.inputs))
    if not (evaluate(netlist, spikes) == spikes @ weights.T).all():
        raise SystemExit(f"{case.name} for {family.value} computes something else")
    file = f"{case.name}-{family.value}.v"
    bits = int(np.abs(weights).sum(1).max()).bit_length() + 1
    text = matrix_module(netlist, name="ours", current_bits=bits, title=[case.name])
    (work / file).write_text(text)
    note = {"estimate": netlist.luts, "seconds": round(seconds, 1)}
    return Source("ours", "ours", [file], note)


def theirs(case: Case, work: Path, peer: str, results: Results) -> Source:
    key = f"{case.name} da4ml solved"
    if key not in results.known:
        np.save(work / f"{case.name}.npy", case.weights())
        methods = _METHODS[:1] if case.large else _METHODS
        command = [peer, str(_PEER.resolve()), f"{case.name}.npy", f"{case.name}-da4ml", *methods]
        answer = subprocess.run(command, cwd=work, check=True, capture_output=True, text=True)
        results.add(key, json.loads(answer.stdout.splitlines()[-1]))
    report = results.known[key]
    note = {name: report[name] for name in ("version", "method", "cost")}
    return Source("da4ml", "peer", report["sources"], note)


def measure(
    case: Case, family: Family, source: Source, yosys: Tool, work: Path, results: Results
) -> None:
    texts = b"".join((work / file).read_bytes() for file in source.files)
    digest = hashlib.sha256(texts).hexdigest()
    options = ("",) if case.large or family is Family.XC7 else ("", "-nowidelut")
    for option in options:
        key = f"{case.name} {family.value} {source.who} {option}".strip()
        if results.known.get(key, {}).get("digest") == digest:
            continue
        start = time.perf_counter()
        luts, cells = synthesise(source, family, option, yosys, work)
        result = {"luts": luts, "cells": cells, "digest": digest, **source.note}
        result["synthesis_seconds"] = round(time.perf_counter() - start)
        results.add(key, result)
        print(f"{key}: {luts} {source.note}", flush=True)


def synthesise(
    source: Source, family: Family, option: str, yosys: Tool, work: Path
) -> tuple[int, dict[str, int]]:
    """Return look-up tables, and the cells by type."""
    stat = f"{source.top}-stat.json"
    script = (
        f"read_verilog -defer {' '.join(source.files)}; "
        f"{_SYNTHESIS[family]} -top {source.top} {option}; tee -q -o {stat} stat -json"
    )
    command = [*yosys.command, "-q", "-p", script]
    subprocess.run(command, cwd=work, check=True, capture_output=True)
    cells = {k: n for k, n in read_stat(work / stat).items() if not k.startswith("$")}
    return count_cells(cells, FLOWS[family]).lut, cells


def rows(known: dict[str, Any]) -> list[dict[str, Any]]:
    """The smaller result of each case and family that ours is measured for."""
    found = [
        {
            "case": f"{case.name}, seed {case.seed}",
            "family": family.value,
            "ours": best(known, f"{case.name} {family.value} ours"),
            "peer": best(known, f"{case.name} {family.value} da4ml"),
        }
        for case in CASES
        for family in FAMILIES
    ]
    return [row for row in found if row["ours"]]


def table(found: list[dict[str, Any]]) -> str:
    """The results in Markdown."""
    lines = ["| matrix | family | ours | da4ml | ratio |", "|---|---|---|---|---|"]
    for row in found:
        peer = f"{row['peer']:,} | {row['ours'] / row['peer']:.2f}" if row["peer"] else "- | -"
        lines.append(f"| {row['case']} | {row['family']} | {row['ours']:,} | {peer} |")
    return "\n".join(lines)


def best(known: dict[str, Any], key: str) -> int | None:
    found = [result["luts"] for name, result in known.items() if name in (key, f"{key} -nowidelut")]
    return min(found, default=None)


if __name__ == "__main__":
    main()
