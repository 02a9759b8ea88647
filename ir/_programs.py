"""Starting other programs so that an interruption leaves none of them behind."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from spikeloom.ir._errors import ToolError


def start_program(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a program without input, its output and errors on one pipe.

    It gets a session of its own, so that `kill_program` also ends whatever it
    started itself, as make starts compilers.

    Raises:
        ToolError: If there is no such program, or it cannot be started.
    """
    try:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise ToolError(f"{command[0]} cannot be started: {error}") from error


def kill_program(process: subprocess.Popen[str]) -> None:
    """End a program of `start_program` and everything that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run_program(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run a program to its end and return its exit code and what it printed.

    Raises:
        ToolError: If it cannot be started.
    """
    with start_program(command, cwd=cwd, env=env) as process:
        try:
            output, _ = process.communicate()
        except BaseException:
            kill_program(process)
            raise
    return process.returncode, output
