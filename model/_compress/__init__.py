"""Compression of trained networks to budgets, by a minimax solver and by its baselines."""

from __future__ import annotations

from spikeloom.model._compress._compress import (
    COMPRESSED,
    HARDWARE_LIMITS,
    check_apart,
    check_compression,
    compress,
)
from spikeloom.model._compress._resources import (
    Budget,
    Candidate,
    LayerWeights,
    Resource,
    connectivity,
    weight_bits,
)

__all__ = [
    "COMPRESSED",
    "HARDWARE_LIMITS",
    "Budget",
    "Candidate",
    "LayerWeights",
    "Resource",
    "check_apart",
    "check_compression",
    "compress",
    "connectivity",
    "weight_bits",
]
