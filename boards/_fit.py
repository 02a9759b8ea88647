"""Whether the memories of a network can fit a board: known before any synthesis.

The verdict is one-sided.  A device counts with everything that can remember a bit,
and a design with the memories that it cannot do without, so that "does not fit" is sure;
"memories fit" says nothing about logic.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from spikeloom.boards._board import Board
from spikeloom.codegen import Manifest
from spikeloom.ir import ResourceError

# What a memory may hold, in the order in which it is told.
_KINDS = ("weights", "currents", "membranes", "events", "streams", "tables")
_TOLD = 3  # kinds, the largest ones
_REMEDY = "use fewer weight bits, fewer channels or a smaller input, or a larger device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The memories of a design against those of a board, in bits.

    `needed` is by what the memories hold; `constant` is the share of weights and
    tables that the bitstream has to bring along.  `available` is by what the
    device has: block RAM, SPRAM (without a start value), and logic, which is what all its
    look-up tables and flip-flops could hold.
    """

    board: str
    needed: dict[str, int]
    constant: int
    available: dict[str, int]

    @property
    def total(self) -> int:
        """Bits of all memories."""
        return sum(self.needed.values())

    @property
    def capacity(self) -> int:
        """Bits that the device could hold at most."""
        return sum(self.available.values())

    @property
    def constant_capacity(self) -> int:
        """Bits with a start value that the device could hold at most."""
        return self.capacity - self.available["SPRAM"]

    @property
    def fits(self) -> bool:
        """Whether the memories could fit; False is sure."""
        return self.total <= self.capacity and self.constant <= self.constant_capacity

    def __str__(self) -> str:
        if self.fits:
            return (
                f"{self.board}: memories fit, {bits_text(self.total)} of "
                f"{bits_text(self.capacity)}; logic is known after synth"
            )
        return f"does not fit {self.board}: {self._excess()}"

    def to_json(self) -> dict[str, Any]:
        """Return what `spikeloom build --json` and `report --json` tell."""
        return {
            "board": self.board,
            "fits": self.fits,
            "memory_bits": self.total,
            "needed": self.needed,
            "constant_bits": self.constant,
            "capacity_bits": self.capacity,
            "available": self.available,
            "text": str(self),
        }

    def _excess(self) -> str:
        parts = {name: bits for name, bits in self.available.items() if bits}
        if self.total > self.capacity:
            most = sorted(self.needed, key=lambda kind: -self.needed[kind])[:_TOLD]
            largest = {kind: self.needed[kind] for kind in most if self.needed[kind]}
            return (
                f"memories {bits_text(self.total)} ({_listed(largest)}) "
                f"of {bits_text(self.capacity)} ({_listed(parts)})"
            )
        parts.pop("SPRAM")
        return (
            f"weights and tables {bits_text(self.constant)} of {bits_text(self.constant_capacity)} "
            f"that can have a start value ({_listed(parts)})"
        )


def fit(manifest: Manifest, board: Board) -> Fit:
    """Compare the memories of a network with a board."""
    needed = Counter(dict.fromkeys(_KINDS, 0))
    constant = 0
    written = _products(manifest)
    for memory in manifest.memories:
        bits = memory.words * memory.bits
        needed[memory.holds] += bits
        if memory.holds == "tables" or (memory.holds == "weights" and memory.owner not in written):
            constant += bits
    return Fit(board=board.name, needed=dict(needed), constant=constant, available=_memory(board))


def check_fit(manifest: Manifest, board: Board) -> None:
    """Refuse a network that cannot fit, before any tool runs.

    Raises:
        ResourceError: If its memories are larger than all that the device has.
    """
    found = fit(manifest, board)
    if not found.fits:
        raise ResourceError(f"{manifest.name} {found}; {_REMEDY}")


def bits_text(bits: int) -> str:
    """Print a number of bits, e.g. `61.2 Mbit`."""
    for unit, size in (("Mbit", 1_000_000), ("kbit", 1_000)):
        if bits >= size:
            return f"{bits / size:,.1f} {unit}"
    return f"{bits} bit"


def _products(manifest: Manifest) -> set[str]:
    """The synapses whose weights are computed, and so written at run time."""
    return {
        synapse.name
        for layer in manifest.layers
        for synapse in layer.synapses
        if synapse.kind == "product"
    }


def _memory(board: Board) -> dict[str, int]:
    has = board.resources
    return {
        "block RAM": has.bram * board.bram_bits,
        "SPRAM": has.spram * board.spram_bits,
        "logic": has.lut * board.lut_bits + has.ff,
    }


def _listed(parts: dict[str, int]) -> str:
    return ", ".join(f"{name} {bits_text(bits)}" for name, bits in parts.items())
