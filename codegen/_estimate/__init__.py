"""What a design costs, in milliseconds and before any synthesis."""

from __future__ import annotations

from spikeloom.codegen._estimate._additions import count_additions
from spikeloom.codegen._estimate._area import Area, AreaEstimate, estimate_area
from spikeloom.codegen._estimate._cycles import (
    Cycles,
    estimate_cycles,
    random_signals,
    recorded_signals,
    timing_sources,
)
from spikeloom.codegen._estimate._estimate import (
    PICOJOULES_PER_ADDITION,
    DesignEstimator,
    Estimate,
    LayerEstimate,
)
from spikeloom.codegen._estimate._fmax import Fmax, estimate_fmax
from spikeloom.codegen._estimate._load import Load, additions_of, load_of

__all__ = [
    "PICOJOULES_PER_ADDITION",
    "Area",
    "AreaEstimate",
    "Cycles",
    "DesignEstimator",
    "Estimate",
    "Fmax",
    "LayerEstimate",
    "Load",
    "additions_of",
    "count_additions",
    "estimate_area",
    "estimate_cycles",
    "estimate_fmax",
    "load_of",
    "random_signals",
    "recorded_signals",
    "timing_sources",
]
