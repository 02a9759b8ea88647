"""The course of a compression as a picture: what is left, the multipliers, and the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spikeloom.hdl_templates import environment

_WIDTH, _LEFT, _RIGHT, _TOP = 640, 70, 130, 50
_HEIGHT, _GAP = 110, 34  # of a panel
_COLOURS = ("#1f6fb4", "#c2571a", "#2e8b57", "#7b4fa3", "#8a8a2b")


@dataclass(frozen=True, slots=True)
class Line:
    """A curve in pixels (`x,y x,y ...`), its name, its last value, and its colour."""

    points: str
    name: str
    colour: str


@dataclass(frozen=True, slots=True)
class Panel:
    """Some curves over the same steps, between the values `low` and `high`."""

    title: str
    top: int
    low: str
    high: str
    lines: tuple[Line, ...]

    @property
    def bottom(self) -> int:
        """The pixel of `low`."""
        return self.top + _HEIGHT


def course_of(metrics: Mapping[str, Any]) -> str:
    """Draw the course of a compression as SVG, the same bytes for the same metrics."""
    compression = metrics["compression"]
    course: list[Mapping[str, float]] = compression["trajectory"]
    multipliers = list(compression["multipliers"])
    left = ["left", *(budget["resource"] for budget in compression["budgets"])]
    units = "neurons" if "neurons" in compression else "words"
    parts = [
        (f"{units} that are left, and what they take, as shares of what there was", left),
        (f"multipliers: s (share of {units} that are gone), y (norm), z (budget)", multipliers),
        ("loss in training", ["loss"]),
    ]
    shown = [(title, names) for title, names in parts if names]
    panels = [
        _panel(title, names, course, _TOP + place * (_HEIGHT + _GAP), relative=names is left)
        for place, (title, names) in enumerate(shown)
    ]
    template = environment("spikeloom", "templates").get_template("course.svg.j2")
    return template.render(
        title=f"{metrics['name']}: course of the compression",
        width=_WIDTH,
        height=_TOP + len(panels) * (_HEIGHT + _GAP) + 10,
        left=_LEFT,
        right=_WIDTH - _RIGHT,
        panels=panels,
        last=course[-1]["step"],
    )


def _panel(
    title: str,
    names: Sequence[str],
    course: Sequence[Mapping[str, float]],
    top: int,
    *,
    relative: bool,
) -> Panel:
    curves = {name: [entry[name] for entry in course] for name in names}
    if relative:
        curves = {name: [v / (c[0] or 1.0) for v in c] for name, c in curves.items()}
    high = max(max(curve) for curve in curves.values()) or 1.0
    steps = [entry["step"] for entry in course]
    lines = tuple(
        Line(_points(steps, curve, high, top), f"{name} {curve[-1]:.3g}", colour)
        for (name, curve), colour in zip(curves.items(), _COLOURS * len(curves), strict=False)
    )
    return Panel(title, top, "0", f"{high:.3g}", lines)


def _points(steps: Sequence[float], curve: Sequence[float], high: float, top: int) -> str:
    across = (_WIDTH - _LEFT - _RIGHT) / (steps[-1] or 1.0)
    places = zip(steps, curve, strict=True)
    return " ".join(
        f"{_LEFT + step * across:.1f},{top + _HEIGHT * (1.0 - value / high):.1f}"
        for step, value in places
    )
