"""The designs of an exploration as a picture: area against inferences per second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from spikeloom._folding import Exploration
from spikeloom.hdl_templates import environment

_WIDTH, _HEIGHT = 640, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 30, 50, 60  # margins
_RADIUS = 4  # of a dot
_DIGIT, _LINE = 6, 9  # width and height of a digit beside a dot
_STEPS = (1, 2, 5)  # of the ticks in a decade


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis, in pixels."""

    place: float
    label: str


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle from its upper left to its lower right corner."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether two rectangles have something in common."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


@dataclass(frozen=True, slots=True)
class Dot:
    """A design in pixels, with the text that a reader sees when pointing at it.

    `label` is where its number stands, None where there is no room for it.
    """

    x: float
    y: float
    title: str
    label: Box | None


@dataclass(frozen=True, slots=True)
class Axis:
    """A logarithmic axis from `low` to `high`, which lie at the pixels `start` and `end`."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> Axis:
        """An axis for some values, from tick to tick."""
        ticks = _ticks(min(values) * 0.95, max(values) * 1.05)
        return cls(ticks[0], ticks[-1], start, end)

    def place(self, value: float) -> float:
        """The pixel of a value."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[Tick]:
        """What is written along the axis."""
        return [Tick(self.place(value), f"{value:,.10g}") for value in _ticks(self.low, self.high)]


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from the last that is not above `low` to the first not below `high`."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    numbers = [step * 10.0**decade for decade in decades for step in _STEPS]
    first = max(n for n in numbers if n <= low * (1 + 1e-9))
    last = min(n for n in numbers if n >= high * (1 - 1e-9))
    return [n for n in numbers if first <= n <= last]


def _labels(places: Sequence[tuple[float, float]]) -> list[Box | None]:
    """Find room for the number of each dot, beside which there is no other dot or number."""
    taken = [Box(x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS) for x, y in places]
    found: list[Box | None] = []
    for number, (x, y) in enumerate(places, 1):
        width = _DIGIT * len(str(number))
        corners = [
            (left, top)
            for top in (y + 2, y - 2 - _LINE, y - _LINE / 2)
            for left in (x + _RADIUS + 1, x - _RADIUS - 1 - width)
        ]
        boxes = (Box(left, top, left + width, top + _LINE) for left, top in corners)
        free = next((box for box in boxes if not any(map(box.meets, taken))), None)
        found.append(free)
        taken += [free] if free else []
    return found


def plot_of(found: Exploration) -> str:
    """Draw the designs as SVG, the same bytes for the same designs."""
    estimates = [choice.estimate for choice in found.choices]
    luts = [float(max(1, estimate.area.lut)) for estimate in estimates]
    across = Axis.over(luts, _LEFT, _WIDTH - _RIGHT)
    up = Axis.over([estimate.fps for estimate in estimates], _HEIGHT - _BOTTOM, _TOP)
    places = [
        (across.place(lut), up.place(estimate.fps))
        for lut, estimate in zip(luts, estimates, strict=True)
    ]
    titles = [
        f"{number}: {estimate.area.lut:,} LUT, {estimate.area.bram} block RAM, "
        f"{estimate.fps:,.0f} per second, {estimate.latency_us:,.2f} us"
        for number, estimate in enumerate(estimates, 1)
    ]
    dots = [
        Dot(*place, title, label)
        for place, title, label in zip(places, titles, _labels(places), strict=True)
    ]
    template = environment("spikeloom", "templates").get_template("explore.svg.j2")
    return template.render(
        width=_WIDTH,
        height=_HEIGHT,
        left=_LEFT,
        right=_WIDTH - _RIGHT,
        top=_TOP,
        bottom=_HEIGHT - _BOTTOM,
        title=f"{found.name} on {found.board or found.family} at {found.target.clock_mhz:g} MHz",
        across=across.ticks(),
        up=up.ticks(),
        dots=dots,
        radius=_RADIUS,
    )
