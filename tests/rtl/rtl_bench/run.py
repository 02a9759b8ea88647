"""Runs the scenarios: `python -m rtl_bench.run FOLDER RESULTS SEED`."""

from __future__ import annotations

import sys
from pathlib import Path

from cocotb_tools.runner import get_runner

from rtl_bench.suite import TOP


def main(folder: str, results: str, seed: str) -> None:
    get_runner("verilator").test(
        test_module="rtl_bench.scenarios",
        hdl_toplevel=TOP,
        hdl_toplevel_lang="verilog",
        build_dir=Path(folder) / "build",
        test_dir=folder,  # memory files are named relative to it
        results_xml=str(Path(folder) / results),
        seed=seed,
        test_args=["+verilator+rand+reset+2", f"+verilator+seed+{seed}"],
        timescale=("1ns", "1ps"),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
