"""Kinds: which nodes put out unsigned operands, and which signed currents."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from spikeloom.ir._graph import (
    Add,
    Conv2d,
    Dense,
    Graph,
    Input,
    Neurons,
    Node,
    Product,
    Readout,
    TokenMix,
    sources_of,
)


class Kind(StrEnum):
    """What a node puts out."""

    OPERANDS = "operands"  # unsigned: spikes, input values, counts; synapses read them
    CURRENTS = "currents"  # signed sums; neurons, adders and the weights of a product read them


def infer_kinds(graph: Graph) -> dict[str, Kind]:
    """Return the kind of every node but the readout, by node name.

    A loop that nothing else decides carries operands.  Sources that are not in
    the graph count as operands: the rules of a graph are not checked here.
    """
    nodes = [node for node in graph.nodes if not isinstance(node, Readout)]
    kinds = dict.fromkeys((node.name for node in nodes), Kind.OPERANDS)
    # Currents only ever spread, so that this ends; each sweep follows the order of the nodes.
    while _sweep(nodes, kinds):
        pass
    return kinds


def _sweep(nodes: Sequence[Node], kinds: dict[str, Kind]) -> bool:
    """Mark what puts out currents as far as `kinds` tell; say whether any was new."""
    before = list(kinds.values())
    for node in nodes:
        if _puts_out_currents(node, kinds):
            kinds[node.name] = Kind.CURRENTS
    return before != list(kinds.values())


def _puts_out_currents(node: Node, kinds: dict[str, Kind]) -> bool:
    match node:
        case Input() | Neurons():
            return False
        case Dense() | Conv2d() | TokenMix() | Product():
            return True
        case Add() if node.bias.any():
            return True
        case _:
            return any(kinds.get(name) is Kind.CURRENTS for name in sources_of(node))
