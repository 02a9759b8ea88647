"""Reading reports of Yosys and nextpnr, with samples of what they wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spikeloom.boards import Resources, load_board
from spikeloom.boards._flow import FLOWS
from spikeloom.boards._reports import (
    UtilisationWatch,
    count_cells,
    explain_cells,
    explain_excess,
    explain_failure,
    found_cells,
    read_place_report,
    read_stat,
)
from spikeloom.ir import ResourceError, ToolError

# What Yosys 0.70 and nextpnr 0.11.1 reported of the core of standin.v.
STAT = {
    "ulx3s": {
        "$scopeinfo": 6,
        "CCU2C": 66,
        "DP16KD": 1,
        "L6MUX21": 16,
        "LUT4": 228,
        "PFUMX": 41,
        "TRELLIS_DPR16X4": 3,
        "TRELLIS_FF": 233,
    },
    "icebreaker": {
        "$scopeinfo": 6,
        "SB_CARRY": 111,
        "SB_DFF": 40,
        "SB_DFFE": 74,
        "SB_DFFESR": 121,
        "SB_DFFESS": 10,
        "SB_DFFSR": 13,
        "SB_DFFSS": 2,
        "SB_LUT4": 325,
        "SB_RAM40_4K": 1,
    },
    "tangnano9k": {
        "ALU": 138,
        "DFF": 40,
        "DFFE": 44,
        "DFFR": 14,
        "DFFRE": 124,
        "DFFS": 2,
        "DFFSE": 10,
        "GND": 1,
        "IBUF": 3,
        "LUT1": 52,
        "LUT2": 70,
        "LUT3": 52,
        "LUT4": 72,
        "MUX2_LUT5": 49,
        "OBUF": 7,
        "RAM16SDP4": 3,
        "SPX9": 1,
        "VCC": 1,
    },
    "artya7": {"BUFG": 1, "CARRY4": 9, "FDRE": 90, "FDSE": 4, "LUT2": 5, "LUT6": 7, "RAM32M": 2},
}
USED = {
    "ulx3s": (228 + 2 * 66 + 6 * 3, 233, 1),
    "icebreaker": (325, 260, 1),
    "tangnano9k": (246 + 138 + 4 * 3, 234, 1),
    "artya7": (5 + 7 + 4 * 2, 94, 0),
}
UTILISATION = {
    "ulx3s": {"DCCA": 1, "DP16KD": 1, "MULT18X18D": 0, "TRELLIS_COMB": 436, "TRELLIS_FF": 233},
    "icebreaker": {"ICESTORM_DSP": 0, "ICESTORM_LC": 444, "ICESTORM_RAM": 1, "SB_IO": 9},
    "tangnano9k": {"ALU": 174, "BSRAM": 1, "DFF": 234, "LUT4": 335, "MULT18X18": 0, "MULT9X9": 0},
}


def resources(lut: int = 0, ff: int = 0, bram: int = 0, dsp: int = 0, spram: int = 0) -> Resources:
    return Resources(lut=lut, ff=ff, bram=bram, dsp=dsp, spram=spram)


def place_report(board: str) -> dict[str, Any]:
    rows = {name: {"used": n, "available": 9999} for name, n in UTILISATION[board].items()}
    clocks = {"clk_i": {"achieved": 82.78145599365234, "constraint": 100}}
    return {"fmax": clocks, "utilization": rows, "critical_paths": []}


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("board", sorted(STAT))
def test_mapped_cells_are_counted(tmp_path: Path, board: str) -> None:
    content = {"creator": "Yosys 0.70", "design": {"num_cells_by_type": STAT[board]}}
    cells = read_stat(write(tmp_path / "stat.json", content))
    lut, ff, bram = USED[board]
    flow = FLOWS[load_board(board).family]
    assert count_cells(cells, flow) == resources(lut, ff, bram)


@pytest.mark.parametrize(
    ("board", "cell"),
    [
        ("ulx3s", "MULT18X18D"),
        ("icebreaker", "SB_MAC16"),
        ("tangnano9k", "MULT9X9"),
        ("artya7", "DSP48E1"),
    ],
)
def test_dsp_blocks_are_counted(board: str, cell: str) -> None:
    assert count_cells({cell: 2}, FLOWS[load_board(board).family]) == resources(dsp=2)


def test_large_block_ram_of_xc7_counts_twice() -> None:
    cells = {"RAMB36E1": 2, "RAMB18E1": 1}
    assert count_cells(cells, FLOWS[load_board("artya7").family]).bram == 5


@pytest.mark.parametrize(
    ("board", "counts", "fmax"),
    [
        ("ulx3s", {"lut": 436, "ff": 233, "bram": 1, "dsp": 0}, 82.78145599365234),
        ("icebreaker", {"lut": 444, "bram": 1, "dsp": 0}, 82.78145599365234),
        ("tangnano9k", {"lut": 509, "ff": 234, "bram": 1, "dsp": 0}, None),
    ],
)
def test_place_report(
    tmp_path: Path, board: str, counts: dict[str, int], fmax: float | None
) -> None:
    path = write(tmp_path / "report.json", place_report(board))
    assert read_place_report(path, FLOWS[load_board(board).family]) == (counts, fmax)


def test_design_without_a_clock_has_no_fmax(tmp_path: Path) -> None:
    path = write(tmp_path / "report.json", {**place_report("ulx3s"), "fmax": {}})
    assert read_place_report(path, FLOWS[load_board("ulx3s").family])[1] is None


def test_damaged_reports_are_named(tmp_path: Path) -> None:
    flow = FLOWS[load_board("ulx3s").family]
    path = tmp_path / "report.json"
    with pytest.raises(ToolError, match=r"report\.json must be the JSON report of a tool: .*No su"):
        read_stat(path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ToolError, match=r"report\.json must be the JSON report of a tool: Expec"):
        read_stat(path)
    write(path, {})
    with pytest.raises(ToolError, match=r"report\.json must have design\.num_cells_by_type"):
        read_stat(path)
    with pytest.raises(ToolError, match=r"report\.json must have utilization and fmax"):
        read_place_report(path, flow)


def test_what_fits_is_not_explained() -> None:
    board = load_board("icebreaker")
    assert explain_excess(board.resources, board) is None


def test_excess_says_what_by_how_much_and_the_remedy() -> None:
    board = load_board("icebreaker")
    assert explain_excess(resources(lut=6864, bram=12), board) == (
        "the design must fit the 1BitSquared iCEBreaker: it needs 6864 logic cells and the device "
        "has 5280, 30 % too many; use fewer lanes or event ports, fewer weight bits, or the event "
        "engine, or another board (Digilent Arty A7-35T, Lattice iCE40-HX8K breakout board, Sipeed "
        "Tang Nano 9K, Radiona ULX3S 85F)"
    )


def test_excess_of_several_resources() -> None:
    text = explain_excess(resources(lut=90000, ff=100, bram=300), load_board("ulx3s"))
    assert text == (
        "the design must fit the Radiona ULX3S 85F: it needs 90000 logic cells and the device has "
        "83640, 8 % too many; it needs 300 block RAMs and the device has 208, 44 % too many; use "
        "fewer lanes or event ports, fewer weight bits, or the event engine, use fewer weight bits "
        "or smaller layers; no supported board is larger"
    )


def test_excess_of_what_the_device_has_none_of() -> None:
    text = explain_excess(resources(spram=1), load_board("hx8k"))
    assert text is not None
    assert "it needs 1 SPRAMs and the device has 0; use smaller layers" in text


def watch(board: str, lines: str) -> None:
    seen = UtilisationWatch(FLOWS[load_board(board).family], load_board(board))
    for line in lines.splitlines(keepends=True):
        seen(line)


# As nextpnr 0.11.1 printed it for a network of 64 lanes.
TABLE = """Info: Device utilisation:
Info: \t                 VCC:       1/      1   100%
Info: \t                LUT4:    7478/   8640    86%
Info: \t                 ALU:    2282/   6480    35%
Info: \t                 DFF:    4529/   6480    69%
Info: \t               BSRAM:       0/     26     0%

"""


def test_table_of_nextpnr_ends_a_hopeless_placement() -> None:
    message = r"it needs 9760 logic cells and the device has 8640, 13 % too many; use fewer lanes"
    with pytest.raises(ResourceError, match=message):
        watch("tangnano9k", TABLE + "Info: Placed 0 cells based on constraints.\n")


def test_table_of_nextpnr_of_a_design_that_fits() -> None:
    watch("tangnano9k", TABLE.replace("7478/   8640    86%", "5000/   8640    57%") * 2)
    watch("tangnano9k", "Info: 5000 cells\nInfo: Routing..\n")


def test_design_too_dense_to_place() -> None:
    output = "ERROR: Unable to place cell 'x', no BELs remaining to implement cell type 'y'\n"
    assert explain_failure(output, load_board("hx8k")) == (
        "the design fills the Lattice iCE40-HX8K breakout board so far that it cannot be placed; "
        "use fewer lanes or event ports, fewer weight bits, or the event engine, or another board"
    )


def test_other_failure_of_nextpnr_is_not_explained() -> None:
    assert explain_failure("ERROR: unknown option\n", load_board("hx8k")) is None


def test_found_cells(tmp_path: Path) -> None:
    path = tmp_path / "multipliers.txt"
    assert found_cells(path) == []
    path.write_text("core/$mul$rtl/core.v:12$3\n\n", encoding="utf-8")
    assert found_cells(path) == ["core/$mul$rtl/core.v:12$3"]


def test_many_cells_are_cut_short() -> None:
    text = explain_cells([f"core/$mul${n}" for n in range(12)], "before mapping it has")
    assert text.startswith(
        "the design must have no multiplier or divider, and before mapping it has 12:\n"
        "    core/$mul$0\n"
    )
    assert "$mul$9\n    and 2 more\nwrite the product as shifts and additions" in text
