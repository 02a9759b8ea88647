"""Files of graphs with joins, products, mixing and feedback."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikeloom.ir import (
    Add,
    Concat,
    Conv2d,
    DataError,
    Delay,
    Dense,
    Encoder,
    Graph,
    Input,
    MaxPool2d,
    MixAxis,
    Neurons,
    Node,
    Product,
    Readout,
    SumPool2d,
    TokenMix,
    graph_digest,
    graph_files,
    load_graph,
    save_graph,
)

RNG = np.random.default_rng(5)
NODES: tuple[Node, ...] = (
    Input(name="image", shape=(4, 4, 4), bits=2, encoder=Encoder.RATE),
    Delay(name="before", source="hidden", shape=(4, 2, 2)),
    Conv2d(
        name="conv",
        source="image",
        weight=RNG.integers(-8, 8, (4, 2, 2, 2)),
        weight_bits=4,
        stride=(2, 2),
        padding=(1, 1),
        dilation=(2, 2),
        groups=2,
    ),
    MaxPool2d(name="most", source="conv", kernel=(3, 3), stride=(1, 1), padding=(1, 1)),
    TokenMix(
        name="mix",
        source="before",
        weight=RNG.integers(-2, 2, (4, 4)),
        weight_bits=2,
        axis=MixAxis.TOKENS,
    ),
    Product(name="gate", source="before", weights="most", heads=2, transposed=True),
    Concat(name="wide", sources=("gate", "mix")),
    SumPool2d(name="window", source="wide", kernel=(2, 2), stride=(1, 1), padding=(1, 1)),
    Add(name="sum", sources=("mix", "most"), shifts=(3, 0), bias=np.array([3, 0, -4, 1])),
    Neurons(name="hidden", source="sum", threshold=np.array(3)),
    Neurons(name="more", source="window", threshold=np.array(3)),
    Dense(name="last", source="more", weight=RNG.integers(-2, 2, (2, 108)), weight_bits=2),
    Neurons(name="out", source="last", threshold=np.array(3)),
    Readout(name="scores", source="out"),
)
GRAPH = Graph.of("net", 3, NODES)
PLACES = {node.name: place for place, node in enumerate(NODES)}
# The bytes and the digest of a format must not change unnoticed: raise FORMAT if they do.
DIGEST = "34831ff0b2a265418851a616de5a32df182e7a697b91803cbc9596a7719c66ac"


def changed(name: str, **values: Any) -> Graph:
    """Return the graph with one node changed; it may break rules."""
    nodes = [replace(node, **values) if node.name == name else node for node in NODES]
    return Graph("net", 3, tuple(nodes))


def test_a_graph_survives_its_files(tmp_path: Path) -> None:
    save_graph(GRAPH, tmp_path)
    loaded = load_graph(tmp_path)
    assert len(loaded.nodes) == len(NODES)
    for found, node in zip(loaded.nodes, NODES, strict=True):
        assert type(found) is type(node)
        for field in type(node).__slots__:
            left, right = getattr(found, field), getattr(node, field)
            assert type(left) is type(right)
            np.testing.assert_array_equal(left, right)


def test_equal_graphs_give_equal_bytes_and_digests() -> None:
    twin = Graph.of("net", 3, [replace(node) for node in NODES])
    assert graph_files(twin) == graph_files(GRAPH)
    assert graph_digest(twin) == graph_digest(GRAPH) == DIGEST


@pytest.mark.parametrize(
    "other",
    [
        changed("conv", dilation=(1, 1)),
        changed("conv", groups=1),
        changed("most", stride=None),
        changed("most", stride=(1, 2)),
        changed("most", padding=(0, 0)),
        changed("mix", axis=MixAxis.ROWS),
        changed("gate", heads=1),
        changed("gate", transposed=False),
        changed("gate", weights="conv"),
        changed("wide", sources=("mix", "gate")),
        changed("sum", sources=("most", "mix")),
        changed("sum", shifts=(0, 3)),
        changed("sum", bias=np.array(3)),
        changed("before", shape=(4, 4)),
    ],
)
def test_any_change_changes_the_digest(other: Graph) -> None:
    assert graph_digest(other) != DIGEST


def test_the_fields_are_written_as_the_page_says() -> None:
    record = json.loads(graph_files(GRAPH)["graph.json"])
    assert record["format"] == 2
    found = {node.pop("name"): node for node in record["nodes"]}
    assert found["mix"] == {
        "type": "token_mix",
        "source": "before",
        "weight": "mix.weight",
        "weight_bits": 2,
        "axis": "tokens",
    }
    assert found["gate"] == {
        "type": "product",
        "source": "before",
        "weights": "most",
        "heads": 2,
        "transposed": True,
    }
    assert found["sum"] == {
        "type": "add",
        "sources": ["mix", "most"],
        "shifts": [3, 0],
        "bias": "sum.bias",
    }
    assert found["before"] == {"type": "delay", "source": "hidden", "shape": [4, 2, 2]}
    assert found["wide"] == {"type": "concat", "sources": ["gate", "mix"]}
    assert found["most"]["type"] == "max_pool2d"
    assert found["window"]["stride"] == [1, 1]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("wide", {"sources": "mix"}, "must be a list of strings, not 'mix'"),
        ("wide", {"sources": ["mix", 3]}, "must be a string, not 3"),
        ("sum", {"shifts": 3}, "must be a list of integers, not 3"),
        ("sum", {"bias": None}, "must name an array of the npz file, not None"),
        ("mix", {"axis": "row"}, "one of rows, columns, tokens, not 'row'; the nearest is 'rows'"),
        ("gate", {"transposed": 1}, "must be true or false, not 1"),
        ("gate", {"heads": 1.5}, "must be an integer, not 1.5"),
        ("gate", {"weights": None}, "must be a string, not None"),
        ("conv", {"stride": None}, "must be a list of integers, not None"),
        ("most", {"stride": 2}, "must be a list of integers, not 2"),
        ("before", {"shape": None}, "must be a list of integers, not None"),
    ],
)
def test_wrong_values_are_named(
    name: str, change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    save_graph(GRAPH, tmp_path)
    place = tmp_path / "graph.json"
    record = json.loads(place.read_text())
    record["nodes"][PLACES[name]] |= change
    place.write_text(json.dumps(record))
    (key,) = change
    with pytest.raises(DataError, match=rf'"{key}" of node {PLACES[name]} of .*{message}'):
        load_graph(tmp_path)
