"""Building a netlist: every node once, with its range."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from spikeloom.codegen._unrolled._netlist import Node, Range, Sum, Table, Term, range_of
from spikeloom.codegen._unrolled._plan import Weighted


class Builder:
    """Collects nodes; an equal one is not built twice."""

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs  # bits of all inputs
        self.nodes: list[Node] = []
        self.ranges = [Range(0, 1)] * inputs
        self._known: dict[Node, int] = {}

    def add(self, node: Node) -> int:
        """Return the signal of `node`."""
        if node not in self._known:
            self._known[node] = len(self.ranges)
            self.nodes.append(node)
            self.ranges.append(range_of(node, self.ranges))
        return self._known[node]

    def table(self, weighted: Sequence[Weighted], offset: int) -> Term:
        """Return the weighted sum of some bits plus `offset`."""
        bits = tuple(bit for bit, _ in weighted)
        weights = [weight for _, weight in reversed(weighted)]
        # product() runs the last digit fastest, and that is bit 0 of the address
        values = [
            offset + sum(weight for weight, on in zip(weights, state, strict=True) if on)
            for state in product((0, 1), repeat=len(bits))
        ]
        shift = _common_shift(values)
        values = [value >> shift for value in values]
        if values == [0, 1] and self.ranges[bits[0].signal].bits == 1:
            return Term(bits[0].signal, shift)
        return Term(self.add(Table(bits, tuple(values))), shift)

    def sum(
        self,
        left: Term,
        right: Term,
        *,
        subtract: bool = False,
        constant: int = 0,
        carry: Weighted | None = None,
    ) -> Term:
        """Return a sum; what all its parts are shifted by is not added."""
        shift = min(left.shift, right.shift)
        node = Sum(
            Term(left.signal, left.shift - shift),
            Term(right.signal, right.shift - shift),
            subtract,
            constant >> shift,
            carry and carry[0],
            carry[1].bit_length() - 1 - shift if carry else 0,
        )
        return Term(self.add(node), shift)


def _common_shift(values: Sequence[int]) -> int:
    """Low bits that are 0 in all values."""
    union = 0
    for value in values:
        union |= value
    return (union & -union).bit_length() - 1 if union else 0
