"""How long operations tell what they are doing, whatever shows it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What a long operation calls; the command line draws it."""

    def start(self, task: str, total: int | None = None) -> None:
        """Begin `task` of `total` units (`None`: unknown); it ends the task before."""

    def advance(self, units: int = 1, note: str = "") -> None:
        """Count `units` more of the task done, with a short note beside the bar."""

    def message(self, text: str) -> None:
        """Say one line that stays."""


class NullProgress:
    """Shows nothing: the default of every function."""

    def start(self, task: str, total: int | None = None) -> None:
        """Do nothing."""

    def advance(self, units: int = 1, note: str = "") -> None:
        """Do nothing."""

    def message(self, text: str) -> None:
        """Do nothing."""
