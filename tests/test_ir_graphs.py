"""Random graphs of all nodes: executor, widths and activity against a plain reference."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ir_reference import Run, counted, reference
from random_graphs import random_graph, random_inputs

import spikeloom.ir._execute as execute_module
import spikeloom.ir._synapses as synapses_module
from spikeloom.ir import (
    Add,
    Concat,
    Conv2d,
    Delay,
    Dense,
    Executor,
    Graph,
    Kind,
    MaxPool2d,
    MixAxis,
    Neurons,
    Product,
    Readout,
    SumPool2d,
    TokenMix,
    graph_files,
    infer_kinds,
    infer_widths,
    layer_of,
    load_graph,
    measure_activity,
    save_graph,
    sources_of,
    synapse_activity,
    validate,
)
from spikeloom.ir._order import stages_of

SEEDS = range(120)
Case = tuple[Graph, np.ndarray[Any, Any], list[Run]]


@cache
def drawn(seed: int) -> Case:
    """A random graph, two inferences, and what the reference makes of them."""
    graph = random_graph(seed)
    data = random_inputs(graph, 2, seed)
    return graph, data, [reference(graph, item) for item in data]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_value_is_that_of_the_reference(seed: int) -> None:
    graph, data, runs = drawn(seed)
    seen: dict[str, np.ndarray[Any, Any]] = {}
    widths = infer_widths(graph)
    trace = Executor(graph).observe(data, seen.__setitem__)
    assert trace.scores.tolist() == [run.scores for run in runs]
    silent = {node.name for node in graph.nodes if isinstance(node, Readout)}
    silent |= {n.name for n in graph.nodes if isinstance(n, Neurons) and n.threshold is None}
    assert set(seen) == {node.name for node in graph.nodes} - silent
    for name, found in seen.items():
        expected = np.array([run.frames[name] for run in runs]).astype(np.int64)
        np.testing.assert_array_equal(np.broadcast_to(found, expected.shape), expected)
        interval = widths.interval(name)
        assert interval.lo <= expected.min()
        assert expected.max() <= interval.hi


@pytest.mark.parametrize("seed", SEEDS)
def test_recorded_layers_and_scores_are_those_of_the_reference(seed: int) -> None:
    graph, data, runs = drawn(seed)
    widths = infer_widths(graph)
    trace = Executor(graph).run(data, record=True)
    assert trace.scores.tolist() == [run.scores for run in runs]
    assert widths.scores.lo <= trace.scores.min()
    assert trace.scores.max() <= widths.scores.hi
    assert list(trace.layers) == [n.name for n in graph.nodes if isinstance(n, Neurons)]
    for name, layer in trace.layers.items():
        spikes = np.array([run.frames[name] for run in runs]).astype(np.int64)
        membranes = np.array([run.membranes[name] for run in runs]).astype(np.int64)
        np.testing.assert_array_equal(layer.spikes, spikes)
        np.testing.assert_array_equal(layer.membranes, membranes)
        half = 2 ** (widths.membranes[name].bits - 1)
        assert -half <= membranes.min()
        assert membranes.max() < half


@pytest.mark.parametrize("seed", SEEDS)
def test_activity_is_what_the_reference_counts(seed: int) -> None:
    graph, data, runs = drawn(seed)
    counts = [counted(graph, run) for run in runs]
    found = synapse_activity(graph, data)
    assert list(found) == list(counts[0])
    for name, activity in found.items():
        # Halves of integers are exact.
        assert activity.events == pytest.approx(sum(c[name][0] for c in counts) / 2, rel=1e-12)
        assert activity.synops == pytest.approx(sum(c[name][1] for c in counts) / 2, rel=1e-12)
    layers = layer_of(graph)
    for name, layer in measure_activity(graph, data).items():
        spikes = sum(frame.sum() for run in runs for frame in run.frames[name])
        mine = [activity for key, activity in found.items() if layers[key] == name]
        assert layer.spikes == pytest.approx(spikes / 2, rel=1e-12)
        assert layer.events == pytest.approx(sum(each.events for each in mine), rel=1e-12)
        assert layer.synops == pytest.approx(sum(each.synops for each in mine), rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS[::3])
def test_parts_and_batches_change_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_graph(seed)
    data = random_inputs(graph, 5, seed)
    whole = Executor(graph).run(data, record=True)
    monkeypatch.setattr(execute_module, "_BATCH_VALUES", 1)
    monkeypatch.setattr(synapses_module, "_PATCH_VALUES", 20)
    parts = Executor(graph).run(data, record=True)
    np.testing.assert_array_equal(parts.scores, whole.scores, strict=True)
    for name, layer in whole.layers.items():
        np.testing.assert_array_equal(parts.layers[name].spikes, layer.spikes, strict=True)
        np.testing.assert_array_equal(parts.layers[name].membranes, layer.membranes, strict=True)


@pytest.mark.parametrize("seed", SEEDS[::5])
def test_double_precision_changes_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_graph(seed)
    data = random_inputs(graph, 3, seed)
    single = Executor(graph).run(data)
    monkeypatch.setattr(synapses_module, "_FLOAT32_EXACT", 0)
    np.testing.assert_array_equal(Executor(graph).run(data).scores, single.scores, strict=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_graphs_survive_their_files(seed: int, tmp_path: Path) -> None:
    graph = random_graph(seed)
    save_graph(graph, tmp_path)
    loaded = load_graph(tmp_path)
    assert graph_files(loaded) == graph_files(random_graph(seed)) == graph_files(graph)
    assert [type(node) for node in loaded.nodes] == [type(node) for node in graph.nodes]
    assert [sources_of(node) for node in loaded.nodes] == [sources_of(n) for n in graph.nodes]


@pytest.mark.parametrize("seed", SEEDS)
def test_kinds_decide_what_widths_hold(seed: int) -> None:
    graph = random_graph(seed)
    kinds, widths = infer_kinds(graph), infer_widths(graph)
    assert set(kinds) == {node.name for node in graph.nodes if not isinstance(node, Readout)}
    assert set(widths.operands) == {n for n, kind in kinds.items() if kind is Kind.OPERANDS}
    assert set(widths.currents) == {n for n, kind in kinds.items() if kind is Kind.CURRENTS}
    assert all(widths.interval(name).hi == most for name, most in widths.operands.items())


@pytest.mark.parametrize("seed", SEEDS)
def test_nodes_belong_to_the_first_group_that_they_reach(seed: int) -> None:
    graph = random_graph(seed)
    groups = [node.name for node in graph.nodes if isinstance(node, Neurons)]

    def reach(name: str, passed: frozenset[str]) -> set[str]:
        if name in groups:
            return {name}
        on = [n.name for n in graph.nodes if name in sources_of(n) and n.name not in passed]
        return {group for other in on for group in reach(other, passed | {other})}

    expected = {
        node.name: min(reach(node.name, frozenset({node.name})), key=groups.index)
        for node in graph.nodes
        if not isinstance(node, Readout)
    }
    assert layer_of(graph) == expected


def test_the_random_graphs_cover_the_features() -> None:
    graphs = [random_graph(seed) for seed in SEEDS]
    assert all(validate(graph) == () for graph in graphs)
    nodes = [node for graph in graphs for node in graph.nodes]
    assert {node.axis for node in nodes if isinstance(node, TokenMix)} == set(MixAxis)
    products = {(node.heads > 1, node.transposed) for node in nodes if isinstance(node, Product)}
    assert products == {(False, False), (False, True), (True, False), (True, True)}
    kinds: dict[type, set[Kind]] = {}
    for graph in graphs:
        found = infer_kinds(graph)
        for node in graph.nodes[:-1]:
            kinds.setdefault(type(node), set()).add(found[node.name])
    for joint in (Add, Concat, Delay, MaxPool2d, SumPool2d):
        assert kinds[joint] == set(Kind), joint
    convolutions = [node for node in nodes if isinstance(node, Conv2d)]
    assert any(node.groups > 1 for node in convolutions)
    assert any(node.weight.shape[1] == 1 and node.groups > 1 for node in convolutions)
    assert any(node.dilation != (1, 1) for node in convolutions)
    loops = [stage for graph in graphs for stage in stages_of(graph) if stage.is_loop]
    inside = {type(node) for stage in loops for node in stage.nodes}
    assert inside >= {Delay, Neurons, Add, Dense, Product}
    assert len(loops) > 30
    read = [source for graph in graphs for node in graph.nodes for source in sources_of(node)]
    assert len(read) > len(nodes)
