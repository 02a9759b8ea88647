"""What Yosys makes of a memory: block RAM, RAM in look-up tables, or logic.

The rules are those of the pass `memory_libmap` of Yosys 0.70
(passes/memory/memory_libmap.cc): every RAM cell of the family in every mode has
a cost, made of the cells that it takes and of the multiplexers around them; the
cheapest mode of block RAM, the cheapest RAM in look-up tables and plain logic
then compete.  Before it, `opt_mem` takes the bits of a ROM out that are the
same in all words.

Block RAMs and flip-flops are exact; so are look-up tables that are RAM.
Those that select and decode follow from how abc9 maps a multiplexer, measured on
memories that are not the slowest part of a design.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from spikeloom.codegen._estimate._memory_rules import FAMILIES, Family, Ports, Ram
from spikeloom.codegen._estimate._tables import count_tables, distinct_columns, varying_columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A memory as the RTL library declares it: every read port has a register.

    All memories of the library that are written carry `no_rw_check`: what a
    read returns of a word that is written in the same clock is never used.
    """

    words: int
    bits: int  # of a word
    reads: int = 1  # read ports, 1 unless it is a ROM
    writes: int = 1  # write ports, 1 or, of a ROM, 0
    shared: bool = False  # both ports have one address, and never meet in one clock
    unread: int = 0  # bits of a word that nothing behind the read ports looks at
    content: tuple[int, ...] | None = None  # words of a ROM; None: all its bits vary


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """Cells that a memory and the registers of its read ports become.

    What decodes addresses and selects between several cells is in it.
    """

    bram: int
    lut: int
    ff: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One way to build a memory of RAM cells, and what it costs in Yosys' eyes."""

    ram: Ram
    width: int  # of a word of a cell
    word_bits: int  # of a word of the memory, filled up to whole bytes
    rows: int  # parts that the words are divided into, each with its own cells
    cells: int  # of one copy
    copies: int  # each serves as many read ports as a cell has
    selects: int  # write enables that have to be decoded
    cost: float


def map_memory(memory: Memory, family: str) -> Mapped:
    """Return what `memory` becomes on `family`: ecp5, ice40, gowin or xc7."""
    rules = FAMILIES[family]
    stored = memory
    if memory.content is not None:
        stored = replace(memory, bits=len(varying_columns(memory.content, memory.bits)))
    if stored.bits == 0:
        return Mapped(bram=0, lut=0, ff=0)
    choice = choose(stored, rules)
    if choice is not None:
        return _in_cells(stored, choice, rules)
    return _in_registers(stored, rules) if memory.writes else _in_tables(stored, rules)


def choose(memory: Memory, family: Family) -> Choice | None:
    """Return the cheapest way to build `memory`, or None for logic."""
    bit_cost = family.ram_bit_cost if memory.writes else family.rom_bit_cost
    best, chosen = int(memory.words * memory.bits * bit_cost), None
    for choice in cheapest(memory, family):
        if choice.cost < best:  # Yosys keeps the best cost in an integer
            best, chosen = int(choice.cost), choice
    return chosen


def cheapest(memory: Memory, family: Family) -> list[Choice]:
    """Return the cheapest RAM in tables and the cheapest block RAM, as far as there are any."""
    best: dict[bool, Choice] = {}
    for ram in family.rams:
        if memory.writes == 0 and not ram.block:
            continue
        for copies, score, ports in _assignments(memory, ram):
            choice = _geometry(memory, ram, ports, copies, score)
            if ram.block not in best or choice.cost < best[ram.block].cost:
                best[ram.block] = choice
    return list(best.values())


# ------------------------------------------------------------ the choice of memory_libmap


def _assignments(memory: Memory, ram: Ram) -> Iterator[tuple[int, int, list[Ports]]]:
    """Yield copies, the score of what is around them, and the ports in use."""
    writers = [group for group in ram.ports if group.writes] if memory.writes else [None]
    for writer in writers:
        for reader in ram.ports:
            free = reader.count - (reader is writer)
            if reader.reads and free > 0:
                used = [reader] if writer is None else [writer, reader]
                yield -(-memory.reads // free), memory.reads, used
        if writer is not None and writer.reads and memory.shared:
            yield 1, 0, [writer]


def _geometry(memory: Memory, ram: Ram, ports: list[Ports], copies: int, score: int) -> Choice:
    """Return the width of a cell that costs the least."""
    best: Choice | None = None
    best_cost = 0
    for index in range(len(ram.widths)):
        unit = min(index, *(group.widest for group in ports))
        if unit != index and best is not None:
            break
        narrowest = max((group.narrowest for group in ports if group.writes), default=0)
        if index < min(narrowest, _byte_index(ram)):
            continue
        choice = _sized(memory, ram, index, unit, copies)
        selects = (choice.rows << max(0, narrowest - index)) if memory.writes else 0
        choice = replace(choice, selects=selects, cost=choice.cost + 2 * score)
        if best is None or choice.cost < best_cost:
            best, best_cost = choice, int(choice.cost)
    assert best is not None  # the last width is always wide enough
    return best


def _byte_index(ram: Ram) -> int:
    """Return the index of the widest width that one write enable governs."""
    byte = ram.byte or ram.widths[-1]
    return max((index for index, width in enumerate(ram.widths) if width <= byte), default=0)


def _sized(memory: Memory, ram: Ram, index: int, unit: int, copies: int) -> Choice:
    """Return cells of the width with number `unit`, addressed as those with number `index`."""
    width = ram.widths[unit]
    byte = min(ram.byte or width, width) if memory.writes else 1
    rows = -(-memory.words // (1 << (ram.address_bits - index)))
    word_bits = -(-memory.bits // byte) * byte
    cells = -(-rows * word_bits // width)
    cost = (ram.cost - ram.cost_by_bit) * cells * copies
    cost += ram.cost_by_bit * rows * memory.bits / width * copies
    cost += 0.5 * memory.reads * (rows - 1) * memory.bits
    if memory.writes and rows > 1:
        cost += 0.5 * rows
    return Choice(
        ram=ram,
        width=width,
        word_bits=word_bits,
        rows=rows,
        cells=cells,
        copies=copies,
        selects=0,
        cost=cost,
    )


# ------------------------------------------------------------------ what comes out of it


def _in_cells(memory: Memory, choice: Choice, family: Family) -> Mapped:
    ram, cells = choice.ram, choice.cells * choice.copies
    outputs = (memory.bits - memory.unread) * memory.reads
    lut = outputs * _selecting(choice.rows, family)
    lut += _write_enables(choice, family) if memory.writes else 0
    if ram.block:
        registers = memory.reads * (choice.rows - 1).bit_length()
        return Mapped(bram=ram.bram * cells, lut=lut, ff=registers)
    lut += ram.lut * (memory.bits * choice.rows if ram.lut_by_bit else cells)
    return Mapped(bram=0, lut=lut, ff=outputs)


def _in_registers(memory: Memory, family: Family) -> Mapped:
    bits = memory.bits - memory.unread
    lut = bits * memory.reads * _selecting(memory.words, family)
    lut += _decoding(memory.words, family)
    return Mapped(bram=0, lut=lut, ff=bits * (memory.words + memory.reads))


def _in_tables(memory: Memory, family: Family) -> Mapped:
    """Return a ROM in logic: columns that are equal share their tables and register."""
    if memory.content is None:
        tables = _unknown_tables(memory, family)
        return Mapped(bram=0, lut=memory.reads * tables, ff=memory.reads * memory.bits)
    width = max(word.bit_length() for word in memory.content)
    columns = distinct_columns(memory.content, width)
    tables = count_tables(
        columns,
        memory.words,
        inputs=family.inputs,
        wider=family.wider,
        resets=family.resets,
    )
    lut = memory.reads * round(tables * family.excess)
    return Mapped(bram=0, lut=lut, ff=memory.reads * len(columns))


def _unknown_tables(memory: Memory, family: Family) -> int:
    """Return the tables of columns without any regularity."""
    missing = max(0, (memory.words - 1).bit_length() - family.inputs - family.wider)
    joined = 1 << max(0, (memory.words - 1).bit_length() - family.inputs)
    return memory.bits * (joined + (1 << missing) - 1) if memory.words > 1 else 0


def _selecting(inputs: int, family: Family) -> int:
    """Return the tables of a multiplexer for one bit: measured on 2 to 64 inputs."""
    if family.inputs == 6:
        return -(-(inputs - 1) // 3)
    return inputs - 1 - (inputs + 3) // 8


def _decoding(outputs: int, family: Family) -> int:
    """Return the tables that make an enable for each of `outputs` of one and an address."""
    if outputs < 2:
        return 0
    address_bits = (outputs - 1).bit_length()
    if address_bits < family.inputs:
        return outputs
    return outputs + (4 << max(0, address_bits - family.inputs - 1))


def _write_enables(choice: Choice, family: Family) -> int:
    """Return the tables of the write enables; cells with words of two rows need either."""
    spans = {
        (
            cell * choice.width // choice.word_bits,
            min((cell + 1) * choice.width, choice.rows * choice.word_bits) - 1,
        )
        for cell in range(choice.cells)
    }
    enables = {(first, last // choice.word_bits) for first, last in spans}
    if not choice.ram.masked:
        return _decoding(choice.selects, family) + sum(first != last for first, last in enables)
    own = len(enables) if choice.rows > 1 else 0
    return max(1, _decoding(choice.selects, family)) + own
