"""The class of clock that a design will reach, from the longest paths that its modules have.

A path is counted in look-up tables, carry chains and bits of them, and timed with the delays of the
unrolled engine (`Fabric`), which include routing.  What placement makes of it depends on the
rest of the design: the example networks, routed for ECP5 and UP5K, reached 0.75 to 1.1 of that
clock, and the class is a little wider.  No more is known before place and route.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from spikeloom.codegen._estimate._inventory import inventory
from spikeloom.codegen._estimate._modules import Module, Values, bits_for, number, vector_bits
from spikeloom.codegen._unrolled import FABRICS, Fabric
from spikeloom.codegen._views import Design

# Of the clock of the longest path alone: where routed designs were found.
_LOWEST = 0.65
_HIGHEST = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Fmax:
    """A class of clocks, and the instance whose path limits it."""

    low_mhz: float
    high_mhz: float
    limit: str  # path of instance names below the top


@dataclass(frozen=True, slots=True)
class _Path:
    """What lies between two registers."""

    tables: int  # look-up tables in a row
    chains: int = 0  # carry chains
    bits: int = 0  # along these
    joined: int = 1  # signals that more tables in a row join to one

    def nanoseconds(self, fabric: Fabric) -> float:
        """Delay, with the registers at both ends."""
        tables = self.tables + _levels(self.joined, fabric)
        logic = tables * fabric.table_ns + self.chains * fabric.chain_ns
        return fabric.register_ns + logic + self.bits * fabric.carry_ns


def estimate_fmax(design: Design, family: str) -> Fmax:
    """Estimate the class of clock of a design.

    Raises:
        KeyError: If there is no such family.
    """
    fabric = FABRICS[family]
    times = {module.path: _nanoseconds(module, fabric) for module in inventory(design)}
    limit = max(times, key=times.__getitem__)
    clock = 1000 / times[limit]
    return Fmax(low_mhz=_LOWEST * clock, high_mhz=_HIGHEST * clock, limit=limit)


def _nanoseconds(module: Module, fabric: Fabric) -> float:
    """The longest path of a module; generated ones are cut for the clock that is wanted."""
    paths = _PATHS.get(module.kind)
    found = (_Path(1),) if paths is None else paths(module.values)
    return max(path.nanoseconds(fabric) for path in found)


def _levels(signals: int, fabric: Fabric) -> int:
    """Tables in a row that join so many signals."""
    levels, reach = 0, 1
    while reach < signals:
        levels, reach = levels + 1, reach * fabric.table_inputs
    return levels


def _event_queue(v: Values) -> tuple[_Path, ...]:
    """From a vector to what is left of it, and from the found event to its channel."""
    vector, two = vector_bits(v), number(v, "Ports") > number(v, "Banks")
    channel = bits_for(number(v, "Groups") * vector)
    return _Path(2 if two else 1, 1, vector), _Path(0, 1, channel, joined=max(1, vector // 2))


def _accumulator(v: Values) -> tuple[_Path, ...]:
    """A sum, and what forwards it to the next visit."""
    return (_Path(1 if v["Depth"] == 1 else 2, 1, number(v, "CurrentBits")),)


def _rule(v: Values) -> tuple[_Path, ...]:
    """The next address, out of several."""
    return (_Path(3 if v["Spatial"] else 2, 1, number(v, "WeightBits")),)


def _sparse_rows(v: Values) -> tuple[_Path, ...]:
    """The next stored word, and the word of currents that one belongs to."""
    return _Path(2, 1, bits_for(number(v, "Words"))), _Path(1, 1, number(v, "OutputBits"))


def _neuron(v: Values) -> tuple[_Path, ...]:
    """The membrane before its reset, and what is left of it with a late one."""
    late, leaks, bits = bool(v["ResetDelay"]), number(v, "LeakTerms") - 1, number(v, "SumBits")
    return _Path(3 if v["Saturate"] else 1, 1, bits), _Path(2 * late, leaks + late, bits)


def _neuron_array(v: Values) -> tuple[_Path, ...]:
    """The loop from step to step."""
    return (_Path(2 if v["Saturate"] else 1, number(v, "LeakTerms") + 1, number(v, "SumBits")),)


def _argmax(v: Values) -> tuple[_Path, ...]:
    return (_Path(2, 1, number(v, "ScoreBits")),)


_PATHS: Mapping[str, Callable[[Values], tuple[_Path, ...]]] = {
    "spikeloom_event_queue": _event_queue,
    "spikeloom_accumulator": _accumulator,
    "spikeloom_address_rule": _rule,
    "spikeloom_sparse_rows": _sparse_rows,
    "spikeloom_neuron": _neuron,
    "spikeloom_neuron_array": _neuron_array,
    "spikeloom_argmax": _argmax,
}
