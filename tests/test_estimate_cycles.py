"""Clock cycles by the estimator: those of the RTL, and what they depend on.

Random networks are compared in test_random_networks.py, wherever they are verified.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cycle_checks import cycles_of, differences
from random_events import with_random_events
from random_graphs import random_graph, random_inputs, random_options

import spikeloom
from spikeloom.codegen import BuildOptions, LayerOptions, lower
from spikeloom.codegen._estimate import (
    estimate_cycles,
    random_signals,
    recorded_signals,
    timing_sources,
)
from spikeloom.codegen._estimate._cycles._build import known_modules
from spikeloom.ir import (
    EXACT,
    Add,
    ConfigError,
    Conv2d,
    DataError,
    Delay,
    Dense,
    Encoder,
    Executor,
    Graph,
    Input,
    MaxPool2d,
    Neurons,
    Readout,
    SumPool2d,
    with_early,
)
from spikeloom.sim import verify

INSIDE = {  # in other modules, or in the top of a board: the top of a design has none of them
    "spikeloom_accumulator",
    "spikeloom_address_rule",
    "spikeloom_event_queue",
    "spikeloom_rom",
    "spikeloom_sparse_rows",
    "spikeloom_uart_bridge",
    "spikeloom_uart_rx",
    "spikeloom_uart_tx",
    "spikeloom_word_queue",
}

SIGNS = np.where(np.arange(36) % 3, 1, -1).reshape(2, 2, 3, 3)


def network(*, inputs: int = 12, outputs: int = 4, steps: int = 3) -> Graph:
    """Spikes, one dense layer."""
    rng = np.random.default_rng(3)
    nodes = (
        Input(name="pixels", shape=(inputs,), encoder=Encoder.SPIKES),
        Dense(
            name="dense",
            source="pixels",
            weight=rng.integers(-3, 4, (outputs, inputs)),
            weight_bits=3,
        ),
        Neurons(name="hidden", source="dense", threshold=np.array(2)),
        Readout(name="scores", source="hidden"),
    )
    return Graph.of("small", steps, nodes)


def map_network() -> Graph:
    """Every kind of node whose values follow from those of others."""
    nodes = (
        Input(name="pixels", shape=(2, 4, 4), encoder=Encoder.SPIKES),
        SumPool2d(name="sums", source="pixels", kernel=(2, 2), stride=(1, 1)),
        MaxPool2d(name="largest", source="pixels", kernel=(2, 2), stride=(1, 1)),
        Add(name="both", sources=("sums", "largest")),
        Delay(name="late", source="both", shape=(2, 3, 3)),
        Conv2d(name="conv", source="late", weight=SIGNS, weight_bits=2),
        Neurons(name="spikes", source="conv", threshold=np.array(9)),
        MaxPool2d(name="peaks", source="conv", kernel=(1, 1)),
        Neurons(name="other", source="peaks", threshold=np.array(9)),
        Add(name="total", sources=("spikes", "other")),
        Dense(name="dense", source="total", weight=np.ones((2, 2), int), weight_bits=2),
        Neurons(name="last", source="dense", threshold=np.array(2)),
        Readout(name="scores", source="last"),
    )
    return Graph.of("maps", 4, nodes)


def events(graph: Graph, counts: list[int]) -> np.ndarray:
    """Inputs of which every time step has so many spikes, in one inference for each."""
    size = graph.nodes[0].shape[0]
    return np.stack([np.tile(np.arange(size) < n, (graph.time_steps, 1)) for n in counts]).astype(
        int
    )


# ---------------------------------------------------------------------------
# Against the RTL
# ---------------------------------------------------------------------------
@pytest.mark.parametrize("seed", [0])
def test_early_decisions_take_the_cycles_of_the_rtl(
    seed: int, tmp_path: Path, need: Callable[[str], None]
) -> None:
    need("verilator")
    graph = with_early(random_graph(seed), EXACT)
    options = with_random_events(graph, random_options(graph, seed), seed)
    out = spikeloom.build(graph, tmp_path / "out", options=options)
    result = verify(out)
    assert result.passed
    cycles = cycles_of(graph, options, out)
    assert differences(cycles, result) == []
    # And the comparison would find a difference: of one inference, by one clock.
    changed = cycles.latency.copy()
    changed[0] += 1
    assert len(differences(replace(cycles, latency=changed), result)) == 1
    busy = {name: clocks + (name == "layer2") for name, clocks in cycles.busy.items()}
    assert len(differences(replace(cycles, busy=busy), result)) == ("layer2" in busy)


def test_every_module_of_a_top_is_known(root: Path) -> None:
    library = {path.stem for path in (root / "hdl_templates" / "verilog").glob("*.v")}
    assert known_modules() | INSIDE == library
    assert not known_modules() & INSIDE


# ---------------------------------------------------------------------------
# What the cycles are made of
# ---------------------------------------------------------------------------
def test_an_event_costs_its_visits_and_silence_nothing() -> None:
    graph = network(outputs=6, steps=1)
    inputs = events(graph, [0, 1, 2, 7])
    for lanes, visits in ((6, 1), (3, 2), (1, 6)):
        design = lower(graph, BuildOptions(layers={"hidden": LayerOptions(lanes=lanes)}))
        cycles = estimate_cycles(design, recorded_signals(graph, inputs))
        silent, one, two, seven = cycles.latency.tolist()
        assert (two - one, seven - one) == (visits, 6 * visits)
        assert one - silent == visits - 1  # a step without an event has a visit of its own
        assert (cycles.busy["hidden"] - cycles.busy["hidden"][0]).tolist() == [
            0,
            visits - 1,
            2 * visits - 1,
            7 * visits - 1,
        ]


def test_ports_share_the_events() -> None:
    graph = network(steps=1)
    signals = recorded_signals(graph, events(graph, [8]))
    latency = {}
    for ports in (1, 2, 4):
        options = BuildOptions(layers={"hidden": LayerOptions(event_ports=ports)})
        latency[ports] = int(estimate_cycles(lower(graph, options), signals).latency[0])
    # Fewer visits, and a level of adders or two in front of the accumulator.
    assert latency[1] - latency[2] == 4 - 1
    assert latency[1] - latency[4] == 6 - 2


def test_inferences_back_to_back_overlap() -> None:
    graph = random_graph(6)
    cycles = estimate_cycles(lower(graph), recorded_signals(graph, random_inputs(graph, 5, 1)))
    assert cycles.interval.shape == (4,)
    assert (cycles.interval < cycles.latency[1:]).all()


def test_the_order_of_inferences_tells_their_cycles_apart() -> None:
    graph = network()
    cycles = estimate_cycles(lower(graph), recorded_signals(graph, events(graph, [2, 9, 2])))
    assert cycles.latency[0] == cycles.latency[2] < cycles.latency[1]


def test_one_inference_has_no_interval() -> None:
    graph = network()
    cycles = estimate_cycles(lower(graph), recorded_signals(graph, events(graph, [3])))
    assert cycles.interval.shape == (0,)
    assert cycles.exact


def test_an_early_decision_needs_to_be_known() -> None:
    graph = with_early(network(steps=6), 1)
    inputs = events(graph, [*range(12)])
    signals = recorded_signals(graph, inputs)
    decided = estimate_cycles(lower(graph), signals)
    steps = signals.pop("scores")
    assert steps.tolist() == Executor(graph).run(inputs).steps.tolist()
    whole = estimate_cycles(lower(graph), signals)
    assert decided.exact
    assert not whole.exact
    assert ((whole.latency > decided.latency) == (steps < 6)).all()
    assert (steps < 6).any()


# ---------------------------------------------------------------------------
# Signals
# ---------------------------------------------------------------------------
def test_only_what_engines_read_is_needed() -> None:
    graph = map_network()
    design = lower(graph)
    assert set(timing_sources(design)) == {"pixels", "late", "conv", "total"}
    signals = random_signals(graph, 0.3, inferences=2, seed=1)
    needed = {name: signals[name] for name in timing_sources(design)}
    every, some = estimate_cycles(design, signals), estimate_cycles(design, needed)
    assert every.latency.tolist() == some.latency.tolist()


def test_a_network_without_a_synapse_takes_cycles_as_well() -> None:
    first, _, neurons, last = network().nodes
    graph = Graph.of("bare", 3, (first, replace(neurons, source="pixels"), last))
    design = lower(graph)
    assert timing_sources(design) == ("pixels",)
    cycles = estimate_cycles(design, recorded_signals(graph, events(graph, [0, 12])))
    assert cycles.latency[0] == cycles.latency[1]  # nothing here looks at the values
    assert cycles.busy["hidden"].tolist() == [0, 0]  # nor is there an engine that works


def test_missing_and_wrong_values_are_refused() -> None:
    graph = network()
    signals = recorded_signals(graph, events(graph, [1, 2]))
    with pytest.raises(
        DataError, match=r"^signals must hold the values of 'pixels', which 'dense' reads$"
    ):
        estimate_cycles(lower(graph), {})
    for wrong in (signals["pixels"][..., :5], signals["pixels"][:, :2], signals["pixels"][:0]):
        with pytest.raises(DataError, match=r"^values of 'pixels' must be \[.*, 3, 12\], not \["):
            estimate_cycles(lower(graph), {"pixels": wrong})


def test_recorded_signals_are_those_of_the_executor() -> None:
    graph = map_network()
    inputs = random_inputs(graph, 3, 2)
    signals = recorded_signals(graph, inputs)
    layers = Executor(graph).run(inputs, record=True).layers
    for name, trace in layers.items():
        assert (signals[name] == trace.spikes).all()
    assert (signals["late"][:, 1:] == signals["both"][:, :-1]).all()
    assert not signals["late"][:, 0].any()


def test_random_signals_follow_their_rates_and_each_other() -> None:
    graph = map_network()
    rates = {"pixels": 0.25, "spikes": 0.0, "other": 1.0, "last": 0.5}
    signals = random_signals(graph, rates, inferences=50, seed=4)
    again = random_signals(graph, rates, inferences=50, seed=4)
    assert all((signals[name] == again[name]).all() for name in signals)
    assert abs(signals["pixels"].mean() - 0.25) < 0.03
    assert not signals["spikes"].any()
    assert signals["other"].all()
    assert (signals["total"] == 1).all()
    windows = np.lib.stride_tricks.sliding_window_view(signals["pixels"], (2, 2), axis=(3, 4))
    assert (signals["sums"] == windows.sum((-1, -2))).all()
    assert (signals["largest"] == windows.max((-1, -2))).all()
    assert (signals["late"][:, 1:] == (signals["sums"] + signals["largest"])[:, :-1]).all()
    assert signals["conv"].min() < 0 < signals["conv"].max()
    other = random_signals(graph, rates, inferences=50, seed=5)
    assert (signals["pixels"] != other["pixels"]).any()


def test_random_values_of_an_input_that_stays_the_same() -> None:
    nodes = (Input(name="pixels", shape=(12,), bits=3), *network().nodes[1:])
    graph = Graph.of("direct", 3, nodes)
    values = random_signals(graph, 0.5, inferences=40, seed=1)["pixels"]
    assert values.shape == (40, 1, 12)
    assert set(np.unique(values)) == set(range(8))
    assert estimate_cycles(lower(graph), {**random_signals(graph, 0.5, inferences=3, seed=1)})


def test_impossible_rates_are_refused() -> None:
    graph = network()
    for rates, message in (
        ({"pixel": 0.5}, r"^rates: there is no node 'pixel'; did you mean 'pixels'\?$"),
        ({"qqq": 0.5}, r"^rates: there is no node 'qqq'$"),
        ({"pixels": 1.5}, r"^rates: the rate of 'pixels' must be from 0 to 1, not 1.5$"),
        ({"pixels": 0.5}, r"^rates: give a rate for hidden as well$"),
        (-0.1, r"^rates: the rate of 'pixels' must be from 0 to 1, not -0.1$"),
    ):
        with pytest.raises(ConfigError, match=message):
            random_signals(graph, rates, inferences=1, seed=0)
    with pytest.raises(ConfigError, match=r"^inferences must be at least 1, not 0$"):
        random_signals(graph, 0.5, inferences=0, seed=0)


@pytest.mark.parametrize("seed", range(12, 24))
def test_random_rates_give_cycles_for_any_network(seed: int) -> None:
    graph = random_graph(seed)
    signals = random_signals(graph, 0.2, inferences=2, seed=seed)
    recorded = recorded_signals(graph, random_inputs(graph, 2, seed))
    assert set(recorded) <= set(signals)  # integrators put nothing out
    assert all(signals[name].shape[2:] == values.shape[2:] for name, values in recorded.items())
    cycles = estimate_cycles(lower(graph), signals)
    assert (cycles.latency > 0).all()
