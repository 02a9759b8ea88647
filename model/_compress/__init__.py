"""Compression of trained networks to budgets, by a minimax solver and by its baselines."""

from __future__ import annotations

from spikeloom.model._compress._compress import COMPRESSED, compress
from spikeloom.model._compress._resources import (
    Budget,
    LayerWeights,
    Resource,
    connectivity,
    weight_bits,
)

__all__ = [
    "COMPRESSED",
    "Budget",
    "LayerWeights",
    "Resource",
    "compress",
    "connectivity",
    "weight_bits",
]
