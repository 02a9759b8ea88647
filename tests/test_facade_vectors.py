"""The inferences of a build: made for a graph alone, or read from a run."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spikeloom._vectors import Vectors, make_vectors, read_vectors
from spikeloom.ir import (
    Conv2d,
    DataError,
    Dense,
    Encoder,
    Graph,
    Input,
    Neurons,
    Readout,
    SumPool2d,
)


def spike_graph(graph: Graph) -> Graph:
    """The same network with binary input at every time step."""
    first = Input(name="pixels", shape=(6,), bits=1, encoder=Encoder.SPIKES)
    return Graph.of("spikes", graph.time_steps, (first, *graph.nodes[1:]))


def test_made_vectors_hold_the_extremes_and_repeat(tiny_graph: Graph) -> None:
    made = make_vectors(tiny_graph)
    assert made.inputs.dtype == np.uint8
    assert made.inputs.shape == (64, 6)
    assert not made.inputs[0].any()
    assert (made.inputs[1] == 7).all()
    assert made.inputs[2].tolist() == [7, 0, 0, 0, 0, 0]
    assert made.inputs[3].tolist() == [0, 0, 0, 0, 0, 7]
    assert made.inputs.max() == 7
    assert np.array_equal(made.inputs, make_vectors(tiny_graph).inputs)
    assert made.labels is None
    assert made.predictions is None


def test_a_large_network_gets_fewer_vectors() -> None:
    def count(channels: int) -> int:
        weight = np.ones((channels, channels, 3, 3), np.int64)
        nodes = (
            Input(name="pixels", shape=(channels, 32, 32)),
            Conv2d(name="conv", source="pixels", weight=weight, weight_bits=2, padding=(1, 1)),
            Neurons(name="maps", source="conv", threshold=np.array(1)),
            SumPool2d(name="pool", source="maps", kernel=(32, 32)),
            Dense(name="fc", source="pool", weight=weight[:2, :, 0, 0], weight_bits=2),
            Neurons(name="output", source="fc", threshold=np.array(1)),
            Readout(name="readout", source="output"),
        )
        return len(make_vectors(Graph.of("wide", 4, nodes)).inputs)

    # 9.4 million additions a time step for each 32 by 32 channels, and 4e9 in all.
    assert count(32) == 64
    assert count(128) == 6


def test_made_vectors_of_spike_input_have_time(tiny_graph: Graph) -> None:
    made = make_vectors(spike_graph(tiny_graph))
    assert made.inputs.shape == (64, 4, 6)
    assert set(np.unique(made.inputs)) == {0, 1}


def test_archive_holds_the_arrays_and_repeats() -> None:
    vectors = Vectors(np.arange(6, dtype=np.uint8).reshape(2, 3), np.array([1, 0]))
    content = vectors.to_npz()
    assert content == vectors.to_npz()
    with np.load(io.BytesIO(content)) as archive:
        assert sorted(archive.files) == ["inputs", "labels"]
        assert np.array_equal(archive["inputs"], vectors.inputs)


def saved(path: Path, **arrays: NDArray[np.generic]) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for its flag
    return path


def test_vectors_are_read_back(tmp_path: Path, tiny_graph: Graph) -> None:
    inputs = np.ones((3, 6), np.uint8)
    labels = np.array([0, 1, 2])
    path = saved(tmp_path / "test.npz", inputs=inputs, labels=labels, predictions=labels)
    read = read_vectors(path, tiny_graph)
    assert np.array_equal(read.inputs, inputs)
    assert np.array_equal(read.labels, labels)  # type: ignore[arg-type]  # None would not be equal
    assert np.array_equal(read.predictions, labels)  # type: ignore[arg-type]  # as above


def test_missing_vectors_are_said(tmp_path: Path, tiny_graph: Graph) -> None:
    with pytest.raises(DataError, match=r"test\.npz is missing; train the run again$"):
        read_vectors(tmp_path / "test.npz", tiny_graph)


@pytest.mark.parametrize("keep", [0, 10, 100])
def test_truncated_vectors_are_said(tmp_path: Path, tiny_graph: Graph, keep: int) -> None:
    path = saved(tmp_path / "test.npz", inputs=np.ones((3, 6), np.uint8))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"test\.npz is truncated or no \.npz"):
        read_vectors(path, tiny_graph)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pixels": np.ones((3, 6), np.uint8)}, "must hold an array called 'inputs'"),
        (
            {"inputs": np.ones((3, 5), np.uint8)},
            r"must be unsigned integers of shape \[N, 6\] as graph 'tiny' takes them, "
            r"not uint8 \[3, 5\]$",
        ),
        ({"inputs": np.ones((3, 6))}, r"not float64 \[3, 6\]$"),
        ({"inputs": np.full((3, 6), 8, np.uint8)}, "must be one or more values of 0 to 7$"),
        ({"inputs": np.ones((0, 6), np.uint8)}, "must be one or more values of 0 to 7$"),
        (
            {"inputs": np.ones((3, 6), np.uint8), "labels": np.array([1])},
            r"labels of .* must be 3 numbers, not \(1,\)$",
        ),
    ],
)
def test_vectors_of_another_network_are_refused(
    tmp_path: Path, tiny_graph: Graph, arrays: dict[str, NDArray[np.generic]], message: str
) -> None:
    path = saved(tmp_path / "test.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_vectors(path, tiny_graph)
