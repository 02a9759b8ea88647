"""The module of an unrolled matrix: Icarus Verilog computes what `evaluate` does."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spikeloom.codegen._unrolled import FABRICS, Netlist, evaluate, matrix_module, unroll
from spikeloom.ir import IntArray
from spikeloom.sim import lint

STEPS = 40
BENCH = """
module bench;
  reg clk = 0, en = 0;
  reg [{values}-1:0] values = 0;
  wire [{currents}-1:0] currents;
  spikeloom_matrix dut (.clk_i(clk), .en_i(en), .values_i(values), .currents_o(currents));
  initial begin
{steps}
  end
endmodule
"""
STEP = """
    values = {bits}'h{word:x};
    en = {en};
    #1 clk = 1;
    #1 $display("%h", currents);
    clk = 0;
    #1;
"""


def weights_of(seed: int, bits: int) -> IntArray:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-(1 << bits - 1), 1 << bits - 1, (7, 22))
    weights[2], weights[4], weights[:, 5] = 0, weights[3], 0
    weights[5] = np.where(weights[6] % 2, -weights[6], weights[5])  # shared, and subtracted
    return weights


def fields(word: int, count: int, bits: int) -> list[int]:
    """Signed fields of a word, the first lowest."""
    raw = [word >> place * bits & (1 << bits) - 1 for place in range(count)]
    return [value - (value >> bits - 1 << bits) for value in raw]


def expected(netlist: Netlist, values: IntArray, enables: IntArray) -> list[list[int] | None]:
    """What each clock shows: the vector `latency` enabled clocks ago; None before there is one."""
    currents = evaluate(netlist, values).tolist()
    if not netlist.latency:
        return list(currents)
    pipeline: list[list[int] | None] = [None] * netlist.latency
    shown = []
    for row, enable in zip(currents, enables, strict=True):
        if enable:
            pipeline = [row, *pipeline[:-1]]
        shown.append(pipeline[-1])
    return shown


def simulate(
    folder: Path, values: IntArray, enables: IntArray, input_bits: int, out: int
) -> list[int]:
    bits = values.shape[1] * input_bits
    words = [sum(int(v) << place * input_bits for place, v in enumerate(row)) for row in values]
    steps = [STEP.format(bits=bits, word=w, en=e) for w, e in zip(words, enables, strict=True)]
    text = BENCH.format(values=bits, currents=out, steps="\n".join(steps))
    (folder / "bench.v").write_text(text)
    command = ["iverilog", "-g2005", "-o", "bench", "bench.v", "matrix.v"]
    subprocess.run(command, cwd=folder, check=True)
    answer = subprocess.run(
        ["vvp", "bench"], cwd=folder, check=True, capture_output=True, text=True
    )
    return [int(line.lower().replace("x", "0"), 16) for line in answer.stdout.split()]


CASES = [
    ("ecp5", 1, None, 3),
    ("ecp5", 1, 3.0, 3),
    ("ecp5", 3, 8.0, 6),
    ("xc7", 1, None, 6),
    ("xc7", 2, 4.0, 3),
    ("ice40", 1, 20.0, 2),
]


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not on PATH")
@pytest.mark.parametrize(("family", "input_bits", "period_ns", "bits"), CASES)
def test_the_module_computes_what_evaluate_does(
    tmp_path: Path, family: str, input_bits: int, period_ns: float | None, bits: int
) -> None:
    weights = weights_of(bits, bits)
    netlist = unroll(weights, input_bits=input_bits, fabric=FABRICS[family], period_ns=period_ns)
    text = matrix_module(netlist, name="spikeloom_matrix", current_bits=14, title=["A matrix."])
    (tmp_path / "matrix.v").write_text(text)
    rng = np.random.default_rng(bits)
    values = rng.integers(0, 1 << input_bits, (STEPS, 22))
    enables = rng.integers(0, 2, STEPS)
    words = simulate(tmp_path, values, enables, input_bits, 7 * 14)
    shown = expected(netlist, values, enables)
    assert sum(row is not None for row in shown) > STEPS // 2
    for word, row in zip(words, shown, strict=True):
        assert row is None or fields(word, 7, 14) == row


@pytest.mark.parametrize(("family", "input_bits", "period_ns", "bits"), CASES)
def test_the_module_is_free_of_lint(
    tmp_path: Path,
    need: Callable[[str], None],
    family: str,
    input_bits: int,
    period_ns: float | None,
    bits: int,
) -> None:
    need("verilator")
    for name, weights in (("some", weights_of(bits, bits)), ("none", np.zeros((2, 3), np.int64))):
        netlist = unroll(
            weights, input_bits=input_bits, fabric=FABRICS[family], period_ns=period_ns
        )
        text = matrix_module(netlist, name=name, current_bits=14, title=["A matrix."])
        (tmp_path / f"{name}.v").write_text(text)
        assert lint([f"{name}.v"], top=name, cwd=tmp_path) == []


def test_the_module_says_what_it_is_made_of() -> None:
    netlist = unroll(weights_of(3, 3), fabric=FABRICS["ecp5"], period_ns=8.0)
    text = matrix_module(netlist, name="m", current_bits=9, title=["Weights of fc1."])
    assert "// Weights of fc1." in text
    assert f"// Made of     Tables {netlist.tables}, adders {netlist.adders}," in text
    assert f"// Latency     {netlist.latency} clocks in which en_i is high." in text
    assert "output wire [62:0] currents_o" in text
    assert "*" not in text.split("endmodule")[0].split("module m (")[1].replace("@(posedge", "")
