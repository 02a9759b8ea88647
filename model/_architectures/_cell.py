"""The cell of SNASNet: four nodes, forward and backward (one step later) edges."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

from spikeloom.ir import ConfigError
from spikeloom.model._architectures._layer_list import LayerList
from spikeloom.model._layer_config import DelayLayer, PoolLayer

NODES = 4
LARGEST_KERNEL = 63
OPERATION_NAMES = re.compile(r"zero|identity|average_pool|conv(\d+)")
SNASNET_OPERATIONS = ("zero", "identity", "conv1", "conv3", "average_pool")
POOL_SIDE = 3


@dataclass(frozen=True, slots=True)
class Edge:
    """An operation from one node to another; backward edges act one time step later."""

    source: int
    target: int
    operation: str

    @property
    def backward(self) -> bool:
        """Whether the edge leads to an earlier node."""
        return self.source > self.target

    @property
    def kernel(self) -> int:
        """Side of the kernel, 0 if the operation is no convolution."""
        match = OPERATION_NAMES.fullmatch(self.operation)
        return int(match[1] or 0) if match else 0


def cell_problems(cell: Sequence[str], operations: Sequence[str]) -> list[str]:
    """Everything that is wrong with a matrix of operations."""
    problems = [
        f"operations[{i}] must be 'zero', 'identity', 'average_pool' or 'conv' and an odd number "
        f"of at most {LARGEST_KERNEL}, not {operation!r}"
        for i, operation in enumerate(operations)
        if not _is_operation(operation)
    ]
    if len(operations) > 10:
        problems.append("operations must be at most 10, one for each digit")
    rows = [len(row) for row in cell]
    if rows != [NODES] * NODES:
        return [*problems, f"cell must have {NODES} rows of {NODES} digits, not {list(cell)}"]
    digits = string.digits[: len(operations)]
    wrong = sorted(set("".join(cell)) - set(digits))
    if wrong:
        return [*problems, f"cell must be of the digits {digits}, not {wrong[0]!r}"]
    return problems or _edge_problems(cell, operations)


def _is_operation(name: str) -> bool:
    match = OPERATION_NAMES.fullmatch(name)
    if not match:
        return False
    return match[1] is None or (int(match[1]) % 2 == 1 and int(match[1]) <= LARGEST_KERNEL)


def _edge_problems(cell: Sequence[str], operations: Sequence[str]) -> list[str]:
    loops = [i for i in range(NODES) if operations[int(cell[i][i])] != "zero"]
    if loops:
        return [f"cell[{loops[0]}][{loops[0]}] must be zero: no edge leads to its own node"]
    if not live_edges(cell, operations):
        return ["cell must lead from node 0 to node 3, directly or through other nodes"]
    return []


def live_edges(cell: Sequence[str], operations: Sequence[str]) -> tuple[Edge, ...]:
    """The edges that take part in a way from node 0 to node 3, row by row."""
    edges = [
        Edge(i, j, operations[int(cell[i][j])])
        for i in range(NODES)
        for j in range(NODES)
        if i != j and operations[int(cell[i][j])] != "zero"
    ]
    from_input = _reached(0, [(edge.source, edge.target) for edge in edges])
    to_output = _reached(NODES - 1, [(edge.target, edge.source) for edge in edges])
    if NODES - 1 not in from_input:
        return ()
    live = from_input & to_output
    return tuple(edge for edge in edges if edge.source in live and edge.target in live)


def _reached(start: int, pairs: Sequence[tuple[int, int]]) -> set[int]:
    """The nodes to which the pairs lead from `start`, and `start`."""
    found = {start}
    for _ in range(NODES):
        found |= {target for source, target in pairs if source in found}
    return found


def cell_parameters(cell: Sequence[str], operations: Sequence[str], channels: int) -> int:
    """Weights and norms of a cell: `k^2 channels^2 + 2 channels` for each live convolution.

    Raises:
        ConfigError: If the matrix is none.
    """
    problems = cell_problems(cell, operations)
    if problems:
        raise ConfigError("\n  ".join(["the cell has problems:", *problems]))
    kernels = [edge.kernel for edge in live_edges(cell, operations)]
    return sum(k * k * channels * channels + 2 * channels for k in kernels if k)


@dataclass(slots=True)
class CellWriter:
    """Writes a cell out behind a current.

    A node is the sum of its edges; the current of a node that has but one is that
    edge's.  All convolutions and pools that read a node share its neurons: equal
    neurons on an equal current spike equally.

    Attributes:
        net: The layers to append to.
        name: What the names of the layers begin with.
        value: The current of node 0, without its backward edges.
        edges: The live edges.
    """

    net: LayerList
    name: str
    value: str
    edges: Sequence[Edge]

    def write(self) -> str:
        """Append the cell; returns the spikes of its last node."""
        shape = self.net.shapes[self.value]
        for node in range(NODES):
            if node and not self._into(node):
                continue
            for edge in self._into(node):
                if edge.backward:
                    late, source = self._late(edge), self._output(edge)
                    self.net.append(DelayLayer(name=late, source=source, shape=shape))
            self.net.add(f"{self.name}_n{node}", *self._parts(node))
            for edge in self.edges:
                if edge.source == node:
                    self._operate(edge)
        return self._spikes(NODES - 1)

    def _into(self, node: int) -> list[Edge]:
        return [edge for edge in self.edges if edge.target == node]

    def _parts(self, node: int) -> list[str]:
        """What a node is the sum of."""
        edges = self._into(node)
        forward = [self._output(edge) for edge in edges if not edge.backward]
        backward = [self._late(edge) for edge in edges if edge.backward]
        return [*([] if node else [self.value]), *forward, *backward]

    def _node(self, node: int) -> str:
        """The layer whose current is the node."""
        parts = self._parts(node)
        return parts[0] if len(parts) == 1 else f"{self.name}_n{node}"

    def _output(self, edge: Edge) -> str:
        """The layer whose current the edge adds to its target, at once or one step later."""
        if edge.operation == "identity":
            return self._node(edge.source)
        return f"{self.name}_e{edge.source}{edge.target}"

    def _late(self, edge: Edge) -> str:
        return f"{self.name}_e{edge.source}{edge.target}_late"

    def _root(self, node: int) -> int:
        """The node whose current this one is, through identities alone."""
        edges = self._into(node)
        alias = node and len(edges) == 1 and edges[0].operation == "identity"
        return self._root(edges[0].source) if alias and not edges[0].backward else node

    def _spikes(self, node: int) -> str:
        """The neurons of a node, made when they are needed first."""
        name = f"{self.name}_sn{self._root(node)}"
        return name if name in self.net.shapes else self.net.neurons(name, self._node(node))

    def _operate(self, edge: Edge) -> None:
        """Append what the edge does to the spikes of its source."""
        if edge.operation == "identity":
            return
        output, spikes = self._output(edge), self._spikes(edge.source)
        if edge.kernel:
            channels = self.net.shapes[spikes][0]
            self.net.conv(output, spikes, channels, kernel=edge.kernel)
            return
        self.net.append(
            PoolLayer(
                name=output,
                source=spikes,
                kernel=(POOL_SIDE, POOL_SIDE),
                stride=(1, 1),
                padding=(POOL_SIDE // 2, POOL_SIDE // 2),
            )
        )
