"""The area of a design before synthesis: look-up tables, flip-flops, block RAMs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from spikeloom.codegen._estimate._inventory import inventory
from spikeloom.codegen._estimate._logic import terms
from spikeloom.codegen._estimate._memories import Mapped, map_memory
from spikeloom.codegen._estimate._modules import Module
from spikeloom.codegen._estimate._registers import (
    chains,
    folds_first_step,
    has_shift_registers,
    registers,
)
from spikeloom.codegen._views import Design

# Registers in a row that become a shift register, and how many one look-up table holds.
_SHORTEST = 3
_LONGEST = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Look-up tables, flip-flops and block RAMs, counted as Yosys does after mapping."""

    lut: int = 0
    ff: int = 0
    bram: int = 0

    def __add__(self, other: Area) -> Area:
        return Area(lut=self.lut + other.lut, ff=self.ff + other.ff, bram=self.bram + other.bram)


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaEstimate:
    """The area of a core, and of what each node of its graph became.

    The area of a node is that of all instances in its block: of a synapse its engine and what
    changes the width of the stream in front.
    """

    total: Area
    by_node: Mapping[str, Area]


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Look-up tables that one of a term takes, on one family.

    Terms beside those of `_logic`: "memory", a table that a memory takes, and "matrix", one that
    a constant matrix is thought to take.
    """

    terms: Mapping[str, float]
    flattened: float  # of what the modules take apart: synthesis looks across their borders


@dataclass(frozen=True, slots=True)
class Tally:
    """What is known of a module: terms of look-up tables, and what is counted exactly."""

    terms: Mapping[str, float]
    exact: Area


@cache
def coefficients(family: str) -> Coefficients:
    """The coefficients of a family (KeyError if there is no such family)."""
    path = files("spikeloom.codegen._estimate") / "data" / "logic.json"
    content = json.loads(path.read_text(encoding="utf-8"))["families"][family]
    return Coefficients(content["terms"], content["flattened"])


def estimate_area(design: Design, family: str) -> AreaEstimate:
    """Estimate what Yosys will count of the core of `design`, the module `design.top`.

    Block RAMs and most flip-flops are as synthesis decides; look-up tables are terms times
    coefficients, see docs/estimator.md for how far they are off.

    Raises:
        KeyError: If there is no such family.
    """
    known = coefficients(family)
    luts: dict[str, float] = defaultdict(float)
    exact: dict[str, Area] = defaultdict(Area)
    for module, tally in tallies(design, family):
        found = sum(known.terms.get(name, 0.0) * value for name, value in tally.terms.items())
        luts[module.node] += known.flattened * found
        exact[module.node] += tally.exact
    by_node = {node: area + Area(lut=round(luts[node])) for node, area in exact.items()}
    return AreaEstimate(total=sum(by_node.values(), Area()), by_node=by_node)


def tallies(design: Design, family: str) -> Iterator[tuple[Module, Tally]]:
    """What is known of every module of a design."""
    matrices = {matrix.module: matrix for matrix in design.matrices}
    for module in inventory(design):
        matrix = matrices.get(module.kind)
        if matrix is None:
            yield module, _tally(module, family)
        else:
            yield module, Tally({"matrix": matrix.luts}, Area(ff=matrix.register_bits))


def _tally(module: Module, family: str) -> Tally:
    found = dict(terms(module))
    area = Area(ff=sum(registers(module, family).values()))
    for mapped in _mapped(module, family):
        found["memory"] = found.get("memory", 0) + mapped.lut
        area += Area(ff=mapped.ff, bram=mapped.bram)
    if has_shift_registers(family):
        area += _shifts(chains(module))
    return Tally(found, area)


def _mapped(module: Module, family: str) -> Iterator[Mapped]:
    """What the memories of a module become."""
    is_neuron = module.kind == "spikeloom_neuron"
    if is_neuron and module.values["TimeSteps"] == 1 and folds_first_step(family):
        return
    for memory in module.memories:
        yield map_memory(memory, family)


def _shifts(rows: Sequence[tuple[int, int]]) -> Area:
    """Shift registers instead of flip-flops."""
    long = [(length, bits) for length, bits in rows if length >= _SHORTEST]
    return Area(
        lut=sum(-(-length // _LONGEST) * bits for length, bits in long),
        ff=-sum(length * bits for length, bits in long),
    )
