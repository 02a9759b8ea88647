"""Matrices that are unrolled once, however often a design with them is lowered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from spikeloom.codegen._unrolled._fabric import Fabric
from spikeloom.codegen._unrolled._module import matrix_module
from spikeloom.codegen._unrolled._netlist import Netlist
from spikeloom.codegen._unrolled._unroll import unroll
from spikeloom.ir import IntArray

_Matrix = tuple[bytes, tuple[int, ...], int, Fabric, float]  # with what decides its logic


@dataclass(slots=True)
class Unroller:
    """Remembers what it has unrolled: a large matrix takes seconds."""

    _netlists: dict[_Matrix, Netlist] = field(default_factory=dict)
    _modules: dict[tuple[str, int], tuple[Netlist, str]] = field(default_factory=dict)

    def netlist(
        self, weights: IntArray, *, input_bits: int, fabric: Fabric, period_ns: float
    ) -> Netlist:
        """Return what `unroll` returns."""
        key = (weights.tobytes(), weights.shape, input_bits, fabric, period_ns)
        if key not in self._netlists:
            self._netlists[key] = unroll(
                weights, input_bits=input_bits, fabric=fabric, period_ns=period_ns
            )
        return self._netlists[key]

    def module(
        self, netlist: Netlist, *, name: str, current_bits: int, title: Sequence[str]
    ) -> str:
        """Return what `matrix_module` returns; a name has one title."""
        known, text = self._modules.get((name, current_bits), (None, ""))
        if known is not netlist:
            text = matrix_module(netlist, name=name, current_bits=current_bits, title=title)
            self._modules[name, current_bits] = (netlist, text)
        return text
