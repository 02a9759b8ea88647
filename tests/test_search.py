"""The search for a folding: optimum, limits, pins, explanations."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pytest

from spikeloom.codegen import (
    Area,
    BuildOptions,
    Choice,
    DesignEstimator,
    Estimate,
    Found,
    Goal,
    LayerEstimate,
    LayerOptions,
    Limits,
    Problem,
    Target,
    explore,
    lower,
    random_signals,
    recorded_signals,
    search,
)
from spikeloom.codegen._estimate import Fmax
from spikeloom.codegen._facts import Facts, facts_of
from spikeloom.codegen._search._candidates import candidates_of
from spikeloom.codegen._search._parts import Part, Role, parts_of
from spikeloom.codegen._search._rank import Rank
from spikeloom.codegen._search._work import Work
from spikeloom.ir import (
    BuildError,
    ConfigError,
    Conv2d,
    Dense,
    Encoder,
    Graph,
    Input,
    IntArray,
    Leak,
    MixAxis,
    Neurons,
    NullProgress,
    Readout,
    ResourceError,
    SumPool2d,
    TokenMix,
    as_integers,
)

DEVICE = Area(lut=20000, ff=20000, bram=50)
GOALS = list(Goal)


def dense(name: str, source: str, outputs: int, inputs: int) -> Dense:
    weight = np.random.default_rng(inputs).integers(-3, 4, (outputs, inputs))
    return Dense(name=name, source=source, weight=weight, weight_bits=3)


def vector_network() -> Graph:
    return Graph.of(
        "vectors",
        3,
        [
            Input(name="pixels", shape=(12,), bits=1, encoder=Encoder.SPIKES),
            dense("fc1", "pixels", 8, 12),
            Neurons(name="hidden", source="fc1", threshold=as_integers(3), leak=Leak.shift(2)),
            dense("fc2", "hidden", 4, 8),
            Neurons(name="last", source="fc2", threshold=as_integers([3, 4, 5, 3])),
            Readout(name="scores", source="last"),
        ],
    )


def map_network() -> Graph:
    rng = np.random.default_rng(3)
    return Graph.of(
        "maps",
        2,
        [
            Input(name="pixels", shape=(2, 6, 6), bits=2),
            Conv2d(
                name="conv",
                source="pixels",
                weight=rng.integers(-3, 4, (8, 2, 3, 3)),
                weight_bits=3,
                padding=(1, 1),
            ),
            Neurons(name="first", source="conv", threshold=as_integers(4), leak=Leak.none()),
            TokenMix(
                name="mix",
                source="first",
                axis=MixAxis.ROWS,
                weight=rng.integers(-3, 4, (6, 6)),
                weight_bits=3,
            ),
            Neurons(name="second", source="mix", threshold=as_integers(2), leak=Leak.none()),
            SumPool2d(name="pool", source="second", kernel=(3, 3)),
            dense("fc", "pool", 5, 32),
            Neurons(name="last", source="fc", threshold=as_integers(3), leak=Leak.none()),
            Readout(name="scores", source="last"),
        ],
    )


NETWORKS = {graph.name: graph for graph in (vector_network(), map_network())}


def signals_of(graph: Graph) -> Mapping[str, IntArray]:
    return random_signals(graph, 0.4, inferences=4, seed=5)


@dataclass(frozen=True)
class Remembering:
    """An estimator that estimates no design twice, however often a test searches."""

    found: DesignEstimator
    is_quick: bool = True
    areas: dict[str, Mapping[str, Area]] = field(default_factory=dict)
    estimates: dict[str, Estimate] = field(default_factory=dict)

    def area(self, options: BuildOptions) -> Mapping[str, Area]:
        if repr(options) not in self.areas:
            self.areas[repr(options)] = self.found.area(options)
        return self.areas[repr(options)]

    def estimate(self, options: BuildOptions) -> Estimate:
        if repr(options) not in self.estimates:
            self.estimates[repr(options)] = self.found.estimate(options)
        return self.estimates[repr(options)]


@cache
def estimator_of(name: str) -> Remembering:
    graph = NETWORKS[name]
    signals = signals_of(graph)
    return Remembering(DesignEstimator.of(graph, signals, family="ecp5", clock_mhz=100.0))


def problem_of(graph: Graph, pinned: BuildOptions | None = None) -> Problem:
    known = estimator_of(graph.name)
    return Problem.of(graph, pinned or BuildOptions(), known.found.signals, known)


def target(goal: Goal = Goal.AREA, **limits: float) -> Target:
    return Target(goal=goal, limits=Limits(**limits), device=DEVICE, clock_mhz=100.0)  # type: ignore[arg-type]  # int or float by name


def found_for(problem: Problem, wanted: Target) -> Found:
    return search(problem, wanted, NullProgress())


@dataclass(frozen=True)
class Sums:
    """A stand-in whose designs cost exactly the sums of their parts."""

    graph: Graph
    facts: Facts
    work: Work
    is_quick: bool
    known: dict[str, Estimate] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Graph, *, is_quick: bool) -> Sums:
        facts = facts_of(graph)
        parts = parts_of(facts, BuildOptions())
        return cls(graph, facts, Work.of(facts, parts, signals_of(graph)), is_quick)

    def _cost(self, options: LayerOptions) -> Area:
        lanes, ports = options.lanes or 1, options.event_ports or 1
        field = options.event_field or 1
        in_logic = 5000 * (options.engine == "unrolled")
        lut = lanes * (3 + ports) + 7 * ports * field + in_logic
        return Area(lut=lut, ff=lut // 2, bram=(1 << field) // 4 + lanes * ports // 16)

    def area(self, options: BuildOptions) -> Mapping[str, Area]:
        engines = {"hidden": "fc1", "last": "fc2"}
        return {engines[name]: self._cost(layer) for name, layer in options.layers.items()}

    def estimate(self, options: BuildOptions) -> Estimate:
        if repr(options) not in self.known:
            self.known[repr(options)] = self._estimate(options)
        return self.known[repr(options)]

    def _estimate(self, options: BuildOptions) -> Estimate:
        areas = self.area(options)
        parts = parts_of(self.facts, options)
        picks = {part.node: part.pinned for part in parts}
        cycles = self.work.all_cycles(parts, picks)
        longest, total = max(cycles.values()), sum(cycles.values())
        additions = sum(self.work.additions(part, part.pinned) for part in parts)
        layer = LayerEstimate(name="all", area=Area(), busy=longest, additions=additions)
        return Estimate(
            family="ecp5",
            clock_mhz=100.0,
            inferences=4,
            area=sum(areas.values(), Area()),
            by_node=areas,
            layers=(layer,),
            latency=longest + (total - longest) / self.graph.time_steps,
            latency_most=round(total),
            interval=longest,
            fmax=Fmax(low_mhz=90.0, high_mhz=110.0, limit="u_fc1"),
        )


# Little is left open, so that everything can be tried.
PINS = BuildOptions(
    layers={
        "hidden": LayerOptions(engine="event", weight_banks=1, current_buffers=1, neuron_lanes=1),
        "last": LayerOptions(engine="event", weight_banks=1, current_buffers=1, neuron_lanes=1),
    },
    input_lanes=12,
)


def every_design(problem: Problem) -> list[Estimate]:
    parts = problem.parts
    options = [candidates_of(problem.facts, part) for part in parts]
    found = []
    for chosen in itertools.product(*options):
        picks = {part.node: pick for part, pick in zip(parts, chosen, strict=True)}
        try:
            found.append(problem.estimator.estimate(problem.options(problem.fitted(picks))))
        except BuildError:
            continue
    return found


@cache
def sums_of(is_quick: bool) -> Sums:
    return Sums.of(vector_network(), is_quick=is_quick)


WISHES = [
    target(Goal.AREA),
    target(Goal.THROUGHPUT),
    target(Goal.THROUGHPUT, lut=80),
    target(Goal.THROUGHPUT, lut=90, bram=2),
    target(Goal.LATENCY, lut=100),
    target(Goal.AREA, min_fps=1_000_000),
    target(Goal.AREA, max_latency_us=1.5),
    target(Goal.ENERGY),
    target(Goal.ENERGY, bram=3),
]


@pytest.mark.parametrize("is_quick", [True, False])
@pytest.mark.parametrize("wanted", WISHES, ids=lambda w: f"{w.goal}-{w.limits}")
def test_the_best_of_all_designs_is_found(wanted: Target, is_quick: bool) -> None:
    graph = vector_network()
    problem = Problem.of(graph, PINS, signals_of(graph), sums_of(is_quick))
    rank = Rank(wanted)
    everything = every_design(problem)
    assert len(everything) > 100
    best = min(everything, key=rank.key)
    assert not rank.excesses(best)
    assert rank.key(found_for(problem, wanted).estimate)[:2] == rank.key(best)[:2]


@pytest.mark.parametrize("graph", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("is_quick", [True, False])
def test_what_is_found_is_built_as_estimated_and_no_worse_than_the_default(
    graph: Graph, goal: Goal, is_quick: bool
) -> None:
    problem, wanted = problem_of(graph), target(goal)
    assert isinstance(problem.estimator, Remembering)
    problem = replace(problem, estimator=replace(problem.estimator, is_quick=is_quick))
    found = found_for(problem, wanted)
    again = problem.estimator.estimate(found.options)
    assert again == found.estimate
    rank = Rank(wanted)
    assert rank.key(found.estimate) <= rank.key(problem.estimator.estimate(BuildOptions()))
    lower(graph, found.options)


def test_the_same_search_finds_the_same() -> None:
    one, other = (found_for(problem_of(map_network()), target(Goal.LATENCY)) for _ in range(2))
    assert one == other
    assert one.to_json() == other.to_json()


def test_pinned_options_are_kept() -> None:
    pinned = BuildOptions(
        layers={
            "first": LayerOptions(lanes=2, neuron_lanes=1),
            "fc": LayerOptions(event_field=2, event_ports=2),
        },
        input_lanes=1,
        clock_mhz=50.0,
    )
    found = found_for(problem_of(map_network(), pinned), target(Goal.THROUGHPUT))
    first, last = found.options.layers["first"], found.options.layers["last"]
    assert (first.lanes, first.neuron_lanes) == (2, 1)
    assert (last.event_field, last.event_ports) == (2, 2)
    assert (found.options.input_lanes, found.options.clock_mhz) == (1, 50.0)


def test_a_pinned_engine_is_kept() -> None:
    pinned = BuildOptions(layers={"hidden": LayerOptions(engine="unrolled")})
    found = found_for(problem_of(vector_network(), pinned), target(Goal.AREA))
    assert found.options.layers["hidden"] == LayerOptions(engine="unrolled")


def test_pins_that_cannot_be_built_are_refused_by_the_generator() -> None:
    pinned = BuildOptions(layers={"hidden": LayerOptions(lanes=3)})
    message = r"^layer 'hidden': lanes must divide 8: 1 or 2 or 4, not 3$"
    with pytest.raises(BuildError, match=message):
        found_for(problem_of(vector_network(), pinned), target())
    with pytest.raises(BuildError, match="there is no layer 'hiden' to fold"):
        problem_of(vector_network(), BuildOptions(layers={"hiden": LayerOptions(lanes=2)}))


def test_limits_are_kept() -> None:
    problem = problem_of(map_network())
    small = found_for(problem, target(Goal.AREA)).estimate
    limit = 2 * small.area.lut
    found = found_for(problem, target(Goal.THROUGHPUT, lut=limit)).estimate
    assert found.area.lut <= limit
    assert found.interval < small.interval
    fps = (found.fps + small.fps) / 2
    assert found_for(problem, target(Goal.AREA, min_fps=fps)).estimate.fps >= fps


def test_limits_that_nothing_keeps_are_told_with_the_nearest_figure() -> None:
    problem = problem_of(vector_network())
    smallest = found_for(problem, target(Goal.AREA)).estimate.area
    message = (
        r"^no folding that was found keeps --max-lut 10: estimated ([\d,]+); the smallest one "
        r"takes \1 LUT, .* block RAM, and for an inference .* cycles \(.* of latency\) at 100 MHz "
        r"\(layer \w+ takes longest\); what helps: a larger limit or device, fewer weight bits"
    )
    with pytest.raises(ResourceError, match=message):
        found_for(problem, target(Goal.THROUGHPUT, lut=10))
    message = (
        r"keeps --min-fps 50,000,000: estimated [\d,]+; the fastest one takes .*; "
        r"what helps: a faster clock \(--clock-mhz\), more resources"
    )
    with pytest.raises(ResourceError, match=message):
        found_for(problem, target(Goal.AREA, min_fps=50_000_000, lut=2 * smallest.lut))
    with pytest.raises(ResourceError, match=r"keeps --max-latency-us 0\.001: estimated"):
        found_for(problem, target(Goal.AREA, max_latency_us=0.001))


def test_pins_are_named_where_they_are_in_the_way() -> None:
    pinned = BuildOptions(layers={"hidden": LayerOptions(lanes=1)})
    with pytest.raises(ResourceError, match="what helps: leaving open what is pinned for hidden,"):
        found_for(problem_of(vector_network(), pinned), target(Goal.AREA, min_fps=50_000_000))


@pytest.mark.parametrize(
    ("limits", "flag"),
    [({"lut": 0}, "--max-lut"), ({"min_fps": -1.0}, "--min-fps"), ({"bram": -1}, "--max-bram")],
)
def test_impossible_limits_are_refused(limits: dict[str, float], flag: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{flag} must be (a number above 0|0 or more), not "):
        target(Goal.AREA, **limits)
    assert Limits(bram=0).bram == 0


def test_the_limiting_layer_is_told_with_its_reason_and_what_is_next() -> None:
    pinned = BuildOptions(layers={"hidden": LayerOptions(engine="event", lanes=8)}, input_lanes=12)
    found = found_for(problem_of(vector_network(), pinned), target(Goal.AREA))
    assert found.limiting.role in ("engine", "input", "neurons")
    assert found.limiting.cycles <= found.limiting.interval == found.estimate.interval
    text = str(found.limiting)
    assert " limits: " in text
    assert "; next: " in text
    lanes = BuildOptions(layers={"hidden": LayerOptions(engine="event", lanes=1)}, input_lanes=12)
    slow = found_for(problem_of(vector_network(), lanes), target(Goal.THROUGHPUT)).limiting
    assert str(slow).startswith("layer hidden limits: ")
    assert "pinned: engine event, lanes 1" in slow.reasons


def test_candidates_are_accepted_by_the_generator() -> None:
    graph = map_network()
    problem = problem_of(graph)
    for part in problem.parts:
        candidates = candidates_of(problem.facts, part)
        assert candidates
        for options in candidates[:: max(1, len(candidates) // 12)]:
            lower(graph, problem.options(problem.fitted({part.node: options})))


def test_what_does_not_fit_is_made_to_fit() -> None:
    problem = problem_of(vector_network())
    fits = problem.fitted(
        {
            "fc1": LayerOptions(lanes=1, event_ports=1),
            "hidden": LayerOptions(neuron_lanes=8),
            "fc2": LayerOptions(lanes=3, event_ports=4, weight_banks=4),
        }
    )
    assert fits["fc1"].lanes == 4  # four memories behind share the channels
    assert fits["hidden"].neuron_lanes == 4  # and neurons divide the lanes
    assert fits["fc2"].lanes == 4
    lower(problem.facts.graph, problem.options(fits))


def test_parts_are_input_engines_and_neurons() -> None:
    parts = problem_of(map_network()).parts
    assert [(part.node, part.role) for part in parts] == [
        ("pixels", Role.INPUT),
        ("conv", Role.ENGINE),
        ("first", Role.NEURONS),
        ("mix", Role.ENGINE),
        ("second", Role.NEURONS),
        ("fc", Role.ENGINE),
        ("last", Role.NEURONS),
    ]
    assert all(isinstance(part, Part) for part in parts)


@pytest.mark.parametrize("graph", NETWORKS.values(), ids=NETWORKS)
def test_work_is_what_the_estimate_finds_busy(graph: Graph) -> None:
    """Of an engine with one buffer: its busy cycles, and the pause of every time step."""
    problem = problem_of(graph)
    engines = [part for part in problem.parts if part.role is Role.ENGINE]
    picks = {part.node: LayerOptions(engine="event", current_buffers=1) for part in engines}
    fits = problem.fitted(picks)
    estimate = problem.estimator.estimate(problem.options(fits))
    cycles = problem.work.all_cycles(problem.parts, fits)
    for layer in estimate.layers:
        name = next(part.node for part in engines if part.layer == layer.name)
        frames = 1 if name == "conv" else graph.time_steps
        assert cycles[name] == pytest.approx(layer.busy + 10 * frames, rel=0.02)


def test_exploring_shows_designs_that_none_beats() -> None:
    choices = explore(problem_of(map_network()), target(), NullProgress())
    assert len(choices) > 5
    figures = [figures_of(choice) for choice in choices]
    assert figures == sorted(figures)
    for one, other in itertools.permutations(figures, 2):
        assert not all(a <= b for a, b in zip(one, other, strict=True))
    assert explore(problem_of(map_network()), target(), NullProgress()) == choices


def figures_of(choice: Choice) -> tuple[float, float, float]:
    estimate = choice.estimate
    return (target().cost(estimate.area), estimate.interval, estimate.latency)


def test_exploring_keeps_limits() -> None:
    problem = problem_of(map_network())
    everything = explore(problem, target(), NullProgress())
    limit = everything[len(everything) // 2].estimate.area.lut
    kept = explore(problem, target(lut=limit), NullProgress())
    assert 0 < len(kept) < len(everything)
    assert all(choice.estimate.area.lut <= limit for choice in kept)
    message = r"^none of \d+ designs keeps the limits; the nearest misses --max-lut 3: estimated"
    with pytest.raises(ResourceError, match=message):
        explore(problem, target(lut=3), NullProgress())


def test_energy_counts_the_additions_that_are_made() -> None:
    """Fields add sums, and logic adds every weight but 0."""
    graph = vector_network()
    inputs = np.ones((2, 3, 12), np.uint8)
    signals = recorded_signals(graph, inputs)
    estimator = DesignEstimator.of(graph, signals, family="ecp5", clock_mhz=100.0)

    def additions(options: LayerOptions) -> float:
        estimate = estimator.estimate(BuildOptions(layers={"hidden": options}))
        return next(layer for layer in estimate.layers if layer.name == "hidden").additions

    assert additions(LayerOptions()) == 3 * 12 * 8
    assert additions(LayerOptions(event_field=4)) == 3 * 3 * 8
    weight = next(node for node in graph.nodes if isinstance(node, Dense)).weight
    assert additions(LayerOptions(engine="unrolled")) == 3 * np.count_nonzero(weight)
    estimate = estimator.estimate(BuildOptions())
    assert estimate.energy_pj == pytest.approx(0.9 * estimate.additions)
    assert replace(estimate, clock_mhz=50.0).fps == estimate.fps / 2
