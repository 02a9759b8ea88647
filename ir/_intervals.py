"""Integer intervals, one or a numpy array of them, and how nodes map them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from spikeloom.ir._graph import IntArray, Leak

# Beyond this no width is legal; stopping there keeps every sum within int64.
ANALYSED_BITS = 41


@dataclass(frozen=True, slots=True)
class Interval:
    """The integers `lo..hi`, both included."""

    lo: int
    hi: int

    @property
    def bits(self) -> int:
        """Bits of the narrowest two's complement number that holds all of it."""
        return 1 + max((end if end >= 0 else ~end).bit_length() for end in (self.lo, self.hi))

    def hull(self, *values: int) -> Interval:
        """Return the smallest interval that holds this one and `values`."""
        return Interval(min(self.lo, *values), max(self.hi, *values))


class Bounds(NamedTuple):
    """An interval per neuron; the two arrays broadcast against each other."""

    lo: IntArray
    hi: IntArray

    def shifted(self, offset: IntArray) -> Bounds:
        """Add `offset` to both ends."""
        return Bounds(self.lo + offset, self.hi + offset)

    def plus(self, other: Bounds) -> Bounds:
        """Return the bounds of a sum with something independent."""
        return Bounds(self.lo + other.lo, self.hi + other.hi)

    def clipped(self, limit: Interval) -> Bounds:
        """Return the bounds after saturation to `limit`."""
        return Bounds(np.clip(self.lo, limit.lo, limit.hi), np.clip(self.hi, limit.lo, limit.hi))

    def overall(self) -> Interval:
        """Return the one interval that holds every neuron's."""
        return Interval(int(self.lo.min()), int(self.hi.max()))


def union(one: Bounds, other: Bounds) -> Bounds:
    """Return the hull of two bounds, neuron by neuron; empty ones (lo > hi) are ignored."""
    one_is_empty, other_is_empty = one.lo > one.hi, other.lo > other.hi
    lo = np.minimum(
        np.where(one_is_empty, other.lo, one.lo), np.where(other_is_empty, one.lo, other.lo)
    )
    hi = np.maximum(
        np.where(one_is_empty, other.hi, one.hi), np.where(other_is_empty, one.hi, other.hi)
    )
    return Bounds(lo, hi)


def same(one: Bounds, other: Bounds) -> bool:
    """Say whether two bounds are equal, neuron by neuron."""
    return bool(np.all(one.lo == other.lo) and np.all(one.hi == other.hi))


def signed_interval(bits: int) -> Interval:
    """Return the interval of a signed number of `bits` bits."""
    return Interval(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def leak_bounds(leak: Leak, v: Bounds) -> Bounds:
    """Return bounds of `leak(v)` for every `v` within its bounds; |v| up to 2**40.

    A monotone leak maps end points to end points, exactly.  Otherwise
    `v >> k = v / 2**k - f` with a fraction `f` of at most `1 - 2**-k`, which
    lowers a positive term and raises a negative one; `beta * v` is exact.
    """
    if is_monotone(leak):
        return Bounds(leak(v.lo), leak(v.hi))
    depth = max(term.shift for term in leak.terms)
    unit = 1 << depth
    beta = sum(term.sign * (unit >> term.shift) for term in leak.terms)
    fall = sum(unit - (unit >> term.shift) for term in leak.terms if term.sign > 0)
    rise = sum(unit - (unit >> term.shift) for term in leak.terms if term.sign < 0)
    lowest = -_scale(-v.lo, beta, fall, depth)
    return Bounds(lowest, _scale(v.hi, beta, rise, depth))


def is_monotone(leak: Leak) -> bool:
    """Say whether `leak` provably never falls as `v` rises.

    Each `- (v >> k)` falls by at most 1 where `v` rises by 1, which a term
    `+ (v >> 0)` makes up for; the other positive terms never fall.
    """
    falling = sum(term.sign < 0 for term in leak.terms)
    rising = sum(term.sign > 0 and term.shift == 0 for term in leak.terms)
    return falling <= rising


def _scale(v: IntArray, factor: int, offset: int, shift: int) -> IntArray:
    """Return `floor((v * factor + offset) / 2**shift)` without overflow.

    With |v| <= 2**40 and a factor of at most 2**31 the product would not fit
    int64; nested floors let its low 16 bits go first.
    """
    if shift < 16:
        return (v * factor + offset) >> shift
    low = ((v & 0xFFFF) * factor + offset) >> 16
    return ((v >> 16) * factor + low) >> (shift - 16)
