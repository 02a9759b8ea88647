from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from spikeloom.ir import (
    Conv2d,
    Dense,
    Encoder,
    Executor,
    Graph,
    GraphError,
    Input,
    Interval,
    Leak,
    LeakTerm,
    Neurons,
    Node,
    Readout,
    ReadoutKind,
    Reset,
    SumPool2d,
    Widths,
    infer_widths,
)
from spikeloom.ir._intervals import Bounds, is_monotone, leak_bounds, union

MONOTONE = [Leak.none(), Leak.shift(0), Leak.shift(1), Leak.shift(4), Leak((LeakTerm(1, 3),))]
UNEVEN = [
    Leak((LeakTerm(1, 0), LeakTerm(-1, 2), LeakTerm(-1, 3))),
    Leak((LeakTerm(1, 1), LeakTerm(-1, 4))),
    Leak((LeakTerm(1, 0), LeakTerm(-1, 1), LeakTerm(1, 3), LeakTerm(-1, 6))),
]


def one_neuron(
    weights: list[int],
    *,
    time_steps: int = 4,
    bits: int = 1,
    encoder: Encoder = Encoder.SPIKES,
    threshold: int | None = 3,
    bias: int = 0,
    leak: Leak | None = None,
    reset: Reset = Reset.SUBTRACT,
    reset_delay: bool = False,
    membrane_bits: int | None = None,
) -> Graph:
    nodes: list[Node] = [
        Input(name="x", shape=(len(weights),), bits=bits, encoder=encoder),
        Dense(name="w", source="x", weight=np.array([weights]), weight_bits=8),
        Neurons(
            name="n",
            source="w",
            threshold=None if threshold is None else np.array(threshold),
            bias=np.array(bias),
            leak=leak or Leak.none(),
            reset=reset,
            reset_delay=reset_delay,
            membrane_bits=membrane_bits,
        ),
        Readout(
            name="y",
            source="n",
            kind=ReadoutKind.MEMBRANE if threshold is None else ReadoutKind.SPIKE_COUNT,
        ),
    ]
    return Graph.of("g", time_steps, nodes)


def all_spike_trains(graph: Graph) -> np.ndarray:
    node = graph.nodes[0]
    assert isinstance(node, Input)
    size = graph.time_steps * node.shape[0]
    trains = np.array(list(itertools.product((0, 1), repeat=size)), np.uint8)
    return trains.reshape(-1, graph.time_steps, node.shape[0])


def reached(graph: Graph) -> Interval:
    """Every `v` that any input reaches, and the 0 before the first step."""
    membranes = Executor(graph).run(all_spike_trains(graph), record=True).layers["n"].membranes
    return Interval(int(membranes.min()), int(membranes.max())).hull(0)


@pytest.mark.parametrize(
    ("lo", "hi", "bits"),
    [(0, 0, 1), (-1, 0, 1), (0, 1, 2), (-8, 7, 4), (-9, 7, 5), (-8, 8, 5), (3, 5, 4), (-3, -2, 3)],
)
def test_bits_of_an_interval_are_the_narrowest(lo: int, hi: int, bits: int) -> None:
    assert Interval(lo, hi).bits == bits


def test_union_ignores_empty_bounds() -> None:
    def bounds(lo: int, hi: int) -> Bounds:
        return Bounds(np.array([lo]), np.array([hi]))

    assert union(bounds(-2, 3), bounds(9, 8)) == bounds(-2, 3)
    assert union(bounds(9, 8), bounds(-2, 3)) == bounds(-2, 3)
    assert union(bounds(-2, 3), bounds(5, 8)) == bounds(-2, 8)


@pytest.mark.parametrize("leak", MONOTONE + UNEVEN)
def test_leak_bounds_hold_every_value_between(leak: Leak) -> None:
    values = leak(np.arange(-70, 71))
    for lo, hi in itertools.combinations_with_replacement(range(-70, 71, 3), 2):
        found = leak_bounds(leak, Bounds(np.array([lo]), np.array([hi])))
        part = values[lo + 70 : hi + 71]
        assert found.lo[0] <= part.min()
        assert part.max() <= found.hi[0]
        if leak in MONOTONE:
            assert (found.lo[0], found.hi[0]) == (part.min(), part.max())
        else:  # off by no more than the floors of the terms
            assert part.min() - found.lo[0] <= len(leak.terms)
            assert found.hi[0] - part.max() <= len(leak.terms)


def test_leaks_are_told_apart_by_whether_they_ever_fall() -> None:
    assert all(is_monotone(leak) for leak in MONOTONE)
    assert not any(is_monotone(leak) for leak in UNEVEN)
    for leak in MONOTONE:
        assert (np.diff(leak(np.arange(-300, 300))) >= 0).all()


@pytest.mark.parametrize("v", [2**40, -(2**40), 2**40 - 12_345, 1, -1, 0])
def test_leak_bounds_are_exact_without_overflow(v: int) -> None:
    leak = Leak((LeakTerm(1, 1), LeakTerm(1, 2), LeakTerm(-1, 31)))
    found = leak_bounds(leak, Bounds(np.array([v]), np.array([v])))
    exact = Fraction(v) * (Fraction(3, 4) - Fraction(1, 2**31))
    fall, rise = Fraction(1, 2) + Fraction(3, 4), 1 - Fraction(1, 2**31)
    assert found.lo[0] == -(-(exact - fall) // 1)
    assert found.hi[0] == (exact + rise) // 1


@pytest.mark.parametrize("membrane_bits", [None, 4])
@pytest.mark.parametrize("reset_delay", [False, True])
@pytest.mark.parametrize("reset", list(Reset))
@pytest.mark.parametrize("leak", [*MONOTONE[:3], UNEVEN[0]])
@pytest.mark.parametrize("weights", [[5, -3], [-6, -2], [7, 6]])
def test_every_spike_train_stays_inside(
    weights: list[int], leak: Leak, reset: Reset, reset_delay: bool, membrane_bits: int | None
) -> None:
    for bias, threshold in itertools.product((-2, 0, 3), (1, 4)):
        graph = one_neuron(
            weights,
            threshold=threshold,
            bias=bias,
            leak=leak,
            reset=reset,
            reset_delay=reset_delay,
            membrane_bits=membrane_bits,
        )
        width = infer_widths(graph).membranes["n"]
        found = reached(graph)
        whole = width.interval.hull(0)
        assert found.bits <= width.bits
        assert whole.lo <= found.lo
        assert found.hi <= whole.hi


@pytest.mark.parametrize("reset_delay", [False, True])
@pytest.mark.parametrize("reset", list(Reset))
@pytest.mark.parametrize("leak", MONOTONE[:3])
def test_the_analysis_is_exact_where_one_train_reaches_each_end(
    leak: Leak, reset: Reset, reset_delay: bool
) -> None:
    # A threshold of 1 after a delayed or immediate reset: all ends are met by some train.
    graph = one_neuron([5, -3], threshold=100, leak=leak, reset=reset, reset_delay=reset_delay)
    width = infer_widths(graph).membranes["n"]
    assert width.interval == reached(graph)


def test_subtraction_keeps_what_fired_above_zero() -> None:
    widths = infer_widths(one_neuron([5], threshold=3, time_steps=8))
    # u: 5, 2+5, 4+5, ... : 3 less per spike than what comes in
    assert widths.membranes["n"].interval == Interval(0, 5 + 7 * 2)
    widths = infer_widths(one_neuron([5], threshold=5, time_steps=8))
    assert widths.membranes["n"].interval == Interval(0, 9)  # 4 left over, and 5 more


def test_zero_reset_bounds_a_membrane_by_its_threshold() -> None:
    widths = infer_widths(one_neuron([5], threshold=7, reset=Reset.ZERO, time_steps=50))
    assert widths.membranes["n"].interval == Interval(0, 11)


def test_a_leak_bounds_a_membrane_for_any_number_of_steps() -> None:
    few, many = (
        infer_widths(one_neuron([5], threshold=None, reset=Reset.NONE, leak=leak, time_steps=steps))
        for leak, steps in ((Leak.shift(1), 60), (Leak.shift(1), 60_000))
    )
    assert few == many
    # 5, 8, 9, 10, and 10 - (10 >> 1) + 5 is 10
    assert many.membranes["n"].interval == Interval(0, 10)
    assert many.scores == Interval(0, 10)


def test_integrators_without_leak_need_exactly_their_steps() -> None:
    graph = one_neuron([5, -3], threshold=None, reset=Reset.NONE, time_steps=7)
    assert infer_widths(graph).scores == Interval(-21, 35)
    assert infer_widths(graph).membranes["n"].bits == 7


def test_the_final_membrane_is_tighter_than_all_membranes() -> None:
    # u rises to 5 with the first spike, and a membrane of -3 per step follows
    graph = one_neuron([5], threshold=None, reset=Reset.NONE, bias=-10, time_steps=3)
    widths = infer_widths(graph)
    assert widths.membranes["n"].interval == Interval(-30, -5)
    assert widths.scores == Interval(-30, -15)
    assert widths.membranes["n"].bits == 6  # and 0 before the first step


def test_the_clamp_is_dropped_where_it_cannot_act() -> None:
    def width(bits: int | None) -> tuple[Interval, int, bool]:
        found = infer_widths(one_neuron([5, -3], membrane_bits=bits)).membranes["n"]
        return found.interval, found.bits, found.saturates

    interval, natural, saturates = width(None)
    assert not saturates
    assert width(natural) == (interval, natural, False)
    assert width(12) == (interval, natural, False)
    narrow, bits, saturates = width(natural - 1)
    assert saturates
    assert bits == natural - 1
    assert narrow.bits >= natural


def test_a_threshold_out_of_reach_widens_the_membrane() -> None:
    assert infer_widths(one_neuron([5], threshold=100, time_steps=2)).membranes["n"].bits == 8


def feature_maps(encoder: Encoder) -> Widths:
    weight = np.zeros((2, 1, 2, 2), dtype=int)
    weight[0] = [[3, -1], [2, -4]]
    weight[1] = 1
    nodes: list[Node] = [
        Input(
            name="x", shape=(1, 8, 8), bits=1 if encoder is Encoder.SPIKES else 3, encoder=encoder
        ),
        SumPool2d(name="p", source="x", kernel=(2, 2)),
        SumPool2d(name="q", source="p", kernel=(1, 2)),
        Conv2d(name="w", source="q", weight=weight, weight_bits=4, padding=(1, 1)),
        Neurons(name="n", source="w", threshold=np.array([20, 5])),
        Readout(name="y", source="n"),
    ]
    return infer_widths(Graph.of("g", 3, nodes))


@pytest.mark.parametrize(("encoder", "most"), [("direct", 56), ("rate", 8), ("spikes", 8)])
def test_pools_and_bits_scale_the_operands(encoder: str, most: int) -> None:
    widths = feature_maps(Encoder(encoder))
    assert widths.inputs["w"] == Interval(0, most)
    assert widths.currents["w"] == Interval(-5 * most, 5 * most)


def test_channels_are_followed_apart() -> None:
    # channel 0 gets -40 to 40 and ends at 40 - 20 + 40 - 20 + 40; channel 1 gets 0 to 32
    width = feature_maps(Encoder.SPIKES).membranes["n"]
    assert width.interval == Interval(-3 * 40, 32 - 5 + 32 - 5 + 32)


@pytest.mark.parametrize(("time_steps", "bits"), [(40, "36"), (60_000, "42 or more")])
def test_widths_beyond_32_bits_are_refused_with_a_remedy(time_steps: int, bits: str) -> None:
    expected = (
        f"membranes of 'n' must fit 32 bits, not {bits}, over {time_steps} time steps; "
        "set membrane_bits to 32 or less, so that they saturate$"
    )
    with pytest.raises(GraphError, match=expected):
        one_neuron([127] * 100, bits=16, encoder=Encoder.DIRECT, time_steps=time_steps)
    one_neuron(
        [127] * 100, bits=16, encoder=Encoder.DIRECT, time_steps=time_steps, membrane_bits=31
    )


def test_widths_of_a_broken_graph_are_refused() -> None:
    graph = Graph("g", 1, ())
    with pytest.raises(GraphError, match="exactly one Input"):
        infer_widths(graph)


def test_bits_of_an_interval_are_the_fewest_that_hold_both_ends() -> None:
    """Found in review: an interval below zero was one bit too wide."""
    for lo in range(-40, 41):
        for hi in range(lo, 41):
            bits = Interval(lo, hi).bits
            fits = [n for n in range(1, 9) if -(2 ** (n - 1)) <= lo and hi < 2 ** (n - 1)]
            assert bits == fits[0], (lo, hi)
