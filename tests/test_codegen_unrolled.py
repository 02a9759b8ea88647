"""The optimiser of the unrolled engine: exact for every matrix, and smaller than sums."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from spikeloom.codegen._unrolled import FABRICS, Netlist, evaluate, unroll
from spikeloom.codegen._unrolled._chains import CHAIN_BITS, make_chains
from spikeloom.codegen._unrolled._fields import wraps
from spikeloom.codegen._unrolled._leaves import group_bits
from spikeloom.codegen._unrolled._netlist import Bit, Range, Sum, Table, Term
from spikeloom.codegen._unrolled._plan import make_leaf, table_luts
from spikeloom.codegen._unrolled._share import share
from spikeloom.codegen._unrolled._words import Source, Wired, word
from spikeloom.ir import GraphError, IntArray

FAMILIES = sorted(FABRICS)


def matrix(seed: int, outputs: int, inputs: int, bits: int, zeros: float) -> IntArray:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-(1 << bits - 1), 1 << bits - 1, (outputs, inputs))
    weights[rng.random(weights.shape) < zeros] = 0
    return weights


def vectors(seed: int, inputs: int, bits: int, count: int = 60) -> IntArray:
    """Random ones, and all bits 0, all bits 1."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 1 << bits, (count, inputs))
    values[0], values[1] = 0, (1 << bits) - 1
    return values


def assert_exact(netlist: Netlist, weights: IntArray, input_bits: int) -> None:
    values = vectors(len(weights), weights.shape[1], input_bits)
    assert np.array_equal(evaluate(netlist, values), values @ weights.T)
    for output, row in zip(netlist.outputs, weights, strict=True):
        top = (1 << input_bits) - 1
        low, high = top * row[row < 0].sum(), top * row[row > 0].sum()
        assert output is not None or low == high == 0
        if output is not None:
            known = netlist.ranges[output.signal]
            assert (known.low << output.shift, known.high << output.shift) == (low, high)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("input_bits", [1, 2, 4])
@pytest.mark.parametrize("bits", [1, 2, 3, 5, 8])
def test_every_matrix_is_exact(family: str, input_bits: int, bits: int) -> None:
    for seed in range(4):
        rng = np.random.default_rng([seed, bits, input_bits])
        outputs, inputs = (int(n) for n in rng.integers(1, 12, 2))
        weights = matrix(seed, outputs, inputs, bits, (0, 0.5, 0.9, 0.2)[seed])
        netlist = unroll(weights, input_bits=input_bits, fabric=FABRICS[family])
        assert_exact(netlist, weights, input_bits)
        assert netlist.latency == netlist.register_bits == 0


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "weights",
    [
        [[0]],
        [[1]],
        [[-1]],
        [[-8]],
        [[6, 0, -6]],
        [[0, 0], [3, -3], [0, 0]],
        [[1] * 40],
        [[-1] * 40],
        [[4] * 40],
        [[-4] * 9 + [2] * 9 + [-1] * 9],
        [[1, 2, 4, 8, 16, 32, 64]],
        [[127, -128, 1]],
    ],
)
def test_odd_matrices_are_exact(family: str, weights: list[list[int]]) -> None:
    values = np.array(weights)
    assert_exact(unroll(values, fabric=FABRICS[family]), values, 1)


@pytest.mark.parametrize(("family", "most"), [("ecp5", 0.75), ("xc7", 0.99)])
def test_a_matrix_with_shared_sums_is_exact_and_smaller(family: str, most: float) -> None:
    """Every output is the sum of two of four sums of 16 inputs, added, subtracted or doubled."""
    rng = np.random.default_rng(5)
    sums = np.zeros((4, 64), np.int64)
    for part in range(4):
        sums[part, part * 16 : part * 16 + 16] = rng.integers(-4, 4, 16)
    factors = np.array([[1, 1, 0, 0], [1, -1, 0, 0], [0, 2, 1, 0], [0, 0, 1, 1], [-1, 0, 0, 2]])
    weights = factors @ sums
    netlist = unroll(weights, fabric=FABRICS[family])
    assert_exact(netlist, weights, 1)
    alone = sum(unroll(row[None], fabric=FABRICS[family]).luts for row in weights)
    assert netlist.luts < most * alone
    assert any(isinstance(node, Sum) and node.subtract for node in netlist.nodes)


def test_equal_outputs_are_built_once() -> None:
    row = matrix(1, 1, 30, 3, 0)
    netlist = unroll(np.repeat(row, 5, axis=0), fabric=FABRICS["ecp5"])
    assert len(set(netlist.outputs)) == 1
    assert netlist.luts == unroll(row, fabric=FABRICS["ecp5"]).luts


def test_tables_of_six_inputs_need_fewer_look_up_tables() -> None:
    weights = matrix(2, 8, 48, 3, 0)
    assert (
        unroll(weights, fabric=FABRICS["xc7"]).luts < unroll(weights, fabric=FABRICS["ecp5"]).luts
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_tables_have_as_many_inputs_as_the_family_allows(family: str) -> None:
    netlist = unroll(matrix(3, 6, 40, 3, 0), fabric=FABRICS[family])
    tables = [node for node in netlist.nodes if isinstance(node, Table)]
    assert max(len(table.bits) for table in tables) <= FABRICS[family].table_inputs


def test_the_same_matrix_becomes_the_same_netlist() -> None:
    weights = matrix(4, 12, 40, 4, 0.3)
    one, two = (unroll(weights, fabric=FABRICS["ecp5"], period_ns=6.0) for _ in range(2))
    assert one == two


def test_zero_weights_cost_nothing() -> None:
    weights = matrix(6, 6, 20, 3, 0)
    wide = np.zeros((6, 60), np.int64)
    wide[:, ::3] = weights
    netlist = unroll(wide, fabric=FABRICS["ecp5"])
    assert netlist.luts == unroll(weights, fabric=FABRICS["ecp5"]).luts
    assert netlist.zero_weights == 6 * 60 - np.count_nonzero(weights)
    assert netlist.weights == 360


# ---------------------------------------------------------------------------
# Pipeline
# ---------------------------------------------------------------------------


@pytest.mark.parametrize("period_ns", [2.0, 4.0, 8.0, 1000.0])
def test_no_stage_is_longer_than_the_period(period_ns: float) -> None:
    fabric = FABRICS["ecp5"]
    weights = matrix(7, 6, 60, 3, 0)
    netlist = unroll(weights, fabric=fabric, period_ns=period_ns)
    assert_exact(netlist, weights, 1)
    arrivals = [0.0] * netlist.input_signals
    for number, node in enumerate(netlist.nodes):
        signal = netlist.input_signals + number
        stage = netlist.stages[signal]
        before = [arrivals[s] for s in node.sources if netlist.stages[s] == stage]
        delay = fabric.table_ns
        if isinstance(node, Sum):
            bits = max(CHAIN_BITS, netlist.ranges[signal].bits)
            delay = fabric.chain_ns + bits * fabric.carry_ns
        arrivals.append(max(before, default=0.0) + delay)
        assert all(netlist.stages[source] <= stage < netlist.latency for source in node.sources)
        # A period shorter than one node has each in a stage of its own.
        assert arrivals[-1] <= max(period_ns - fabric.register_ns, delay)


def test_a_longer_period_needs_fewer_stages() -> None:
    weights = matrix(8, 4, 60, 3, 0)
    latencies = [unroll(weights, fabric=FABRICS["ecp5"], period_ns=p).latency for p in (4, 9, 99)]
    assert latencies == sorted(set(latencies), reverse=True)
    assert latencies[-1] == 1


def test_register_bits_are_those_of_what_crosses_a_stage() -> None:
    netlist = unroll(np.array([[1, 1], [1, 0]]), fabric=FABRICS["ecp5"], period_ns=8.0)
    assert netlist.latency == 1
    assert netlist.register_bits == 3  # the sum of 2 bits, and the input that is an output


# ---------------------------------------------------------------------------
# Parts
# ---------------------------------------------------------------------------


def test_a_sum_in_a_chain_carries_nothing_into_the_next_one() -> None:
    netlist = unroll(matrix(9, 12, 60, 4, 0), fabric=FABRICS["ecp5"], period_ns=8.0)
    chains = make_chains(netlist)
    sums = {
        netlist.input_signals + n for n, node in enumerate(netlist.nodes) if isinstance(node, Sum)
    }
    chained = [placed.field.signal for chain in chains for placed in chain]
    assert len(chained) == len(set(chained))
    assert set(chained) <= sums
    assert max(map(len, chains)) > 1
    for chain in chains:
        assert len({netlist.stages[placed.field.signal] for placed in chain}) == 1
        for placed, above in itertools.pairwise(chain):
            signal = placed.field.signal
            node = netlist.nodes[signal - netlist.input_signals]
            assert isinstance(node, Sum)
            assert not wraps(node, netlist.ranges[signal])
            assert above.low - above.field.doubled >= placed.end - placed.field.free_top


def test_a_range_knows_its_width() -> None:
    assert [Range(*ends).bits for ends in ((0, 0), (0, 7), (0, 8), (-1, 0), (-8, 7), (-9, 0))] == [
        1, 3, 4, 1, 4, 5,
    ]  # fmt: skip


def test_a_bit_that_passes_costs_no_table() -> None:
    assert table_luts([2, 2, 2, 1]) == 2
    assert table_luts([2, 2, 2, -1]) == 3  # it passes inverted
    assert table_luts([1, 1, 1]) == 2
    assert make_leaf([(Bit(0, 0), 4), (Bit(1, 0), -4)]).high == 2


def test_bits_that_count_alike_share_a_table() -> None:
    items = [(Bit(place, 0), 8 if place % 2 else 1) for place in range(8)]
    groups = group_bits(items, 4, seed=0)
    assert sorted(sorted({weight for _, weight in group}) for group in groups) == [[1], [8]]


def test_shared_rows_rebuild_the_matrix() -> None:
    weights = matrix(10, 16, 60, 2, 0)
    shared = share(weights, 2.0)
    count = len(shared.matrix) - shared.rows
    assert count > 0
    expanded = np.zeros((count, shared.columns), np.int64)
    for _ in range(count):  # a shared row may read others, later ones as well
        parts = shared.matrix[shared.rows :]
        expanded = parts[:, : shared.columns] + parts[:, shared.columns :] @ expanded
    rows = shared.matrix[: shared.rows]
    rebuilt = rows[:, : shared.columns] + rows[:, shared.columns :] @ expanded
    assert np.array_equal(rebuilt, weights)


@pytest.mark.parametrize(
    ("bits", "printed"),
    [
        ([Wired("a", 0), Wired("a", 1), Wired("a", 2)], "a[2:0]"),
        ([Wired("a", 1), Wired("a", 1)], "{2{a[1]}}"),
        ([0, 0, Wired("a", 3)], "{a[3], 2'd0}"),
        ([Wired("a", 0, ranged=False), 1], "{1'b1, a}"),
        ([Wired("a", 0, ranged=False)] * 2, "{2{a}}"),
        ([1, 0, 1], "3'b101"),
        ([1, 1], "{2{1'b1}}"),
        ([Wired("a", 1), Wired("a", 0), Wired("b", 1)], "{b[1], a[0], a[1]}"),
    ],
)
def test_words_are_printed_as_ranges_and_repeats(bits: list[Source], printed: str) -> None:
    assert word(bits) == printed


# ---------------------------------------------------------------------------
# What is refused, and that a wrong netlist is seen
# ---------------------------------------------------------------------------


def test_a_wrong_table_is_seen() -> None:
    weights = matrix(11, 3, 10, 3, 0)
    netlist = unroll(weights, fabric=FABRICS["ecp5"])
    place = next(n for n, node in enumerate(netlist.nodes) if isinstance(node, Table))
    table = netlist.nodes[place]
    assert isinstance(table, Table)
    wrong = Table(table.bits, (table.values[0] + 1, *table.values[1:]))
    nodes = (*netlist.nodes[:place], wrong, *netlist.nodes[place + 1 :])
    values = vectors(1, 10, 1)
    assert not np.array_equal(evaluate(replace(netlist, nodes=nodes), values), values @ weights.T)


@pytest.mark.parametrize("shape", [(3,), (0, 4), (4, 0), (2, 2, 2)])
def test_weights_have_to_be_a_matrix(shape: tuple[int, ...]) -> None:
    with pytest.raises(GraphError, match=r"must be \[outputs, inputs\], not \["):
        unroll(np.zeros(shape, np.int64), fabric=FABRICS["ecp5"])


def test_inputs_have_at_least_a_bit() -> None:
    with pytest.raises(GraphError, match="must have at least 1 bit, not 0"):
        unroll(np.ones((1, 1), np.int64), input_bits=0, fabric=FABRICS["ecp5"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 3), np.int64), r"must be \[batch, 2\], not \[2, 3\]"),
        (np.zeros(2, np.int64), r"must be \[batch, 2\], not \[2\]"),
        (np.array([[0, 2]]), "must be unsigned, of 1 bits"),
        (np.array([[0, -1]]), "must be unsigned, of 1 bits"),
    ],
)
def test_inputs_have_to_fit(values: IntArray, message: str) -> None:
    netlist = unroll(np.ones((1, 2), np.int64), fabric=FABRICS["ecp5"])
    with pytest.raises(GraphError, match=message):
        evaluate(netlist, values)


def test_an_output_that_is_always_0_is_no_signal() -> None:
    netlist = unroll(np.array([[0, 0], [1, 2]]), fabric=FABRICS["ecp5"])
    assert netlist.outputs[0] is None
    assert isinstance(netlist.outputs[1], Term)
