"""What sparse weights save: clock cycles, block RAM and logic of one dense synapse.

    python benchmarks/sparse.py [--inputs 784] [--outputs 128] [--lanes 8] [--kept 0.1]

A network of two dense layers with random weights, of which the words of `lanes` weights of the
first one hold any with the chance `kept`, once with all words stored and once without the empty
ones.  Both are simulated, bit by bit, and their first synapse is synthesised by itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from estimator_corpus import synthesised

import spikeloom
from spikeloom.boards._flow import FLOWS
from spikeloom.boards._reports import count_cells
from spikeloom.codegen import BuildOptions, LayerOptions, lower
from spikeloom.codegen._estimate._area import estimate_area
from spikeloom.ir import Dense, Encoder, Graph, Input, Neurons, Readout, save_graph
from spikeloom.sim import verify

BITS, STEPS, CLASSES, RATE, INFERENCES = 4, 4, 10, 0.2, 20
FAMILIES = ("ecp5", "ice40")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=784)
    parser.add_argument("--outputs", type=int, default=128)
    parser.add_argument("--lanes", type=int, default=8)
    parser.add_argument("--kept", type=float, default=0.1)
    parser.add_argument("--out", type=Path, default=Path("out/sparse"))
    options = parser.parse_args()
    graph = network(options.inputs, options.outputs, options.lanes, options.kept)
    print(f"{options.inputs} to {options.outputs}, lanes {options.lanes}, kept {options.kept:.0%}")
    for sparse in (False, True):
        folding = BuildOptions(layers={"fc1": LayerOptions(lanes=options.lanes, sparse=sparse)})
        print("sparse" if sparse else "all words")
        simulate(graph, folding, options.out / ("sparse" if sparse else "all"))
        for family in FAMILIES:
            synthesise(graph, folding, family)


def network(inputs: int, outputs: int, lanes: int, kept: float) -> Graph:
    """Random weights, in the first layer in so many of its words."""
    rng = np.random.default_rng(1)
    top = 1 << BITS - 1
    words = (rng.random((outputs // lanes, inputs)) < kept).repeat(lanes, axis=0)
    first = rng.integers(1 - top, top, (outputs, inputs)) * words
    second = rng.integers(1 - top, top, (CLASSES, outputs))
    nodes = (
        Input(name="events", shape=(inputs,), encoder=Encoder.SPIKES),
        Dense(name="fc1", source="events", weight=first, weight_bits=BITS),
        Neurons(name="hidden", source="fc1", threshold=np.array(12)),
        Dense(name="fc2", source="hidden", weight=second, weight_bits=BITS),
        Neurons(name="output", source="fc2", threshold=np.array(12)),
        Readout(name="classes", source="output"),
    )
    return Graph.of("sparse", STEPS, nodes)


def simulate(graph: Graph, folding: BuildOptions, folder: Path) -> None:
    """Compare everything with the reference, and say how long the first layer works."""
    rng = np.random.default_rng(2)
    inputs = rng.random((INFERENCES, STEPS, *graph.nodes[0].shape)) < RATE  # type: ignore[union-attr]
    source = folder / "graph"
    save_graph(graph, source)
    np.savez(source / "test.npz", inputs=inputs.astype(np.uint8))
    out = spikeloom.build(graph, folder / "design", options=folding)
    np.savez(out / "vectors" / "test.npz", inputs=inputs.astype(np.uint8))
    result = verify(out, probe=True)
    busy = result.modes[0].layers["hidden"]
    assert busy is not None
    events = inputs.sum() / INFERENCES
    print(f"  mismatches {result.mismatches} of {result.membranes_compared} membranes")
    print(f"  busy {busy.mean} cycles per inference, for {events:.1f} events")


def synthesise(graph: Graph, folding: BuildOptions, family: str) -> None:
    """Say what the first synapse becomes, and what was estimated of it."""
    name = f"sparse{folding.layers['fc1'].sparse:d}"
    result = synthesised(name, graph, folding, family, kept=True)
    used = count_cells(result["cells"]["u_fc1"], FLOWS[family])
    known = estimate_area(lower(graph, folding, family=family), family).by_node["fc1"]
    print(f"  {family}: {used} synthesised; {known} estimated")


if __name__ == "__main__":
    main()
