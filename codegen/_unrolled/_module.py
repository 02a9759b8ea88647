"""The Verilog of a netlist: what the template prints, one line per node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spikeloom.codegen._literals import joined, sized, vector
from spikeloom.codegen._unrolled._chains import Chain, make_chains
from spikeloom.codegen._unrolled._fields import constant_is_right, field_of
from spikeloom.codegen._unrolled._netlist import Netlist, Range, Sum, Table, Term
from spikeloom.codegen._unrolled._words import Source, Wired, word
from spikeloom.hdl_templates import environment


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signal:
    """A wire or a register, and what is on it."""

    name: str
    bits: int
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """What happens in front of one set of registers, and what these hold."""

    number: int
    nodes: list[_Signal]
    registers: list[_Signal]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Module:
    """What the template prints."""

    name: str
    title: Sequence[str]
    netlist: Netlist
    values_bits: int
    currents_bits: int
    tables: list[int]  # inputs of the look-up functions
    stages: list[_Stage]
    currents: str
    unused: list[str]


def matrix_module(netlist: Netlist, *, name: str, current_bits: int, title: Sequence[str]) -> str:
    """Print a netlist as one Verilog module.

    Args:
        netlist: The logic.
        name: Name of the module.
        current_bits: Bits of an output, signed; wide enough for every value.
        title: Lines of the comment in front.

    Returns:
        The text: a module with the ports `clk_i`, `en_i`, `values_i` and `currents_o`.
    """
    writer = _Writer(netlist)
    currents = [writer.current(term, current_bits) for term in netlist.outputs]
    module = _Module(
        name=name,
        title=title,
        netlist=netlist,
        values_bits=netlist.input_signals,
        currents_bits=len(netlist.outputs) * current_bits,
        tables=sorted({len(n.bits) for n in netlist.nodes if isinstance(n, Table) and n.bits}),
        stages=[writer.stage(number) for number in range(netlist.latency + 1)],
        currents=joined(currents),
        unused=writer.unused(current_bits),
    )
    templates = environment()
    templates.filters["vector"] = vector
    return templates.get_template("matrix.v.j2").render(module=module)


class _Writer:
    """Names and expressions of the signals of a netlist."""

    def __init__(self, netlist: Netlist) -> None:
        self._netlist = netlist
        self._delays = netlist.delays()
        self._chains = make_chains(netlist)
        # Of every sum in a chain: the name of the chain, and its lowest bit there
        self._places = {
            placed.field.signal: (f"chain_{number}", placed.low)
            for number, chain in enumerate(self._chains)
            for placed in chain
        }
        # Of the first sum of every chain: the number of the chain
        self._first = {chain[0].field.signal: n for n, chain in enumerate(self._chains)}

    def stage(self, number: int) -> _Stage:
        """Everything of one stage, in topological order."""
        netlist = self._netlist
        nodes = [
            line
            for signal in self._order()
            if netlist.stages[signal] == number and netlist.constant(signal) is None
            for line in self._node(signal)
        ]
        registers = [
            self._register(signal, number - stage)
            for signal, stage in enumerate(netlist.stages)
            if 0 <= number - stage < self._delays[signal]
        ]
        return _Stage(number=number, nodes=nodes, registers=registers)

    def _order(self) -> list[int]:
        """Nodes so that every signal stands in front of what reads it, chains as a whole."""
        done: set[int] = set(range(self._netlist.input_signals))
        order: list[int] = []
        chain_of = {placed.field.signal: chain for chain in self._chains for placed in chain}
        for first in range(self._netlist.input_signals, len(self._netlist.ranges)):
            pending = [first]
            while pending:
                signal = pending[-1]
                if signal in done:
                    pending.pop()
                    continue
                chain = chain_of.get(signal)
                group = [placed.field.signal for placed in chain] if chain else [signal]
                sources = [s for member in group for s in self._sources(member) if s not in done]
                if sources:
                    pending.extend(sources)
                    continue
                order.extend(group)
                done.update(group)
        return order

    def _sources(self, signal: int) -> tuple[int, ...]:
        return self._netlist.nodes[signal - self._netlist.input_signals].sources

    def current(self, output: Term | None, bits: int) -> str:
        """An output of the module."""
        if output is None:
            return sized(0, bits)
        return word(self._bits(output, self._netlist.latency, bits))

    def unused(self, current_bits: int) -> list[str]:
        """What lint is told that nothing reads: it may be read all the same."""
        netlist = self._netlist
        clock = [] if netlist.register_bits else ["clk_i", "en_i"]
        wide = dict.fromkeys(
            self._name(output.signal, netlist.latency)
            for output in netlist.outputs
            if output is not None
            and netlist.ranges[output.signal].bits + output.shift > current_bits
        )
        doubled = [f"chain_{n}" for n, chain in enumerate(self._chains) if _has_own_carry(chain)]
        return [*clock, "values_i", *doubled, *wide]

    def _range(self, signal: int) -> Range:
        return self._netlist.ranges[signal]

    def _name(self, signal: int, stage: int) -> str:
        """What a signal is called `stage` stages after the inputs."""
        netlist = self._netlist
        delay = stage - netlist.stages[signal]
        suffix = f"_q{delay}" if delay else ""
        if signal < netlist.input_signals:
            return f"value_{signal}{suffix}"
        number = signal - netlist.input_signals
        kind = "table" if isinstance(netlist.nodes[number], Table) else "sum"
        return f"{kind}_{number}{suffix}"

    def _bit(self, signal: int, index: int, stage: int) -> Wired:
        if signal < self._netlist.input_signals and stage == 0:
            return Wired("values_i", signal, self._netlist.input_signals > 1)
        return Wired(self._name(signal, stage), index)

    def _bits(self, term: Term, stage: int, count: int) -> list[Source]:
        """The lowest bits of a shifted signal, sign-extended."""
        known, value = self._range(term.signal), self._netlist.constant(term.signal)
        own: list[Source] = [
            self._bit(term.signal, index, stage) if value is None else value >> index & 1
            for index in range(known.bits)
        ]
        extension: Source = own[-1] if known.signed else 0
        bits = [0] * term.shift + own
        return [*bits, *[extension] * (count - len(bits))][:count]

    def _register(self, signal: int, delay: int) -> _Signal:
        stage, bits = self._netlist.stages[signal] + delay, self._range(signal).bits
        return _Signal(
            name=self._name(signal, stage + 1),
            bits=bits,
            value=word(self._bits(Term(signal), stage, bits)),
        )

    def _node(self, signal: int) -> list[_Signal]:
        node = self._netlist.nodes[signal - self._netlist.input_signals]
        stage, bits = self._netlist.stages[signal], self._range(signal).bits
        lines = [self._chain(self._first[signal])] if signal in self._first else []
        value = self._table(node, stage, bits) if isinstance(node, Table) else self._sum(signal)
        return [*lines, _Signal(name=self._name(signal, stage), bits=bits, value=value)]

    def _table(self, node: Table, stage: int, bits: int) -> str:
        inputs, entries = len(node.bits), len(node.values)
        columns = node.columns(bits)
        address = word([self._bit(bit.signal, bit.index, stage) for bit in node.bits])
        return joined([f"table{inputs}({sized(column, entries)}, {address})" for column in columns])

    def _sum_node(self, signal: int) -> Sum:
        node = self._netlist.nodes[signal - self._netlist.input_signals]
        assert isinstance(node, Sum)
        return node

    def _operands(self, signal: int) -> tuple[list[Source], list[Source], bool]:
        """Both operands of a sum bit by bit, and whether they are subtracted."""
        node, known = self._sum_node(signal), self._range(signal)
        stage = self._netlist.stages[signal]
        left, right = (self._bits(term, stage, known.bits) for term in (node.left, node.right))
        holder = right if constant_is_right(node, known, self._netlist.ranges) else left
        for place in range(known.bits):
            if node.constant >> place & 1:
                holder[place] = 1
        if node.carry is not None:
            bit = self._bit(node.carry.signal, node.carry.index, stage)
            free = next((side for side in (right, left) if side[node.carry_shift] == 0), None)
            if free is not None:
                free[node.carry_shift] = bit
        return left, right, node.subtract

    def _chain(self, number: int) -> _Signal:
        chain = self._chains[number]
        left: list[Source] = [0] * chain[-1].end
        right = left.copy()
        subtract = False
        for placed in chain:
            field = placed.field
            one, two, subtract = self._operands(field.signal)
            left[placed.low : placed.end] = one[field.start :]
            right[placed.low : placed.end] = two[field.start :]
        for placed in chain:
            if placed.field.doubled:
                left[placed.low - 1] = right[placed.low - 1] = self._carry(placed.field.signal)
        operator = "-" if subtract else "+"
        value = f"{word(left)} {operator} {word(right)}"
        return _Signal(name=f"chain_{number}", bits=len(left), value=value)

    def _carry(self, signal: int) -> Wired:
        carry = self._sum_node(signal).carry
        assert carry
        return self._bit(carry.signal, carry.index, self._netlist.stages[signal])

    def _sum(self, signal: int) -> str:
        left, right, _ = self._operands(signal)
        field = field_of(signal, self._sum_node(signal), self._netlist.ranges)
        bits: list[Source] = [
            one if two == 0 else two for one, two in zip(left, right, strict=True)
        ]
        if field is not None:
            name, low = self._places[signal]
            bits[field.start :] = [Wired(name, low + place) for place in range(field.bits)]
        return word(bits)


def _has_own_carry(chain: Chain) -> bool:
    """Whether a carry has a bit of the chain to itself, which is then not read."""
    ends = [0] + [placed.end for placed in chain]
    return any(placed.low > end for placed, end in zip(chain, ends, strict=False))
