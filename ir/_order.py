"""The order in which a graph is worked through, and the loops in it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spikeloom.ir._graph import Delay, Graph, Input, Node, sources_of

Edges = Mapping[str, Iterable[str]]


@dataclass(frozen=True, slots=True)
class Stage:
    """One node, or all nodes of a feedback loop (`is_loop`), each behind what it reads.

    A delay of a loop stands before its readers, and knows its value beforehand.
    """

    nodes: tuple[Node, ...]
    is_loop: bool


def readers_of(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Return the names of the nodes that read each node, in graph order.

    A node that reads another twice is named twice.
    """
    readers: dict[str, list[str]] = {node.name: [] for node in graph.nodes}
    for node in graph.nodes:
        for source in sources_of(node):
            if source in readers:
                readers[source].append(node.name)
    return {name: tuple(names) for name, names in readers.items()}


def reached_from(starts: Iterable[str], edges: Edges) -> set[str]:
    """Return every node that one edge or more lead to from `starts`."""
    reached: set[str] = set()
    pending = list(starts)
    while pending:
        following = set(edges.get(pending.pop(), ())) - reached
        reached |= following
        pending += following
    return reached


def stages_of(graph: Graph) -> tuple[Stage, ...]:
    """Return all nodes in stages, each behind all that it reads, else in graph order."""
    loops = _loops(graph)
    members: dict[str, list[Node]] = {}
    for node in graph.nodes:
        members.setdefault(loops.get(node.name, node.name), []).append(node)
    sources = {node.name: sources_of(node) for node in graph.nodes}
    leaders = {node.name: leader for leader, nodes in members.items() for node in nodes}
    waits = {
        leader: {leaders[name] for node in nodes for name in sources[node.name]} - {leader}
        for leader, nodes in members.items()
    }
    return tuple(
        Stage(tuple(members[leader]), is_loop=leader in loops) for leader in _sorted(waits)
    )


def _loops(graph: Graph) -> dict[str, str]:
    """Return, for every node in a loop, the first node of that loop."""
    backward = {node.name: sources_of(node) for node in graph.nodes}
    forward = readers_of(graph)
    loops: dict[str, str] = {}
    for node in graph.nodes:
        if isinstance(node, Delay) and node.name not in loops:
            loop = reached_from([node.name], forward) & reached_from([node.name], backward)
            names = [name for name in backward if name in loop]  # in graph order
            loops |= dict.fromkeys(names, names[0] if names else "")
    return loops


def _sorted(waits: Mapping[str, set[str]]) -> list[str]:
    """Sort topologically; of what is ready the first in the order of `waits` goes first."""
    places = {name: place for place, name in enumerate(waits)}
    names, missing = list(waits), {name: len(found) for name, found in waits.items()}
    readers: dict[str, list[str]] = {name: [] for name in waits}
    for name, found in waits.items():
        for source in found:
            readers[source].append(name)
    ready = [places[name] for name, count in missing.items() if not count]
    order: list[str] = []
    while ready:
        order.append(names[heapq.heappop(ready)])
        for reader in readers[order[-1]]:
            missing[reader] -= 1
            if not missing[reader]:
                heapq.heappush(ready, places[reader])
    return order


def delays_from_input(graph: Graph) -> dict[str, int]:
    """Return the fewest delays on a path from the input, for every node that it leads to."""
    fewest = {node.name: 0 for node in graph.nodes if isinstance(node, Input)}
    before: dict[str, int] = {}
    while before != fewest:  # paths only get shorter, so that this ends
        before = dict(fewest)
        for node in graph.nodes:
            found = [fewest[name] for name in sources_of(node) if name in fewest]
            if found:
                delayed = min(found) + isinstance(node, Delay)
                fewest[node.name] = min(delayed, fewest.get(node.name, delayed))
    return fewest
