"""From a spike graph to Verilog: folding, lowering to views, emission."""

from __future__ import annotations

from spikeloom.codegen._emit import emit, sources_of
from spikeloom.codegen._estimate import (
    PICOJOULES_PER_ADDITION,
    Area,
    DesignEstimator,
    Estimate,
    Fmax,
    LayerEstimate,
    count_additions,
    estimate_area,
    estimate_cycles,
    estimate_fmax,
    random_signals,
    recorded_signals,
)
from spikeloom.codegen._files import FileSet
from spikeloom.codegen._fold import foldable
from spikeloom.codegen._lower import lower
from spikeloom.codegen._manifest import (
    Manifest,
    ManifestInput,
    ManifestLayer,
    ManifestMemory,
    ManifestOutput,
    ManifestSynapse,
    load_manifest,
    manifest_of,
)
from spikeloom.codegen._options import (
    CLOCK_MHZ,
    ENGINES,
    EVENT,
    FAMILY,
    UNROLLED,
    BuildOptions,
    LayerOptions,
)
from spikeloom.codegen._search import (
    Choice,
    Found,
    Goal,
    Limiting,
    Limits,
    Problem,
    Target,
    explore,
    search,
)
from spikeloom.codegen._unrolled import RoughUnroller, Unroller
from spikeloom.codegen._views import Design

__all__ = [
    "CLOCK_MHZ",
    "ENGINES",
    "EVENT",
    "FAMILY",
    "PICOJOULES_PER_ADDITION",
    "UNROLLED",
    "Area",
    "BuildOptions",
    "Choice",
    "Design",
    "DesignEstimator",
    "Estimate",
    "FileSet",
    "Fmax",
    "Found",
    "Goal",
    "LayerEstimate",
    "LayerOptions",
    "Limiting",
    "Limits",
    "Manifest",
    "ManifestInput",
    "ManifestLayer",
    "ManifestMemory",
    "ManifestOutput",
    "ManifestSynapse",
    "Problem",
    "RoughUnroller",
    "Target",
    "Unroller",
    "count_additions",
    "emit",
    "estimate_area",
    "estimate_cycles",
    "estimate_fmax",
    "explore",
    "foldable",
    "load_manifest",
    "lower",
    "manifest_of",
    "random_signals",
    "recorded_signals",
    "search",
    "sources_of",
]
