"""The emitted board top, constraints, scripts and Makefile."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from spikeloom.boards import emit_board, load_board
from spikeloom.boards._emit import clocks_per_bit
from spikeloom.boards._flow import paths_of
from spikeloom.codegen import Manifest
from spikeloom.ir import ConfigError
from spikeloom.sim import lint

NAMES = ["artya7", "hx8k", "icebreaker", "tangnano9k", "ulx3s"]
LIBRARY = Path(__file__).parents[2] / "hdl_templates" / "verilog"


def text_of(manifest: Manifest, board: str, path: str) -> str:
    return emit_board(manifest, load_board(board))[path].decode()


def test_files_of_a_board(manifest: Manifest) -> None:
    assert [path for path, _ in emit_board(manifest, load_board("hx8k"))] == [
        "syn/hx8k/Makefile",
        "syn/hx8k/hx8k.pcf",
        "syn/hx8k/layers.ys",
        "syn/hx8k/spikeloom_board_top.v",
        "syn/hx8k/spikeloom_uart_bridge.v",
        "syn/hx8k/spikeloom_uart_rx.v",
        "syn/hx8k/spikeloom_uart_tx.v",
        "syn/hx8k/synth.ys",
    ]


def test_files_of_a_core_alone(manifest: Manifest) -> None:
    files = emit_board(manifest, load_board("ulx3s"), core_only=True)
    assert [path for path, _ in files] == [
        "syn/ulx3s-core/Makefile",
        "syn/ulx3s-core/layers.ys",
        "syn/ulx3s-core/spikeloom_carry.v",
        "syn/ulx3s-core/synth.ys",
    ]
    assert "--out-of-context" in files["syn/ulx3s-core/Makefile"].decode()
    assert "-top spikeloom_standin " in files["syn/ulx3s-core/synth.ys"].decode()


def test_area_only_board_has_no_constraints(manifest: Manifest) -> None:
    files = emit_board(manifest, load_board("artya7"))
    assert not [path for path, _ in files if path.endswith((".xdc", ".pcf", ".lpf", ".cst"))]
    assert "NEXTPNR" not in files["syn/artya7/Makefile"].decode()


@pytest.mark.parametrize("name", NAMES)
def test_same_bytes_every_time(manifest: Manifest, name: str) -> None:
    board = load_board(name)
    assert list(emit_board(manifest, board)) == list(emit_board(manifest, board))


@pytest.mark.parametrize(
    ("name", "path", "line"),
    [
        ("ulx3s", "ulx3s.lpf", 'LOCATE COMP "led_o[7]" SITE "H3";'),
        ("ulx3s", "ulx3s.lpf", 'IOBUF PORT "button_i" PULLMODE=DOWN IO_TYPE=LVCMOS33;'),
        ("ulx3s", "ulx3s.lpf", 'LOCATE COMP "wifi_gpio0_o" SITE "L2";'),
        ("icebreaker", "icebreaker.pcf", "set_io -pullup yes button_i 10"),
        ("icebreaker", "icebreaker.pcf", "set_io uart_tx_o 9"),
        ("hx8k", "hx8k.pcf", "set_io clk_i J3"),
        ("tangnano9k", "tangnano9k.cst", 'IO_LOC "uart_rx_i" 18;'),
        ("tangnano9k", "tangnano9k.cst", 'IO_PORT "led_o[5]" IO_TYPE=LVCMOS18 PULL_MODE=NONE;'),
    ],
)
def test_constraints(manifest: Manifest, name: str, path: str, line: str) -> None:
    assert line in text_of(manifest, name, f"syn/{name}/{path}").splitlines()


@pytest.mark.parametrize("name", NAMES[1:])
def test_every_port_of_the_top_is_constrained(manifest: Manifest, name: str) -> None:
    files = dict(emit_board(manifest, load_board(name)))
    constraints = next(text for path, text in files.items() if path.endswith(("lpf", "pcf", "cst")))
    for pin in load_board(name).pins:
        assert pin.port in constraints.decode()


@pytest.mark.parametrize("name", NAMES)
def test_board_top_is_lint_clean(
    standin: Callable[..., Path], manifest: Manifest, name: str, need: Callable[[str], None]
) -> None:
    need("verilator")
    out = standin()
    files = emit_board(manifest, load_board(name))
    files.add("manifest.json", "{}")
    files.add("rtl/standin.v", (out / "rtl" / "standin.v").read_bytes())
    files.write(out)
    maps = paths_of(
        manifest, load_board(name), core_only=False
    ).carries  # of vendor cells, for Yosys alone
    sources = [path for path, _ in files if path.endswith(".v") and path != maps]
    found = lint(sources, top="spikeloom_board_top", cwd=out)
    assert [message for message in found if "syn/" in message] == []


@pytest.mark.parametrize(
    ("classes", "class_bits"), [(2, 1), (3, 2), (64, 6), (100, 7), (256, 8), (300, 9), (1000, 10)]
)
def test_board_top_is_lint_clean_for_any_number_of_classes(
    tmp_path: Path,
    manifest_with: Callable[..., Manifest],
    classes: int,
    class_bits: int,
    need: Callable[[str], None],
) -> None:
    need("verilator")
    output = {"classes": classes, "score_bits": 7, "class_bits": class_bits}
    manifest = manifest_with(output=output)
    files = emit_board(manifest, load_board("icebreaker"))
    core = (Path(__file__).parent / "standin.v").read_text(encoding="utf-8")
    core = core.replace("[ 9:0] m_axis_tdata", "[6:0] m_axis_tdata")
    files.add("core.v", core.replace("[ 1:0] m_axis_tuser", f"[{class_bits - 1}:0] m_axis_tuser"))
    files.write(tmp_path / "out")
    sources = [path for path, _ in files if path.endswith(".v")]
    found = lint(sources, top="spikeloom_board_top", cwd=tmp_path / "out")
    assert [message for message in found if "syn/" in message] == []


@pytest.mark.parametrize("parameters", [{}, {"ClocksPerBit": 4}, {"ClocksPerBit": 1000}])
@pytest.mark.parametrize("module", ["spikeloom_uart_rx", "spikeloom_uart_tx"])
def test_library_module_is_lint_clean(
    module: str, parameters: dict[str, int], need: Callable[[str], None]
) -> None:
    need("verilator")
    assert lint([LIBRARY / f"{module}.v"], top=module, parameters=parameters) == []


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"DataBits": 12, "Beats": 3, "Frames": 4, "Classes": 10, "ScoreBits": 9, "ClassBits": 4},
        {"DataBits": 64, "Beats": 98, "Classes": 300, "ClassBits": 9, "ScoreBits": 4},
        {"Classes": 256, "ClassBits": 8, "ScoreBits": 17, "IdleClocks": 1},
    ],
)
def test_bridge_is_lint_clean(parameters: dict[str, int], need: Callable[[str], None]) -> None:
    need("verilator")
    names = ("spikeloom_uart_rx", "spikeloom_uart_tx", "spikeloom_uart_bridge")
    sources = [LIBRARY / f"{name}.v" for name in names]
    assert lint(sources, top="spikeloom_uart_bridge", parameters=parameters) == []


@pytest.mark.parametrize(
    ("module", "parameters", "message"),
    [
        ("spikeloom_uart_rx", {"ClocksPerBit": 3}, "clocks_per_bit_must_be_4_or_more"),
        ("spikeloom_uart_tx", {"ClocksPerBit": 1}, "clocks_per_bit_must_be_2_or_more"),
        ("spikeloom_uart_bridge", {"Classes": 1}, "classes_must_be_2_to_65536"),
        ("spikeloom_uart_bridge", {"Classes": 10}, "class_bits_must_be_clog2_of_classes"),
    ],
)
def test_elaboration_refuses_wrong_parameters(
    module: str, parameters: dict[str, int], message: str, need: Callable[[str], None]
) -> None:
    need("verilator")
    sources = [LIBRARY / f"spikeloom_uart_{name}.v" for name in ("rx", "tx", "bridge")]
    found = lint(sources, top=module, parameters=parameters)
    assert any(f"spikeloom_error_{message}" in line for line in found)


def test_active_low_leds_are_inverted(manifest: Manifest) -> None:
    top = text_of(manifest, "tangnano9k", "syn/tangnano9k/spikeloom_board_top.v")
    assert "assign led_o = ~{4'd0, class_shown};" in top


def test_class_bits_beyond_the_leds_are_left_out(manifest_with: Callable[..., Manifest]) -> None:
    output = {"classes": 100, "score_bits": 8, "class_bits": 7}
    top = text_of(
        manifest_with(output=output), "icebreaker", "syn/icebreaker/spikeloom_board_top.v"
    )
    assert "assign led_o = class_shown[4:0];" in top
    assert "class_shown[6:5]" in top


def test_board_without_button(manifest: Manifest) -> None:
    assert "button" not in text_of(manifest, "hx8k", "syn/hx8k/spikeloom_board_top.v").replace(
        "the board has no button", ""
    )


def test_header_names_version_and_graph(manifest: Manifest) -> None:
    top = text_of(manifest, "ulx3s", "syn/ulx3s/spikeloom_board_top.v")
    assert "Spikeloom 0.1.0 for network standin, graph 0123456789abcdef" in top


def test_multipliers_are_checked_before_and_after_mapping(manifest: Manifest) -> None:
    lines = text_of(manifest, "ulx3s", "syn/ulx3s/synth.ys").splitlines()
    before = next(
        n for n, line in enumerate(lines) if line.startswith("select -assert-none t:$mul")
    )
    after = next(n for n, line in enumerate(lines) if "-assert-none t:MULT18X18" in line)
    mapping = next(n for n, line in enumerate(lines) if line.endswith("-run map_gates:"))
    assert before < mapping < after


@pytest.mark.parametrize(
    ("clock_mhz", "divisor"), [(12.0, 104), (25.0, 217), (27.0, 234), (100.0, 868)]
)
def test_baud_divisor(clock_mhz: float, divisor: int) -> None:
    assert clocks_per_bit(clock_mhz) == divisor


def test_baud_rate_that_the_clock_cannot_make() -> None:
    message = (
        r"^baud rate must be within 2 % of 12 MHz divided by 4 or more, and 2600000 is 7.7 % from "
        r"its divisor 5; choose a lower rate, as 115200$"
    )
    with pytest.raises(ConfigError, match=message):
        clocks_per_bit(12.0, 2_600_000)


def test_baud_rate_too_fast_for_the_receiver(manifest: Manifest) -> None:
    slow = dataclasses.replace(load_board("icebreaker"), clock_mhz=6.0)
    with pytest.raises(ConfigError, match=r"divided by 4 or more, and 2000000 is 0.0 % from .* 3;"):
        emit_board(manifest, slow, baud=2_000_000)
