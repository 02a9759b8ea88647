"""Sparse weights: their lists hold the kernel, and who gets them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spikeloom.codegen import BuildOptions, Design, LayerOptions, emit, lower
from spikeloom.codegen._sparse import SparseRows, may_pay, sparse_rows
from spikeloom.codegen._views import SynapseView
from spikeloom.ir import (
    BuildError,
    Conv2d,
    Dense,
    Encoder,
    Graph,
    Input,
    IntArray,
    MixAxis,
    Neurons,
    Product,
    Readout,
    TokenMix,
)

SHAPES = [  # out, in of a group, rows, columns; groups; lanes
    ((12, 5, 1, 1), 1, 3),
    ((12, 5, 1, 1), 1, 12),
    ((8, 3, 3, 2), 1, 1),
    ((8, 4, 3, 3), 1, 2),
    ((12, 2, 2, 3), 3, 2),
    ((6, 1, 1, 4), 2, 3),
]


def kernel_of(shape: tuple[int, ...], lanes: int, kept: float, seed: int = 0) -> IntArray:
    """Random weights, in so many of their words."""
    rng = np.random.default_rng(seed)
    words = (rng.random((shape[0] // lanes, *shape[1:])) < kept).repeat(lanes, axis=0)
    return np.asarray(rng.integers(-7, 8, shape) * words, np.int64)


def rows_of(kernel: IntArray, groups: int, lanes: int) -> SparseRows:
    return sparse_rows(kernel, groups=groups, lanes=lanes, weight_bits=4)


def decoded(rows: SparseRows, shape: tuple[int, ...], groups: int) -> IntArray:
    """The kernel, from what the files say: written from docs/modules.md."""
    out, own, height, width = shape
    lanes = rows.words.shape[1]
    kernel = np.zeros(shape, np.int64)
    count_bits, first_bits = rows.row_widths
    entries = [int(line, 16) for line in rows.row_file().split()]
    offsets = [int(line, 16) for line in rows.offset_file().split()] if rows.offset_bits else None
    assert len(entries) == height * width * own * groups
    for row, entry in enumerate(entries):
        assert entry < 1 << count_bits + first_bits
        tap, channel = divmod(row, own * groups)
        first, count = entry >> count_bits, entry & (1 << count_bits) - 1
        for word in range(first, first + count):
            output = channel // own * (out // groups) + (offsets[word] if offsets else 0) * lanes
            place = (slice(output, output + lanes), channel % own, tap // width, tap % width)
            assert not kernel[place].any(), "a word is there twice"
            assert rows.words[word].any(), "a word without a weight is stored"
            kernel[place] = rows.words[word]
    return kernel


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize(("shape", "groups", "lanes"), SHAPES)
def test_lists_hold_the_kernel(
    shape: tuple[int, ...], groups: int, lanes: int, kept: float
) -> None:
    kernel = kernel_of(shape, lanes, kept)
    assert (decoded(rows_of(kernel, groups, lanes), shape, groups) == kernel).all()


def test_a_wrong_list_does_not_hold_the_kernel() -> None:
    shape, groups, lanes = SHAPES[3]
    kernel = kernel_of(shape, lanes, 0.5)
    rows = rows_of(kernel, groups, lanes)
    wrong = replace(rows, offsets=np.roll(rows.offsets, 1))
    with pytest.raises(AssertionError):
        assert (decoded(wrong, shape, groups) == kernel).all()


def test_equal_rows_are_stored_once() -> None:
    kernel = np.zeros((4, 6, 1, 1), np.int64)
    kernel[:2, :3] = 5
    kernel[2:, 3:5] = 5
    rows = rows_of(kernel, 1, 2)
    assert rows.depth == 2
    assert rows.all_words == 12
    assert rows.counts.ravel().tolist() == [1, 1, 1, 1, 1, 0]
    assert len(set(rows.firsts[:3])) == len(set(rows.firsts[3:5])) == 1
    assert sorted(rows.offsets.tolist()) == [0, 1]


def test_nothing_left_is_one_word_that_nothing_visits() -> None:
    rows = rows_of(np.zeros((4, 3, 1, 1), np.int64), 1, 2)
    assert rows.depth == 1
    assert not rows.counts.any()
    assert not rows.words.any()


def test_bits_are_those_of_the_files() -> None:
    rows = rows_of(kernel_of((64, 40, 1, 1), 4, 0.2), 1, 4)
    table = len(rows.row_file().split()) * rows.entry_bits
    offsets = len(rows.offset_file().split()) * rows.offset_bits
    assert rows.memory_bits == rows.words.size * 4 + table + offsets


@pytest.mark.parametrize(("kept", "pays"), [(0.3, True), (0.6, False)])
def test_a_look_says_where_it_cannot_pay(kept: float, pays: bool) -> None:
    kernel = kernel_of((64, 400, 1, 1), 4, kept)
    assert may_pay(kernel, groups=1, lanes=4) == pays


# ---------------------------------------------------------------------------
# Who gets them
# ---------------------------------------------------------------------------
def graph_of(*nodes: Any, shape: tuple[int, ...] = (64,)) -> Graph:
    first = Input(name="pixels", shape=shape, encoder=Encoder.SPIKES)
    last = (
        Neurons(name="hidden", source=nodes[-1].name, threshold=np.array(3)),
        Dense(name="last", source="hidden", weight=np.ones((2, 32), int), weight_bits=2),
        Neurons(name="output", source="last", threshold=np.array(3)),
        Readout(name="classes", source="output"),
    )
    return Graph.of("net", 2, [first, *nodes, *last])


def dense(kept: float) -> Dense:
    weight = kernel_of((32, 64, 1, 1), 4, kept).reshape(32, 64)
    return Dense(name="fc", source="pixels", weight=weight, weight_bits=4)


def folded(graph: Graph, **options: Any) -> Design:
    return lower(graph, BuildOptions(layers={"hidden": LayerOptions(lanes=4, **options)}))


def view_of(design: Design) -> SynapseView:
    return next(v for layer in design.layers for v in layer.synapses if v.name == "fc")


def is_sparse(design: Design) -> bool:
    return any(path == "mem/fc_sparse.mem" for path, _ in design.memories)


@pytest.mark.parametrize(("kept", "found"), [(0.55, False), (0.15, True)])
def test_offsets_may_take_more_than_the_words_that_are_left_out(kept: float, found: bool) -> None:
    graph = graph_of(dense(kept))  # half of the words are gone, but each takes 5 bits more
    assert is_sparse(lower(graph, BuildOptions(layers={"hidden": LayerOptions(lanes=1)}))) == found


@pytest.mark.parametrize(
    ("kept", "wanted", "found"),
    [
        (0.1, None, True),
        (0.1, False, False),
        (0.1, True, True),
        (0.9, None, False),
        (0.9, True, True),
        (1.0, None, False),
        (0.0, True, True),
        (0.0, None, True),
    ],
)
def test_sparse_where_it_pays_or_is_asked_for(
    kept: float, wanted: bool | None, found: bool
) -> None:
    design = folded(graph_of(dense(kept)), sparse=wanted)
    assert is_sparse(design) == found
    said = [note for note in design.notes if "leaves out words" in note]
    assert len(said) == (found and wanted is None), "only what nobody asked for is told"
    view = view_of(design)
    assert view.words == 512
    present = int((dense(kept).weight.reshape(8, 4, 64) != 0).any(axis=1).sum())
    if found:
        assert view.stored_words == max(1, present)


@pytest.mark.parametrize("more", [{"event_ports": 2}, {"event_field": 2}, {"event_field": 1}])
def test_more_events_at_a_time_are_not_sparse(more: dict[str, int]) -> None:
    graph = graph_of(dense(0.1))
    assert not is_sparse(folded(graph, **more))
    ((name, value),) = more.items()
    message = (
        rf"^layer 'hidden': sparse weights are for one event at a time, a set bit from one memory; "
        rf"leave out {name} {value}, or sparse$"
    )
    with pytest.raises(BuildError, match=message):
        folded(graph, sparse=True, **more)


def test_what_is_dense_is_as_without_the_option() -> None:
    graph = graph_of(dense(1.0))
    plain, off = (dict(emit(folded(graph, sparse=s), version="0")) for s in (None, False))
    assert plain == off
    assert "sparse" not in plain["rtl/spikeloom_net.v"].decode().lower()


def test_the_top_says_that_it_is_sparse() -> None:
    design = folded(graph_of(dense(0.1)), sparse=True)
    top = dict(emit(design, version="0"))["rtl/spikeloom_net.v"].decode()
    words = view_of(design).stored_words
    assert f"sparse: words of 4 weight(s) that are all 0 are left out; {words} of 512" in top
    assert ".SparseRows(64)" in top


def test_memories_are_in_the_manifest() -> None:
    design = folded(graph_of(dense(0.1)), sparse=True)
    found = [(s.holds, s.words) for s in design.storages if s.owner == "fc"]
    words = view_of(design).stored_words
    assert [("weights", words), ("tables", 64), ("tables", words)] == found[:3]


@pytest.mark.parametrize(
    "node",
    [
        Conv2d(name="fc", source="pixels", weight=np.ones((8, 1, 1, 1), int), weight_bits=2,
               groups=8),
        TokenMix(name="fc", source="pixels", weight=np.eye(2, dtype=int), weight_bits=2,
                 axis=MixAxis.ROWS),
    ],
    ids=["depthwise", "mixing"],
)  # fmt: skip
def test_engines_that_keep_channels_are_refused(node: Any) -> None:
    graph = graph_of(node, shape=(8, 2, 2))
    options = BuildOptions(layers={"hidden": LayerOptions(sparse=True)})
    message = (
        "^layer 'hidden': sparse is for dense layers and for convolutions that mix channels; "
        "leave it out$"
    )
    with pytest.raises(BuildError, match=message):
        lower(graph, options)
    lower(graph, BuildOptions(layers={"hidden": LayerOptions(sparse=False)}))


def test_a_product_is_refused() -> None:
    keys = Conv2d(name="keys", source="pixels", weight=np.ones((8, 8, 1, 1), int), weight_bits=2)
    product = Product(name="fc", source="pixels", weights="keys", heads=1, transposed=True)
    graph = Graph.of(
        "net",
        2,
        [
            Input(name="pixels", shape=(8, 2, 2), encoder=Encoder.SPIKES),
            keys,
            product,
            Neurons(name="hidden", source="fc", threshold=np.array(3)),
            Dense(name="last", source="hidden", weight=np.ones((2, 16), int), weight_bits=2),
            Neurons(name="output", source="last", threshold=np.array(3)),
            Readout(name="classes", source="output"),
        ],
    )
    with pytest.raises(BuildError, match=r"^layer 'fc': sparse is for dense layers"):
        lower(graph, BuildOptions(layers={"fc": LayerOptions(sparse=True)}))


def test_a_layer_in_logic_is_refused() -> None:
    options = LayerOptions(engine="unrolled", sparse=True)
    with pytest.raises(BuildError, match="sparse belongs to the event engine"):
        lower(graph_of(dense(0.1)), BuildOptions(layers={"hidden": options}))


def test_two_answers_for_one_layer_are_refused() -> None:
    layers = {"hidden": LayerOptions(sparse=True), "fc": LayerOptions(sparse=False)}
    with pytest.raises(BuildError, match="sparse is asked for as True for 'hidden' and False"):
        lower(graph_of(dense(0.1)), BuildOptions(layers=layers))
