"""Running a tool: its output streamed to a log, its end reported."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from spikeloom.boards._tools import Tool
from spikeloom.ir import Progress, ToolError, kill_program, start_program

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


def run_tool(
    tool: Tool,
    arguments: list[str],
    *,
    out: Path,
    log: str,
    progress: Progress,
    log_option: str | None = None,
    watch: Callable[[str], None] | None = None,
) -> str:
    """Run `tool` in the folder `out` and return what it printed.

    YoWASP sees a `/tmp` of its own, so every path has to be relative to `out`.

    Args:
        tool: The program.
        arguments: Its arguments.
        out: Folder in which it runs.
        log: Where its output goes, relative to `out`.
        progress: Told of every pass.
        log_option: Option with which the tool writes the log itself.  Yosys has
            to: what YoWASP's prints after it has run ABC gets lost.
        watch: Sees every line that the tool prints; what it raises ends the tool.

    Raises:
        ToolRunError: If it exits with an error; quotes the log.
    """
    path = out / log
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    own = [log_option, log] if log_option else []
    process = start_program([*tool.command, *own, *arguments], cwd=out)
    try:
        lines = _follow(process, None if own else path, progress, watch)
        code = process.wait()
    except BaseException:
        kill_program(process)
        raise
    if own:
        lines = _merge(path, lines)
    if code != 0:
        raise ToolRunError(_message(tool, code, lines, path), "".join(lines))
    return "".join(lines)


def _follow(
    process: subprocess.Popen[str],
    log: Path | None,
    progress: Progress,
    watch: Callable[[str], None] | None,
) -> list[str]:
    """Read what a tool prints until it ends, and copy it to its log."""
    lines: list[str] = []
    assert process.stdout is not None
    with process.stdout, log.open("w", 1, encoding="utf-8") if log else nullcontext() as file:
        for line in process.stdout:
            lines.append(line)
            if file:
                file.write(line)
            _report(line, progress)
            if watch:
                watch(line)
    return lines


def _merge(log: Path, printed: list[str]) -> list[str]:
    """Add to a log that a tool wrote itself what it printed beside, as a crash."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    lines = text.splitlines(keepends=True)
    known = set(lines)
    lines += [line for line in printed if line not in known]
    log.write_text("".join(lines), encoding="utf-8")
    return lines


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
