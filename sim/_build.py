"""The harness of one design: written, built, and kept for the next run."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from spikeloom.codegen import Manifest
from spikeloom.ir import Graph, Progress
from spikeloom.sim import _verilator
from spikeloom.sim._templates import render
from spikeloom.sim._timing import leading_nodes, trailing_nodes

PROBE = "SPIKELOOM_PROBE"
BUILDS = Path("sim") / "build"

_HARNESS = Path(__file__).parent / "harness"
_SOURCES = ("inference.cpp", "main.cpp", "report.cpp", "spikeloom_harness.cpp")
_HEADERS = ("inference.h", "options.h", "ports.h", "report.h", "spikeloom_harness.h")
_DIGEST_CHARACTERS = 16


def build_harness(out: Path, design: Manifest, graph: Graph, progress: Progress) -> Path:
    """Return the harness program for the design in `out`, built if it is not there yet.

    Programs lie in `out/sim/build/DIGEST/harness`, the digest being that of
    all that goes into them; only the newest is kept.

    Raises:
        ToolError: If a tool is missing or the design does not compile.
    """
    description = render_description(design, graph)
    digest = _digest(out, design, description)
    folder = out / BUILDS / f"harness-{digest}"
    program = folder / "harness"
    if not program.is_file():
        progress.message("compiling the design with Verilator")
        _forget_older(out / BUILDS)
        _build(out, design, description, program)
    return program


def render_description(design: Manifest, graph: Graph) -> str:
    """Return `design.h`: the sizes and the probes of a design, for the harness."""
    return render(
        "design.h.j2",
        design=design,
        leading=leading_nodes(graph),
        trailing=trailing_nodes(graph),
    )


def _build(out: Path, design: Manifest, description: str, program: Path) -> None:
    folder = program.parent
    folder.mkdir(parents=True, exist_ok=True)
    try:
        (folder / "design.h").write_text(description)
        _verilator.build(
            program.resolve(),
            sources=design.sources,
            top=design.top,
            defines=(PROBE,),
            harness=[folder / "design.h", *(_HARNESS / name for name in _SOURCES)],
            cwd=out,
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _forget_older(builds: Path) -> None:
    for folder in builds.glob("harness-*"):
        shutil.rmtree(folder, ignore_errors=True)


def _digest(out: Path, design: Manifest, description: str) -> str:
    digest = hashlib.sha256()
    digest.update(_verilator.find_verilator().version.encode())
    digest.update(repr(_verilator.FLAGS).encode())
    digest.update(description.encode())
    for name in (*_SOURCES, *_HEADERS):
        digest.update((_HARNESS / name).read_bytes())
    for source in design.sources:
        digest.update(source.encode())
        digest.update((out / source).read_bytes())
    return digest.hexdigest()[:_DIGEST_CHARACTERS]
