"""What the command line shows of long work: a bar, or plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

import spikeloom.ir as ir

SECONDS_BETWEEN_LINES = 5.0


class BarProgress:
    """Draws `ir.Progress` as one live bar on a terminal."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def start(self, task: str, total: int | None = None) -> None:
        """Replace the bar by that of `task`."""
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(task, total=total, note="")

    def advance(self, units: int = 1, note: str = "") -> None:
        """Move the bar on and show `note` beside it."""
        if self._task is not None:
            self._bars.update(self._task, advance=units, note=note)

    def message(self, text: str) -> None:
        """Print a line above the bar."""
        self._bars.console.print(text, markup=False, highlight=False)


class LineProgress:
    """Tells `ir.Progress` in plain lines, at most one every few seconds."""

    def __init__(self, say: Callable[[str], None], seconds: float = SECONDS_BETWEEN_LINES) -> None:
        self._say = say
        self._seconds = seconds
        self._task, self._total, self._done = "", 0, 0
        self._last = time.monotonic()

    def start(self, task: str, total: int | None = None) -> None:
        """Say that `task` begins."""
        self._task, self._total, self._done = task, total or 0, 0
        self._last = time.monotonic()
        self._say(f"{task} ...")

    def advance(self, units: int = 1, note: str = "") -> None:
        """Say how far the task is, unless that was said just now."""
        self._done += units
        if time.monotonic() - self._last >= self._seconds:
            self._last = time.monotonic()
            of_total = f" of {self._total}" if self._total else ""
            self._say(f"{self._task}: {self._done}{of_total} {note}".rstrip())

    def message(self, text: str) -> None:
        """Say `text` at once."""
        self._say(text)


@contextmanager
def shown_progress(console: Console) -> Iterator[ir.Progress]:
    """Yield the progress that suits `console`, and clear it away afterwards."""
    if not console.is_terminal:
        yield LineProgress(lambda text: console.print(text, markup=False, highlight=False))
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False, style="dim"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield BarProgress(bars)
