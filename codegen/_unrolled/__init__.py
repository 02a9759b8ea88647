"""The unrolled engine: a constant matrix times spikes, as look-up tables and adders.

Every weight is known, so an output is a sum of bits that count known amounts.  It is made in
four steps, each of which looks for the fewest look-up tables (LUTs):

* `_share`: sub-sums that two outputs have in common, up to a sign and a shift, become rows
  of their own, as long as the estimate says that this saves LUTs.
* `_leaves`: four or six bits at a time become a table of their sum.  Bits that count about
  the same share one, so that its range is narrow; all even ones drop their lowest bit.
* `_tree`: adders of the smallest operands first.  The low end of a carry chain takes a
  single bit at the price of one LUT.  Where the LUT of a carry chain has inputs to
  spare (xc7), tables are added one after the other and cost nothing beside the chain.
* `_offset`: negative weights are counted where their bit is 0, so that all sums inside are
  unsigned; the constant that corrects this hides in bits that are 0 anyway.

Sums lie side by side in shared carry chains (`_chains`), and registers stand where the
estimated delay exceeds the period (`_schedule`).
"""

from __future__ import annotations

from spikeloom.codegen._unrolled._fabric import FABRICS, Fabric
from spikeloom.codegen._unrolled._module import matrix_module
from spikeloom.codegen._unrolled._netlist import Netlist, evaluate
from spikeloom.codegen._unrolled._unroll import unroll
from spikeloom.codegen._unrolled._unroller import RoughUnroller, Unroller

__all__ = [
    "FABRICS",
    "Fabric",
    "Netlist",
    "RoughUnroller",
    "Unroller",
    "evaluate",
    "matrix_module",
    "unroll",
]
