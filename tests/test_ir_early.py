"""Early decision: the exact rule never changes a prediction, and margins do what they say."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_graphs import random_graph, random_inputs

from spikeloom.ir import (
    EXACT,
    DataError,
    Dense,
    Early,
    EarlyRule,
    Encoder,
    Executor,
    Graph,
    GraphError,
    Input,
    IntArray,
    Interval,
    Leak,
    LeakTerm,
    Neurons,
    Readout,
    ReadoutKind,
    Reset,
    early_rule,
    graph_digest,
    graph_files,
    infer_widths,
    load_graph,
    measure_activity,
    readout_of,
    save_graph,
    with_early,
)

LEAKS = (
    Leak.none(),
    Leak.shift(1),
    Leak.shift(2),
    Leak((LeakTerm(1, 1), LeakTerm(1, 2))),
    Leak((LeakTerm(1, 1), LeakTerm(-1, 3))),
)


def network(
    weight: Any, steps: int, *, early: Early | None = None, counts: bool = False, **neurons: Any
) -> Graph:
    """Spikes, one dense layer, and the readout of its neurons."""
    weight = np.array(weight)
    spiking = {"threshold": np.array(1)} if counts else {"threshold": None, "reset": Reset.NONE}
    kind = ReadoutKind.SPIKE_COUNT if counts else ReadoutKind.MEMBRANE
    return Graph.of(
        "early",
        steps,
        [
            Input(name="x", shape=(weight.shape[1],), encoder=Encoder.SPIKES),
            Dense(name="w", source="x", weight=weight, weight_bits=5),
            Neurons(name="n", source="w", **(spiking | neurons)),
            Readout(name="y", source="n", kind=kind, early=early),
        ],
    )


def all_inputs(graph: Graph) -> np.ndarray:
    """Every input that a network with few values and steps can have."""
    shape = (graph.time_steps, *readout_input(graph).shape)
    bits = int(np.prod(shape))
    every = np.arange(1 << bits)[:, None] >> np.arange(bits) & 1
    return every.reshape(-1, *shape).astype(np.uint8)


def readout_input(graph: Graph) -> Input:
    node = graph.nodes[0]
    assert isinstance(node, Input)
    return node


def tiny(seed: int) -> Graph:
    """A random network whose inputs can all be tried: of either kind, with leaks and biases."""
    rng = np.random.default_rng(seed)
    classes, inputs, steps = int(rng.integers(1, 5)), int(rng.integers(1, 4)), 4
    weight = rng.integers(-4, 5, (classes, inputs))
    if seed % 3 == 0:
        return network(weight, steps, early=EXACT, counts=True, bias=rng.integers(-1, 2, classes))
    leak = LEAKS[int(rng.integers(len(LEAKS)))]
    return network(weight, steps, early=EXACT, leak=leak, bias=rng.integers(-3, 4, classes))


@pytest.mark.parametrize("seed", range(60))
def test_exact_gives_the_prediction_of_all_steps_for_every_input(seed: int) -> None:
    graph = tiny(seed)
    inputs = all_inputs(graph)
    found = Executor(graph).run(inputs)
    full = Executor(with_early(graph, None)).run(inputs)
    assert (found.predictions == full.predictions).all()
    assert (full.steps == graph.time_steps).all()


def test_exact_decides_early_where_it_can() -> None:
    shares = [
        float((Executor(graph).run(all_inputs(graph)).steps < graph.time_steps).mean())
        for graph in map(tiny, range(60))
    ]
    assert sum(share > 0 for share in shares) > 20


@pytest.mark.parametrize("seed", range(120))
def test_exact_changes_no_prediction_of_any_graph(seed: int) -> None:
    graph = random_graph(seed)
    try:
        early = with_early(graph, EXACT)
    except GraphError as error:
        assert "saturate" in str(error)  # noqa: PT017 - another error would be a defect
        return
    inputs = random_inputs(graph, 12, seed)
    assert (
        Executor(early).run(inputs).predictions == Executor(graph).run(inputs).predictions
    ).all()


@pytest.mark.parametrize("classes", [2, 3])
def test_exact_is_sharp_for_spike_counts(classes: int) -> None:
    """A lead that is 1 smaller, at any step, is turned by some input."""
    graph = network(np.eye(classes, dtype=int), 4, early=EXACT, counts=True)
    rule = early_rule(graph)
    assert rule == EarlyRule((3, 2, 1, 0), ties=True)
    assert rule is not None
    for step in (1, 2):  # after the first one no lead of 2 is possible
        assert is_wrong(graph, lowered(rule, step)), f"step {step + 1}"


@pytest.mark.parametrize("weight", [[[3, 0], [0, 3]], [[2, -1], [-1, 2]]])
def test_exact_is_sharp_for_two_membranes_without_leak(weight: list[list[int]]) -> None:
    graph = network(weight, 3, early=EXACT)
    rule = early_rule(graph)
    assert rule is not None
    assert is_wrong(graph, lowered(rule, 1))


def lowered(rule: EarlyRule, step: int) -> EarlyRule:
    """The rule with a lead that is 1 smaller at one step, and no decision before it."""
    leads = [1000 if t < step else lead - (t == step) for t, lead in enumerate(rule.leads)]
    return EarlyRule(tuple(leads), rule.ties)


def is_wrong(graph: Graph, rule: EarlyRule) -> bool:
    """Whether a rule changes the prediction of some input."""
    scores = scores_by_step(graph, all_inputs(graph))
    steps = rule.steps(scores)
    decided = scores[np.arange(len(scores)), steps - 1].argmax(axis=1)
    return bool((decided != scores[:, -1].argmax(axis=1)).any())


def scores_by_step(graph: Graph, inputs: np.ndarray) -> IntArray:
    """Scores after each step, `[N, T, K]`, from what the neurons are recorded to do."""
    layer = Executor(with_early(graph, None)).run(inputs, record=True).layers["n"]
    if readout_of(graph).kind is ReadoutKind.MEMBRANE:
        return layer.membranes.astype(np.int64)
    return layer.spikes.cumsum(axis=1, dtype=np.int64)


@pytest.mark.parametrize("seed", range(40))
def test_steps_and_scores_are_those_of_a_plain_model(seed: int) -> None:
    rng = np.random.default_rng(seed)
    early: Early = EXACT if seed % 2 else int(rng.integers(1, 6))
    graph = with_early(tiny(seed), early)
    rule = early_rule(graph)
    assert rule is not None
    inputs = all_inputs(graph)[rng.integers(0, 1 << 4, 20)]
    trace = Executor(graph).run(inputs)
    for scores, steps, shown, prediction in zip(
        scores_by_step(graph, inputs).tolist(),
        trace.steps.tolist(),
        trace.scores.tolist(),
        trace.predictions.tolist(),
        strict=True,
    ):
        wanted = plain_steps(scores, rule)
        assert steps == wanted
        assert shown == scores[wanted - 1]
        assert prediction == shown.index(max(shown))


def plain_steps(scores: list[list[int]], rule: EarlyRule) -> int:
    for step, (row, lead) in enumerate(zip(scores, rule.leads, strict=True), 1):
        winner = row.index(max(row))
        others = [k for k in range(len(row)) if k != winner]
        ahead = [row[winner] - row[k] - (rule.ties and k < winner) for k in others]
        if step == len(rule.leads) or all(found >= lead for found in ahead):
            return step
    raise AssertionError


def test_margin_asks_for_the_same_lead_at_every_step() -> None:
    graph = network(np.eye(3, dtype=int), 5, counts=True)
    assert early_rule(graph) is None
    assert early_rule(with_early(graph, 2)) == EarlyRule((2, 2, 2, 2, 0), ties=False)
    inputs = np.zeros((1, 5, 3), np.uint8)
    inputs[0, 1:, 2] = 1
    trace = Executor(with_early(graph, 2)).run(inputs)
    assert trace.steps.tolist() == [3]
    assert trace.scores.tolist() == [[0, 0, 2]]


def test_a_margin_that_no_scores_reach_never_decides() -> None:
    graph = network(np.eye(3, dtype=int), 5, counts=True, early=1_000_000)
    rule = early_rule(graph)
    assert rule == EarlyRule((6, 6, 6, 6, 0), ties=False)  # fits the hardware, beyond any lead
    assert (Executor(graph).run(np.ones((1, 5, 3), np.uint8)).steps == 5).all()


@pytest.mark.parametrize("early", [EXACT, 3])
def test_a_single_class_is_decided_at_once(early: Early) -> None:
    graph = network([[1, 1]], 4, early=early)
    assert (Executor(graph).run(all_inputs(graph)).steps == 1).all()


def test_a_leak_that_leaves_nothing_settles_nothing() -> None:
    graph = network(
        np.eye(2, dtype=int), 3, early=EXACT, leak=Leak((LeakTerm(1, 0), LeakTerm(-1, 0)))
    )
    assert (Executor(graph).run(all_inputs(graph)).steps == 3).all()


def test_integrators_behind_other_nodes_use_their_intervals() -> None:
    graph = with_early(random_graph(13), EXACT)  # a readout behind an Add
    rule = early_rule(graph)
    assert rule is not None
    assert rule.leads[0] >= rule.leads[2] > rule.leads[3] == 0


def test_batches_keep_their_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = with_early(tiny(3), EXACT)
    inputs = all_inputs(graph)
    whole = Executor(graph).run(inputs)
    monkeypatch.setattr("spikeloom.ir._execute._BATCH_VALUES", 100)
    parts = Executor(graph)
    assert parts.batch_size < len(inputs)
    found = parts.run(inputs)
    assert (found.steps == whole.steps).all()
    assert (found.scores == whole.scores).all()


def test_layers_show_all_steps() -> None:
    graph = network(np.eye(2, dtype=int), 4, early=1, counts=True)
    inputs = np.ones((1, 4, 2), np.uint8)
    inputs[0, :, 1] = 0
    trace = Executor(graph).run(inputs, record=True)
    assert trace.steps.tolist() == [1]
    assert trace.layers["n"].spikes[0].tolist() == [[1, 0]] * 4


def test_scores_of_any_step_are_inside_their_interval() -> None:
    graph = network([[2], [1]], 4, bias=np.array([-3, 0]))
    assert infer_widths(graph).scores == Interval(-12, 4)
    assert infer_widths(with_early(graph, 1)).scores == Interval(-12, 4)
    falling = network([[0], [0]], 4, bias=np.array([-3, 2]))
    assert infer_widths(falling).scores == Interval(-12, 8)
    assert infer_widths(with_early(falling, 1)).scores == Interval(-12, 8)


def test_activity_ends_with_the_decision() -> None:
    graph = network(np.eye(2, dtype=int), 4, counts=True)
    inputs = np.zeros((2, 4, 2), np.uint8)
    inputs[0, :, 0] = 1  # decided after 1 step
    inputs[1, 2:, 1] = 1  # after 3
    full = measure_activity(graph, inputs)["n"]
    early = measure_activity(with_early(graph, 1), inputs)["n"]
    assert (full.events, full.spikes, full.synops) == (3.0, 3.0, 6.0)
    assert (early.events, early.spikes, early.synops) == (1.0, 1.0, 2.0)


@pytest.mark.parametrize("early", [None, EXACT, 7])
def test_files_keep_the_rule(early: Early | None, tmp_path: Path) -> None:
    graph = network(np.eye(2, dtype=int), 2, early=early)
    save_graph(graph, tmp_path)
    assert readout_of(load_graph(tmp_path)).early == early


def test_a_graph_without_a_rule_is_written_as_ever() -> None:
    graph = network(np.eye(2, dtype=int), 2)
    record = json.loads(graph_files(graph)["graph.json"])
    assert "early" not in record["nodes"][-1]
    digests = {graph_digest(with_early(graph, early)) for early in (None, EXACT, 1, 2)}
    assert len(digests) == 4


def test_a_stored_rule_must_be_exact_or_an_integer(tmp_path: Path) -> None:
    save_graph(network(np.eye(2, dtype=int), 2, early=3), tmp_path)
    place = tmp_path / "graph.json"
    place.write_text(place.read_text().replace('"early": 3', '"early": "soon"'))
    with pytest.raises(DataError, match=r"\"early\" of node 3 .* must be an integer, not 'soon'"):
        load_graph(tmp_path)


@pytest.mark.parametrize("early", [0, -1, 1 << 31, True, "soon", 1.5])
def test_a_wrong_rule_is_refused(early: Any) -> None:
    message = r"early of 'y' must be 'exact', a margin of 1 to 2147483647, or None for no early "
    with pytest.raises(GraphError, match=message + "decision, not "):
        network(np.eye(2, dtype=int), 2, early=early)


def test_exact_needs_membranes_that_do_not_saturate() -> None:
    graph = network([[7, 7], [7, -7]], 4, membrane_bits=4)
    with pytest.raises(GraphError, match="membranes of 'n' saturate; leave membrane_bits out"):
        with_early(graph, EXACT)
    with_early(graph, 2)  # a margin promises nothing
    wide = network([[7, 7], [7, -7]], 4, membrane_bits=7)
    inputs = all_inputs(wide)
    found = Executor(with_early(wide, EXACT)).run(inputs)
    assert (found.predictions == Executor(wide).run(inputs).predictions).all()


def test_spike_counts_of_saturating_neurons_may_decide_exactly() -> None:
    graph = network([[7, 7], [7, -7]], 4, counts=True, membrane_bits=4, early=EXACT)
    inputs = all_inputs(graph)
    full = Executor(with_early(graph, None)).run(inputs)
    assert (Executor(graph).run(inputs).predictions == full.predictions).all()


def test_leads_of_a_leak_survive_it_for_any_membranes() -> None:
    """The bound of the leak, on its own: before one step, for many pairs of membranes."""
    from spikeloom.ir._early import _lead_before

    for leak, lead in itertools.product(LEAKS, range(-6, 12)):
        before = _lead_before(lead, leak)
        low = np.arange(-70, 70)
        for more in range(3):
            left = leak(low + before + more) - leak(low)
            assert (left >= lead).all(), (leak, lead)
