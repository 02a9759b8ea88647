"""What the logic of a device family costs, and how long it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Fabric:
    """Look-up tables and carry chains of a device family.

    Delays include the routing in front of the cell.  Those of ECP5 come from the critical
    paths of a dense 64 x 32 matrix of 3-bit weights after nextpnr-ecp5 (85k, speed grade 6,
    out of context, seed 1), which then reached 138 MHz for a period of 8 ns.  Those of the
    other families are guesses: of iCE40 for a UP5K, the slowest of them.
    """

    table_inputs: int  # inputs of a look-up table
    chain_bits: int  # bits of a carry chain come in multiples of this
    chain_inputs: int  # bits that the look-up table of a chain bit takes beside an operand
    register_ns: float  # out of a register, and into the next one
    table_ns: float  # through one look-up table
    chain_ns: float  # into and out of a carry chain
    carry_ns: float  # along a bit of it


FABRICS: Mapping[str, Fabric] = MappingProxyType(
    {
        "ecp5": Fabric(
            table_inputs=4,
            chain_bits=2,
            chain_inputs=0,
            register_ns=0.6,
            table_ns=1.9,
            chain_ns=2.5,
            carry_ns=0.04,
        ),
        "ice40": Fabric(
            table_inputs=4,
            chain_bits=1,
            chain_inputs=0,
            register_ns=1.8,
            table_ns=4.0,
            chain_ns=5.0,
            carry_ns=0.28,
        ),
        "gowin": Fabric(
            table_inputs=4,
            chain_bits=1,
            chain_inputs=0,
            register_ns=0.8,
            table_ns=2.0,
            chain_ns=2.8,
            carry_ns=0.06,
        ),
        "xc7": Fabric(
            table_inputs=6,
            chain_bits=1,
            chain_inputs=5,
            register_ns=0.6,
            table_ns=1.0,
            chain_ns=1.6,
            carry_ns=0.03,
        ),
    }
)
