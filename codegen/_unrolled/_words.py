"""Words of single bits, and how they are printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spikeloom.codegen._literals import joined


@dataclass(frozen=True, slots=True)
class Wired:
    """A bit of a named signal; of a signal without a range there is only bit 0."""

    name: str
    index: int
    ranged: bool = True


Source = Wired | int  # or a constant, 0 or 1


def word(bits: Sequence[Source]) -> str:
    """Print bits as one word, the first lowest: neighbours as a range, repeats as a count."""
    return joined([_run(run) for run in _runs(bits)])


def _runs(bits: Sequence[Source]) -> list[list[Source]]:
    runs: list[list[Source]] = []
    for bit in bits:
        if runs and _continues(runs[-1], bit):
            runs[-1].append(bit)
        else:
            runs.append([bit])
    return runs


def _continues(run: list[Source], bit: Source) -> bool:
    last = run[-1]
    if isinstance(last, int) or isinstance(bit, int):
        return isinstance(last, int) and isinstance(bit, int)
    rises = last.name == bit.name and bit.index == last.index + 1
    repeats = bit == last
    if len(run) == 1:
        return rises or repeats
    return repeats if run[0] == last else rises


def _run(run: list[Source]) -> str:
    first, last = run[0], run[-1]
    if isinstance(first, int) or isinstance(last, int):
        return _constant([bit for bit in run if isinstance(bit, int)])
    if not first.ranged:
        return first.name if len(run) == 1 else f"{{{len(run)}{{{first.name}}}}}"
    if len(run) == 1:
        return f"{first.name}[{first.index}]"
    if first == last:
        return f"{{{len(run)}{{{first.name}[{first.index}]}}}}"
    return f"{first.name}[{last.index}:{first.index}]"


def _constant(bits: list[int]) -> str:
    """Zeros in decimal, anything else bit by bit."""
    if not any(bits):
        return f"{len(bits)}'d0"
    if all(bits):
        return f"{{{len(bits)}{{1'b1}}}}" if len(bits) > 1 else "1'b1"
    digits = "".join(str(bit) for bit in reversed(bits))
    return f"{len(bits)}'b{digits}"
