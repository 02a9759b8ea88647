"""The memories of every family, as the libraries of Yosys 0.70 describe them.

Source: the files `brams*.txt` and `lutrams*.txt` of the family (named below,
in the folder `share` of Yosys), with the options that `synth_<family>` gives to
the pass `memory_libmap`; passes/memory/memlib.md of Yosys explains their words.
Left out is what no memory of the RTL library makes use of: resets of a read
port, second clocks, the values that a read returns in the clock of a write.
The look-up tables of a cell are those that `spikeloom synth` counts.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """A group of equal ports of a RAM cell (`port`)."""

    count: int = 1
    reads: bool = False
    writes: bool = False
    narrowest: int = 0  # index of the narrowest width that it can have
    widest: int = 99  # and of the widest, where that is not the last


@dataclass(frozen=True, slots=True, kw_only=True)
class Ram:
    """A RAM cell in one of its modes (`ram`)."""

    cell: str  # its name, and the mode
    address_bits: int  # of a word of the first width (`abits`)
    widths: tuple[int, ...]  # of a word; from one to the next the words halve
    byte: int = 0  # bits that one write enable governs; 0: the whole word
    cost: float
    cost_by_bit: float = 0  # part of the cost that grows with the bits in use (`widthscale`)
    ports: tuple[Ports, ...]
    masked: bool = False  # write enables by bit are masks, beside an enable of the cell
    bram: int = 0  # block RAMs that one is; 0: a RAM in look-up tables, never a ROM (`prune_rom`)
    lut: int = 0  # look-up tables that one is, or with `lut_by_bit` one bit of it
    lut_by_bit: bool = False

    @property
    def block(self) -> bool:
        """Whether this is a block RAM."""
        return self.bram > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What decides on a family how memories are mapped."""

    rams: tuple[Ram, ...]  # in the order of the library
    inputs: int  # of a look-up table
    wider: int = 0  # inputs more that multiplexers of their own give to joined tables
    resets: bool = True  # whether a register with an enable can have a reset behind it
    excess: float = 1.0  # tables of a ROM that abc9 takes for one that would do: measured
    rom_bit_cost: float = 1 / 16  # of a ROM in logic (`-logic-cost-rom`)
    ram_bit_cost: float = 1.0  # of a RAM in registers (`-logic-cost-ram`)


_WRITER = Ports(writes=True)
_READER = Ports(reads=True)
_BOTH = Ports(reads=True, writes=True)
_TWO_OF_BOTH = Ports(count=2, reads=True, writes=True)


def _block(
    cell: str,
    address_bits: int,
    widths: tuple[int, ...],
    cost: float,
    ports: tuple[Ports, ...],
    bram: int = 1,
) -> Ram:
    """Return a block RAM of ECP5, Gowin or xc7: all have bytes of 9 bits."""
    return Ram(
        cell=cell,
        address_bits=address_bits,
        widths=widths,
        byte=9,
        cost=cost,
        ports=ports,
        bram=bram,
    )


def _iced(mode: str, writer: Ports, byte: int) -> Ram:
    """Return the block RAM of iCE40, whose words are written whole or bit by bit."""
    return Ram(
        cell=f"SB_RAM40_4K {mode}",
        address_bits=11,
        widths=(2, 4, 8, 16),
        byte=byte,
        cost=64,
        ports=(writer, _READER),
        masked=byte == 1,
        bram=1,
    )


def _lutram(
    address_bits: int,
    width: int,
    ports: tuple[Ports, ...],
    lut: int,
    *,
    cost: float = 8,
    fixed_cost: float = 0,
    by_bit: bool = False,
) -> Ram:
    """Return a RAM in look-up tables whose cost grows with the bits in use."""
    return Ram(
        cell=f"RAM{1 << address_bits}X{width}",
        address_bits=address_bits,
        widths=(width,),
        cost=cost,
        cost_by_bit=cost - fixed_cost,
        ports=ports,
        lut=lut,
        lut_by_bit=by_bit,
    )


_ECP5 = Family(
    rams=(
        # lattice/lutrams_trellis.txt: four tables of data, two that the write port blocks
        _lutram(4, 4, (_WRITER, _READER), 6, cost=4, fixed_cost=4),
        # lattice/brams_16kd.txt
        _block("DP16KD", 14, (1, 2, 4, 9, 18), 128, (_TWO_OF_BOTH,)),
        _block(
            "PDPW16KD",
            14,
            (1, 2, 4, 9, 18, 36),
            128,
            (_READER, Ports(writes=True, narrowest=5)),
        ),
    ),
    inputs=4,
    wider=2,  # PFUMX, L6MUX21
)

_ICE40 = Family(
    rams=(
        # ice40/brams.txt; ice40/spram.txt is for those who ask for it
        _iced("by word", Ports(writes=True, widest=2), 0),
        _iced("by bit", Ports(writes=True, narrowest=3), 1),
    ),
    inputs=4,
    excess=1.2,
)

_GOWIN = Family(
    rams=(
        # gowin/lutrams.txt
        _lutram(4, 4, (_WRITER, _READER), 4, cost=4),
        # gowin/brams.txt
        _block("SP", 14, (1, 2, 4, 9, 18, 36), 128, (_BOTH,)),
        _block("DP", 14, (1, 2, 4, 9, 18), 128, (_TWO_OF_BOTH,)),
        _block("SDP", 14, (1, 2, 4, 9, 18, 36), 128, (_READER, _WRITER)),
    ),
    inputs=4,
    wider=2,  # MUX2_LUT5, MUX2_LUT6; those above are hardly taken
    resets=False,
)

_THREE_READERS = Ports(count=3, reads=True)

_XC7 = Family(
    rams=(
        # xilinx/lutrams_xc5v.txt: one address, two, four, one to write and one to read
        _lutram(8, 1, (_BOTH,), 4, by_bit=True),
        _lutram(7, 2, (_BOTH,), 4, by_bit=True),
        _lutram(6, 4, (_BOTH,), 2, by_bit=True),
        _lutram(5, 8, (_BOTH,), 4),
        _lutram(7, 1, (_BOTH, _READER), 4, by_bit=True),
        _lutram(6, 2, (_BOTH, _READER), 2, by_bit=True),
        _lutram(5, 4, (_BOTH, _READER), 4),
        _lutram(6, 1, (_BOTH, _THREE_READERS), 4, cost=7),
        _lutram(5, 2, (_BOTH, _THREE_READERS), 4, cost=7),
        _lutram(6, 3, (_WRITER, _READER), 4, fixed_cost=1),
        _lutram(5, 6, (_WRITER, _READER), 4, fixed_cost=1),
        # xilinx/brams_xc4v.txt with HAS_SIZE_36, HAS_CASCADE and HAS_MIXWIDTH_SDP
        _block(
            "two RAMB36E1",
            16,
            (1, 2, 4, 9),
            513,
            (Ports(count=2, reads=True, writes=True, widest=0),),
            4,
        ),
        _block("RAMB36E1", 15, (1, 2, 4, 9, 18, 36), 257, (_TWO_OF_BOTH,), 2),
        _block("RAMB18E1", 14, (1, 2, 4, 9, 18), 129, (_TWO_OF_BOTH,)),
        _block("RAMB36E1", 15, (1, 2, 4, 9, 18, 36, 72), 257, (_WRITER, _READER), 2),
        _block("RAMB18E1", 14, (1, 2, 4, 9, 18, 36), 129, (_WRITER, _READER)),
    ),
    inputs=6,
    wider=1,  # MUXF7; MUXF8 is hardly taken
    rom_bit_cost=1 / 64,
)

FAMILIES = {"ecp5": _ECP5, "ice40": _ICE40, "gowin": _GOWIN, "xc7": _XC7}
