"""Sparse weights in estimates of work and in the search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from spikeloom.codegen import (
    Area,
    BuildOptions,
    DesignEstimator,
    Goal,
    LayerOptions,
    Limits,
    Problem,
    Target,
    lower,
    random_signals,
    recorded_signals,
    search,
)
from spikeloom.codegen._facts import facts_of
from spikeloom.codegen._kernel import kernel_of
from spikeloom.codegen._search._candidates import candidates_of
from spikeloom.codegen._search._parts import Part, Role, parts_of
from spikeloom.codegen._search._work import Work
from spikeloom.codegen._sparse import words_of_rows
from spikeloom.ir import (
    Conv2d,
    Dense,
    Encoder,
    Graph,
    Input,
    IntArray,
    Neurons,
    NullProgress,
    Readout,
    SumPool2d,
)

SHAPE = (4, 6, 5)
LANES = 2


def weights(shape: tuple[int, ...], kept: float) -> IntArray:
    """Positive weights in so many of the words: no sum of them is 0."""
    rng = np.random.default_rng(2)
    words = (rng.random((shape[0] // LANES, *shape[1:])) < kept).repeat(LANES, axis=0)
    return np.asarray(rng.integers(1, 4, shape) * words, np.int64)


def network(kept: float = 0.2, *, pool: bool = False, **conv: Any) -> Graph:
    """Spikes and a sparse convolution (without arguments a dense layer), and a dense layer."""
    nodes: list[Any] = [Input(name="pixels", shape=SHAPE, encoder=Encoder.SPIKES)]
    size = SHAPE
    if pool:
        nodes.append(SumPool2d(name="pool", source="pixels", kernel=(2, 1)))
        size = (4, 3, 5)
    common: dict[str, Any] = {"name": "fc", "source": nodes[-1].name, "weight_bits": 3}
    if conv:
        groups = conv.get("groups", 1)
        nodes.append(Conv2d(weight=weights((8, 4 // groups, 3, 2), kept), **common, **conv))
    else:
        weight = weights((8, *size), kept).reshape(8, -1)
        nodes.append(Dense(weight=weight, **common))
    nodes.append(Neurons(name="hidden", source="fc", threshold=np.array(3)))
    readout = Readout(name="classes", source="output")
    inner = Graph.of("part", 1, [*nodes, Readout(name="classes", source="hidden")])
    inputs = int(np.prod(facts_of(inner).shapes["hidden"]))
    last = np.random.default_rng(4).integers(-3, 4, (4, inputs))
    nodes.append(Dense(name="last", source="hidden", weight=last, weight_bits=3))
    return Graph.of(
        "net", 2, [*nodes, Neurons(name="output", source="last", threshold=np.array(3)), readout]
    )


GRAPHS = {
    "dense": network(),
    "pool": network(pool=True),
    "conv": network(padding=(1, 1)),
    "stride": network(stride=(2, 1), dilation=(1, 2)),
    "groups": network(groups=2, padding=(2, 0)),
    "conv_pool": network(pool=True, padding=(1, 1), stride=(1, 2)),
}


def sparse(graph: Graph, lanes: int = LANES) -> BuildOptions:
    assert graph.nodes
    return BuildOptions(layers={"fc": LayerOptions(lanes=lanes, sparse=True)})


def part_of(graph: Graph, options: BuildOptions | None = None) -> Part:
    parts = parts_of(facts_of(graph), options or BuildOptions())
    return next(part for part in parts if part.node == "fc")


@pytest.mark.parametrize("name", GRAPHS)
def test_words_that_an_event_reaches_are_those_of_the_executor(name: str) -> None:
    """One value at a time: no output is reached twice."""
    graph = GRAPHS[name]
    count = int(np.prod(SHAPE))
    places = np.eye(count, dtype=np.uint8).reshape(count, *SHAPE[1:], SHAPE[0])  # stream order
    inputs = np.broadcast_to(np.moveaxis(places, -1, 1)[:, None], (count, 2, *SHAPE))
    currents = recorded_signals(graph, inputs)["fc"][:, 0]
    if currents.ndim == 2:
        currents = currents[:, :, None, None]
    split = currents.reshape(count, -1, LANES, *currents.shape[2:])
    wanted = split.any(axis=2).sum(axis=(1, 2, 3))

    node = graph.node("fc")
    assert isinstance(node, Dense | Conv2d)
    kernel = kernel_of(facts_of(graph), node)
    words = words_of_rows(kernel.weight, groups=kernel.groups, lanes=LANES)
    assert kernel.reached(words).tolist() == wanted.tolist()


@pytest.mark.parametrize("name", GRAPHS)
def test_work_and_additions_are_those_of_the_estimate(name: str) -> None:
    graph = GRAPHS[name]
    facts = facts_of(graph)
    signals = random_signals(graph, 0.3, inferences=4, seed=5)
    estimator = DesignEstimator.of(graph, signals, family="ecp5", clock_mhz=100.0)
    found = estimator.estimate(sparse(graph))
    all_words = estimator.estimate(BuildOptions(layers={"fc": LayerOptions(lanes=LANES)}))
    part = part_of(graph)
    work = Work.of(facts, parts_of(facts, BuildOptions()), signals)
    picked = LayerOptions(lanes=LANES, sparse=True)
    usual = LayerOptions(lanes=LANES, sparse=False)

    assert work.additions(part, picked) == pytest.approx(found.layers[0].additions)
    assert found.layers[0].additions < 0.5 * work.additions(part, usual)
    assert work.cycles(part, picked) < 0.7 * work.cycles(part, usual)
    assert found.interval <= all_words.interval


def test_automatic_work_is_that_of_the_form_that_is_built() -> None:
    few, many = (network(kept, padding=(1, 1)) for kept in (0.1, 1.0))
    for graph, wanted in ((few, True), (many, False)):
        facts = facts_of(graph)
        signals = random_signals(graph, 0.3, inferences=2, seed=5)
        work = Work.of(facts, parts_of(facts, BuildOptions()), signals)
        part = part_of(graph)
        cycles = {s: work.cycles(part, LayerOptions(lanes=LANES, sparse=s)) for s in (None, wanted)}
        assert cycles[None] == cycles[wanted]
        design = lower(graph, BuildOptions(layers={"fc": LayerOptions(lanes=LANES)}))
        assert ("mem/fc_sparse.mem" in dict(design.memories)) == wanted


@pytest.mark.parametrize("pinned", [True, False])
def test_candidates_keep_what_is_pinned(pinned: bool) -> None:
    graph = GRAPHS["dense"]
    part = part_of(graph, BuildOptions(layers={"fc": LayerOptions(sparse=pinned)}))
    assert part.role is Role.ENGINE
    found = candidates_of(facts_of(graph), part)
    assert found
    assert all(options.sparse is pinned for options in found)
    ports = {(options.event_ports, options.event_field) for options in found}
    assert (ports == {(1, None)}) == pinned


@pytest.mark.parametrize(("kept", "tried"), [(0.1, True), (0.6, True), (1.0, False)])
def test_candidates_are_sparse_where_words_are_without_a_weight(kept: float, tried: bool) -> None:
    graph = network(kept, padding=(1, 1))
    found = candidates_of(facts_of(graph), part_of(graph))
    asked = [options for options in found if options.sparse]
    assert bool(asked) == tried
    assert all(options.event_ports == 1 and not options.event_field for options in asked)
    assert all(options.sparse is not False for options in found)


@pytest.mark.parametrize(("kept", "sparse"), [(0.6, True), (1.0, None)])
def test_a_search_takes_sparse_weights_where_they_are_faster(
    kept: float, sparse: bool | None
) -> None:
    """Too many words hold a weight for the automatic choice; time is all that counts here."""
    graph = network(kept, padding=(1, 1))
    only = LayerOptions(lanes=LANES, event_ports=1, engine="event")
    found = _searched(graph, BuildOptions(layers={"hidden": only}), Goal.THROUGHPUT)["hidden"]
    assert (found.lanes, found.event_ports) == (LANES, 1)
    assert found.sparse is sparse
    assert not sparse or found.event_field is None


def _searched(graph: Graph, pinned: BuildOptions, goal: Goal) -> Mapping[str, LayerOptions]:
    signals = random_signals(graph, 0.3, inferences=4, seed=5)
    estimator = DesignEstimator.of(graph, signals, family="ecp5", clock_mhz=100.0)
    problem = Problem.of(graph, pinned, signals, estimator)
    wanted = Target(
        goal=goal, limits=Limits(), device=Area(lut=9000, ff=9000, bram=30), clock_mhz=100.0
    )
    found = search(problem, wanted, NullProgress())
    lower(graph, found.options)
    return found.options.layers


@pytest.mark.parametrize("goal", [Goal.THROUGHPUT, Goal.AREA])
@pytest.mark.parametrize("pinned", [True, False])
def test_a_search_keeps_what_is_pinned(pinned: bool, goal: Goal) -> None:
    options = BuildOptions(layers={"hidden": LayerOptions(sparse=pinned)})
    assert _searched(GRAPHS["conv"], options, goal)["hidden"].sparse is pinned
