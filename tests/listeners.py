"""Who is told of progress in tests: one that interrupts, and one that remembers."""

from __future__ import annotations

from spikeloom.ir import NullProgress


class StopAt(NullProgress):
    """Presses Ctrl-C after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def advance(self, units: int = 1, note: str = "") -> None:
        """Count down."""
        del note
        self.left -= units
        if self.left < 0:
            raise KeyboardInterrupt


class Listener(NullProgress):
    """Keeps every message."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def message(self, text: str) -> None:
        """Keep it."""
        self.heard.append(text)
