"""What two builds of the same task cost, figure by figure: before, after, and the ratio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

BEFORE, AFTER = "before", "after"
LOGIC = ("bram", "lut", "ff")
INFERENCE = ("cycles", "spikes", "additions", "energy_pj")
TOTAL = (*LOGIC, "fmax_mhz", "cycles", "latency_us", "spikes", "additions", "energy_pj", "accuracy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A figure before and after, None where it is not known.

    `ratio` is after divided by before, None where they are not alike or cannot be divided.
    """

    before: float | None
    after: float | None
    ratio: float | None

    @classmethod
    def of(cls, before: float | None, after: float | None, *, alike: bool) -> Change:
        """Divide two figures, if both are known and alike."""
        if not alike or after is None or not before:
            return cls(before=before, after=after, ratio=None)
        return cls(before=before, after=after, ratio=after / before)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChange:
    """The figures of a layer by name; `only` is the build that alone has the layer, if one does."""

    name: str
    only: str | None
    figures: Mapping[str, Change]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two builds before and after, as far as both are known.

    `board` and `core_only` are of the syntheses that are compared. `simulated` is how many
    inferences both were verified with, None where the numbers differ or a verification is missing
    or failed: then simulated figures have no ratio. `measured` is how many inferences spikes and
    additions are means of. `predictions_unchanged` is the share of the simulated inferences that
    both predict alike. `missing` says what is not known and how to get it, `notes` what differs
    beside the network.
    """

    before: str
    after: str
    board: str | None
    core_only: bool
    simulated: int | None
    measured: int
    total: LayerChange
    layers: tuple[LayerChange, ...]
    rest: LayerChange | None
    predictions_unchanged: float | None
    missing: tuple[str, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)
