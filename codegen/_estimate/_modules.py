"""Modules of an elaborated design, and the numbers that they derive from their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spikeloom.codegen._estimate._memories import Memory

Values = Mapping[str, int | str]
Known = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One module of a design: its kind, where it is, for which node, and how it is set up."""

    kind: str  # name of the module in the library
    path: str  # instance names from the top on
    node: str  # of the graph
    values: Values  # parameters
    known: Known  # what stands around it makes constant or unused
    memories: tuple[Memory, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A module inside another one."""

    name: str
    kind: str
    values: Values
    known: Known = field(default_factory=dict)


def number(values: Values, name: str) -> int:
    """A parameter that is a number."""
    value = values[name]
    assert isinstance(value, int)
    return value


def bits_for(count: int) -> int:
    """Bits of an address of `count` places, at least 1, as the modules have it."""
    return max(1, (count - 1).bit_length())


def counter_bits(count: int) -> int:
    """Bits of a counter of `count` places that ever change."""
    return bits_for(count) if count > 1 else 0


def stepped_bits(count: int, step: int) -> int:
    """Bits of a number that counts `count` places in steps.

    Those below the step stay 0, and synthesis makes one of them.
    """
    if count == 1:
        return 0
    below = (step & -step).bit_length() - 1
    return bits_for(count * step) - max(0, below - 1)


def units(v: Values) -> int:
    """Channels or fields of a word of an event queue."""
    return number(v, "Lanes") // max(1, number(v, "FieldValues"))


def sub_units(v: Values) -> int:
    """Of a word in a bank."""
    return units(v) // number(v, "Banks")


def planes(v: Values) -> int:
    """Bit planes that are events of their own."""
    return 1 if number(v, "FieldValues") else number(v, "ValueBits")


def vector_bits(v: Values) -> int:
    """Events that a bank of a word may have."""
    return sub_units(v) * planes(v)


def used_ports(v: Values) -> int:
    """Ports that ever have an event: the second one of a bank has none where a word holds one."""
    return number(v, "Ports") if vector_bits(v) > 1 else number(v, "Banks")


def code_bits(v: Values) -> int:
    """Bits of the code of an event."""
    fields, bits = number(v, "FieldValues"), number(v, "ValueBits")
    return fields * bits if fields else bits_for(bits)


def codes(v: Values) -> int:
    """Bits of the code of an event that are not always 0."""
    return code_bits(v) if v["FieldValues"] or number(v, "ValueBits") > 1 else 0


def weight_rows(v: Values) -> int:
    """Rows that the weight memory of a synapse holds."""
    return number(v, "WeightDepth") >> number(v, "FieldValues") * number(v, "ValueBits")


def asked_rows(v: Values) -> int:
    """Rows that the address rule of a synapse asks for."""
    return number(v, "SparseRows") or number(v, "Lookups") or weight_rows(v)


def addend_bits(v: Values) -> int:
    """Bits of what the ports of a synapse add together."""
    shifts = 0 if v["FieldValues"] else number(v, "ValueBits") - 1
    levels = (number(v, "Ports") - 1).bit_length()
    return min(number(v, "WeightBits") + shifts + levels, number(v, "CurrentBits"))


def held_scores(v: Values) -> int:
    """Beats of scores that an early decision keeps."""
    lanes, words = number(v, "Lanes"), number(v, "Words")
    return 1 << bits_for(words + (lanes - 1).bit_length() + 1 + (words > 1))
