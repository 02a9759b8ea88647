"""The rules of a graph, all checked at once: names, order, sources, shapes, widths."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from spikeloom.ir._errors import GraphError
from spikeloom.ir._graph import (
    Conv2d,
    Dense,
    Graph,
    Input,
    Neurons,
    Node,
    Readout,
    ReadoutKind,
    Reset,
    Shape,
    SumPool2d,
)
from spikeloom.ir._names import nearest_name
from spikeloom.ir._rules import MAX_WIDTH, geometry_problems, group_problems, value_problems
from spikeloom.ir._shapes import output_shape
from spikeloom.ir._widths import ANALYSED_BITS, analyse

MAX_TIME_STEPS = 65_535

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_READS: dict[type[Node], tuple[tuple[type[Node], ...], str]] = {
    Dense: ((Input, Neurons, SumPool2d), "an Input, Neurons or a SumPool2d"),
    Conv2d: ((Input, Neurons, SumPool2d), "an Input, Neurons or a SumPool2d"),
    SumPool2d: ((Input, Neurons, SumPool2d), "an Input, Neurons or a SumPool2d"),
    Neurons: ((Dense, Conv2d), "a Dense or Conv2d synapse"),
    Readout: ((Neurons,), "Neurons"),
}


def check(graph: Graph) -> None:
    """Do nothing if the graph obeys every rule.

    Raises:
        GraphError: If not; the message lists every broken rule.
    """
    problems = validate(graph)
    if not problems:
        return
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = "".join(f"\n  - {problem}" for problem in problems)
    raise GraphError(f"graph {graph.name!r} has {count}:{lines}")


def validate(graph: Graph) -> tuple[str, ...]:
    """Return every broken rule of `docs/ir.md`, one message each; empty if there is none.

    Widths are inferred, and checked, once the rest is in order.
    """
    problems = [*_check_names(graph), *_check_ends(graph), *_check_sources(graph)]
    problems += [*_check_readers(graph), *_check_readout(graph), *_check_nodes(graph)]
    return tuple(problems or _check_widths(graph))


def is_name(text: str) -> bool:
    """Whether a graph or a node may have that name.

    That is a lower-case letter, then lower-case letters, digits and single
    underscores between them: it serves in files and in Verilog as it is.
    """
    return _NAME.fullmatch(text) is not None


def _check_names(graph: Graph) -> Iterator[str]:
    yield from _check_name("graph", graph.name)
    if not 1 <= graph.time_steps <= MAX_TIME_STEPS:
        yield f"time_steps must be 1 to {MAX_TIME_STEPS}, not {graph.time_steps}"
    for node in graph.nodes:
        yield from _check_name("node", node.name)
    for name, count in Counter(node.name for node in graph.nodes).items():
        if count > 1:
            yield f"node name {name!r} must be unique, not used {count} times; rename all but one"


def _check_name(what: str, name: str) -> Iterator[str]:
    if not is_name(name):
        yield (
            f"{what} name must be a lower-case letter, then lower-case letters, digits and "
            f"single underscores between them, not {name!r}; rename it, for example "
            f"{_tidy_name(name)!r}"
        )


def _tidy_name(name: str) -> str:
    tidy = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return tidy if tidy[:1].isalpha() else f"n{tidy}"


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
    """Every source exists, stands before its reader and is of a kind that it can read."""
    places = {node.name: place for place, node in reversed(list(enumerate(graph.nodes)))}
    for place, node in enumerate(graph.nodes):
        if isinstance(node, Input):
            continue
        if node.source not in places:
            yield _unknown_source(node.name, node.source, list(places))
        elif places[node.source] >= place:
            yield (
                f"node {node.name!r} must come after its source {node.source!r}; "
                "move it behind that node"
            )
        else:
            yield from _check_kind(node, graph.nodes[places[node.source]])


def _unknown_source(name: str, source: str, names: list[str]) -> str:
    others = [other for other in names if other != name]
    near = nearest_name(source, others)
    hint = f"; the nearest name is {near!r}" if near else ""
    return f"source of {name!r} must be a node of the graph, not {source!r}{hint}"


def _check_kind(node: Node, source: Node) -> Iterator[str]:
    kinds, words = _READS[type(node)]
    if not isinstance(source, kinds):
        yield (
            f"{type(node).__name__} {node.name!r} must read {words}, "
            f"not the {type(source).__name__} {source.name!r}; change its source"
        )


def _check_readers(graph: Graph) -> Iterator[str]:
    """The graph is a chain for now."""
    readers: dict[str, list[str]] = {node.name: [] for node in graph.nodes}
    for node in graph.nodes:
        if not isinstance(node, Input) and node.source in readers:
            readers[node.source].append(node.name)
    for node in graph.nodes:
        names = readers[node.name]
        if not isinstance(node, Readout) and len(names) != 1:
            found = f"{len(names)} ({', '.join(names)})" if names else "none"
            yield (
                f"node {node.name!r} must be read by exactly one node, not {found}; "
                "graphs are chains for now, remove the branch"
            )


def _check_readout(graph: Graph) -> Iterator[str]:
    """Integrators go with a membrane readout, and only with one."""
    readouts = {node.source: node for node in graph.nodes if isinstance(node, Readout)}
    for node in graph.nodes:
        if not isinstance(node, Neurons):
            continue
        readout = readouts.get(node.name)
        is_membrane = readout is not None and readout.kind is ReadoutKind.MEMBRANE
        if node.threshold is None:
            yield from _check_integrators(node, is_membrane=is_membrane)
        elif readout is not None and is_membrane:
            yield (
                f"readout {readout.name!r} of kind membrane must read neurons without a "
                f"threshold, not {node.name!r}, which spike; set threshold=None and "
                "reset=Reset.NONE there, or use the kind spike_count"
            )


def _check_integrators(node: Neurons, *, is_membrane: bool) -> Iterator[str]:
    if not is_membrane:
        yield (
            f"neurons {node.name!r} have no threshold and never spike, so that only a readout "
            "of kind membrane can read them; set a threshold, or make that their reader"
        )
    if node.reset is not Reset.NONE:
        yield (
            f"reset of {node.name!r} must be none, not {node.reset.value}: neurons without a "
            "threshold never spike; set reset=Reset.NONE"
        )


def _check_nodes(graph: Graph) -> Iterator[str]:
    shapes: dict[str, Shape] = {}
    for node in graph.nodes:
        geometry = tuple(geometry_problems(node))
        yield from geometry
        yield from value_problems(node)
        if not geometry:
            yield from _check_shape(node, shapes)


def _check_shape(node: Node, shapes: dict[str, Shape]) -> Iterator[str]:
    """Check `node` on its source's shape, and note its own; silent if that is unknown."""
    source = node.shape if isinstance(node, Input) else shapes.get(node.source)
    if source is None:
        return
    try:
        shapes[node.name] = output_shape(node, source)
    except GraphError as error:
        yield str(error)
        return
    if isinstance(node, Neurons):
        yield from group_problems(node, shapes[node.name])


def _check_widths(graph: Graph) -> Iterator[str]:
    widths = analyse(graph)
    for name, current in widths.currents.items():
        if current.bits > MAX_WIDTH:
            yield (
                f"current of {name!r} must fit {MAX_WIDTH} bits, not {current.bits} "
                f"({current.lo} to {current.hi}); use fewer inputs or weight bits"
            )
    for name, membrane in widths.membranes.items():
        if membrane.bits > MAX_WIDTH:
            more = " or more" if membrane.bits > ANALYSED_BITS else ""
            yield (
                f"membranes of {name!r} must fit {MAX_WIDTH} bits, not {membrane.bits}{more}, over "
                f"{graph.time_steps} time steps; set membrane_bits to {MAX_WIDTH} or less, "
                "so that they saturate"
            )
