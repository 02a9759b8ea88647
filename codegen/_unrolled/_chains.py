"""Which sums share a carry chain.

Yosys builds sums of up to 4 bits of tables instead of carry cells (ECP5) at twice the
size, joins sums that have no other reader into compressors of tables, and rounds every
chain up to whole cells; nextpnr adds two cells to every chain (ECP5).  Several sums side by
side in one chain avoid all this.  A sum that is unsigned and fits its field carries nothing
into the next one; one that may wrap is the top field of its chain.

A carry goes into a field through a bit in front of it that is the carry in both operands.
That bit may be the top bit of the field below, if both its operands are 0 there: it still is
what that field carries, and what it carries itself is the carry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spikeloom.codegen._unrolled._fields import Field, field_of, wraps
from spikeloom.codegen._unrolled._netlist import Netlist, Node, Range, Sum

CHAIN_BITS = 20  # a chain that has so many gets no more fields
_SLACK = 4  # but for one at its end


@dataclass(frozen=True, slots=True)
class Placed:
    """A field in a chain, and the bit of the chain at which it begins."""

    field: Field
    low: int

    @property
    def end(self) -> int:
        """The first bit of the chain above the field."""
        return self.low + self.field.bits


Chain = tuple[Placed, ...]


def make_chains(netlist: Netlist) -> tuple[Chain, ...]:
    """Put sums of one stage and depth side by side."""
    return chains_of(netlist.nodes, netlist.ranges, netlist.stages)


def chains_of(
    nodes: Sequence[Node], ranges: Sequence[Range], stages: Sequence[int]
) -> tuple[Chain, ...]:
    """The same for nodes that are no netlist yet."""
    queues: dict[tuple[int, int, bool], list[Field]] = {}
    first = len(ranges) - len(nodes)
    levels = _levels(nodes, stages)
    ends: set[int] = set()
    for signal, node in enumerate(nodes, first):
        if isinstance(node, Sum) and (field := field_of(signal, node, ranges)):
            key = (stages[signal], levels[signal], node.subtract)
            queues.setdefault(key, []).append(field)
            if wraps(node, ranges[signal]):
                ends.add(signal)
    return tuple(chain for key in sorted(queues) for chain in _fill(queues[key], ends))


def _levels(nodes: Sequence[Node], stages: Sequence[int]) -> Mapping[int, int]:
    """For every signal the sums in front of it in its stage: those of one level are independent.

    From the registers, not from the inputs on: else a chain could join a sum at the beginning of
    a stage to one at its end, and timing analysis would go through both.
    """
    first = len(stages) - len(nodes)
    levels = dict.fromkeys(range(first), 0)
    for signal, node in enumerate(nodes, first):
        near = [levels[source] for source in node.sources if stages[source] == stages[signal]]
        levels[signal] = max(near, default=0) + isinstance(node, Sum)
    return levels


def _fill(fields: Sequence[Field], ends: set[int]) -> list[Chain]:
    """Fill one chain after the other; a field that ends its chain comes last in one."""
    inner = [field for field in fields if field.signal not in ends]
    last = [field for field in fields if field.signal in ends]
    chains: list[Chain] = []
    while inner or last:
        chain: list[Placed] = []
        while inner and (not chain or chain[-1].end < CHAIN_BITS):
            _append(chain, inner.pop(_next(chain, inner)))
        if (last and chain[-1:] and chain[-1].end < CHAIN_BITS + _SLACK) or (not inner and last):
            _append(chain, last.pop(_next(chain, last)))
        chains.append(tuple(chain))
    return chains


def _next(chain: Sequence[Placed], fields: Sequence[Field]) -> int:
    """The first field that goes well with the one below: see the top of the module."""
    doubled = bool(chain) and chain[-1].field.free_top
    places = (place for place, field in enumerate(fields) if field.doubled == doubled)
    return next(places, 0)


def _append(chain: list[Placed], field: Field) -> None:
    low = chain[-1].end if chain else 0
    shared = bool(chain) and chain[-1].field.free_top
    chain.append(Placed(field, low + (field.doubled and not shared)))
