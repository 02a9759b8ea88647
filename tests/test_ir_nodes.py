"""Single nodes by hand, or against the formula of their paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikeloom.ir import (
    Activity,
    Add,
    Concat,
    Conv2d,
    Delay,
    Dense,
    Encoder,
    Executor,
    Graph,
    Input,
    MaxPool2d,
    MixAxis,
    Neurons,
    Node,
    Product,
    Readout,
    ReadoutKind,
    Reset,
    SumPool2d,
    SynapseActivity,
    TokenMix,
    dense_operations,
    infer_shapes,
    measure_activity,
    pool_stride,
    synapse_activity,
)


def values_of(nodes: list[Node], data: Any, name: str, time_steps: int = 1) -> np.ndarray:
    """Return what a node puts out, `[F, *shape]`, on one inference; the last one is integrated."""
    end = Neurons(name="n", source=nodes[-1].name, threshold=None, reset=Reset.NONE)
    readout = Readout(name="y", source="n", kind=ReadoutKind.MEMBRANE)
    seen: dict[str, Any] = {}
    graph = Graph.of("g", time_steps, [*nodes, end, readout])
    Executor(graph).observe(np.array(data)[None], seen.__setitem__)
    found = seen[name][0]
    assert found.shape[1:] == infer_shapes(graph)[name]
    return np.asarray(found)


def spikes(*shape: int) -> Input:
    return Input(name="x", shape=shape, encoder=Encoder.SPIKES)


COUNTS = np.array([[1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 0, 0]])


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (SumPool2d(name="p", source="x", kernel=(2, 2)), [[1, 3]]),
        (SumPool2d(name="p", source="x", kernel=(2, 2), stride=(1, 1)), [[1, 2, 3], [2, 2, 1]]),
        (
            SumPool2d(name="p", source="x", kernel=(2, 2), stride=(2, 3), padding=(1, 1)),
            [[1, 2], [1, 1]],
        ),
        (SumPool2d(name="p", source="x", kernel=(3, 4)), [[6]]),
        (MaxPool2d(name="p", source="x", kernel=(2, 2)), [[1, 1]]),
        (MaxPool2d(name="p", source="x", kernel=(2, 1), stride=(1, 2)), [[1, 1], [1, 1]]),
        (MaxPool2d(name="p", source="x", kernel=(1, 2), stride=(1, 2)), [[1, 1], [0, 1], [1, 0]]),
    ],
)
def test_pools_of_spikes(pool: Node, expected: list[list[int]]) -> None:
    assert values_of([spikes(1, 3, 4), pool], COUNTS[None, None], "p")[0, 0].tolist() == expected


def test_padding_takes_no_part_in_a_maximum_of_currents() -> None:
    nodes: list[Node] = [
        spikes(1, 2, 2),
        Add(name="below", sources=("x",), bias=np.array(-9)),
        MaxPool2d(name="p", source="below", kernel=(2, 2), stride=(1, 1), padding=(1, 1)),
    ]
    found = values_of(nodes, [[[[0, 0], [1, 0]]]], "p")
    assert found[0, 0].tolist() == [[-9, -9, -9], [-8, -8, -9], [-8, -8, -9]]


def test_the_windows_of_a_pool_lie_side_by_side_by_default() -> None:
    pool = SumPool2d(name="p", source="x", kernel=(2, 3))
    assert pool_stride(pool) == (2, 3)
    assert pool_stride(MaxPool2d(name="p", source="x", kernel=(2, 3), stride=(1, 2))) == (1, 2)


def test_dilated_taps_are_apart() -> None:
    weight = np.array([[1, 2], [4, 8]]).reshape(1, 1, 2, 2)
    conv = Conv2d(name="c", source="x", weight=weight, weight_bits=5, dilation=(1, 2))
    found = values_of([spikes(1, 3, 4), conv], COUNTS[None, None], "c")
    # top left, two to the right of it, and the same one row below
    expected = [
        [1 + 2 * 1 + 8 * 1, 2 * 1],
        [2 * 1 + 4 * 1, 4 * 1],
    ]
    assert found[0, 0].tolist() == expected


def test_groups_read_their_own_channels() -> None:
    weight = np.array([1, 2, 3, 4]).reshape(4, 1, 1, 1)
    conv = Conv2d(name="c", source="x", weight=weight, weight_bits=4, groups=2)
    found = values_of([spikes(2, 1, 2), conv], [[[[1, 0]], [[0, 1]]]], "c")
    assert found[0, :, 0].tolist() == [[1, 0], [2, 0], [0, 3], [0, 4]]


@pytest.mark.parametrize(
    ("axis", "expected"),
    [("rows", [[3, 2], [1, 0]]), ("columns", [[1, 1], [3, 1]])],
)
def test_token_mixing_by_hand(axis: str, expected: list[list[int]]) -> None:
    weight = np.array([[1, 2], [1, 0]])
    mix = TokenMix(name="m", source="x", weight=weight, weight_bits=3, axis=MixAxis(axis))
    found = values_of([spikes(1, 2, 2), mix], [[[[1, 0], [1, 1]]]], "m")
    assert found[0, 0].tolist() == expected


def test_mixing_all_tokens_is_a_matrix_over_positions() -> None:
    rng = np.random.default_rng(4)
    weight, data = rng.integers(-8, 8, (6, 6)), rng.integers(0, 2, (1, 3, 2, 3))
    mix = TokenMix(name="m", source="x", weight=weight, weight_bits=4, axis=MixAxis.TOKENS)
    found = values_of([spikes(3, 2, 3), mix], data, "m")
    expected = np.einsum("ij,cj->ci", weight, data[0].reshape(3, 6)).reshape(3, 2, 3)
    np.testing.assert_array_equal(found[0], expected)


def test_two_products_are_dual_spike_self_attention() -> None:
    """A = f1(X)^T X, then f2(X) A, per head of d channels, with n reduced tokens."""
    rng = np.random.default_rng(1)
    heads, d, size, p = 2, 4, 4, 2
    weight = rng.integers(-8, 8, (2, heads * d, heads * d, p, p))
    data = rng.integers(0, 2, (1, heads * d, size, size))
    nodes: list[Node] = [
        spikes(heads * d, size, size),
        Conv2d(name="f1", source="x", weight=weight[0], weight_bits=4, stride=(p, p)),
        Product(name="a", source="x", weights="f1", heads=heads, transposed=True),
        Neurons(name="map", source="a", threshold=np.array(9)),
        Conv2d(name="f2", source="x", weight=weight[1], weight_bits=4, stride=(p, p)),
        Product(name="o", source="map", weights="f2", heads=heads),
    ]
    x = data[0].reshape(heads, d, size * size)
    blocks = data[0].reshape(heads * d, size // p, p, size // p, p)
    f = [np.einsum("ocij,cyixj->oyx", each, blocks).reshape(heads, d, -1) for each in weight]
    attention = f[0].transpose(0, 2, 1) @ x
    np.testing.assert_array_equal(
        values_of(nodes, data, "a")[0], attention.reshape(heads * 4, size, size)
    )
    out = f[1] @ (attention >= 9)
    np.testing.assert_array_equal(
        values_of(nodes, data, "o")[0], out.reshape(heads * d, size, size)
    )


def test_additions_shift_and_add_a_bias() -> None:
    nodes: list[Node] = [
        spikes(2),
        Dense(name="w", source="x", weight=np.array([[-3, 0], [0, 5]]), weight_bits=4),
        Add(name="a", sources=("w", "x", "w"), shifts=(2, 3, 0), bias=np.array([1, -1])),
    ]
    assert values_of(nodes, [[1, 1]], "a")[0].tolist() == [-15 + 8 + 1, 25 + 8 - 1]


def test_sums_that_wrap_around_on_the_way_come_back() -> None:
    nodes: list[Node] = [
        spikes(1),
        Dense(name="w", source="x", weight=np.array([[-(2**15)]]), weight_bits=16),
        Dense(name="v", source="x", weight=np.array([[2**15 - 1]]), weight_bits=16),
        Add(name="low", sources=("w",), shifts=(16,)),
        Add(name="high", sources=("v",), shifts=(16,)),
        Add(name="a", sources=("high", "x", "low")),
    ]
    assert values_of(nodes, [[1]], "a").tolist() == [[1 - 2**16]]


def test_a_static_current_joins_dynamic_ones_at_every_step() -> None:
    nodes: list[Node] = [
        Input(name="x", shape=(1, 1, 1), bits=3),
        Conv2d(name="w", source="x", weight=np.full((1, 1, 1, 1), 2), weight_bits=3),
        Add(name="still", sources=("w",), bias=np.array(1)),
        Delay(name="before", source="sum", shape=(1, 1, 1)),
        Add(name="sum", sources=("before", "still")),
        Concat(name="both", sources=("still", "sum")),
    ]
    assert values_of(nodes, [[[3]]], "still", 3).reshape(-1).tolist() == [7]
    found = values_of(nodes, [[[3]]], "both", 3)[:, :, 0, 0]
    assert found.tolist() == [[7, 7], [7, 14], [7, 21]]


def test_a_delay_shows_what_was_one_step_before() -> None:
    nodes: list[Node] = [spikes(2), Delay(name="d", source="x", shape=(2,))]
    assert values_of(nodes, [[1, 0], [0, 1], [1, 1]], "d", 3).tolist() == [[0, 0], [1, 0], [0, 1]]
    twice = [*nodes, Delay(name="e", source="d", shape=(2,))]
    assert values_of(twice, [[1, 0], [0, 1], [1, 1]], "e", 3).tolist() == [[0, 0], [0, 0], [1, 0]]


def test_inferences_do_not_see_each_other_through_a_loop() -> None:
    nodes = [
        spikes(1),
        Delay(name="before", source="n", shape=(1,)),
        Add(name="sum", sources=("x", "before")),
        Neurons(name="n", source="sum", threshold=np.array(1)),
        Readout(name="y", source="n"),
    ]
    graph = Graph.of("g", 4, nodes)
    data = np.array([[[0], [1], [0], [0]], [[0], [0], [0], [0]], [[0], [0], [1], [0]]])
    assert Executor(graph).run(data).scores.tolist() == [[3], [0], [2]]
    assert Executor(graph).run(data[:0], record=True).layers["n"].spikes.shape == (0, 4, 1)


def attention() -> Graph:
    ones = np.ones((2, 2, 1, 1), int)
    nodes = [
        spikes(2, 2, 2),
        Conv2d(name="f", source="x", weight=ones, weight_bits=2),
        Product(name="a", source="x", weights="f", transposed=True),
        TokenMix(
            name="m", source="x", weight=np.ones((2, 2), int), weight_bits=2, axis=MixAxis.ROWS
        ),
        SumPool2d(name="p", source="x", kernel=(2, 1)),
        Conv2d(name="g", source="p", weight=ones[:, :1], weight_bits=2, groups=2),
        Neurons(name="n", source="a", threshold=np.array(1)),
        Neurons(name="k", source="m", threshold=np.array(1)),
        Neurons(name="l", source="g", threshold=np.array(1)),
        Neurons(name="o", source="x", threshold=np.array(1)),
        Dense(name="dn", source="n", weight=np.ones((1, 16), int), weight_bits=2),
        Dense(name="dk", source="k", weight=np.ones((1, 8), int), weight_bits=2),
        Dense(name="dl", source="l", weight=np.ones((1, 4), int), weight_bits=2),
        Dense(name="do", source="o", weight=np.ones((1, 8), int), weight_bits=2),
        Add(name="s", sources=("dn", "dk", "dl", "do")),
        Neurons(name="y", source="s", threshold=np.array(1)),
        Readout(name="scores", source="y"),
    ]
    return Graph.of("g", 1, nodes)


def test_activity_by_hand() -> None:
    found = synapse_activity(attention(), [[[[[1, 0], [0, 1]], [[0, 1], [0, 0]]]]])
    assert found["f"] == SynapseActivity(events=3.0, synops=6.0)
    assert found["a"] == SynapseActivity(events=3.0, synops=12.0)  # four tokens each
    assert found["m"] == SynapseActivity(events=3.0, synops=6.0)
    assert found["g"] == SynapseActivity(events=3.0, synops=3.0)  # as if the pool were not there
    layers = measure_activity(attention(), [[[[[1, 0], [0, 1]], [[0, 1], [0, 0]]]]])
    assert layers["n"] == Activity(spikes=9.0, synops=18.0, events=6.0)
    assert layers["o"] == Activity(spikes=3.0, synops=0.0, events=0.0)
    assert layers["y"].synops == layers["y"].events == 9 + 6 + 3 + 3
    assert found["dn"].events == layers["n"].spikes


def test_dense_operations_by_hand() -> None:
    assert dense_operations(attention()) == {
        "f": 4 * 4,
        "a": 4 * 4 * 2,  # four tokens times four positions times two channels
        "m": 8 * 2,
        "g": 2 * 2,
        "dn": 16,
        "dk": 8,
        "dl": 4,
        "do": 8,
    }


def test_padding_counts_in_dense_operations_alone() -> None:
    conv = Conv2d(
        name="c", source="x", weight=np.ones((1, 1, 3, 3), int), weight_bits=2, padding=(1, 1)
    )
    neurons = Neurons(name="n", source="c", threshold=np.array(1))
    graph = Graph.of("g", 1, [spikes(1, 2, 2), conv, neurons, Readout(name="y", source="n")])
    assert dense_operations(graph) == {"c": 4 * 9}
    full = synapse_activity(graph, np.ones((1, 1, 1, 2, 2), int))["c"]
    assert full == SynapseActivity(events=4.0, synops=16.0)
