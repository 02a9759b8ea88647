"""One synthesis job: its folder, its files and who may use them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from spikeloom.boards._board import Board, load_board
from spikeloom.boards._emit import emit_board
from spikeloom.boards._flow import Paths, paths_of
from spikeloom.boards._process import run_tool
from spikeloom.boards._tools import Tool
from spikeloom.codegen import Manifest, load_manifest
from spikeloom.ir import ConfigError, NullProgress, Progress, ToolError, write_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One synthesis: where, what, for which board."""

    out: Path
    manifest: Manifest
    board: Board
    paths: Paths
    core_only: bool
    seed: int
    progress: Progress

    def file(self, path: str) -> Path:
        """Return the place of a path that is relative to the output folder."""
        return self.out / path

    def run(
        self,
        tool: Tool,
        arguments: list[str],
        log: str,
        *,
        log_option: str | None = None,
        watch: Callable[[str], None] | None = None,
    ) -> None:
        """Run a tool in the output folder, its log in the board's folder."""
        self.progress.start(f"{self.board.title}: {tool.name}")
        run_tool(
            tool,
            arguments,
            out=self.out,
            log=f"{self.paths.folder}/{log}.log",
            progress=self.progress,
            log_option=log_option,
            watch=watch,
        )


def prepare(
    out: Path, *, board: str | None, seed: int, core_only: bool, progress: Progress | None
) -> Job:
    """Read the manifest of `out` and write the board's files that it lacks."""
    manifest = load_manifest(out)
    name = board or manifest.board
    if not name:
        raise ConfigError(f"{out} was built for no board; name one with --board")
    data = load_board(name)
    for path, content in emit_board(manifest, data, core_only=core_only):
        _write_missing(out / path, content)
    return Job(
        out=out,
        manifest=manifest,
        board=data,
        paths=paths_of(manifest, data, core_only=core_only),
        core_only=core_only,
        seed=seed,
        progress=progress or NullProgress(),
    )


def _write_missing(path: Path, content: bytes) -> None:
    if not path.exists():
        write_whole(path, content)


@contextmanager
def locked(job: Job) -> Iterator[None]:
    """Keep a second synthesis out of the same folder."""
    path = job.file(f"{job.paths.folder}/.lock")
    try:
        with filelock.FileLock(path, timeout=0):
            yield
    except filelock.Timeout as error:
        raise ToolError(
            f"{job.out / job.paths.folder} is in use by another synthesis; wait for it to end"
        ) from error


def clear(folder: Path) -> None:
    """Make `folder` empty (OSError, with the file that refuses, if the system does)."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
