"""Widths of every node by hand, and that inputs reach both ends where the analysis is exact."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from spikeloom.ir import (
    Add,
    Concat,
    Conv2d,
    Delay,
    Dense,
    Encoder,
    Executor,
    Graph,
    Input,
    Interval,
    MaxPool2d,
    MixAxis,
    Neurons,
    Node,
    Product,
    Readout,
    SumPool2d,
    TokenMix,
    infer_widths,
)


def ended(nodes: list[Node], time_steps: int = 1) -> Graph:
    """Return a graph of `nodes`, the last of which neurons read that the readout counts."""
    last = nodes[-1].name
    group = Neurons(name="n", source=last, threshold=np.array(1), membrane_bits=20)
    return Graph.of("g", time_steps, [*nodes, group, Readout(name="y", source="n")])


def reached(graph: Graph, name: str) -> Interval:
    """Return the least and the largest value that any input gives to a node."""
    node = graph.nodes[0]
    assert isinstance(node, Input)
    shape = (graph.time_steps, *node.shape)
    trains = list(itertools.product((0, 1), repeat=int(np.prod(shape))))
    seen: list[Any] = []

    def watch(found: str, values: Any) -> None:
        if found == name:
            seen.append(values)

    Executor(graph).observe(np.array(trains, np.uint8).reshape(-1, *shape), watch)
    return Interval(int(seen[0].min()), int(seen[0].max()))


def spikes(*shape: int) -> Input:
    return Input(name="x", shape=shape, encoder=Encoder.SPIKES)


GROUPED = np.array([[[[3]], [[-1]]], [[[2]], [[-4]]], [[[-5]], [[-2]]], [[[1]], [[1]]]])
MIXED = np.array([[3, -1], [-2, -2]])
SCALE = Conv2d(
    name="f",
    source="x",
    weight=np.array([3, -2]).reshape(2, 1, 1, 1),
    weight_bits=3,
    groups=2,
)
EXACT: list[tuple[list[Node], Interval]] = [
    (
        [
            spikes(4, 1, 1),
            Conv2d(name="c", source="x", weight=GROUPED, weight_bits=4, groups=2),
        ],
        Interval(-7, 3),
    ),
    (
        [
            spikes(2, 2, 1),
            TokenMix(name="c", source="x", weight=MIXED, weight_bits=3, axis=MixAxis.ROWS),
        ],
        Interval(-4, 3),
    ),
    (
        [
            spikes(1, 1, 2),
            TokenMix(name="c", source="x", weight=MIXED, weight_bits=3, axis=MixAxis.COLUMNS),
        ],
        Interval(-4, 3),
    ),
    (
        [
            spikes(1, 2, 1),
            Add(name="a", sources=("x", "x"), shifts=(0, 1)),
            TokenMix(name="c", source="a", weight=MIXED, weight_bits=3, axis=MixAxis.TOKENS),
        ],
        Interval(-12, 9),
    ),
    (
        [spikes(3), Add(name="c", sources=("x",), shifts=(3,), bias=np.array([2, 0, -3]))],
        Interval(-3, 10),
    ),
    (
        [spikes(1, 3, 3), SumPool2d(name="c", source="x", kernel=(2, 3), stride=(1, 1))],
        Interval(0, 6),
    ),
    (
        [spikes(1, 2, 2), SumPool2d(name="c", source="x", kernel=(4, 4), padding=(3, 3))],
        Interval(0, 1),
    ),
    (
        [
            spikes(2, 2, 2),
            SCALE,
            SumPool2d(name="c", source="f", kernel=(2, 2), stride=(1, 1), padding=(1, 1)),
        ],
        Interval(-8, 12),
    ),
    (
        [
            spikes(1, 2, 2),
            Add(name="f", sources=("x",), bias=np.array(3)),
            SumPool2d(name="c", source="f", kernel=(2, 2), stride=(1, 1), padding=(1, 1)),
        ],
        Interval(3, 16),
    ),
    (
        [spikes(2, 2, 2), SCALE, MaxPool2d(name="c", source="f", kernel=(2, 2), stride=(1, 1))],
        Interval(-2, 3),
    ),
    (
        [
            spikes(2, 1, 2),
            Add(name="f", sources=("x",), bias=np.array([-5, -3])),
            MaxPool2d(name="c", source="f", kernel=(2, 2), padding=(1, 1)),
        ],
        Interval(-5, -2),
    ),
    (
        [spikes(2, 1, 2), SCALE, Concat(name="c", sources=("f", "f"))],
        Interval(-2, 3),
    ),
]


@pytest.mark.parametrize(("nodes", "expected"), EXACT, ids=range(len(EXACT)))
def test_intervals_are_what_inputs_reach(nodes: list[Node], expected: Interval) -> None:
    graph = ended(nodes)
    assert infer_widths(graph).interval("c") == expected
    assert reached(graph, "c") == expected


def product(*, heads: int, transposed: bool, weight: list[list[int]]) -> Graph:
    """A product of independent spikes and currents: of channels 0 to 3, and of the rest."""
    select = np.eye(4, 5, dtype=int).reshape(4, 5, 1, 1)
    currents = np.zeros((len(weight), 5, 1, 1), int)
    currents[:, 4, 0, 0] = np.array(weight)[:, 0]
    currents[:, 3, 0, 0] = np.array(weight)[:, 1]
    return ended(
        [
            spikes(5, 1, 2),
            Conv2d(name="s", source="x", weight=select, weight_bits=2),
            Neurons(name="e", source="s", threshold=np.array(1)),
            Conv2d(name="f", source="x", weight=currents, weight_bits=4),
            Product(name="c", source="e", weights="f", heads=heads, transposed=transposed),
        ]
    )


def test_products_are_bounded_by_their_terms() -> None:
    # Two tokens for each of two heads: 5 or -3 by channel, twice.
    graph = product(heads=2, transposed=False, weight=[[5, 0], [-3, 0]])
    assert infer_widths(graph).interval("c") == reached(graph, "c") == Interval(-6, 10)
    # One token reads all four channels: 5 - 3 + 2 at most 7, and -3 at least.
    graph = product(heads=1, transposed=True, weight=[[5, 0], [-3, 0], [2, 0], [0, 0]])
    assert infer_widths(graph).interval("c") == reached(graph, "c") == Interval(-3, 7)
    # Spikes and currents that depend on each other stay inside.
    graph = product(heads=1, transposed=True, weight=[[5, 0], [-3, 0], [2, 0], [0, -7]])
    assert infer_widths(graph).interval("c") == Interval(-10, 7)
    assert reached(graph, "c") == Interval(-10, 7)


def test_operands_that_are_counts_scale_every_reader() -> None:
    weight = np.array([3, -1, 2, 5]).reshape(2, 2, 1, 1)
    graph = ended(
        [
            spikes(1, 2, 2),
            SumPool2d(name="count", source="x", kernel=(2, 2), stride=(1, 1), padding=(1, 1)),
            MaxPool2d(name="wide", source="count", kernel=(1, 1)),
            Add(name="more", sources=("wide",), shifts=(2,)),
            Concat(name="both", sources=("count", "more")),
            Conv2d(name="c", source="both", weight=weight, weight_bits=4),
        ]
    )
    widths = infer_widths(graph)
    assert widths.operands == {"x": 1, "count": 4, "wide": 4, "more": 16, "both": 16, "n": 1}
    assert widths.inputs == {"c": Interval(0, 16)}
    # By channel: 3 * 4 - 16 and 2 * 4 + 5 * 16.
    assert widths.currents == {"c": Interval(-16, 88)}


def test_a_delay_holds_the_zero_of_the_first_step() -> None:
    nodes: list[Node] = [
        spikes(1),
        Add(name="a", sources=("x",), bias=np.array(4)),
        Delay(name="c", source="a", shape=(1,)),
    ]
    assert infer_widths(ended(nodes, 2)).interval("c") == Interval(0, 5)
    assert reached(ended(nodes, 2), "c") == Interval(0, 5)


@pytest.mark.parametrize("time_steps", [1, 2, 5])
def test_growing_loops_are_followed_step_by_step(time_steps: int) -> None:
    nodes: list[Node] = [
        spikes(1),
        Dense(name="w", source="x", weight=np.array([[-3]]), weight_bits=3),
        Delay(name="before", source="c", shape=(1,)),
        Add(name="c", sources=("w", "before"), shifts=(0, 1), bias=np.array(1)),
    ]
    graph = ended(nodes, time_steps)
    most = 2**time_steps - 1
    expected = Interval(-2 * most, most)
    assert infer_widths(graph).interval("c") == reached(graph, "c") == expected


def test_neurons_can_read_operands() -> None:
    nodes: list[Node] = [
        spikes(2, 2, 2),
        SumPool2d(name="c", source="x", kernel=(1, 2), stride=(1, 1)),
    ]
    widths = infer_widths(ended(nodes, 3))
    assert widths.interval("c") == Interval(0, 2)
    assert widths.currents == {}
    # 2, then 1 left and 2 more, then 2 left and 2 more
    assert widths.membranes["n"].interval == Interval(0, 4)
