"""Guessing which name was meant, for messages about unknown ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LIKENESS = 0.5  # below it a guess would mislead


def nearest_name(name: str, valid: Iterable[str]) -> str | None:
    """Return the name of `valid` that is most like `name`, in any case, or None if none is."""
    by_spelling = {candidate.lower(): candidate for candidate in valid}
    near = difflib.get_close_matches(name.lower(), by_spelling, n=1, cutoff=_LIKENESS)
    return by_spelling[near[0]] if near else None
