"""Random spike graphs and random foldings, for tests that compare two executions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spikeloom.codegen import BuildOptions, LayerOptions
from spikeloom.ir import (
    Conv2d,
    Dense,
    Encoder,
    Graph,
    Input,
    Leak,
    LeakTerm,
    Neurons,
    Node,
    Readout,
    ReadoutKind,
    Reset,
    Shape,
    SumPool2d,
    infer_shapes,
)

_LEAKS = (
    Leak.none(),
    Leak.shift(1),
    Leak.shift(3),
    Leak((LeakTerm(1, 1), LeakTerm(1, 2))),
    Leak((LeakTerm(1, 0), LeakTerm(-1, 2), LeakTerm(-1, 4))),
)


@dataclass(slots=True)
class _Chain:
    """A graph under construction: its nodes, and the shape at its end."""

    rng: np.random.Generator
    nodes: list[Node]
    shape: Shape

    @property
    def end(self) -> str:
        return self.nodes[-1].name

    def integer(self, low: int, high: int) -> int:
        """A random integer from `low` to `high`, both included."""
        return int(self.rng.integers(low, high + 1))

    def append(self, node: Node, shape: Shape) -> None:
        self.nodes.append(node)
        self.shape = shape


def random_graph(seed: int) -> Graph:
    """Draw a chain of one to three layers of any kind; the same for the same seed."""
    rng = np.random.default_rng(seed)
    time_steps = int(rng.integers(1, 6))
    chain = _start(rng)
    layers = int(rng.integers(1, 4))
    count = bool(rng.integers(0, 2))
    for index in range(layers):
        _add_layer(chain, index, last=index == layers - 1, count=count)
    kind = ReadoutKind.SPIKE_COUNT if count else ReadoutKind.MEMBRANE
    chain.append(Readout(name="scores", source=chain.end, kind=kind), chain.shape)
    return Graph.of(f"random{seed}", time_steps, chain.nodes)


def random_options(graph: Graph, seed: int) -> BuildOptions:
    """Draw a legal folding of `graph`, of its input too."""
    rng = np.random.default_rng(seed)
    shapes = infer_shapes(graph)
    channels = _first_channels(graph)
    ports = _divisor(rng, channels, most=8)
    input_lanes = ports * _divisor(rng, channels // ports)
    layers: dict[str, LayerOptions] = {}
    for node in graph.nodes:
        if isinstance(node, Neurons):
            following = _divisor(rng, shapes[node.name][0], most=4)
            neuron_lanes = following * _divisor(rng, shapes[node.name][0] // following)
            lanes = neuron_lanes * _divisor(rng, shapes[node.name][0] // neuron_lanes)
            layers[node.name] = LayerOptions(
                lanes=lanes, neuron_lanes=neuron_lanes, event_ports=ports
            )
            ports = following
    return BuildOptions(layers=layers, input_lanes=input_lanes)


def _first_channels(graph: Graph) -> int:
    """Channels of one position of the input, as the first synapse reads it."""
    node, following = graph.nodes[:2]
    assert isinstance(node, Input)
    return math.prod(node.shape) if isinstance(following, Dense) else node.shape[0]


def random_inputs(graph: Graph, count: int, seed: int) -> np.ndarray:
    """Draw inputs from silent to saturated: the first all zero, the last all maximum."""
    rng = np.random.default_rng(seed)
    node = graph.nodes[0]
    assert isinstance(node, Input)
    steps = (graph.time_steps,) if node.encoder is Encoder.SPIKES else ()
    shape = (count, *steps, *node.shape)
    density = rng.random(count).reshape((count,) + (1,) * (len(shape) - 1))
    values = rng.integers(0, 2**node.bits, shape) * (rng.random(shape) < density)
    values[0] = 0
    values[-1] = 2**node.bits - 1
    return values.astype(np.uint16)


def _start(rng: np.random.Generator) -> _Chain:
    encoder = list(Encoder)[int(rng.integers(0, 3))]
    bits = 1 if encoder is Encoder.SPIKES else int(rng.integers(1, 7))
    shape: Shape = (int(rng.integers(1, 40)),)
    if rng.random() < 0.6:
        shape = tuple(int(n) for n in rng.integers((1, 3, 3), (5, 10, 10)))
    seed = int(rng.integers(1, 65536))
    node = Input(name="pixels", shape=shape, bits=bits, encoder=encoder, seed=seed)
    return _Chain(rng, [node], shape)


def _add_layer(chain: _Chain, index: int, *, last: bool, count: bool) -> None:
    if len(chain.shape) == 3 and chain.rng.random() < 0.4:
        _add_pool(chain, index)
    if len(chain.shape) == 3 and not last and chain.rng.random() < 0.8:
        _add_conv(chain, index)
    else:
        _add_dense(chain, index)
    _add_neurons(chain, index, silent=last and not count)


def _add_pool(chain: _Chain, index: int) -> None:
    channels, height, width = chain.shape
    kernel = (chain.integer(1, min(3, height)), chain.integer(1, min(3, width)))
    node = SumPool2d(name=f"pool{index}", source=chain.end, kernel=kernel)
    chain.append(node, (channels, height // kernel[0], width // kernel[1]))


def _weights(chain: _Chain, shape: tuple[int, ...], bits: int) -> np.ndarray:
    top = 2 ** (bits - 1)
    return chain.rng.integers(-top, top, shape) * (chain.rng.random(shape) < 0.8)


def _add_conv(chain: _Chain, index: int) -> None:
    channels, height, width = chain.shape
    kernel = (chain.integer(1, min(5, height)), chain.integer(1, min(5, width)))
    stride = (chain.integer(1, 3), chain.integer(1, 3))
    padding = (chain.integer(0, kernel[0] - 1), chain.integer(0, kernel[1] - 1))
    bits, outputs = chain.integer(2, 8), chain.integer(1, 8)
    node = Conv2d(
        name=f"conv{index}",
        source=chain.end,
        weight=_weights(chain, (outputs, channels, *kernel), bits),
        weight_bits=bits,
        stride=stride,
        padding=padding,
    )
    sizes = tuple(
        (size + 2 * pad - k) // step + 1
        for size, pad, k, step in zip((height, width), padding, kernel, stride, strict=True)
    )
    chain.append(node, (outputs, *sizes))


def _add_dense(chain: _Chain, index: int) -> None:
    inputs, outputs, bits = int(np.prod(chain.shape)), chain.integer(1, 24), chain.integer(2, 8)
    weight = _weights(chain, (outputs, inputs), bits)
    node = Dense(name=f"dense{index}", source=chain.end, weight=weight, weight_bits=bits)
    chain.append(node, (outputs,))


def _add_neurons(chain: _Chain, index: int, *, silent: bool) -> None:
    shapes: list[tuple[int, ...]] = [(), chain.shape[:1], chain.shape]
    rng, form = chain.rng, shapes[chain.integer(0, 2)]
    membrane_bits = chain.integer(3, 12) if rng.random() < 0.5 else None
    top = 60 if membrane_bits is None else min(60, 2 ** (membrane_bits - 1))
    bias = 2 ** chain.integer(0, 9)  # up to far beyond what the membrane holds
    node = Neurons(
        name=f"layer{index}",
        source=chain.end,
        threshold=None if silent else rng.integers(1, top, form),
        bias=rng.integers(-bias, bias + 1, form),
        leak=_LEAKS[chain.integer(0, len(_LEAKS) - 1)],
        reset=Reset.NONE if silent else list(Reset)[chain.integer(0, 2)],
        reset_delay=not silent and rng.random() < 0.3,
        membrane_bits=membrane_bits,
    )
    chain.append(node, chain.shape)


def _divisor(rng: np.random.Generator, of: int, most: int | None = None) -> int:
    divisors = [n for n in range(1, (most or of) + 1) if of % n == 0]
    return int(divisors[int(rng.integers(0, len(divisors)))])
