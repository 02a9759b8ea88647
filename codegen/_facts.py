"""A graph as lowering sees it: which node reads which stream, and through which pools."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from spikeloom.codegen._literals import unsigned_bits
from spikeloom.ir import (
    Conv2d,
    Dense,
    Encoder,
    Graph,
    Input,
    Kind,
    MaxPool2d,
    Neurons,
    Node,
    Product,
    Shape,
    SumPool2d,
    Synapse,
    TokenMix,
    Widths,
    infer_kinds,
    infer_shapes,
    infer_widths,
    input_of,
    layer_of,
    pools_before,
    sources_of,
)

Engine = Dense | Conv2d | TokenMix | Product


@dataclass(frozen=True, slots=True)
class Source:
    """A stream that a node reads, and the sum pools between that the node does itself."""

    name: str
    pool: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a stream: the node, and which of its inputs."""

    name: str
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything known about a checked graph.

    `sources` and `readers` are those of streams: a sum pool whose windows lie
    side by side in front of a synapse is part of its address rule, and is in neither unless
    something else reads it as well.
    """

    graph: Graph
    shapes: Mapping[str, Shape]
    widths: Widths
    kinds: Mapping[str, Kind]
    layers: Mapping[str, str]
    nodes: Mapping[str, Node]
    sources: Mapping[str, tuple[Source, ...]]
    readers: Mapping[str, tuple[Reader, ...]]

    @property
    def input(self) -> Input:
        """The input."""
        return input_of(self.graph)

    def is_signed(self, name: str) -> bool:
        """Whether a node puts out currents."""
        return self.kinds[name] is Kind.CURRENTS

    def is_static(self, name: str) -> bool:
        """Whether a stream is sent once per inference."""
        return name == self.input.name and self.input.encoder is Encoder.DIRECT

    def repeats(self, name: str) -> int:
        """Time steps in which a node puts out what it makes of one step of its input."""
        return self.graph.time_steps if self.is_static(self.sources[name][0].name) else 1

    def value_bits(self, name: str) -> int:
        """Bits of a value of an operand stream."""
        return unsigned_bits(self.widths.operands[name])

    def precedes(self, name: str, other: str) -> bool:
        """Whether a node stands before another in the graph."""
        order = list(self.nodes)
        return order.index(name) < order.index(other)

    def is_backward(self, name: str) -> bool:
        """Whether a node reads one that comes later, or itself."""
        return any(not self.precedes(source.name, name) for source in self.sources[name])

    def is_flat(self, name: str) -> bool:
        """Whether a stream has one long word order: only dense synapses read it, unpooled."""
        return all(
            isinstance(self.nodes[reader.name], Dense)
            and self.sources[reader.name][0].pool == (1, 1)
            for reader in self.readers[name]
        )

    def channels(self, name: str) -> int:
        """Neighbouring values of a stream that one word may hold."""
        shape = self.shapes[name]
        if isinstance(self.nodes[name], Input) and self.is_flat(name):
            return math.prod(shape)
        return shape[0]

    def is_channelwise(self, name: str) -> bool:
        """Whether an engine keeps channels apart: depthwise convolutions and token mixing."""
        node = self.nodes[name]
        if not isinstance(node, Conv2d):
            return isinstance(node, TokenMix)
        channels = self.shapes[self.sources[name][0].name][0]
        return node.groups == channels == self.shapes[name][0] > 1

    def positions(self, name: str) -> tuple[int, int]:
        """Height and width of what a node puts out; 1 by 1 for a vector."""
        return map_size(self.shapes[name])

    def engines(self, layer: str) -> tuple[str, ...]:
        """The synapses and products of a layer."""
        members = self.workers(layer)
        return tuple(name for name in members if isinstance(self.nodes[name], Engine))

    def workers(self, layer: str) -> tuple[str, ...]:
        """The nodes of a layer that tell when they are at work: engines, and pools."""
        return tuple(
            name
            for name, node in self.nodes.items()
            if isinstance(node, Engine | SumPool2d | MaxPool2d) and self.layers[name] == layer
        )

    def only_neurons(self, name: str) -> Neurons | None:
        """The neuron group that alone reads a stream, if there is one."""
        readers = self.readers[name]
        node = self.nodes[readers[0].name]
        return node if len(readers) == 1 and isinstance(node, Neurons) else None


def facts_of(graph: Graph) -> Facts:
    """Gather the facts of a graph, which is checked first.

    Raises:
        GraphError: If the graph breaks a rule.
    """
    widths = infer_widths(graph)
    nodes = {node.name: node for node in graph.nodes}
    sources = _stream_sources(graph)
    return Facts(
        graph=graph,
        shapes=infer_shapes(graph),
        widths=widths,
        kinds=infer_kinds(graph),
        layers=layer_of(graph),
        nodes={name: node for name, node in nodes.items() if name in sources},
        sources=sources,
        readers=_readers(sources),
    )


def map_size(shape: Shape) -> tuple[int, int]:
    """Height and width of a shape, 1 by 1 for a vector."""
    return (shape[1], shape[2]) if len(shape) == 3 else (1, 1)


def _stream_sources(graph: Graph) -> dict[str, tuple[Source, ...]]:
    """The streams that every node reads, for the nodes that are streams themselves."""
    read = {node.name: _sources(graph, node) for node in graph.nodes}
    wanted = {node.name for node in graph.nodes if not isinstance(node, SumPool2d)}
    while True:
        more = {source.name for name in wanted for source in read[name]} - wanted
        if not more:
            return {name: sources for name, sources in read.items() if name in wanted}
        wanted |= more


def _sources(graph: Graph, node: Node) -> tuple[Source, ...]:
    if not isinstance(node, Synapse):
        return tuple(Source(name) for name in sources_of(node))
    pools = pools_before(graph, node)
    height, width = (math.prod(pool.kernel[axis] for pool in pools) for axis in (0, 1))
    return (Source(pools[-1].source if pools else node.source, (height, width)),)


def _readers(sources: Mapping[str, tuple[Source, ...]]) -> dict[str, tuple[Reader, ...]]:
    readers: dict[str, list[Reader]] = {name: [] for name in sources}
    for name, streams in sources.items():
        for index, source in enumerate(streams):
            readers[source.name].append(Reader(name, index))
    return {name: tuple(found) for name, found in readers.items()}
