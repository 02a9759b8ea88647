"""What is at work on an inference before its first beat, or after its result.

A delay starts every inference with zeros, whether its input has come or not,
and drops the last time step.  So what the input reaches through delays alone leads: it
may run ahead of it, as may what lies behind a concatenation that begins with a delay.  And
what reaches the readout through delays alone trails: nothing waits for its last
time step.
"""

from __future__ import annotations

from spikeloom.ir import (
    Add,
    Concat,
    Delay,
    Graph,
    Input,
    Neurons,
    Node,
    Readout,
    reached_from,
    readers_of,
    sources_of,
)


def leading_nodes(graph: Graph) -> frozenset[str]:
    """Return the neuron groups that may show a first neuron before the input has come."""
    delays = _delays(graph)
    onward = {name: set(found) - delays for name, found in readers_of(graph).items()}
    starts = {node.name for node in graph.nodes if isinstance(node, Input)}
    ends_late = starts | reached_from(starts, onward)
    starts_late: set[str] = set()
    for node in graph.nodes:
        if _starts_late(node, starts_late, ends_late):
            starts_late.add(node.name)
    return _watched(graph) - starts_late


def _starts_late(node: Node, starts_late: set[str], ends_late: set[str]) -> bool:
    """Return whether the first beat of a node waits for the input, that of its sources known."""
    match node:
        case Input():
            return True
        case Delay():
            return False
        case Concat():
            return node.sources[0] in starts_late
        case Add() | Neurons():
            return not starts_late.isdisjoint(sources_of(node))
        case _:  # an engine, which waits for a whole time step
            return node.name in ends_late


def trailing_nodes(graph: Graph) -> frozenset[str]:
    """Return the neuron groups, and the input, that reach the readout through delays alone."""
    delays = _delays(graph)
    back = {node.name: () if node.name in delays else sources_of(node) for node in graph.nodes}
    ends = {node.name for node in graph.nodes if isinstance(node, Readout)}
    return _watched(graph) - (ends | reached_from(ends, back))


def _delays(graph: Graph) -> set[str]:
    return {node.name for node in graph.nodes if isinstance(node, Delay)}


def _watched(graph: Graph) -> frozenset[str]:
    return frozenset(node.name for node in graph.nodes if isinstance(node, Input | Neurons))
