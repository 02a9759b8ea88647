"""Layers: which neuron group each node of a graph belongs to."""

from __future__ import annotations

from spikeloom.ir._graph import Graph, Neurons, Readout
from spikeloom.ir._order import reached_from, readers_of


def layer_of(graph: Graph) -> dict[str, str]:
    """Return the neuron group that each node but the readout belongs to, by node name.

    A group belongs to itself, and every other node to the first group, in
    graph order, that its values reach without passing through neurons.  Delays
    are passed through.
    """
    groups = [node.name for node in graph.nodes if isinstance(node, Neurons)]
    readers = readers_of(graph)
    onward = {name: () if name in groups else found for name, found in readers.items()}
    places = {name: place for place, name in enumerate(groups)}
    layers = {name: name for name in groups}
    for node in graph.nodes:
        if not isinstance(node, Neurons | Readout):
            reached = reached_from([node.name], onward) & places.keys()
            layers[node.name] = min(reached, key=places.__getitem__)
    return {node.name: layers[node.name] for node in graph.nodes if node.name in layers}
