"""Clock cycles of a design without its RTL: a network of processes with time stamps."""

from __future__ import annotations

from spikeloom.codegen._estimate._cycles._estimate import (
    Cycles,
    estimate_cycles,
    timing_sources,
)
from spikeloom.codegen._estimate._cycles._signals import random_signals, recorded_signals

__all__ = ["Cycles", "estimate_cycles", "random_signals", "recorded_signals", "timing_sources"]
