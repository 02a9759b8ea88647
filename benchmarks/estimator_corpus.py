"""Synthesise designs for the area estimator, and keep what came out of it.

    python benchmarks/estimator_corpus.py NUMBER ... [--family NAME ...] [--kept] [--jobs N]

Every run leaves a small file in out/estimator: the cells of each instance of the top module
(all of them under "" in a flat run, which is the one of `spikeloom synth --core-only`), and
the flip-flops by the name of their register.  What is there is not made again, unless
the generated files of the design have changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from estimator_designs import draw

from spikeloom.boards import load_board
from spikeloom.boards._emit import emit_board
from spikeloom.boards._layers import _leaves
from spikeloom.boards._reports import read_stat
from spikeloom.boards._tools import find_yosys, warm_up
from spikeloom.codegen import BuildOptions, Design, FileSet, emit, lower, manifest_of
from spikeloom.ir import Graph, write_json

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "out" / "estimator"
BOARDS = {"ecp5": "ulx3s", "ice40": "hx8k", "gowin": "tangnano9k", "xc7": "artya7"}
_LONGEST = 240  # seconds: what takes longer is left out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", type=int, nargs="+")
    parser.add_argument("--family", nargs="+", choices=list(BOARDS), default=list(BOARDS))
    parser.add_argument("--kept", action="store_true", help="keep the instances of the top apart")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    warm_up([find_yosys()])
    with ThreadPoolExecutor(options.jobs) as pool:
        for number in options.numbers:
            graph, folding = draw(number)
            for family in options.family:
                pool.submit(attempt, str(number), graph, folding, family, kept=options.kept)


def attempt(name: str, graph: Graph, folding: BuildOptions, family: str, *, kept: bool) -> None:
    """Synthesise one design unless that has been done, and say so."""
    try:
        result = synthesised(name, graph, folding, family, kept=kept)
    except Exception as error:  # the others go on
        print(f"{name} {family}: {error}", flush=True)
    else:
        print(f"{name} {family}: {result['seconds']} s", flush=True)


def synthesised(
    name: str,
    graph: Graph,
    folding: BuildOptions,
    family: str,
    *,
    kept: bool = False,
    longest: int = _LONGEST,
) -> dict[str, Any]:
    """What Yosys makes of a design; with `kept`, of each instance of the top by itself."""
    store = CACHE / f"{name}-{family}{'-kept' * kept}.json"
    design = lower(graph, folding, family=family)
    files, digest = generated(design, family)
    if store.is_file():
        known: dict[str, Any] = json.loads(store.read_text(encoding="utf-8"))
        if known["digest"] == digest:
            return known
    work = CACHE / "work" / store.stem
    shutil.rmtree(work, ignore_errors=True)
    for path, content in files:
        target = work / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    result = {
        **run(work, design, kept=kept, longest=longest),
        "name": name,
        "family": family,
        "digest": digest,
    }
    CACHE.mkdir(parents=True, exist_ok=True)
    write_json(store, result)
    shutil.rmtree(work)
    return result


def generated(design: Design, family: str) -> tuple[FileSet, str]:
    """All files of a core, and a digest of those that its area depends on."""
    board = load_board(BOARDS[family])
    files = emit(design, version="corpus")
    files.merge(
        emit_board(manifest_of(design, version="corpus", board=board.name), board, core_only=True)
    )
    used = [
        (name, digest)
        for name, digest in sorted(files.digests().items())
        if name.startswith(("rtl/", "mem/")) or name.endswith(("/synth.ys", ".v"))
    ]
    return files, hashlib.sha256(repr(used).encode()).hexdigest()[:16]


def check_record(record: dict[str, Any], design: Design) -> None:
    """Refuse what was counted for another design than this (SystemExit)."""
    if record["digest"] != generated(design, record["family"])[1]:
        raise SystemExit(
            f"design {record['name']} on {record['family']} has changed since it was synthesised; "
            "run estimator_corpus.py again"
        )


def run(work: Path, design: Design, *, kept: bool, longest: int) -> dict[str, Any]:
    """Run the script of `spikeloom synth --core-only`, and read the netlist."""
    script = next(work.glob("syn/*/synth.ys"))
    text = script.read_text(encoding="utf-8")
    if kept:
        keep = f"setattr -set keep_hierarchy 1 {design.top}/c:u_*\n"
        text = text.replace("\nproc\n", f"\n{keep}proc\n")
    else:
        text = text.replace("write_json", "# write_json")
    script.write_text(text, encoding="utf-8")
    (script.parent / "build").mkdir()
    start = time.monotonic()
    done = subprocess.run(
        [*find_yosys().command, "-q", "-s", str(script.relative_to(work))],
        cwd=work,
        capture_output=True,
        text=True,
        timeout=longest,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-500:] or done.stdout[-500:])
    if not kept:
        cells = read_stat(next(work.glob("syn/*/build/stat.json")))
        return {"seconds": round(time.monotonic() - start, 1), "cells": {"": cells}}
    netlist = json.loads(next(work.glob("syn/*/build/netlist.json")).read_text(encoding="utf-8"))
    modules = netlist["modules"]
    cells, registers = Counter[str](), Counter[str]()
    instances = {}
    for instance, cell in modules[design.top]["cells"].items():
        leaves = _leaves(modules, cell["type"])
        if kept and instance.startswith("u_"):
            instances[instance] = dict(leaves)
            registers.update(_registers(modules[cell["type"]], instance))
        else:
            cells.update(leaves)
    registers.update(_registers(modules[design.top], ""))
    return {
        "seconds": round(time.monotonic() - start, 1),
        "cells": {"": dict(cells), **instances},
        "registers": dict(sorted(registers.items())),
    }


def _registers(module: Mapping[str, Any], prefix: str) -> Counter[str]:
    """Flip-flops by the deepest name of what they hold."""
    names: dict[int, str] = {}
    for name, net in module["netnames"].items():
        if name.endswith("_q") or not net.get("hide_name"):
            for bit in net["bits"]:
                if isinstance(bit, int) and _rank(name) > _rank(names.get(bit, "")):
                    names[bit] = name
    found = Counter[str]()
    for cell in module["cells"].values():
        kind = cell["type"]
        if kind.startswith(("TRELLIS_FF", "SB_DFF", "DFF", "FD", "SRL")):
            bits = cell["connections"].get("Q", cell["connections"].get("Q31", []))
            label = names.get(bits[0], "?") if bits else "?"
            mark = "SRL:" if kind.startswith("SRL") else ""
            found[f"{mark}{prefix}.{label}" if prefix else f"{mark}{label}"] += 1
    return found


def _rank(name: str) -> tuple[bool, int]:
    return name.endswith("_q"), name.count(".") if name else -1


if __name__ == "__main__":
    main()
