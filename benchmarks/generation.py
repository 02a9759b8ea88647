"""How long it takes to generate a design, from the graph to its files in memory.

    python benchmarks/generation.py RUN [RUN ...] [--repeats 5]

RUN is a run folder, or a folder with a graph.  Medians of lowering (widths,
folding, views) and of emission (Verilog, memory files) are printed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from spikeloom.codegen import FileSet, emit, lower
from spikeloom.ir import Graph, load_graph


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure generation.")
    parser.add_argument("run", nargs="+", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    for run in options.run:
        measure(load_graph(run), options.repeats)


def measure(graph: Graph, repeats: int) -> None:
    rounds = [generate(graph) for _ in range(repeats)]
    lowering = statistics.median(round_[0] for round_ in rounds)
    emission = statistics.median(round_[1] for round_ in rounds)
    files = rounds[0][2]
    size = sum(len(content) for _, content in files)
    print(
        f"{graph.name}: lowering {lowering * 1e3:.0f} ms, emission {emission * 1e3:.0f} ms "
        f"(medians of {repeats}), {len(files.digests())} files of {size / 1e6:.2f} MB"
    )


def generate(graph: Graph) -> tuple[float, float, FileSet]:
    start = time.perf_counter()
    design = lower(graph)
    lowered = time.perf_counter()
    files = emit(design, version="0")
    return lowered - start, time.perf_counter() - lowered, files


if __name__ == "__main__":
    main()
