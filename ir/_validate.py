"""The rules of a graph, all checked at once: names, order, sources, shapes, widths."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from spikeloom.ir._errors import GraphError
from spikeloom.ir._geometry import geometry_problems
from spikeloom.ir._graph import (
    Conv2d,
    Delay,
    Dense,
    Graph,
    Neurons,
    Node,
    ReadoutKind,
    Shape,
    TokenMix,
    sources_of,
)
from spikeloom.ir._intervals import ANALYSED_BITS, Interval
from spikeloom.ir._rules import MAX_WIDTH, group_problems, value_problems
from spikeloom.ir._shapes import check_delay, output_shape, readout_of
from spikeloom.ir._widths import Widths, analyse
from spikeloom.ir._wiring import wiring_problems

MAX_OPERAND_BITS = 16
MAX_TIME_STEPS = 65_535

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


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
    problems = [*_check_names(graph), *wiring_problems(graph), *_check_nodes(graph)]
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


def _check_nodes(graph: Graph) -> Iterator[str]:
    shapes: dict[str, Shape] = {}
    for node in graph.nodes:
        geometry = tuple(geometry_problems(node))
        yield from geometry
        yield from value_problems(node)
        if not geometry:
            yield from _check_shape(node, shapes)
    for node in graph.nodes:
        if isinstance(node, Delay) and {node.name, node.source} <= set(shapes):
            yield from _check_delay(node, shapes)


def _check_shape(node: Node, shapes: dict[str, Shape]) -> Iterator[str]:
    """Check `node` on its sources' shapes, and note its own; silent if one is unknown."""
    sources = () if isinstance(node, Delay) else sources_of(node)
    if not all(source in shapes for source in sources):
        return
    try:
        shapes[node.name] = output_shape(node, [shapes[source] for source in sources])
    except GraphError as error:
        yield str(error)
        return
    if isinstance(node, Neurons):
        yield from group_problems(node, shapes[node.name])


def _check_delay(node: Delay, shapes: dict[str, Shape]) -> Iterator[str]:
    try:
        check_delay(node, shapes)
    except GraphError as error:
        yield str(error)


def _check_widths(graph: Graph) -> Iterator[str]:
    widths = analyse(graph)
    for name, current in widths.currents.items():
        if current.bits > MAX_WIDTH:
            yield _wide_current(graph.node(name), current)
    for name, largest in widths.operands.items():
        if largest >> MAX_OPERAND_BITS:
            yield (
                f"operands of {name!r} must fit {MAX_OPERAND_BITS} bits, not "
                f"{largest.bit_length()}{_or_more(largest.bit_length())}; pool smaller windows, "
                "add fewer values, or put Neurons in between"
            )
    for name, membrane in widths.membranes.items():
        if membrane.bits > MAX_WIDTH:
            yield (
                f"membranes of {name!r} must fit {MAX_WIDTH} bits, not {membrane.bits}"
                f"{_or_more(membrane.bits)}, over "
                f"{graph.time_steps} time steps; set membrane_bits to {MAX_WIDTH} or less, "
                "so that they saturate"
            )
    yield from _check_early(graph, widths)


def _check_early(graph: Graph, widths: Widths) -> Iterator[str]:
    """A clamp takes away any lead, so that nothing is certain before the last step."""
    readout = readout_of(graph)
    if readout.early != "exact" or readout.kind is not ReadoutKind.MEMBRANE:
        return
    if widths.membranes[readout.source].saturates:
        yield (
            f"readout {readout.name!r} must not decide early and exactly, because the membranes "
            f"of {readout.source!r} saturate; leave membrane_bits out there, or decide by a margin"
        )


def _wide_current(node: Node, current: Interval) -> str:
    found = f"{current.bits}{_or_more(current.bits)} ({current.lo} to {current.hi})"
    is_synapse = isinstance(node, Dense | Conv2d | TokenMix)
    remedy = "use fewer inputs or weight bits" if is_synapse else "use fewer or smaller terms"
    return f"current of {node.name!r} must fit {MAX_WIDTH} bits, not {found}; {remedy}"


def _or_more(bits: int) -> str:
    return " or more" if bits > ANALYSED_BITS else ""
