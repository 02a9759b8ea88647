"""Clock cycles as the estimator has them, against those of the RTL.

    python benchmarks/cycles.py random FIRST COUNT [--early]
    python benchmarks/cycles.py drawn NUMBER ...
    python benchmarks/cycles.py run RUN ... [--inferences N]
    python benchmarks/cycles.py show

`random` are the random graphs of the tests with random foldings, `drawn` the designs of
estimator_designs.py by their numbers: Icarus Verilog runs each, one inference at a time and back to
back, and latency, interval and busy cycles of every layer are compared inference by inference. With
`--early` the readout decides early, where that is possible. `run` compares means and maxima with
`spikeloom verify`, for the networks of run folders.

What came out is kept in benchmarks/results/cycles.json, design by design, and not measured again;
docs/cycles.md is made of it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import spikeloom
from spikeloom._source import load_source
from spikeloom.codegen import BuildOptions, Design, emit, lower
from spikeloom.codegen._estimate._cycles import estimate_cycles, recorded_signals
from spikeloom.ir import Graph, GraphError, with_early, write_json
from spikeloom.sim import verify
from spikeloom.sim._records import pack_input

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "cycles.json"
INFERENCES = 6
MOST_CYCLES = 60_000  # of all inferences, and
LONGEST = 200  # seconds of the simulator: what takes longer is left out
RULES = ("exact", 1, 2)
KINDS = {
    "random": "random graphs over all kinds of nodes",
    "random-early": "random graphs that decide early",
    "drawn": "networks of dense and convolutional layers, and graphs as above, as drawn for the "
    "estimator of the area",
}

sys.path += [str(HERE), str(HERE.parent / "tests")]

from estimator_designs import draw  # noqa: E402
from random_events import with_random_events  # noqa: E402
from random_graphs import random_graph, random_inputs, random_options  # noqa: E402


@dataclass(frozen=True, slots=True)
class Measured:
    """Clock cycles: `latency` and `busy` of each inference, `interval` between results."""

    latency: list[int]
    interval: list[int]
    busy: dict[str, list[int]]

    def differences(self, other: Measured) -> int:
        """How many of the numbers differ."""
        pairs = [(self.latency, other.latency), (self.interval, other.interval)]
        pairs += [(clocks, other.busy[layer]) for layer, clocks in self.busy.items()]
        return sum(a != b for ours, theirs in pairs for a, b in zip(ours, theirs, strict=True))


@dataclass(slots=True)
class Results:
    """What is kept: by kind and number of a design."""

    found: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls) -> Results:
        """What earlier runs kept."""
        return cls(json.loads(RESULT.read_text()) if RESULT.is_file() else {})

    def put(self, key: str, result: dict[str, Any]) -> None:
        """Keep one result, beside those that others have kept meanwhile."""
        self.found = {**Results.load().found, key: result}
        write_json(RESULT, dict(sorted(self.found.items())))
        print(f"{key:20}", json.dumps(result), flush=True)

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """What was compared of a kind, by number or name."""
        keys = {key: key.partition(" ")[2] for key in self.found if key.split()[0] == kind}
        return {
            name: self.found[key] for key, name in keys.items() if "compared" in self.found[key]
        }

    def show(self) -> None:
        """Print the sums, and write docs/cycles.md."""
        designs = [{"what": what, **_sums(self.of(kind))} for kind, what in KINDS.items()]
        for row in designs:
            print(", ".join(f"{key} {value}" for key, value in row.items()))
        text = (
            _templates()
            .get_template("cycles.md.j2")
            .render(
                designs=designs,
                runs=[{"name": name, **row} for name, row in self.of("run").items()],
                inferences=INFERENCES,
                most_cycles=MOST_CYCLES,
                longest=LONGEST,
                numbers=sorted(map(int, self.of("drawn"))),
            )
        )
        (HERE.parent / "docs" / "cycles.md").write_text(text, encoding="utf-8")


def _sums(rows: dict[str, dict[str, Any]]) -> dict[str, int]:
    keys = ("inferences", "compared", "differences")
    return {"designs": len(rows), **{key: sum(row[key] for row in rows.values()) for key in keys}}


def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    random = kinds.add_parser("random")
    random.add_argument("first", type=int)
    random.add_argument("count", type=int)
    random.add_argument("--early", action="store_true")
    kinds.add_parser("drawn").add_argument("numbers", nargs="+", type=int)
    kinds.add_parser("show")
    runs = kinds.add_parser("run")
    runs.add_argument("runs", nargs="+", type=Path)
    runs.add_argument("--inferences", type=int, default=200)
    arguments = parser.parse_args()
    results = Results.load()
    if arguments.kind == "run":
        for run in arguments.runs:
            results.put(f"run {run.name}", compare_run(run, arguments.inferences))
    elif arguments.kind != "show":
        for key, graph, options in designs(arguments):
            if key not in results.found:
                inputs = random_inputs(graph, INFERENCES, int(key.split()[1]))
                results.put(key, compare(graph, options, inputs))
    results.show()


def designs(arguments: argparse.Namespace) -> Iterator[tuple[str, Graph, BuildOptions]]:
    """The designs that are asked for, each with its kind and number."""
    if arguments.kind == "drawn":
        for number in arguments.numbers:
            yield f"drawn {number}", *draw(number)
        return
    for number in range(arguments.first, arguments.first + arguments.count):
        graph = random_graph(number)
        options = with_random_events(graph, random_options(graph, number), number)
        if not arguments.early:
            yield f"random {number}", graph, options
            continue
        # Not every readout can decide early.
        with contextlib.suppress(GraphError):
            early = with_early(graph, RULES[number % len(RULES)])
            yield f"random-early {number}", early, options


def compare(graph: Graph, options: BuildOptions, inputs: np.ndarray) -> dict[str, Any]:
    """Estimate and measure the inferences `inputs` of one design."""
    design = lower(graph, options)
    estimate = estimated(graph, design, inputs)
    cycles = sum(estimate.latency)
    if cycles > MOST_CYCLES:
        return {"cycles": cycles}
    try:
        measured = measure(graph, design, inputs)
    except subprocess.TimeoutExpired:
        return {"cycles": cycles}
    return {
        "inferences": len(inputs),
        "cycles": cycles,
        "compared": len(inputs) * (2 + len(measured.busy)) - 1,
        "differences": measured.differences(estimate),
    }


def estimated(graph: Graph, design: Design, inputs: np.ndarray) -> Measured:
    """The cycles by the estimator."""
    cycles = estimate_cycles(design, recorded_signals(graph, inputs))
    assert cycles.exact
    busy = {name: clocks.tolist() for name, clocks in cycles.busy.items()}
    return Measured(cycles.latency.tolist(), cycles.interval.tolist(), busy)


def measure(graph: Graph, design: Design, inputs: np.ndarray) -> Measured:
    """The cycles of the RTL, by Icarus Verilog."""
    layers = [probe.name for probe in design.probes]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_design(graph, design, inputs, folder)
        ends = run_bench(folder, len(inputs), waits=False)[1]
        starts, rows = run_bench(folder, len(inputs), waits=True)
    return Measured(
        latency=(rows[:, 0] - starts + 1).tolist(),
        interval=np.diff(ends[:, 0]).tolist(),
        busy={layer: rows[:, 1 + place].tolist() for place, layer in enumerate(layers)},
    )


def write_design(graph: Graph, design: Design, inputs: np.ndarray, folder: Path) -> None:
    """Write a design, its input and the bench into a folder, and compile them."""
    for path, content in emit(design, version="0"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    port = design.input
    beats = pack_input(port, inputs).reshape(-1, port.data_bits // 8)[:, ::-1]
    (folder / "beats.mem").write_text("".join(f"{beat.tobytes().hex()}\n" for beat in beats))
    text = (
        _templates()
        .get_template("cycles_bench.v.j2")
        .render(
            port=port,
            inferences=len(inputs),
            layers=[probe.name for probe in design.probes],
            top=design.top,
            early=graph.nodes[-1].early is not None,
            most_cycles=10 * MOST_CYCLES,
        )
    )
    (folder / "bench.v").write_text(text)
    sources = sorted(str(path.relative_to(folder)) for path in (folder / "rtl").rglob("*.v"))
    command = ["iverilog", "-g2005", "-DSPIKELOOM_PROBE", "-o", "bench.vvp", "bench.v", *sources]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=LONGEST)


def run_bench(folder: Path, inferences: int, *, waits: bool) -> tuple[np.ndarray, np.ndarray]:
    """Starts `[N]`, and ends with the counts of all layers `[N, 1 + layers]`."""
    command = ["vvp", "-n", "bench.vvp", *(["+waits"] if waits else [])]
    run = subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, timeout=LONGEST
    )
    rows = [line.split() for line in run.stdout.splitlines()]
    starts = np.array([int(row[1]) for row in rows if row[0] == "start"])
    ends = np.array([[int(text) for text in row[1:]] for row in rows if row[0] == "end"])
    if len(ends) != inferences or len(starts) != inferences:
        raise RuntimeError(f"only {len(ends)} of {inferences} inferences ended")
    return starts, ends


def compare_run(run: Path, inferences: int) -> dict[str, Any]:
    """Compare the means and maxima that `spikeloom verify` reports for a trained network."""
    source = load_source(run)
    inputs = source.vectors.inputs[:inferences]
    design = lower(source.graph, source.options)
    signals = recorded_signals(source.graph, inputs)
    start = time.process_time()
    cycles = estimate_cycles(design, signals)
    spent = time.process_time() - start
    with tempfile.TemporaryDirectory() as name:
        out = spikeloom.build(run, Path(name) / "out")
        result = verify(out, limit=inferences, stress=inferences)
    ours = [figures(cycles.latency), figures(cycles.interval)]
    ours += [[round(float(clocks.mean()), 2)] for clocks in cycles.busy.values()]
    theirs = [
        [result.cycles_per_inference.mean, result.cycles_per_inference.max],
        [result.interval_cycles.mean, result.interval_cycles.max],
        *([result.layer_cycles[layer]] for layer in cycles.busy),
    ]
    return {
        "inferences": len(inputs),
        "latency": ours[0],
        "interval": ours[1],
        "compared": sum(map(len, ours)),
        "differences": sum(a != b for a, b in zip(chain(*ours), chain(*theirs), strict=True)),
        "ms_per_inference": round(1000 * spent / len(inputs), 2),
    }


def figures(clocks: np.ndarray) -> list[float]:
    """Mean and maximum, as `spikeloom verify` reports them."""
    return [round(float(clocks.mean()), 2), int(clocks.max())]


if __name__ == "__main__":
    main()
