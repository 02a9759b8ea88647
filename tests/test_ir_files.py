from __future__ import annotations

import errno
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikeloom.ir import (
    BuildError,
    Conv2d,
    DataError,
    Dense,
    Encoder,
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
    graph_digest,
    graph_files,
    load_graph,
    save_graph,
    write_json,
    write_whole,
)

RNG = np.random.default_rng(8)
NODES = (
    Input(name="image", shape=(2, 6, 7), bits=3, encoder=Encoder.RATE, seed=99),
    Conv2d(
        name="conv",
        source="image",
        weight=RNG.integers(-8, 8, (3, 2, 2, 3)),
        weight_bits=4,
        stride=(2, 1),
        padding=(0, 1),
    ),
    Neurons(
        name="hidden",
        source="conv",
        threshold=np.array([4, 500, 70_000]),
        bias=RNG.integers(-9, 9, (3, 3, 7)),
        leak=Leak((LeakTerm(1, 0), LeakTerm(-1, 3))),
        reset=Reset.ZERO,
        reset_delay=True,
        membrane_bits=20,
    ),
    SumPool2d(name="pool", source="hidden", kernel=(3, 2)),
    Dense(name="dense", source="pool", weight=RNG.integers(-2, 2, (4, 9)), weight_bits=2),
    Neurons(name="out", source="dense", threshold=None, reset=Reset.NONE),
    Readout(name="scores", source="out", kind=ReadoutKind.MEMBRANE),
)
GRAPH = Graph.of("net", 5, NODES)
# The bytes and the digest of a format must not change unnoticed: raise FORMAT if they do.
DIGEST = "6fecc5fba7a3340e1fec07bfe712f8ac89a9383f43336b18a13478954c23554a"


def assert_equal_graphs(one: Graph, other: Graph) -> None:
    assert (one.name, one.time_steps) == (other.name, other.time_steps)
    assert len(one.nodes) == len(other.nodes)
    for a, b in zip(one.nodes, other.nodes, strict=True):
        assert type(a) is type(b)
        for name in type(a).__slots__:
            left, right = getattr(a, name), getattr(b, name)
            assert type(left) is type(right)
            np.testing.assert_array_equal(left, right, strict=isinstance(left, np.ndarray))


def rewrite(place: Path, change: dict[str, Any]) -> None:
    record = json.loads(place.read_text())
    place.write_text(json.dumps(record | change))


def rewrite_node(place: Path, index: int, change: dict[str, Any]) -> None:
    record = json.loads(place.read_text())
    record["nodes"][index] |= change
    place.write_text(json.dumps(record))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_graph(GRAPH, tmp_path / "deep" / "run")
    return tmp_path / "deep" / "run"


def test_a_graph_survives_its_files(saved: Path) -> None:
    assert_equal_graphs(load_graph(saved), GRAPH)
    assert_equal_graphs(load_graph(saved / "graph.json"), GRAPH)


def test_the_files_are_the_bytes_of_graph_files(saved: Path) -> None:
    files = graph_files(GRAPH)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == files


def test_equal_graphs_give_equal_bytes_and_digests() -> None:
    twin = Graph.of("net", 5, [replace(node) for node in NODES])
    assert graph_files(twin) == graph_files(GRAPH)
    assert graph_digest(twin) == graph_digest(GRAPH) == DIGEST


def test_numpy_integers_are_as_good_as_plain_ones() -> None:
    image, conv, *rest = NODES
    assert isinstance(image, Input)
    assert isinstance(conv, Conv2d)
    sizes = np.array([2, 6, 7, 3, 4])
    twin = Graph.of(
        "net",
        sizes[4] + 1,
        [
            replace(image, shape=tuple(sizes[:3]), bits=sizes[3]),
            replace(conv, weight_bits=sizes[4]),
            *rest,
        ],
    )
    assert graph_files(twin) == graph_files(GRAPH)


def changed(index: int, **values: Any) -> Graph:
    nodes = list(NODES)
    nodes[index] = replace(nodes[index], **values)
    return Graph("net", 5, tuple(nodes))


@pytest.mark.parametrize(
    "other",
    [
        Graph("other", 5, NODES),
        Graph("net", 6, NODES),
        changed(0, seed=98),
        changed(0, encoder=Encoder.DIRECT),
        changed(1, weight=np.zeros((3, 2, 2, 3), int)),
        changed(1, weight=np.zeros((2, 3, 3, 2), int)),
        changed(1, padding=(1, 0)),
        changed(2, leak=Leak.none()),
        changed(2, membrane_bits=None),
        changed(2, threshold=None),
    ],
)
def test_any_change_changes_the_digest(other: Graph) -> None:
    assert graph_digest(other) != DIGEST


def test_arrays_are_stored_narrow_and_without_times() -> None:
    data = graph_files(GRAPH)["graph.npz"]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        assert names == sorted(names)
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    with np.load(io.BytesIO(data)) as arrays:
        assert arrays["conv.weight"].dtype == np.int8
        assert arrays["hidden.threshold"].dtype == np.int32
        assert "out.threshold" not in arrays


def test_saving_over_a_graph_replaces_it_whole(saved: Path) -> None:
    (saved / "model.pt").write_bytes(b"kept")
    save_graph(Graph.of("second", 2, NODES), saved)
    assert load_graph(saved).name == "second"
    assert sorted(path.name for path in saved.iterdir()) == ["graph.json", "graph.npz", "model.pt"]


def test_a_broken_graph_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="time_steps"):
        save_graph(Graph("net", 0, NODES), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_full_disk_leaves_the_old_graph(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, _content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(BuildError, match=r"cannot be written to .*: No space left on device; what"):
        save_graph(Graph.of("second", 2, NODES), saved)
    assert_equal_graphs(load_graph(saved), GRAPH)
    assert len(list(saved.iterdir())) == 2


def test_a_mixture_of_two_saves_is_found(saved: Path) -> None:
    (saved / "graph.npz").write_bytes(
        graph_files(changed(4, weight=np.zeros((4, 9), int)))["graph.npz"]
    )
    with pytest.raises(DataError, match=r"must have the digest '[0-9a-f]{64}' that it names, but"):
        load_graph(saved)


def test_an_edited_value_is_found(saved: Path) -> None:
    rewrite(saved / "graph.json", {"time_steps": 6})
    with pytest.raises(DataError, match="one of them was changed or damaged; restore both"):
        load_graph(saved)


def test_a_missing_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none/graph\.json|none must be the graph\.json"):
        load_graph(tmp_path / "none")
    with pytest.raises(DataError, match=r"graph\.json must be the graph\.json of a graph or its"):
        load_graph(tmp_path)


def test_missing_arrays_are_named(saved: Path) -> None:
    (saved / "graph.npz").unlink()
    with pytest.raises(DataError, match=r"graph\.npz must lie beside the JSON file of the graph"):
        load_graph(saved)


@pytest.mark.parametrize("keep", [0, 1, 100, 700, -1, -30])
def test_truncated_arrays_are_refused(saved: Path, keep: int) -> None:
    place = saved / "graph.npz"
    place.write_bytes(place.read_bytes()[:keep])
    with pytest.raises(
        DataError, match=r"graph\.npz must be an npz archive of arrays, but is trunc"
    ):
        load_graph(saved)


def test_any_flipped_byte_of_the_arrays_is_found_or_harmless(saved: Path) -> None:
    place = saved / "graph.npz"
    whole = place.read_bytes()
    refused = 0
    for position in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        place.write_bytes(damaged)
        try:
            graph = load_graph(saved)
        except DataError:
            refused += 1
        else:  # a byte of the archive that carries no data
            assert graph_digest(graph) == DIGEST
    assert refused > 0.6 * len(whole) / 7


@pytest.mark.parametrize("keep", [0, 1, 200, -3])
def test_a_truncated_json_is_refused(saved: Path, keep: int) -> None:
    place = saved / "graph.json"
    place.write_bytes(place.read_bytes()[:keep])
    with pytest.raises(
        DataError, match=r"graph\.json must be a JSON file, but is truncated or dam"
    ):
        load_graph(saved)


def test_a_json_that_is_no_text_is_refused(saved: Path) -> None:
    (saved / "graph.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="must be a JSON file, but is truncated or damaged"):
        load_graph(saved)


def test_objects_in_the_archive_are_not_unpickled(saved: Path) -> None:
    np.savez(saved / "graph.npz", **{"conv.weight": np.array([print], dtype=object)})
    with pytest.raises(DataError, match=r"graph\.npz must be an npz archive of arrays"):
        load_graph(saved)


def test_another_format_says_what_to_do(saved: Path) -> None:
    rewrite(saved / "graph.json", {"format": 3})
    message = r'"format" of .* must be at most 2, not 3: a newer Spikeloom wrote it; upgrade'
    with pytest.raises(DataError, match=message):
        load_graph(saved)
    rewrite(saved / "graph.json", {"format": 1})
    message = r'"format" of .* must be 2, not 1: an older Spikeloom wrote it; export the network'
    with pytest.raises(DataError, match=message):
        load_graph(saved)


@pytest.mark.parametrize("found", ["1", True, 0, None])
def test_a_format_that_is_no_version_is_refused(saved: Path, found: object) -> None:
    rewrite(saved / "graph.json", {"format": found})
    with pytest.raises(DataError, match=r'"format" of .* must be 2, not'):
        load_graph(saved)


@pytest.mark.parametrize("content", ["[]", "{}", '"graph"'])
def test_another_json_is_refused(saved: Path, content: str) -> None:
    (saved / "graph.json").write_text(content)
    with pytest.raises(DataError, match='must be a Spikeloom graph with a "format", but has none'):
        load_graph(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 3}, '"name" of .* must be a string, not 3'),
        ({"time_steps": "4"}, "\"time_steps\" of .* must be an integer, not '4'"),
        ({"time_steps": True}, '"time_steps" of .* must be an integer, not True'),
        ({"nodes": {}}, '"nodes" of .* must be a list, not {}'),
        ({"colour": 1}, "missing: none, unknown: colour"),
        ({"nodes": [3]}, 'node 0 of .* must be an object with a "type", not 3'),
        ({"nodes": []}, r"must each belong to a node, not conv\.weight, dense\.weight, "),
    ],
)
def test_wrong_keys_of_the_graph_are_named(
    saved: Path, change: dict[str, Any], message: str
) -> None:
    rewrite(saved / "graph.json", change)
    with pytest.raises(DataError, match=message):
        load_graph(saved)


@pytest.mark.parametrize(
    ("index", "change", "message"),
    [
        (0, {"type": "imput"}, "of node 0 .* not 'imput'; the nearest is 'input'"),
        (0, {"encoder": "rat"}, "must be one of direct, rate, spikes, not 'rat'; the nearest is"),
        (0, {"shape": 4}, r"\"shape\" of node 0 of .* \('image'\) must be a list of integers"),
        (0, {"shape": [4.0]}, "must be an integer, not 4.0"),
        (1, {"extra": 1}, r"keys of node 1 of .* \('conv'\) must be .* unknown: extra"),
        (1, {"weight": "x"}, "\"weight\" of node 1 .* must name an array of the npz file, not 'x'"),
        (1, {"weight": None}, "must name an array of the npz file, not None"),
        (2, {"leak": [[1]]}, r"must be a list of \[sign, shift\], not \[\[1\]\]"),
        (2, {"leak": 3}, r"must be a list of \[sign, shift\], not 3"),
        (2, {"reset_delay": 1}, "must be true or false, not 1"),
        (2, {"reset": "hard"}, "must be one of subtract, zero, none, not 'hard'"),
        (6, {"kind": "rate"}, "must be one of spike_count, membrane, not 'rate'"),
    ],
)
def test_wrong_keys_of_a_node_are_named(
    saved: Path, index: int, change: dict[str, Any], message: str
) -> None:
    rewrite_node(saved / "graph.json", index, change)
    with pytest.raises(DataError, match=message):
        load_graph(saved)


def test_a_missing_key_is_named(saved: Path) -> None:
    record = json.loads((saved / "graph.json").read_text())
    del record["nodes"][0]["seed"]
    (saved / "graph.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match="missing: seed, unknown: none"):
        load_graph(saved)


def test_arrays_of_floats_are_refused(saved: Path) -> None:
    with np.load(saved / "graph.npz") as archive:
        arrays = dict(archive)
    arrays["conv.weight"] = arrays["conv.weight"].astype(float)
    np.savez(saved / "graph.npz", **arrays)
    with pytest.raises(DataError, match=r"\('conv'\) must be an array of integers, not float64"):
        load_graph(saved)


def test_a_stored_graph_that_breaks_a_rule_is_refused(saved: Path) -> None:
    bad = Graph("net", 0, NODES)
    for name, content in graph_files(bad).items():
        (saved / name).write_bytes(content)
    with pytest.raises(GraphError, match="time_steps must be 1 to 65535, not 0"):
        load_graph(saved)


def test_a_file_in_the_place_of_a_folder_is_a_build_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    place = tmp_path / "file" / "below" / "x.json"
    with pytest.raises(BuildError, match=r"^cannot write .*x\.json: Not a directory; choose"):
        write_whole(place, b"{}")
    assert (tmp_path / "file").read_bytes() == b"in the way"
    with pytest.raises(BuildError, match=r"^cannot write .*x\.json: every number .* be finite"):
        write_json(tmp_path / "x.json", {"loss": float("nan")})
