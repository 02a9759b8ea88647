"""Progress in a log: plain lines, few of them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from spikeloom._console import BarProgress, LineProgress, shown_progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that the test sets."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_lines_come_at_most_every_few_seconds(clock: list[float]) -> None:
    lines: list[str] = []
    progress = LineProgress(lines.append, seconds=5.0)
    progress.start("training", 100)
    for step in range(1, 21):
        clock[0] = float(step)
        progress.advance(note=f"loss {step}")
    assert lines == [
        "training ...",
        "training: 5 of 100 loss 5",
        "training: 10 of 100 loss 10",
        "training: 15 of 100 loss 15",
        "training: 20 of 100 loss 20",
    ]


def test_task_of_unknown_length_counts_alone(clock: list[float]) -> None:
    lines: list[str] = []
    progress = LineProgress(lines.append)
    progress.start("routing")
    clock[0] = 9.0
    progress.advance()
    assert lines == ["routing ...", "routing: 1"]


def test_messages_are_never_held_back(clock: list[float]) -> None:
    lines: list[str] = []
    progress = LineProgress(lines.append)
    progress.message("one")
    progress.message("two")
    assert clock == [0.0]
    assert lines == ["one", "two"]


def test_log_gets_plain_lines_without_markup() -> None:
    stream = io.StringIO()
    with shown_progress(Console(file=stream, soft_wrap=True)) as progress:
        assert isinstance(progress, LineProgress)
        progress.message("[bold]kept[/bold]")
    assert stream.getvalue() == "[bold]kept[/bold]\n"


def test_terminal_gets_a_bar_that_goes_away() -> None:
    stream = io.StringIO()
    with shown_progress(Console(file=stream, force_terminal=True, width=80)) as progress:
        assert isinstance(progress, BarProgress)
        progress.start("training", 2)
        progress.advance(note="loss 1")
        progress.start("verifying", None)
        progress.advance()
        progress.message("a line that stays")
    assert "a line that stays" in stream.getvalue()
