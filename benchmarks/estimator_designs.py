"""The designs that the area estimator is calibrated on, and those that it is judged on.

Every design comes from a number: even ones are networks as people build them, of layers in a row
with a shortcut here and there, odd ones are random graphs over all kinds of nodes, those of
the tests.  Foldings are drawn as well, and tried until one is legal.  Those of the sixth hundred of
a thousand have few words of weights left, and leave them out where that is legal.

    python benchmarks/estimator_designs.py FIRST LAST   # lists how large they are
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from spikeloom.codegen import BuildOptions, LayerOptions, lower
from spikeloom.codegen._views import Instance
from spikeloom.ir import (
    Add,
    BuildError,
    Conv2d,
    Delay,
    Dense,
    Encoder,
    Graph,
    Input,
    Leak,
    LeakTerm,
    MaxPool2d,
    Neurons,
    Node,
    Readout,
    ReadoutKind,
    Reset,
    Shape,
    SumPool2d,
)

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from random_events import with_random_events
from random_graphs import random_graph, random_options
from random_sparse import with_sparse_weights

_LEAKS = (
    Leak.none(),
    Leak.shift(1),
    Leak.shift(2),
    Leak.shift(4),
    Leak((LeakTerm(1, 0), LeakTerm(-1, 3))),
    Leak((LeakTerm(1, 0), LeakTerm(-1, 2), LeakTerm(1, 4))),
)
_WIDTHS = (10, 16, 20, 24, 32, 40, 48, 64, 96, 100, 128, 256)
_TRIES = 30
_SPARSE = 5  # hundred of the numbers of designs with few weights
_T = TypeVar("_T")


@dataclass(slots=True)
class _Network:
    """A network under construction, layer upon layer."""

    rng: np.random.Generator
    nodes: list[Node] = field(default_factory=list)
    layers: dict[str, LayerOptions] = field(default_factory=dict)

    def one_of(self, values: tuple[_T, ...]) -> _T:
        """A random one of `values`."""
        return values[int(self.rng.integers(len(values)))]

    def chance(self, of: float) -> bool:
        """True with the probability `of`."""
        return bool(self.rng.random() < of)

    def name(self, kind: str) -> str:
        """A fresh name."""
        return f"{kind}{len(self.nodes)}"

    def add(self, node: Node) -> str:
        """Append a node; returns its name."""
        self.nodes.append(node)
        return node.name

    def weights(self, shape: tuple[int, ...], bits: int) -> np.ndarray:
        """Weights about bell-shaped, as trained ones are."""
        most = 2 ** (bits - 1) - 1
        values = np.rint(self.rng.normal(0, max(most, 1) / 2.5, shape))
        return np.clip(values, -most, most).astype(np.int64)

    def dense(self, source: str, inputs: int, outputs: int) -> str:
        """A dense synapse."""
        bits = self.one_of((2, 3, 4, 4, 6, 8))
        weight = self.weights((outputs, inputs), bits)
        return self.add(
            Dense(name=self.name("dense"), source=source, weight=weight, weight_bits=bits)
        )

    def convolution(self, source: str, shape: Shape, outputs: int, groups: int = 1) -> str:
        """A convolution that keeps the size of its map."""
        bits = self.one_of((2, 3, 4, 4, 6, 8))
        weight = self.weights((outputs, shape[0] // groups, 3, 3), bits)
        node = Conv2d(
            name=self.name("conv"),
            source=source,
            weight=weight,
            weight_bits=bits,
            padding=(1, 1),
            groups=groups,
        )
        return self.add(node)

    def neurons(self, source: str, shape: Shape) -> str:
        """A neuron group."""
        form = self.one_of(((), shape[:1], shape[:1]))
        node = Neurons(
            name=self.name("layer"),
            source=source,
            threshold=self.rng.integers(8, 40, form),
            bias=self.rng.integers(-10, 10, form) if self.chance(0.6) else np.zeros((), np.int64),
            leak=self.one_of(_LEAKS),
            reset=self.one_of(tuple(Reset)),
            reset_delay=self.chance(0.15),
            membrane_bits=self.one_of((None, 8, 10, 12)),
        )
        return self.add(node)


def draw(number: int) -> tuple[Graph, BuildOptions]:
    """Draw a design and a legal folding of it; the same for the same number."""
    graph, options = _dense(number)
    if number // 100 % 10 == _SPARSE:
        return with_sparse_weights(graph, options, number)
    return graph, options


def _dense(number: int) -> tuple[Graph, BuildOptions]:
    if number % 2:
        graph = random_graph(number)
        return graph, with_random_events(graph, random_options(graph, number), number)
    rng = np.random.default_rng([number, 7])
    network = _Network(rng)
    graph = _network(network, f"network{number}")
    for _ in range(_TRIES):
        options = _folding(network, graph)
        try:
            lower(graph, options)
        except BuildError:
            continue
        return graph, options
    return graph, BuildOptions()


def _network(network: _Network, name: str) -> Graph:
    steps = network.one_of((1, 2, 4, 4, 8, 10))
    encoder = network.one_of((Encoder.DIRECT, Encoder.RATE, Encoder.SPIKES, Encoder.SPIKES))
    bits = 1 if encoder is Encoder.SPIKES else network.one_of((1, 2, 4, 8))
    is_map = network.chance(0.5)
    shape: Shape = (
        (network.one_of((1, 2, 3, 4)), *(network.one_of((8, 10, 12, 14)),) * 2)
        if is_map
        else (network.one_of((16, 32, 48, 64, 100, 144, 256, 400)),)
    )
    seed = int(network.rng.integers(1, 65535))
    last = network.add(Input(name="pixels", shape=shape, bits=bits, encoder=encoder, seed=seed))
    if is_map:
        last, shape = _maps(network, last, shape)
    for _ in range(network.one_of((0, 1, 1, 2)) if is_map else network.one_of((1, 1, 2, 2, 3))):
        outputs = network.one_of(_WIDTHS)
        current = network.dense(last, math.prod(shape), outputs)
        last, shape = _recurrent(network, current, (outputs,)), (outputs,)
    classes = network.one_of((2, 5, 10, 10, 12, 20))
    last = network.neurons(network.dense(last, math.prod(shape), classes), (classes,))
    kind = network.one_of(tuple(ReadoutKind)[:2])
    if kind is ReadoutKind.MEMBRANE:
        network.nodes[-1] = replace(
            network.nodes[-1], threshold=None, reset=Reset.NONE, reset_delay=False
        )
    network.add(Readout(name="scores", source=last, kind=kind))
    return Graph.of(name, steps, network.nodes)


def _maps(network: _Network, last: str, shape: Shape) -> tuple[str, Shape]:
    """One or two layers of convolution, with pooling behind, and a shortcut at times."""
    for _ in range(network.one_of((1, 1, 2))):
        outputs = network.one_of((4, 6, 8, 12, 16, 32))
        current = network.convolution(last, shape, outputs)
        shape = (outputs, *shape[1:])
        last = network.neurons(current, shape)
        choice = network.one_of(("none", "depthwise", "shortcut", "none"))
        if choice == "depthwise":
            last = network.neurons(network.convolution(last, shape, outputs, outputs), shape)
        elif choice == "shortcut":
            again = network.convolution(last, shape, outputs)
            total = Add(name=network.name("sum"), sources=(again, current), shifts=(0, 0))
            last = network.neurons(network.add(total), shape)
        if network.chance(0.7) and min(shape[1:]) >= 4:
            kind = network.one_of((SumPool2d, SumPool2d, MaxPool2d))
            last = network.add(kind(name=network.name("pool"), source=last, kernel=(2, 2)))
            shape = (shape[0], shape[1] // 2, shape[2] // 2)
    return last, shape


def _recurrent(network: _Network, current: str, shape: Shape) -> str:
    """Neurons behind a current, which at times read their own spikes."""
    if not network.chance(0.15):
        return network.neurons(current, shape)
    place = len(network.nodes)
    late = network.add(Delay(name=network.name("late"), source="later", shape=shape))
    back = network.dense(late, shape[0], shape[0])
    total = Add(name=network.name("sum"), sources=(current, back), shifts=(0, 0))
    last = network.neurons(network.add(total), shape)
    network.nodes[place] = Delay(name=late, source=last, shape=shape)
    return last


def _folding(network: _Network, graph: Graph) -> BuildOptions:
    """A random folding, which need not be legal."""
    layers = {}
    for node in graph.nodes:
        if isinstance(node, Dense | Conv2d) and network.chance(0.8):
            small = isinstance(node, Dense) and np.count_nonzero(node.weight) < 1000
            if small and network.chance(0.3):
                layers[node.name] = LayerOptions(engine="unrolled")
            else:
                layers[node.name] = _engine(network, node)
    first = graph.nodes[0]
    assert isinstance(first, Input)
    lanes = _divisor(network, first.shape[0], 32) if network.chance(0.5) else None
    return BuildOptions(layers=layers, input_lanes=lanes)


def _engine(network: _Network, node: Dense | Conv2d) -> LayerOptions:
    banks = network.one_of((1, 1, 1, 2, 4))
    single = getattr(node, "groups", 1) > 1 or network.chance(0.4)
    groups = getattr(node, "groups", 1)
    return LayerOptions(
        lanes=_divisor(network, len(node.weight) // groups, 64) if groups == 1 else None,
        current_buffers=network.one_of((None, 1, 2)),
        event_field=None if single or network.chance(0.5) else network.one_of((1, 2, 4)),
        weight_banks=None if single else banks,
        event_ports=None if single else banks * network.one_of((1, 2)),
    )


def _divisor(network: _Network, of: int, most: int) -> int:
    divisors = tuple(n for n in range(1, min(of, most) + 1) if of % n == 0)
    return network.one_of(divisors[-4:])


def main() -> None:
    """List how large the designs are, to choose from before anything is synthesised."""
    first, last = map(int, sys.argv[1:])
    for number in range(first, last + 1):
        graph, options = draw(number)
        design = lower(graph, options)
        instances = [instance for block in design.blocks for instance in block.instances]
        adders = sum(_adder_bits(_parameters(instance)) for instance in instances)
        memories = sum(storage.total for storage in design.storages)
        encoder = next(node.encoder for node in graph.nodes if isinstance(node, Input))
        print(
            f"{number}: instances {len(instances)}, memory bits {memories}, adder bits about "
            f"{adders}, encoder {encoder}"
        )


def _parameters(instance: Instance) -> dict[str, int]:
    values = (p for section in instance.sections for p in section.parameters)
    return {p.name: int(p.value) for p in values if p.value.isdecimal()}


def _adder_bits(values: dict[str, int]) -> int:
    """About the bits of all adders of an instance, to tell small designs from large ones."""
    lanes = values.get("Lanes", values.get("Neurons", 0))
    bits = values.get("CurrentBits", 0) + values.get("SumBits", 0)
    return lanes * bits * (1 + values.get("Ports", 1)) // 2


if __name__ == "__main__":
    main()
