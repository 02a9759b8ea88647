"""The network of look-up tables and adders that a constant matrix becomes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikeloom.ir import GraphError, IntArray


@dataclass(frozen=True, slots=True, order=True)
class Bit:
    """One bit of a signal."""

    signal: int
    index: int


@dataclass(frozen=True, slots=True)
class Table:
    """A look-up table: entry `a` is the value where bit `k` of `bits` is bit `k` of `a`."""

    bits: tuple[Bit, ...]
    values: tuple[int, ...]

    def columns(self, bits: int) -> list[int]:
        """For each of the lowest bits of the values, the entries at which it is 1, as a mask."""
        return [
            sum((value >> place & 1) << entry for entry, value in enumerate(self.values))
            for place in range(bits)
        ]

    @property
    def sources(self) -> tuple[int, ...]:
        """The signals that it reads, each once."""
        return tuple(dict.fromkeys(bit.signal for bit in self.bits))


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """A signal shifted left by a constant."""

    signal: int
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Sum:
    """`left + right + (carry << carry_shift) + constant`, or `left - right + constant`."""

    left: Term
    right: Term
    subtract: bool = False
    constant: int = 0  # in bits at which one operand is 0
    carry: Bit | None = None
    carry_shift: int = 0

    @property
    def sources(self) -> tuple[int, ...]:
        """The signals that it reads, each once."""
        carry = () if self.carry is None else (self.carry.signal,)
        return tuple(dict.fromkeys((self.left.signal, self.right.signal, *carry)))


Node = Table | Sum


@dataclass(frozen=True, slots=True)
class Range:
    """The values that a signal takes, as far as is known."""

    low: int
    high: int

    @property
    def bits(self) -> int:
        """Width: two's complement if it can be negative, at least 1."""
        if self.low < 0:
            return max((-self.low - 1).bit_length(), self.high.bit_length()) + 1
        return max(1, self.high.bit_length())

    @property
    def signed(self) -> bool:
        """Whether it can be negative."""
        return self.low < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Netlist:
    """A constant matrix as logic.

    The first signals are the bits of the inputs, those of input 0 first and its lowest one
    before all others; behind them comes one for every node, which reads signals with smaller
    numbers only.
    """

    inputs: int
    input_bits: int
    nodes: tuple[Node, ...]
    ranges: tuple[Range, ...]  # of all signals
    stages: tuple[int, ...]  # of all signals: register stages between the inputs and it
    outputs: tuple[Term | None, ...]  # None: always 0
    latency: int  # register stages in all; 0: combinational
    luts: int  # estimated
    zero_weights: int
    weights: int

    @property
    def input_signals(self) -> int:
        """Bits of all inputs."""
        return self.inputs * self.input_bits

    @property
    def tables(self) -> int:
        """Look-up tables, of any width."""
        return sum(isinstance(node, Table) for node in self.nodes)

    @property
    def adders(self) -> int:
        """Adders and subtractors, of any width."""
        return sum(isinstance(node, Sum) for node in self.nodes)

    @property
    def register_bits(self) -> int:
        """Flip-flops of the pipeline."""
        return sum(delay * self.ranges[signal].bits for signal, delay in enumerate(self.delays()))

    def delays(self) -> tuple[int, ...]:
        """For every signal, the registers in a row that follow it."""
        needed = [0] * len(self.ranges)
        for number, node in enumerate(self.nodes):
            stage = self.stages[self.input_signals + number]
            for source in node.sources:
                needed[source] = max(needed[source], stage - self.stages[source])
        for output in self.outputs:
            if output is not None:
                signal = output.signal
                needed[signal] = max(needed[signal], self.latency - self.stages[signal])
        constant = (self.constant(signal) is not None for signal in range(len(needed)))
        return tuple(0 if known else count for count, known in zip(needed, constant, strict=True))

    def node(self, signal: int) -> Node | None:
        """What a signal is the result of; None for a bit of an input."""
        number = signal - self.input_signals
        return self.nodes[number] if number >= 0 else None

    def constant(self, signal: int) -> int | None:
        """The value of a table without inputs; None for any other signal."""
        node = self.node(signal)
        return node.values[0] if isinstance(node, Table) and not node.bits else None


def range_of(node: Node, ranges: list[Range]) -> Range:
    """What a node can be, from what it reads."""
    if isinstance(node, Table):
        return Range(min(node.values), max(node.values))
    left, right = (_shifted(ranges[term.signal], term.shift) for term in (node.left, node.right))
    if node.subtract:
        right = Range(-right.high, -right.low)
    carry = 0 if node.carry is None else 1 << node.carry_shift
    return Range(
        left.low + right.low + node.constant,
        left.high + right.high + carry + node.constant,
    )


def _shifted(range_: Range, shift: int) -> Range:
    return Range(range_.low << shift, range_.high << shift)


def evaluate(netlist: Netlist, inputs: IntArray) -> IntArray:
    """Compute what the hardware does, node by node.

    Args:
        netlist: The logic.
        inputs: `[batch, inputs]`, unsigned, below `2 ** input_bits`.

    Returns:
        Currents `[batch, outputs]`.

    Raises:
        GraphError: If the inputs have another shape or do not fit.
    """
    _check_inputs(netlist, inputs)
    values = [
        column.astype(np.int64) >> plane & 1
        for column in inputs.T
        for plane in range(netlist.input_bits)
    ]
    for node in netlist.nodes:
        values.append(_value(node, values))
    silent = np.zeros(len(inputs), np.int64)
    currents = [
        silent if output is None else values[output.signal] << output.shift
        for output in netlist.outputs
    ]
    return np.stack(currents, axis=1)


def _check_inputs(netlist: Netlist, inputs: IntArray) -> None:
    if inputs.ndim != 2 or inputs.shape[1] != netlist.inputs:
        raise GraphError(
            f"inputs of the matrix must be [batch, {netlist.inputs}], not {list(inputs.shape)}"
        )
    if inputs.size and not 0 <= inputs.min() <= inputs.max() < 1 << netlist.input_bits:
        raise GraphError(f"inputs of the matrix must be unsigned, of {netlist.input_bits} bits")


def _value(node: Node, values: list[IntArray]) -> IntArray:
    if isinstance(node, Table):
        address = np.zeros_like(values[0])
        for place, bit in enumerate(node.bits):
            address |= (values[bit.signal] >> bit.index & 1) << place
        return np.array(node.values, np.int64)[address]
    left = values[node.left.signal] << node.left.shift
    right = values[node.right.signal] << node.right.shift
    result: IntArray = (left - right if node.subtract else left + right) + node.constant
    if node.carry is not None:
        result += (values[node.carry.signal] >> node.carry.index & 1) << node.carry_shift
    return result
