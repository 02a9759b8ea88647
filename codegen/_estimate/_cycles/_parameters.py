"""The parameters of an instance, read back from the Verilog that they are printed as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikeloom.codegen._views import Instance
from spikeloom.ir import IntArray

_BASES = {"h": 16, "d": 10, "b": 2}


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters by name; what is not given has the default of the module."""

    values: Mapping[str, str]

    @classmethod
    def of(cls, instance: Instance) -> Parameters:
        """The parameters of an instance."""
        sections = instance.sections
        return cls({p.name: p.value for section in sections for p in section.parameters})

    def number(self, name: str, default: int | None = None) -> int:
        """One integer."""
        if name not in self.values and default is not None:
            return default
        return _number(self.values[name])

    def numbers(self, name: str) -> list[int]:
        """One integer for each input, the first first; Verilog has it last."""
        return [_number(text) for text in joined(self.values[name])]

    def path(self, name: str) -> str:
        """The path of a memory file."""
        return self.values[name].strip('"')


def joined(text: str) -> list[str]:
    """Signals or numbers that Verilog joins, the first (its last) first."""
    return [part.strip() for part in reversed(text.strip("{}").split(","))]


def table_taps(content: str, bits: int) -> IntArray:
    """The numbers of taps in a table of an address rule: the lowest bits of each word."""
    mask = (1 << bits) - 1
    return np.array([int(line, 16) & mask for line in content.split()], np.int64)


def _number(text: str) -> int:
    head, quote, digits = text.partition("'")
    return int(digits[1:], _BASES[digits[0]]) if quote else int(head)
