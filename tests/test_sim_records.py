"""Packing of inferences into beats and records."""

from __future__ import annotations

import numpy as np
import pytest

from spikeloom.codegen import ManifestInput
from spikeloom.ir import (
    Concat,
    Conv2d,
    Dense,
    Encoder,
    Graph,
    Input,
    MaxPool2d,
    Neurons,
    Product,
    Readout,
    input_of,
)
from spikeloom.sim._records import pack_input, split_batches, to_stream
from spikeloom.sim._watchdog import longest_inference


def port(
    shape: tuple[int, ...], bits: int, lanes: int, *, frames: int = 1, encoder: str = "direct"
) -> ManifestInput:
    values = int(np.prod(shape))
    return ManifestInput(
        name="x",
        encoder=encoder,
        shape=shape,
        bits=bits,
        lanes=lanes,
        beats=-(-values // lanes),
        frames=frames,
        data_bits=-(-lanes * bits // 8) * 8,
    )


def test_stream_order_has_the_channel_fastest() -> None:
    maps = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    stream = to_stream(maps, (2, 3, 4))
    expected = [maps[c, y, x] for y in range(3) for x in range(4) for c in range(2)]
    assert stream.tolist() == expected
    batch = np.stack([maps, maps + 100])[:, None]
    assert to_stream(batch, (2, 3, 4)).tolist() == [[expected], [[v + 100 for v in expected]]]


def test_vectors_keep_their_order() -> None:
    assert to_stream(np.arange(6).reshape(2, 3), (3,)).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("bits", [1, 3, 8, 12, 16])
@pytest.mark.parametrize("lanes", [1, 3, 4])
def test_beats_hold_value_i_at_bit_i_times_bits(bits: int, lanes: int) -> None:
    rng = np.random.default_rng(bits)
    values = rng.integers(0, 1 << bits, (5, 10)).astype(np.uint16)
    layout = port((10,), bits, lanes)
    beats = pack_input(layout, values)
    assert beats.shape == (5, layout.beats, layout.data_bits // 8)
    for n in range(5):
        words = [int.from_bytes(beat.tobytes(), "little") for beat in beats[n]]
        unpacked = [w >> i * bits & ((1 << bits) - 1) for w in words for i in range(lanes)]
        assert unpacked[:10] == values[n].tolist()
        assert not any(unpacked[10:])
        assert all(word < 1 << lanes * bits for word in words)


def test_every_time_step_of_spikes_is_a_frame_of_its_own() -> None:
    spikes = np.zeros((1, 2, 2, 1, 3), np.uint8)
    spikes[0, 0, 1, 0, 0] = 1  # second in stream order
    spikes[0, 1, 0, 0, 2] = 1  # fifth
    beats = pack_input(port((2, 1, 3), 1, 4, frames=2, encoder="spikes"), spikes)
    assert beats[0].tolist() == [[0b0010], [0], [0], [0b0001]]


def test_batches_cover_everything_once() -> None:
    assert [(part.start, part.stop) for part in split_batches(7, 3)] == [(0, 3), (3, 6), (6, 7)]


def test_patience_covers_every_kind_of_node() -> None:
    weight = np.ones((4, 4, 3, 3), np.int64)
    nodes = [
        Input(name="x", shape=(4, 2, 2), encoder=Encoder.SPIKES),
        Conv2d(name="keys", source="x", weight=weight, weight_bits=2, padding=(1, 1)),
        Product(name="gate", source="x", weights="keys", transposed=True),
        Neurons(name="a", source="gate", threshold=np.array(2)),
        MaxPool2d(name="pool", source="a", kernel=(2, 2), stride=(1, 1), padding=(1, 1)),
        Concat(name="cat", sources=("pool", "pool")),
        Dense(name="fc", source="cat", weight=np.ones((3, 72), np.int64), weight_bits=2),
        Neurons(name="b", source="fc", threshold=np.array(2)),
        Readout(name="r", source="b"),
    ]
    adding = 4 * 4 * 4 * 9 + 16 * 4 + 3 * 72  # additions of the synapses and the product
    events = 16 + 16 + 72  # clocks that an event takes in any case
    # Each value that a node takes or puts out takes a clock, one for a resizing, and one per tap.
    convolution, product, first = 2 * (16 + 16), 2 * (16 + 16 + 16), 2 * (16 + 16)
    pool, both = 2 * (16 + 36) + 4 * 36, 2 * (72 + 72)
    dense, second, readout = 2 * (72 + 3), 2 * (3 + 3), 4 * 3
    passing = 16 + convolution + product + first + pool + both + dense + second + readout
    graph = Graph.of("all", 5, nodes)
    assert longest_inference(graph) == 20_000 + 2 * 5 * (adding + events + passing)


def test_patience_counts_a_static_input_once() -> None:
    nodes = (
        Input(name="x", shape=(10,), bits=8, encoder=Encoder.DIRECT),
        Dense(name="d", source="x", weight=np.ones((7, 10), np.int64), weight_bits=2),
        Neurons(name="n", source="d", threshold=np.array(9)),
        Readout(name="r", source="n"),
    )
    adding = (7 * 10 + 10) * 8  # weights, and the ten values themselves, by bit plane
    passing = 10 + 2 * (10 + 7) + 2 * (7 + 7) + 4 * 7
    assert longest_inference(Graph.of("g", 6, nodes)) == 20_000 + 2 * (adding + 6 * passing)


def test_patience_grows_with_the_work(tiny_graph: Graph) -> None:
    small = longest_inference(tiny_graph)
    nodes = (
        Input(name="x", shape=(1000,), bits=8, encoder=Encoder.DIRECT),
        Dense(name="d", source="x", weight=np.ones((100, 1000), np.int64), weight_bits=2),
        Neurons(name="n", source="d", threshold=np.array(9)),
        Readout(name="r", source="n"),
    )
    graph = Graph.of("large", 2, nodes)
    assert small < longest_inference(graph)
    # All the bits of all the inputs through all the weights, one after the other.
    assert longest_inference(graph) > 100 * 1000 * input_of(graph).bits
