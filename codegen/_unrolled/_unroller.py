"""Matrices that are unrolled once, however often a design with them is lowered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from spikeloom.codegen._unrolled._fabric import Fabric
from spikeloom.codegen._unrolled._module import matrix_module
from spikeloom.codegen._unrolled._netlist import Netlist
from spikeloom.codegen._unrolled._unroll import unroll
from spikeloom.ir import IntArray

_MOST = 64  # netlists that are remembered: one may take megabytes
_Matrix = tuple[bytes, tuple[int, ...], int, Fabric, float]  # with what decides its logic
_Form = tuple[tuple[int, ...], int, Fabric, float]  # the same but for the weights


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
            while len(self._netlists) >= _MOST:
                del self._netlists[next(iter(self._netlists))]
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


@dataclass(slots=True)
class RoughUnroller(Unroller):
    """Unrolls a matrix anew only where one of its size had twice as many weights, or half of them.

    Otherwise the logic is that one's, and its look-up tables are counted in proportion: for
    estimates of many candidates, with an error of some percent, and for nothing else.
    """

    _near: dict[_Form, Netlist] = field(default_factory=dict)

    def netlist(
        self, weights: IntArray, *, input_bits: int, fabric: Fabric, period_ns: float
    ) -> Netlist:
        """Return about what `unroll` returns."""
        form = (weights.shape, input_bits, fabric, period_ns)
        count = int(np.count_nonzero(weights))
        near = self._near.get(form)
        if near is None or not _kept(near) < 2 * count < 4 * _kept(near):
            near = unroll(weights, input_bits=input_bits, fabric=fabric, period_ns=period_ns)
            self._near[form] = near
        luts = round(near.luts * count / max(1, _kept(near)))
        return replace(near, luts=luts, zero_weights=weights.size - count)

    def forget(self) -> None:
        """Unroll every matrix anew."""
        self._near.clear()

    def module(  # see `Unroller.module`
        self,
        netlist: Netlist,  # noqa: ARG002
        *,
        name: str,  # noqa: ARG002
        current_bits: int,  # noqa: ARG002
        title: Sequence[str],  # noqa: ARG002
    ) -> str:
        """No text: there is no such logic."""
        return ""


def _kept(netlist: Netlist) -> int:
    return netlist.weights - netlist.zero_weights
