"""Decays that hardware can do: sums of a few signed shifts."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from spikeloom.ir import ConfigError, Leak, LeakTerm

MAX_SHIFT = 6
MAX_TERMS = 3


@functools.cache
def leak_table(terms: int, max_shift: int) -> tuple[tuple[float, Leak], ...]:
    """Every decay in (0, 1] of at most `terms` signed shifts, in rising order.

    Each decay appears once: `1 - 2**-k` as `v - (v >> k)` if two terms are
    allowed, else in the form with the fewest terms (its canonical signed digits).
    """
    one = 1 << max_shift
    table = []
    for code in range(1, one + 1):
        forms = (_one_shift(code, max_shift), _signed_digits(code, max_shift))
        fitting = [leak for leak in forms if leak is not None and len(leak.terms) <= terms]
        table += [(code / one, leak) for leak in fitting[:1]]
    return tuple(table)


def _one_shift(code: int, max_shift: int) -> Leak | None:
    """`v - (v >> k)` if its decay is `code / 2**max_shift`."""
    rest = (1 << max_shift) - code
    if rest == 0 or rest & (rest - 1):
        return None
    return Leak.shift(max_shift - rest.bit_length() + 1)


def _signed_digits(code: int, max_shift: int) -> Leak:
    """The canonical signed-digit form of `code / 2**max_shift`."""
    terms: list[LeakTerm] = []
    shift = max_shift
    while code:
        if code & 1:
            digit = 2 - (code & 3)
            terms.append(LeakTerm(digit, shift))
            code -= digit
        code >>= 1
        shift -= 1
    return Leak(tuple(reversed(terms)))


def check_terms(terms: int) -> None:
    """Refuse a number of shifts that is no integer from 1 (ConfigError)."""
    if type(terms) is not int or terms < 1:
        raise ConfigError(f"leak_terms must be an integer of at least 1, not {terms!r}")


def nearest_leak(beta: float, *, terms: int = MAX_TERMS, max_shift: int = MAX_SHIFT) -> Leak:
    """Return the leak of at most `terms` shifts whose decay is nearest to `beta`.

    Its error is `leak.beta - beta`.

    Raises:
        ConfigError: If `beta` is not in (0, 1], or `terms` not an integer from 1.
    """
    check_terms(terms)
    if not 0.0 < beta <= 1.0:
        raise ConfigError(f"beta must be in (0, 1], not {beta!r}; beta = 1 is an IF neuron")
    return min(leak_table(terms, max_shift), key=lambda entry: abs(entry[0] - beta))[1]


def is_identity(leak: Leak) -> bool:
    """Whether the leak leaves every membrane as it is."""
    return leak.terms == (LeakTerm(1, 0),)


def leak_shift(leak: Leak) -> int | None:
    """The `k` of a leak of the form `v - (v >> k)`, else None."""
    match leak.terms:
        case (LeakTerm(sign=1, shift=0), LeakTerm(sign=-1, shift=k)):
            return k
    return None


def leaked(v: Tensor, leak: Leak) -> Tensor:
    """`leak(v)` of integer-valued floats of any shape, exact below 2**24 - shift bits."""
    if is_identity(leak):
        return v
    if leak_shift(leak) is not None:
        # v - floor(v / 2^k) = ceil(v - v / 2^k) for an integer v: one product by a constant less.
        return torch.mul(v, leak.beta).ceil_()
    total = torch.zeros_like(v)
    for term in leak.terms:
        total.add_(torch.mul(v, 2.0**-term.shift).floor_(), alpha=term.sign)
    return total
