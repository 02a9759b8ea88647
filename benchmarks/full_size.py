"""SpikingResformer-Ti at full size: one block bit by bit in RTL, the whole network to RTL.

    python benchmarks/full_size.py block [--out FOLDER] [--inferences 1]
    python benchmarks/full_size.py network [--variant ti] [--out FOLDER]

`block` is a block of stage 3 (384 channels, 14x14 tokens, 6 heads, p = 1) with
random 4-bit weights for two time steps: every spike and membrane of the RTL is compared
with the reference executor.  `network` takes the network at 224x224 with untrained
weights to RTL without a board, and tells time, memory, and which boards could hold it.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np

import spikeloom
from spikeloom.codegen import BuildOptions, LayerOptions
from spikeloom.ir import (
    Add,
    Conv2d,
    Dense,
    Encoder,
    Executor,
    Graph,
    Input,
    IntArray,
    Leak,
    Neurons,
    Node,
    Product,
    Readout,
    ReadoutKind,
    Reset,
    SumPool2d,
    dense_operations,
    save_graph,
)

CHANNELS, SIDE, HEADS, EXPANSION, GROUP = 384, 14, 6, 4, 64
BITS, STEPS, CLASSES, RATE = 4, 2, 10, 0.15


def main() -> None:
    parser = argparse.ArgumentParser(description="SpikingResformer-Ti at full size.")
    parser.add_argument("what", choices=("block", "network"))
    parser.add_argument("--out", type=Path, default=Path("out/full_size"))
    parser.add_argument("--inferences", type=int, default=1)
    parser.add_argument("--variant", default="ti")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.what == "block":
        block(options.out / "block", options.inferences, options.seed)
    else:
        network(options.out / options.variant, options.variant, options.seed)


def block(out: Path, inferences: int, seed: int) -> None:
    """Compare one block with the reference, bit by bit."""
    rng = np.random.default_rng(seed)
    graph = block_graph(rng)
    print(f"dense operations per time step: {sum(dense_operations(graph).values()) / 1e6:.0f} M")
    report_rates(graph, rng)
    start = time.perf_counter()
    spikeloom.build(graph, out, options=block_options())
    print(f"built in {time.perf_counter() - start:.0f} s")
    start = time.perf_counter()
    result = spikeloom.verify(out, probe=True, limit=inferences)
    print(
        f"inferences {result.inferences}, spikes compared {result.spikes_compared}, membranes "
        f"compared {result.membranes_compared}, mismatches {result.mismatches}, cycles "
        f"{result.cycles_per_inference.mean:.0f}, {time.perf_counter() - start:.0f} s"
    )


def block_graph(rng: np.random.Generator) -> Graph:
    """Build X -> MHDSSA(X) + X -> GWSFFN, with a head to read it out."""
    wide = CHANNELS * EXPANSION
    current = spread(CHANNELS * RATE)  # of a sum of weights that spikes select
    nodes: list[Node] = [
        Input(name="x", shape=(CHANNELS, SIDE, SIDE), encoder=Encoder.SPIKES),
        convolution(rng, "stem", "x", CHANNELS, CHANNELS),
        neurons("attend", "stem", current),
        convolution(rng, "f1", "attend", CHANNELS, CHANNELS),
        convolution(rng, "f2", "attend", CHANNELS, CHANNELS),
        Product(name="map", source="attend", weights="f1", heads=HEADS, transposed=True),
        neurons("attention", "map", current * (CHANNELS // HEADS * RATE) ** 0.5),
        Product(name="values", source="attention", weights="f2", heads=HEADS),
        neurons("attended", "values", current * (SIDE * SIDE * RATE) ** 0.5),
        convolution(rng, "project", "attended", CHANNELS, CHANNELS),
        Add(name="y", sources=("project", "stem")),
        neurons("feed", "y", current * 2**0.5),
        convolution(rng, "widen", "feed", CHANNELS, wide),
        neurons("wide", "widen", current),
        convolution(rng, "local", "wide", wide, wide, kernel=3, groups=wide // GROUP),
        Add(name="mixed", sources=("local", "widen")),
        neurons("narrow", "mixed", current * 2**0.5),
        convolution(rng, "back", "narrow", wide, CHANNELS),
        Add(name="z", sources=("back", "y")),
        neurons("head", "z", current * 2),
        SumPool2d(name="pool", source="head", kernel=(SIDE, SIDE)),
        Dense(name="classes", source="pool", weight=weights(rng, CLASSES, CHANNELS), weight_bits=4),
        Neurons(name="scores", source="classes", threshold=None, reset=Reset.NONE),
        Readout(name="readout", source="scores", kind=ReadoutKind.MEMBRANE),
    ]
    return Graph.of("ti_block", STEPS, nodes)


def weights(rng: np.random.Generator, *shape: int) -> IntArray:
    limit = 2 ** (BITS - 1) - 1
    return rng.integers(-limit, limit + 1, shape)


def spread(terms: float) -> float:
    """The standard deviation of a sum of so many random weights."""
    limit = 2 ** (BITS - 1) - 1
    return float((terms * limit * (limit + 1) / 3) ** 0.5)


def convolution(
    rng: np.random.Generator,
    name: str,
    source: str,
    inputs: int,
    outputs: int,
    *,
    kernel: int = 1,
    groups: int = 1,
) -> Conv2d:
    return Conv2d(
        name=name,
        source=source,
        weight=weights(rng, outputs, inputs // groups, kernel, kernel),
        weight_bits=BITS,
        padding=(kernel // 2, kernel // 2),
        groups=groups,
    )


def neurons(name: str, source: str, threshold: float) -> Neurons:
    """LIF neurons as in the paper: decay 1/2, hard reset."""
    return Neurons(
        name=name,
        source=source,
        threshold=np.array(round(threshold)),
        leak=Leak.shift(1),
        reset=Reset.ZERO,
    )


def block_options() -> BuildOptions:
    """Many weights per clock, so that simulating the block takes minutes."""
    synapses = ("stem", "f1", "f2", "project", "widen", "back")
    lanes = {**dict.fromkeys(synapses, 128), "local": GROUP, "values": GROUP, "map": SIDE}
    return BuildOptions(layers={name: LayerOptions(lanes=n) for name, n in lanes.items()})


def report_rates(graph: Graph, rng: np.random.Generator) -> None:
    """Print the firing rates of all groups: a silent block would prove nothing."""
    inputs = rng.random((1, STEPS, CHANNELS, SIDE, SIDE)) < RATE
    layers = Executor(graph).run(inputs.astype(np.uint8), record=True).layers
    rates = {name: float(trace.spikes.mean()) for name, trace in layers.items()}
    print("firing rates: " + ", ".join(f"{name} {100 * r:.1f} %" for name, r in rates.items()))


def network(out: Path, variant: str, seed: int) -> None:
    """Take a whole network to RTL."""
    from spikeloom.model import Network, NetworkConfig, SpikingResformerConfig, export

    start = time.perf_counter()
    config = NetworkConfig(architecture=SpikingResformerConfig(variant=variant))  # type: ignore[arg-type]  # checked there
    shape = (3, 224, 224)
    made = Network(config, shape=shape, classes=1000, input_bits=8, name=variant, seed=seed)
    graph = export(made)
    save_graph(graph, out / "graph")
    exported = time.perf_counter()
    operations = sum(dense_operations(graph).values())
    print(f"exported in {exported - start:.0f} s: {operations / 1e9:.2f} G operations per step")
    folder = spikeloom.build(graph, out / "build")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"built in {time.perf_counter() - exported:.0f} s; peak memory {peak:.1f} GiB")
    for fit in spikeloom.fit(folder):
        print(fit)


if __name__ == "__main__":
    main()
