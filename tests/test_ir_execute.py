from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spikeloom.ir._execute as execute_module
import spikeloom.ir._synapses as synapses_module
from spikeloom.ir import (
    Conv2d,
    DataError,
    Dense,
    Encoder,
    Executor,
    Graph,
    GraphError,
    Input,
    Leak,
    LeakTerm,
    Neurons,
    Readout,
    ReadoutKind,
    Reset,
    SumPool2d,
    Trace,
    measure_activity,
)


def dense(
    weight: Any,
    *,
    bits: int = 1,
    time_steps: int = 3,
    encoder: Encoder = Encoder.SPIKES,
    weight_bits: int = 8,
    **neurons: Any,
) -> Graph:
    weight = np.array(weight)
    parameters = {"threshold": np.array(4)} | neurons
    kind = ReadoutKind.SPIKE_COUNT if parameters["threshold"] is not None else ReadoutKind.MEMBRANE
    return Graph.of(
        "g",
        time_steps,
        [
            Input(name="x", shape=(weight.shape[1],), bits=bits, encoder=encoder),
            Dense(name="w", source="x", weight=weight, weight_bits=weight_bits),
            Neurons(name="n", source="w", **parameters),
            Readout(name="y", source="n", kind=kind),
        ],
    )


def run_train(currents: list[int], **neurons: Any) -> tuple[list[int], list[int]]:
    """Return spikes and membranes of one neuron on the given currents, one per step."""
    steps = len(currents)
    graph = dense([currents], time_steps=steps, **neurons)
    one_each_step = np.eye(steps, dtype=np.uint8)[None]
    layer = Executor(graph).run(one_each_step, record=True).layers["n"]
    return layer.spikes[0, :, 0].tolist(), layer.membranes[0, :, 0].tolist()


# Worked by hand from section 3 of docs/semantics.md.
@pytest.mark.parametrize(
    ("neurons", "currents", "spikes", "membranes"),
    [
        ({}, [3, 1, 9, 0, 0], [0, 1, 1, 1, 0], [3, 0, 5, 1, 1]),
        ({"reset": Reset.ZERO}, [3, 1, 9, 0, 3], [0, 1, 1, 0, 0], [3, 0, 0, 0, 3]),
        ({"reset": Reset.NONE}, [3, 1, 9, -10, 0], [0, 1, 1, 0, 0], [3, 4, 13, 3, 3]),
        ({"bias": np.array(-1)}, [5, 1, 5], [1, 0, 1], [0, 0, 0]),
        ({"leak": Leak.shift(1)}, [3, -9, 0, 0, 0], [0, 0, 0, 0, 0], [3, -7, -3, -1, 0]),
        # v = 5 is over the threshold: 5 - (5 >> 1) - 4 = -1, then -1 - (-1) = 0
        ({"leak": Leak.shift(1), "reset_delay": True}, [5, 0, 0], [1, 0, 0], [5, -1, 0]),
        ({"leak": Leak.shift(1)}, [5, 0, 0], [1, 0, 0], [1, 1, 1]),
        ({"reset": Reset.ZERO, "reset_delay": True}, [5, 1, 3], [1, 0, 1], [5, 1, 4]),
        ({"membrane_bits": 4}, [6, 7, -20, -5, 3], [1, 1, 0, 0, 0], [2, 3, -8, -8, -5]),
        ({"threshold": None, "reset": Reset.NONE}, [9, -2, 4], [0, 0, 0], [9, 7, 11]),
        ({"leak": Leak((LeakTerm(1, 1), LeakTerm(1, 2)))}, [3, 0, 0], [0, 0, 0], [3, 1, 0]),
    ],
)
def test_neurons_by_hand(
    neurons: dict[str, Any], currents: list[int], spikes: list[int], membranes: list[int]
) -> None:
    assert run_train(currents, **neurons) == (spikes, membranes)


@pytest.mark.parametrize(("value", "spike"), [(3, 0), (4, 1)])
def test_a_membrane_at_the_threshold_fires(value: int, spike: int) -> None:
    assert run_train([value])[0] == [spike]


def test_the_first_of_equal_scores_wins() -> None:
    graph = dense([[0], [4], [9], [4]], threshold=None, reset=Reset.NONE, time_steps=1)
    assert Executor(graph).run([[[1]], [[0]]]).predictions.tolist() == [2, 0]
    graph = dense([[0], [4], [4]], time_steps=1)
    assert Executor(graph).run([[[1]]]).predictions.tolist() == [1]


def test_padding_makes_no_borders_of_its_own() -> None:
    weight = np.arange(1, 10).reshape(1, 1, 3, 3)
    graph = Graph.of(
        "g",
        1,
        [
            Input(name="x", shape=(1, 2, 2), bits=4),
            Conv2d(name="w", source="x", weight=weight, weight_bits=5, padding=(1, 1)),
            Neurons(name="n", source="w", threshold=None, reset=Reset.NONE),
            Readout(name="y", source="n", kind=ReadoutKind.MEMBRANE),
        ],
    )
    # x = [[1, 2], [3, 4]]: top left sees weights 5, 6, 8, 9
    scores = Executor(graph).run([[[[1, 2], [3, 4]]]]).scores[0].tolist()
    assert scores == [5 + 12 + 24 + 36, 4 + 10 + 21 + 32, 2 + 6 + 15 + 24, 1 + 4 + 12 + 20]


@pytest.mark.parametrize(("weight_bits", "bits"), [(13, 14), (15, 15), (10, 16)])
def test_currents_beyond_float32_stay_exact(weight_bits: int, bits: int) -> None:
    rng = np.random.default_rng(weight_bits)
    half = 2 ** (weight_bits - 1)
    weight = rng.integers(-half, half, (3, 6))
    data = rng.integers(0, 2**bits, (20, 6))
    graph = dense(
        weight,
        bits=bits,
        encoder=Encoder.DIRECT,
        weight_bits=weight_bits,
        time_steps=1,
        threshold=None,
        reset=Reset.NONE,
    )
    found = Executor(graph).run(data).scores
    expected = [
        [sum(int(w) * int(x) for w, x in zip(row, d, strict=True)) for row in weight] for d in data
    ]
    assert found.tolist() == expected
    assert max(abs(value) for row in expected for value in row) > 2**24


def test_membranes_that_saturate_at_32_bits_do_not_wrap_around() -> None:
    graph = dense(
        [[2**15 - 1]] * 2,
        bits=16,
        encoder=Encoder.DIRECT,
        weight_bits=16,
        time_steps=3,
        threshold=None,
        reset=Reset.NONE,
        bias=np.array([2**31 - 1, -(2**31)]),
        membrane_bits=32,
    )
    trace = Executor(graph).run([[65_535]], record=True)
    top = 2**31 - 1
    low = 32_767 * 65_535 - 2**31
    assert trace.scores.tolist() == [[top, 3 * low]]
    assert trace.layers["n"].membranes[0, :, 0].tolist() == [top, top, top]


def small_conv() -> tuple[Graph, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(3)
    graph = Graph.of(
        "g",
        3,
        [
            Input(name="x", shape=(2, 6, 6), bits=4),
            Conv2d(name="v", source="x", weight=rng.integers(-7, 8, (3, 2, 3, 3)), weight_bits=4),
            Neurons(name="m", source="v", threshold=np.array([20, 40, 60]), leak=Leak.shift(2)),
            SumPool2d(name="p", source="m", kernel=(2, 2)),
            Dense(name="w", source="p", weight=rng.integers(-7, 8, (4, 12)), weight_bits=4),
            Neurons(name="n", source="w", threshold=np.array(9)),
            Readout(name="y", source="n"),
        ],
    )
    return graph, rng.integers(0, 16, (23, 2, 6, 6))


def assert_same(one: Trace, other: Trace) -> None:
    np.testing.assert_array_equal(one.scores, other.scores, strict=True)
    np.testing.assert_array_equal(one.predictions, other.predictions, strict=True)
    assert list(one.layers) == list(other.layers)
    for name in one.layers:
        np.testing.assert_array_equal(
            one.layers[name].spikes, other.layers[name].spikes, strict=True
        )
        np.testing.assert_array_equal(
            one.layers[name].membranes, other.layers[name].membranes, strict=True
        )


@pytest.mark.parametrize("batch", [1, 7, 23, 100])
@pytest.mark.parametrize("record", [False, True])
def test_batches_change_nothing(batch: int, record: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, data = small_conv()
    executor = Executor(graph)
    whole = executor.run(data, record=record)
    parts = list(executor.batches(data, batch, record=record))
    assert [part.scores.shape[0] for part in parts] == [
        min(batch, 23 - start) for start in range(0, 23, batch)
    ]
    np.testing.assert_array_equal(np.concatenate([part.scores for part in parts]), whole.scores)
    monkeypatch.setattr(execute_module, "_BATCH_VALUES", batch * 52 * 3)
    assert_same(executor.run(data, record=record), whole)


def test_patches_in_parts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, data = small_conv()
    whole = Executor(graph).run(data, record=True)
    monkeypatch.setattr(synapses_module, "_PATCH_VALUES", 5 * 18 * 16)
    assert_same(Executor(graph).run(data, record=True), whole)


def test_layers_are_kept_only_if_asked_for() -> None:
    graph, data = small_conv()
    assert Executor(graph).run(data).layers == {}
    layers = Executor(graph).run(data, record=True).layers
    assert {name: layer.spikes.shape for name, layer in layers.items()} == {
        "m": (23, 3, 3, 4, 4),
        "n": (23, 3, 4),
    }
    assert layers["m"].spikes.dtype == np.uint8
    assert layers["m"].membranes.dtype == np.int32


def test_no_inferences_give_an_empty_trace() -> None:
    graph, data = small_conv()
    trace = Executor(graph).run(data[:0], record=True)
    assert trace.scores.shape == (0, 4)
    assert trace.predictions.shape == (0,)
    assert trace.layers["m"].spikes.shape == (0, 3, 3, 4, 4)


def test_inputs_are_checked_before_the_first_batch() -> None:
    graph, data = small_conv()
    executor = Executor(graph)
    with pytest.raises(DataError, match=r"must have shape \[N, 2, 6, 6\]"):
        executor.batches(data[0])
    with pytest.raises(DataError, match=r"must be 0 to 15 \(4 bits\), not"):
        executor.run(data + 1)
    with pytest.raises(DataError, match=r"^batch must be at least 1, not 0$"):
        executor.batches(data, 0)


def test_the_inputs_are_left_as_they_are() -> None:
    graph, data = small_conv()
    before = data.copy()
    Executor(graph).run(data, record=True)
    np.testing.assert_array_equal(data, before)


def test_a_broken_graph_is_not_run() -> None:
    with pytest.raises(GraphError, match="exactly one Readout"):
        Executor(Graph("g", 1, (Input(name="x", shape=(1,)),)))


def test_activity_by_hand() -> None:
    graph = Graph.of(
        "g",
        2,
        [
            Input(name="x", shape=(1, 3, 3), bits=3),
            SumPool2d(name="p", source="x", kernel=(2, 2)),
            Dense(name="v", source="p", weight=np.array([[1], [1]]), weight_bits=2),
            Neurons(name="m", source="v", threshold=np.array([1, 100])),
            Dense(name="w", source="m", weight=np.zeros((3, 2), int), weight_bits=2),
            Neurons(name="n", source="w", threshold=np.array(1)),
            Readout(name="y", source="n"),
        ],
    )
    data = np.array([[[[7, 1, 7], [0, 2, 7], [7, 7, 7]]], [[[0, 0, 0]] * 3]])
    found = measure_activity(graph, data)
    # 5 bits inside the window, 15 in the dropped border, once per inference; 2 weights each
    assert (found["m"].events, found["m"].synops, found["m"].spikes) == (20 / 2, 10 / 2, 2 / 2)
    # neuron 0 fires at both steps of one inference; weights of 0 are added too
    assert (found["n"].events, found["n"].synops, found["n"].spikes) == (1.0, 3.0, 0.0)


def test_activity_needs_an_inference() -> None:
    graph, data = small_conv()
    with pytest.raises(DataError, match="at least one inference, not 0"):
        measure_activity(graph, data[:0])


def test_activity_of_many_batches_is_the_mean() -> None:
    graph, data = small_conv()
    many = measure_activity(graph, np.concatenate([data] * 13))
    once = measure_activity(graph, data)
    for name, activity in once.items():
        assert many[name].spikes == pytest.approx(activity.spikes, rel=1e-12)
        assert many[name].synops == pytest.approx(activity.synops, rel=1e-12)


def test_batches_are_as_small_as_the_largest_node_needs() -> None:
    assert Executor(small_conv()[0]).batch_size == 2**21 // (72 * 3)  # the input, not 52 neurons
    assert Executor(dense(np.ones((500, 2), int))).batch_size == 2**21 // (500 * 3)
