"""From combinations of rows to designs: which to estimate as a whole, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from spikeloom.codegen._estimate import Area
from spikeloom.codegen._options import LayerOptions
from spikeloom.codegen._search._combine import Column, Combinations, Table
from spikeloom.codegen._search._rank import Figures, Rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The sums of a combination; see `Figures`."""

    area: Area
    interval: float
    latency: float
    additions: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much more a design takes as a whole than the sums of its parts."""

    lut: float = 1.0
    ff: float = 1.0
    bram: float = 1.0
    interval: float = 1.0
    latency: float = 1.0

    @classmethod
    def of(cls, whole: Figures, parts: Figures) -> Scale:
        """Compare a design with its sums."""
        return cls(
            lut=_ratio(whole.area.lut, parts.area.lut),
            ff=_ratio(whole.area.ff, parts.area.ff),
            bram=_ratio(whole.area.bram, parts.area.bram),
            interval=_ratio(whole.interval, parts.interval),
            latency=_ratio(whole.latency, parts.latency),
        )

    def apply(self, parts: Prediction) -> Prediction:
        """Predict a design from its sums."""
        area = Area(
            lut=round(parts.area.lut * self.lut),
            ff=round(parts.area.ff * self.ff),
            bram=round(parts.area.bram * self.bram),
        )
        return self.apply_pace(replace(parts, area=area))

    def apply_pace(self, parts: Prediction) -> Prediction:
        """Predict the clock cycles of a design whose area is known."""
        interval, latency = parts.interval * self.interval, parts.latency * self.latency
        return replace(parts, interval=interval, latency=latency)


def _ratio(whole: float, parts: float) -> float:
    return whole / parts if whole > 0 and parts > 0 else 1.0


def latency_of(longest: float, total: float, time_steps: int) -> float:
    """Clock cycles of an inference, from those of the longest part and those of all.

    The first time step passes through one part after the other, and all others follow at the
    pace of the part that works longest.
    """
    return longest + (total - longest) / time_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """The combinations that are worth a look, of a network of so many time steps."""

    tables: Sequence[Table]
    combinations: Combinations
    time_steps: int

    def picks(self, place: int) -> dict[str, LayerOptions]:
        """Return what a combination gives each part."""
        rows = self.combinations.rows[place]
        pairs = zip(self.tables, rows, strict=True)
        return {table.part: table.options[row] for table, row in pairs}

    def sums(self, place: int) -> Prediction:
        """Return the sums of a combination."""
        values = self.combinations.values[place]
        longest, total = values[Column.LONGEST], values[Column.TOTAL]
        return Prediction(
            area=Area(
                lut=round(values[Column.LUT]),
                ff=round(values[Column.FF]),
                bram=round(values[Column.BRAM]),
            ),
            interval=float(longest),
            latency=float(latency_of(longest, total, self.time_steps)),
            additions=float(values[Column.ADDITIONS]),
        )

    def in_order(self, rank: Rank, scale: Scale) -> list[int]:
        """Return the combinations, the best first as far as can be predicted."""
        places = range(len(self.combinations.values))
        return sorted(places, key=lambda place: rank.key(scale.apply(self.sums(place))))
