"""Running a tool: its output streamed to a log, its end reported."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

from spikeloom.boards._tools import Tool
from spikeloom.ir import Progress, ToolError

_QUOTED = 12  # lines of the log that an error shows
_STEP = re.compile(
    r"^\d+\.(?:\d+\.)* Executing (?P<pass>[\w -]+?) pass"  # Yosys
    r"|^Info: (?P<info>[A-Z]\w+ing\b.*?)\.\."  # nextpnr
)
_ERROR = re.compile(r"\bERROR\b|\bError\b|^Traceback|Assertion failed")


class ToolRunError(ToolError):
    """A tool exited with an error; `output` is the end of what it printed."""

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output


def run_tool(tool: Tool, arguments: list[str], *, out: Path, log: str, progress: Progress) -> str:
    """Run `tool` in the folder `out` and return what it printed.

    YoWASP sees a `/tmp` of its own, so every path has to be relative to `out`.

    Args:
        tool: The program.
        arguments: Its arguments.
        out: Folder in which it runs.
        log: Where its output goes, relative to `out`.
        progress: Told of every pass.

    Raises:
        ToolRunError: If it exits with an error; quotes the log.
    """
    path = out / log
    path.parent.mkdir(parents=True, exist_ok=True)
    process = _start([*tool.command, *arguments], out)
    try:
        lines = _follow(process, path, progress)
        code = process.wait()
    except BaseException:
        _kill(process)
        raise
    if code != 0:
        raise ToolRunError(_message(tool, code, lines, path), "".join(lines))
    return "".join(lines)


def _follow(process: subprocess.Popen[str], log: Path, progress: Progress) -> list[str]:
    """Copy what a tool prints to its log until it ends, and return it."""
    lines: list[str] = []
    assert process.stdout is not None
    with process.stdout, log.open("w", encoding="utf-8") as file:
        for line in process.stdout:
            file.write(line)
            lines.append(line)
            _report(line, progress)
    return lines


def _start(command: list[str], out: Path) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            command,
            cwd=out,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # its children die with it, see _kill
        )
    except OSError as error:
        raise ToolError(f"{command[0]} cannot be started: {error}") from error


def _kill(process: subprocess.Popen[str]) -> None:
    """End the tool and whatever it started, as yosys starts abc."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _report(line: str, progress: Progress) -> None:
    match = _STEP.match(line)
    if match:
        progress.advance(1, (match["pass"] or match["info"]).strip())


def _message(tool: Tool, code: int, lines: list[str], log: Path) -> str:
    quoted = "\n".join(f"    {line.rstrip()}" for line in relevant_lines(lines))
    return f"{tool} failed with exit code {code}; the log {log} says:\n{quoted}"


def relevant_lines(lines: list[str]) -> list[str]:
    """Return the lines that tell why: those with an error, or the last ones."""
    errors = [line for line in lines if _ERROR.search(line)]
    return (errors or [line for line in lines if line.strip()])[-_QUOTED:]
