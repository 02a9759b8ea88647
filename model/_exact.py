"""Where float32 stops being exact, and evaluation in PyTorch with it."""

from __future__ import annotations

from spikeloom.ir import (
    Add,
    Graph,
    GraphError,
    Neurons,
    Widths,
    infer_widths,
)
from spikeloom.model._synapse import EXACT_LIMIT


def check_exact(graph: Graph) -> None:
    """Check that float32 holds every current and membrane, and its fraction after a leak.

    Raises:
        GraphError: If it may not.
    """
    widths = infer_widths(graph)
    for name, interval in widths.currents.items():
        _check_current(name, max(-interval.lo, interval.hi))
    for node in graph.nodes:
        if isinstance(node, Add) and node.name in widths.currents:
            _check_current(node.name, _largest_sum(node, widths))
        elif isinstance(node, Neurons):
            _check_membrane(node, widths)


def _check_current(name: str, largest: int) -> None:
    if largest >= EXACT_LIMIT:
        raise GraphError(
            f"layer {name!r}: a current may reach {largest}, but must stay below 2^24 to be exact "
            "in training; lower the weight_bits of what it sums, or put neurons in between"
        )


def _largest_sum(node: Add, widths: Widths) -> int:
    """A bound of all its partial sums, in any order."""
    total = int(abs(node.bias).max())
    for source, shift in zip(node.sources, node.shifts, strict=True):
        if source in widths.currents:
            interval = widths.currents[source]
            total += max(-interval.lo, interval.hi) << shift
        else:
            total += widths.operands[source] << shift
    return total


def _check_membrane(node: Neurons, widths: Widths) -> None:
    membrane = widths.membranes[node.name]
    shift = max(term.shift for term in node.leak.terms)
    before = max(-membrane.interval.lo, membrane.interval.hi)
    after = 1 << (membrane.bits - 1 + shift)
    if before >= EXACT_LIMIT or after > EXACT_LIMIT:
        raise GraphError(
            f"layer {node.name!r}: membranes of {membrane.bits} bits are too wide for exact "
            f"evaluation in PyTorch (2^24, less {shift} bits of its leak); "
            f"set its membrane_bits to {25 - shift} or less"
        )
