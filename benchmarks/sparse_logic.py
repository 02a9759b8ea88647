"""What single weights that are gone save in the unrolled engine: look-up tables of its matrix.

    python benchmarks/sparse_logic.py RUN COMPRESSED_RUN [--layer hidden] [--family ecp5]

Both runs, such as runs/digits and what `spikeloom compress runs/digits --connectivity 0.1` makes of
it, are synthesised with this layer in logic, every instance by itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from estimator_corpus import BOARDS, synthesised

from spikeloom.boards._flow import FLOWS
from spikeloom.boards._reports import count_cells
from spikeloom.codegen import UNROLLED, BuildOptions, LayerOptions
from spikeloom.ir import Dense, load_graph

_LONGEST = 1800  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs=2, type=Path)
    parser.add_argument("--layer", default="hidden")
    parser.add_argument("--family", choices=list(BOARDS), default="ecp5")
    options = parser.parse_args()
    before, after = (measured(run, options.layer, options.family) for run in options.runs)
    for part in ("weights", "matrix", "whole design"):
        print(f"{part}: {before[part]:,} to {after[part]:,}, {after[part] / before[part]:.1%}")


def measured(run: Path, layer: str, family: str) -> dict[str, int]:
    """Weights that are not 0 in the layer, and look-up tables of its matrix and of all."""
    graph = load_graph(run)
    folding = BuildOptions(layers={layer: LayerOptions(engine=UNROLLED)})
    result = synthesised(f"logic-{run.name}", graph, folding, family, kept=True, longest=_LONGEST)
    used = {name: count_cells(cells, FLOWS[family]).lut for name, cells in result["cells"].items()}
    synapse = f"{layer}_synapse"
    (node,) = (n for n in graph.nodes if n.name == synapse)
    assert isinstance(node, Dense)
    return {
        "weights": int((node.weight != 0).sum()),
        "matrix": used[f"u_{synapse}__matrix"],
        "whole design": sum(used.values()),
    }


if __name__ == "__main__":
    main()
