"""Look-up tables of a netlist, before synthesis."""

from __future__ import annotations

from collections.abc import Sequence

from spikeloom.codegen._unrolled._chains import chains_of
from spikeloom.codegen._unrolled._fabric import Fabric
from spikeloom.codegen._unrolled._netlist import Node, Range, Sum, Table


def estimate_luts(nodes: Sequence[Node], ranges: Sequence[Range], fabric: Fabric) -> int:
    """Count a look-up table for each bit of a table or of a carry chain.

    A bit of a table that is an input or a constant costs nothing.  Where a carry chain takes the
    inputs of a table beside an operand, neither does a table that only this chain reads.
    """
    first = len(ranges) - len(nodes)
    absorbed = _absorbed(nodes, first, fabric)
    tables = sum(
        _table(node, ranges[signal])
        for signal, node in enumerate(nodes, first)
        if isinstance(node, Table) and signal not in absorbed
    )
    chains = chains_of(nodes, ranges, [0] * len(ranges))
    return tables + sum(_chain(chain[-1].end, fabric) for chain in chains)


def _chain(bits: int, fabric: Fabric) -> int:
    """Whole cells."""
    return -(-bits // fabric.chain_bits) * fabric.chain_bits


def _table(table: Table, range_: Range) -> int:
    return sum(_is_logic(column, table) for column in table.columns(range_.bits))


def _is_logic(column: int, node: Table) -> bool:
    """Whether a column of a table is neither constant nor one of its inputs."""
    entries = len(node.values)
    passing = {0, (1 << entries) - 1}
    for place in range(len(node.bits)):
        passing.add(sum((entry >> place & 1) << entry for entry in range(entries)))
    return column not in passing


def _absorbed(nodes: Sequence[Node], first: int, fabric: Fabric) -> set[int]:
    """Tables that become part of the one carry chain that reads them, one per chain."""
    readers: dict[int, int] = {}
    for node in nodes:
        for source in node.sources:
            readers[source] = readers.get(source, 0) + 1
    return {
        node.right.signal
        for node in nodes
        if isinstance(node, Sum)
        and readers[node.right.signal] == 1
        and _fits(node.right.signal - first, nodes, fabric)
    }


def _fits(place: int, nodes: Sequence[Node], fabric: Fabric) -> bool:
    table = nodes[place] if place >= 0 else None
    return isinstance(table, Table) and len(table.bits) <= fabric.chain_inputs
