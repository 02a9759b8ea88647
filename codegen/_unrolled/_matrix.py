"""All outputs of a matrix, with the sub-sums that they share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikeloom.codegen._unrolled._build import build_output, build_part, lift_of
from spikeloom.codegen._unrolled._builder import Builder
from spikeloom.codegen._unrolled._fabric import Fabric
from spikeloom.codegen._unrolled._netlist import Bit, Range, Term
from spikeloom.codegen._unrolled._plan import Plan, Weighted, Wire
from spikeloom.codegen._unrolled._rows import plan_sum
from spikeloom.codegen._unrolled._share import Shared
from spikeloom.ir import IntArray

_TABLE_BITS = 2  # a shared sum of so many bits goes into tables


@dataclass(frozen=True, slots=True)
class _Part:
    """A shared sum that is built: its signal is larger by `lift`."""

    term: Term
    lift: int
    range_: Range  # of the sum itself


class _Rows:
    """Builds the rows of a matrix, shared ones before those that read them."""

    def __init__(self, shared: Shared, fabric: Fabric) -> None:
        self.builder = Builder(shared.columns)
        self._shared = shared
        self._fabric = fabric
        self._parts: dict[int, _Part] = {}

    def output(self, row: int) -> Term | None:
        """Build an output; None if it is always 0."""
        weights = self._shared.matrix[row]
        if not weights.any():
            return None
        plan, constant, range_ = self._plan(weights)
        return build_output(self.builder, plan, constant - lift_of(plan), range_)

    def _plan(self, weights: IntArray) -> tuple[Plan, int, Range]:
        """Plan a row: the plan, what it is larger by before it is lifted, its range."""
        items: list[Weighted] = []
        wires: list[Wire] = []
        constant = low = high = 0
        for column in np.flatnonzero(weights):
            weight = int(weights[column])
            part = self._part(int(column) - self._shared.columns)
            if part is None:
                items.append((Bit(int(column), 0), weight))
                ends = (0, weight)
            else:
                constant -= weight * part.lift
                self._operand(part, weight, items, wires)
                ends = (weight * part.range_.low, weight * part.range_.high)
            low, high = low + min(ends), high + max(ends)
        if not items and all(wire.negative for wire in wires):
            wires.append(self._zero())
        return plan_sum(items, wires, self._fabric), constant, Range(low, high)

    def _zero(self) -> Wire:
        """What signals are subtracted from if there is nothing else."""
        zero = self.builder.table((), 0)
        return Wire(zero.signal, zero.shift, 0, 0, negative=False)

    def _operand(self, part: _Part, weight: int, items: list[Weighted], wires: list[Wire]) -> None:
        """Add a shared sum to the operands of a row."""
        signal, shift = part.term.signal, part.term.shift
        known = self.builder.ranges[signal]
        if known.bits <= _TABLE_BITS:
            items += [(Bit(signal, k), weight << shift + k) for k in range(known.bits)]
        else:
            places = shift + abs(weight).bit_length() - 1
            wires.append(Wire(signal, places, known.low, known.high, weight < 0))

    def _part(self, number: int) -> _Part | None:
        """Build shared row `number`; None below 0."""
        if number < 0:
            return None
        if number not in self._parts:
            weights = self._shared.matrix[self._shared.rows + number]
            plan, constant, range_ = self._plan(weights)
            term = build_part(self.builder, plan)
            self._parts[number] = _Part(term, lift_of(plan) - constant, range_)
        return self._parts[number]


def build_matrix(shared: Shared, fabric: Fabric) -> tuple[Builder, list[Term | None]]:
    """Build all outputs."""
    rows = _Rows(shared, fabric)
    known: dict[bytes, Term | None] = {}
    outputs = []
    for row in range(shared.rows):
        key = shared.matrix[row].tobytes()
        if key not in known:
            known[key] = rows.output(row)
        outputs.append(known[key])
    return rows.builder, outputs
