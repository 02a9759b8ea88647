"""From a constant matrix to the smallest logic that is known for it."""

from __future__ import annotations

import numpy as np

from spikeloom.codegen._unrolled._builder import Builder
from spikeloom.codegen._unrolled._estimate import estimate_luts
from spikeloom.codegen._unrolled._fabric import Fabric
from spikeloom.codegen._unrolled._matrix import build_matrix
from spikeloom.codegen._unrolled._netlist import Netlist, Term
from spikeloom.codegen._unrolled._schedule import schedule
from spikeloom.codegen._unrolled._share import Shared, share
from spikeloom.ir import GraphError, IntArray


def unroll(
    weights: IntArray, *, input_bits: int = 1, fabric: Fabric, period_ns: float | None = None
) -> Netlist:
    """Turn `weights` times a vector of inputs into look-up tables and adders.

    Args:
        weights: `[outputs, inputs]`, integers.
        input_bits: Bits of an input, unsigned; 1: spikes.
        fabric: What the logic is made of.
        period_ns: Longest estimated delay of a pipeline stage; every output is then
            a register. None: no registers.

    Returns:
        The logic; the same for the same arguments.

    Raises:
        GraphError: If the weights are not a matrix with outputs and inputs.
    """
    _check(weights, input_bits)
    planes = np.left_shift.outer(weights.astype(np.int64), np.arange(input_bits))
    matrix = planes.reshape(len(weights), -1)
    builder, outputs = _smallest(matrix, fabric)
    stages, latency = schedule(builder, outputs, fabric, period_ns)
    return Netlist(
        inputs=weights.shape[1],
        input_bits=input_bits,
        nodes=tuple(builder.nodes),
        ranges=tuple(builder.ranges),
        stages=stages,
        outputs=tuple(outputs),
        latency=latency,
        luts=estimate_luts(builder.nodes, builder.ranges, fabric),
        zero_weights=int(np.count_nonzero(weights == 0)),
        weights=weights.size,
    )


def _check(weights: IntArray, input_bits: int) -> None:
    if weights.ndim != 2 or not weights.size:
        raise GraphError(
            f"weights of an unrolled matrix must be [outputs, inputs], not {list(weights.shape)}"
        )
    if input_bits < 1:
        raise GraphError(f"inputs of an unrolled matrix must have at least 1 bit, not {input_bits}")


def _smallest(matrix: IntArray, fabric: Fabric) -> tuple[Builder, list[Term | None]]:
    """Build with and without shared sub-sums, and keep what is smaller."""

    def luts(built: tuple[Builder, list[Term | None]]) -> int:
        return estimate_luts(built[0].nodes, built[0].ranges, fabric)

    alone = build_matrix(Shared(matrix, *matrix.shape), fabric)
    count = np.count_nonzero(matrix)
    if not count:
        return alone
    shared = share(matrix, luts(alone) / count)
    if len(shared.matrix) == len(matrix):
        return alone
    return min(alone, build_matrix(shared, fabric), key=luts)
