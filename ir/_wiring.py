"""The rules of the wiring: ends, sources, readers, kinds."""

from __future__ import annotations

from collections.abc import Iterator

from spikeloom.ir._graph import (
    Concat,
    Conv2d,
    Delay,
    Dense,
    Encoder,
    Graph,
    Input,
    Neurons,
    Node,
    Product,
    Readout,
    ReadoutKind,
    Reset,
    SumPool2d,
    TokenMix,
    sources_of,
)
from spikeloom.ir._kinds import Kind, infer_kinds
from spikeloom.ir._names import nearest_name
from spikeloom.ir._order import delays_from_input, reached_from, readers_of


def wiring_problems(graph: Graph) -> Iterator[str]:
    """Yield every broken rule about which node reads which."""
    yield from _check_ends(graph)
    sources = tuple(_check_sources(graph))
    yield from sources
    yield from _check_readers(graph)
    yield from _check_readouts(graph)
    if not sources:
        yield from _check_kinds(graph)
        yield from _check_static(graph)
        yield from _check_delays(graph)


def is_address_rule(pool: SumPool2d) -> bool:
    """Say whether windows lie side by side, so that a synapse can divide addresses instead."""
    return pool.stride in (None, pool.kernel) and not any(pool.padding)


def _check_ends(graph: Graph) -> Iterator[str]:
    for kind, place, index in ((Input, "first", 0), (Readout, "last", -1)):
        found = [node.name for node in graph.nodes if isinstance(node, kind)]
        if len(found) != 1:
            listed = f" ({', '.join(found)})" if found else ""
            yield f"graph must have exactly one {kind.__name__}, not {len(found)}{listed}"
        elif not isinstance(graph.nodes[index], kind):
            names = [node.name for node in graph.nodes]
            yield (
                f"{kind.__name__} {found[0]!r} must be the {place} node, not number "
                f"{names.index(found[0]) + 1} of {len(names)}; move it to the {place} place"
            )


def _check_sources(graph: Graph) -> Iterator[str]:
    """Every source exists and stands before its reader (for a delay anywhere)."""
    places = {node.name: place for place, node in reversed(list(enumerate(graph.nodes)))}
    for place, node in enumerate(graph.nodes):
        for source in dict.fromkeys(sources_of(node)):
            if source not in places:
                yield _unknown_source(node.name, source, list(places))
            elif isinstance(node, Delay):
                if source == node.name:
                    yield f"delay {node.name!r} must read another node, not itself"
            elif places[source] >= place:
                yield (
                    f"node {node.name!r} must come after its source {source!r}; "
                    "move it behind that node, or read it through a Delay"
                )


def _unknown_source(name: str, source: str, names: list[str]) -> str:
    others = [other for other in names if other != name]
    near = nearest_name(source, others)
    hint = f"; the nearest name is {near!r}" if near else ""
    return f"source of {name!r} must be a node of the graph, not {source!r}{hint}"


def _check_readers(graph: Graph) -> Iterator[str]:
    """Every node leads to the readout; of those that do not, the ends are named."""
    readers = readers_of(graph)
    ends = [name for name, names in readers.items() if not names]
    ends += [node.name for node in graph.nodes if isinstance(node, Readout)]
    for node in graph.nodes:
        if not readers[node.name] and not isinstance(node, Readout):
            yield (
                f"node {node.name!r} must be read by at least one node, not none; "
                "remove it, or name it as a source"
            )
    alive = reached_from(ends, {node.name: sources_of(node) for node in graph.nodes})
    for node in graph.nodes:
        if node.name not in alive and node.name not in ends:
            yield (
                f"node {node.name!r} must lead to the readout, but only feeds a loop that nothing "
                "else reads; remove the loop, or read it"
            )


def _check_readouts(graph: Graph) -> Iterator[str]:
    """Integrators go with a membrane readout, and only with one."""
    nodes = {node.name: node for node in reversed(graph.nodes)}
    for name, names in readers_of(graph).items():
        group = nodes[name]
        readers = [nodes[reader] for reader in names]
        if not isinstance(group, Neurons):
            yield from (_not_neurons(node, group) for node in readers if isinstance(node, Readout))
        elif group.threshold is None:
            yield from _check_integrators(group, readers)
        else:
            yield from (_spiking(node, name) for node in readers if _is_membrane(node))


def _is_membrane(node: Node) -> bool:
    return isinstance(node, Readout) and node.kind is ReadoutKind.MEMBRANE


def _not_neurons(readout: Node, source: Node) -> str:
    return (
        f"Readout {readout.name!r} must read Neurons, not the {type(source).__name__} "
        f"{source.name!r}; change its source"
    )


def _spiking(readout: Node, name: str) -> str:
    return (
        f"readout {readout.name!r} of kind membrane must read neurons without a "
        f"threshold, not {name!r}, which spike; set threshold=None and "
        "reset=Reset.NONE there, or use the kind spike_count"
    )


def _check_integrators(node: Neurons, readers: list[Node]) -> Iterator[str]:
    if not readers or not all(_is_membrane(reader) for reader in readers):
        yield (
            f"neurons {node.name!r} have no threshold and never spike, so that only a readout "
            "of kind membrane can read them; set a threshold, or make that their reader"
        )
    if node.reset is not Reset.NONE:
        yield (
            f"reset of {node.name!r} must be none, not {node.reset.value}: neurons without a "
            "threshold never spike; set reset=Reset.NONE"
        )


def _check_kinds(graph: Graph) -> Iterator[str]:
    """Synapses and the events of products read operands; a concatenation one kind alone."""
    kinds = infer_kinds(graph)
    nodes = {node.name: node for node in reversed(graph.nodes)}
    for node in graph.nodes:
        match node:
            case Dense() | Conv2d() | TokenMix() | Product():
                source = nodes[node.source]
                if kinds.get(source.name) is Kind.CURRENTS:
                    yield (
                        f"{type(node).__name__} {node.name!r} must read operands, not the currents "
                        f"of the {type(source).__name__} {source.name!r}; put Neurons between them"
                    )
            case Concat():
                yield from _check_concat(node, kinds)
            case _:
                pass


def _check_concat(node: Concat, kinds: dict[str, Kind]) -> Iterator[str]:
    named = {kinds.get(name): name for name in reversed(node.sources)}
    if len(named) > 1:
        yield (
            f"Concat {node.name!r} must read operands alone or currents alone, not the operands of "
            f"{named[Kind.OPERANDS]!r} and the currents of {named[Kind.CURRENTS]!r}; put an Add "
            "with a bias in front of the operands, which makes currents of them"
        )


def _check_static(graph: Graph) -> Iterator[str]:
    """A direct input is the same at every step, so that its first currents are too."""
    static = {
        node.name
        for node in graph.nodes
        if isinstance(node, Input) and node.encoder is Encoder.DIRECT
    }
    for node in graph.nodes:
        for source in dict.fromkeys(sources_of(node)):
            if source not in static or isinstance(node, Dense | Conv2d):
                continue
            if isinstance(node, SumPool2d) and is_address_rule(node):
                static.add(node.name)
                continue
            yield (
                f"{type(node).__name__} {node.name!r} must not read the direct input {source!r}: "
                "only Dense, Conv2d and a SumPool2d with windows side by side and no padding can; "
                "convolve it first, or use the encoder rate or spikes"
            )


def _check_delays(graph: Graph) -> Iterator[str]:
    """A result that no input reaches in time would come without one, again and again."""
    fewest = delays_from_input(graph)
    for name in (node.name for node in graph.nodes if isinstance(node, Readout)):
        delays = fewest.get(name, 0)
        if not 1 <= graph.time_steps <= delays:
            continue
        yield (
            f"readout {name!r} must depend on the input, but every path to it passes at least "
            f"{delays} delays and there are {graph.time_steps} time steps; remove a delay, or use "
            f"more than {delays} time steps"
        )
