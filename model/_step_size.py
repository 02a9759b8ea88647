"""Quantisation steps that suit weights, also where only the largest of them are left."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# Step of the best uniform quantiser of a normal distribution, in standard
# deviations, for 2**bits - 1 levels (narrow range), bits 2 to 8.
STEPS = {2: 1.224, 3: 0.651, 4: 0.3534, 5: 0.194, 6: 0.1056, 7: 0.0573, 8: 0.0309}
_HALVINGS = 10  # of the weights; with fewer than one in 1024 left the step is that of one in 1024
_LARGEST = 6.0  # no weight is larger, in standard deviations
_POINTS = 4000
_TRIALS = 400


def step_of_kept(bits: int, density: float) -> float:
    """How much longer the step is, in units of the root mean square of the weights that are left.

    Of normally distributed weights a share of `density` is left, the largest: they lie in two
    heaps far from zero, which a quantiser of 2**bits - 1 levels has to reach, while it needs none
    between them.  The step is that of least squared error, relative to the one for all weights.
    """
    halvings = min(-math.log2(density), _HALVINGS) if density > 0 else _HALVINGS
    return float(np.interp(halvings, np.arange(_HALVINGS + 1), _relative_steps(bits)))


@lru_cache
def _relative_steps(bits: int) -> NDArray[np.float64]:
    """The steps for all weights, a half, a quarter and so on, relative to the first."""
    steps = [_best_step(bits, 0.5**halving) for halving in range(_HALVINGS + 1)]
    return np.array(steps) / steps[0]


def _best_step(bits: int, density: float) -> float:
    """The step of least squared error in units of the root mean square, by trial."""
    weights = np.linspace(0.0, _LARGEST, _POINTS)
    chance = np.exp(-0.5 * weights**2)
    below = np.cumsum(chance) / chance.sum()
    kept = below >= 1.0 - density
    weights, chance = weights[kept], chance[kept] / chance[kept].sum()
    size = math.sqrt(float(chance @ weights**2))
    levels = 2 ** (bits - 1) - 1
    trials = np.geomspace(0.3, 4.0, _TRIALS) * size / levels
    codes = np.clip(np.rint(weights / trials[:, None]), 0, levels)
    errors = (codes * trials[:, None] - weights) ** 2 @ chance
    return float(trials[errors.argmin()]) / size
