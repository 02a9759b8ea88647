"""From a spike graph to Verilog: folding, lowering to views, emission."""

from __future__ import annotations

from spikeloom.codegen._emit import emit, sources_of
from spikeloom.codegen._files import FileSet
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
from spikeloom.codegen._options import ENGINES, EVENT, FAMILY, BuildOptions, LayerOptions
from spikeloom.codegen._views import Design

__all__ = [
    "ENGINES",
    "EVENT",
    "FAMILY",
    "BuildOptions",
    "Design",
    "FileSet",
    "LayerOptions",
    "Manifest",
    "ManifestInput",
    "ManifestLayer",
    "ManifestMemory",
    "ManifestOutput",
    "ManifestSynapse",
    "emit",
    "load_manifest",
    "lower",
    "manifest_of",
    "sources_of",
]
