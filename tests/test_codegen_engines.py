"""Engines of layers: what is built in logic, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spikeloom.codegen import (
    BuildOptions,
    Design,
    LayerOptions,
    emit,
    load_manifest,
    lower,
    manifest_of,
    sources_of,
)
from spikeloom.codegen._geometry import stream_weights
from spikeloom.ir import (
    Add,
    BuildError,
    Conv2d,
    Dense,
    Encoder,
    Graph,
    Input,
    Leak,
    Neurons,
    Readout,
    ReadoutKind,
    Reset,
    as_integers,
)

UNROLLED = LayerOptions(engine="unrolled")


def dense(name: str, source: str, outputs: int, inputs: int) -> Dense:
    weight = np.random.default_rng(inputs).integers(-3, 4, (outputs, inputs))
    return Dense(name=name, source=source, weight=weight, weight_bits=3)


def network(*, steps: int = 3, bits: int = 2, encoder: Encoder = Encoder.DIRECT) -> Graph:
    return Graph.of(
        "small",
        steps,
        [
            Input(name="pixels", shape=(12,), bits=bits, encoder=encoder),
            dense("fc1", "pixels", 8, 12),
            Neurons(name="hidden", source="fc1", threshold=as_integers(5), leak=Leak.shift(2)),
            dense("fc2", "hidden", 3, 8),
            Neurons(name="last", source="fc2", threshold=as_integers([3, 4, 5])),
            Readout(name="scores", source="last"),
        ],
    )


def with_a_map() -> Graph:
    return Graph.of(
        "maps",
        2,
        [
            Input(name="pixels", shape=(2, 4, 4), bits=1),
            Conv2d(name="conv", source="pixels", weight=np.ones((3, 2, 1, 1), int), weight_bits=2),
            Neurons(name="first", source="conv", threshold=as_integers(2)),
            dense("fc", "first", 4, 48),
            Neurons(name="last", source="fc", threshold=as_integers(2)),
            Readout(name="scores", source="last"),
        ],
    )


def built(graph: Graph, **layers: LayerOptions) -> Design:
    return lower(graph, BuildOptions(layers=layers))


def module_of(design: Design, instance: str) -> str:
    return next(i.module for b in design.blocks for i in b.instances if i.name == instance)


def values_of(design: Design, instance: str) -> dict[str, str]:
    found = next(i for b in design.blocks for i in b.instances if i.name == instance)
    return {p.name: p.value for section in found.sections for p in section.parameters}


def test_a_layer_in_logic_is_a_matrix_a_handshake_and_an_array() -> None:
    design = built(network(), hidden=UNROLLED)
    assert module_of(design, "u_fc1") == "spikeloom_unrolled"
    assert module_of(design, "u_fc1__matrix") == "spikeloom_small_fc1"
    assert module_of(design, "u_hidden") == "spikeloom_neuron_array"
    assert module_of(design, "u_fc2") == "spikeloom_synapse"
    assert module_of(design, "u_last") == "spikeloom_neuron"
    assert design.layers[0].instances == (
        "u_fc1",
        "u_fc1__matrix",
        "u_hidden",
    )


def test_it_has_no_memory() -> None:
    graph = network()
    owners = {memory.owner for memory in built(graph, hidden=UNROLLED).storages}
    assert "fc1" not in owners
    assert "hidden" not in owners
    assert built(graph, hidden=UNROLLED, last=UNROLLED).storages == ()


def test_a_synapse_alone_takes_the_neurons_that_alone_read_it_along() -> None:
    graph = network()
    assert built(graph, fc1=UNROLLED).blocks == built(graph, hidden=UNROLLED).blocks
    folded = built(graph, fc1=UNROLLED, hidden=LayerOptions(neuron_lanes=2))
    assert module_of(folded, "u_hidden") == "spikeloom_neuron"
    assert values_of(folded, "u_hidden")["Lanes"] == "2"


def test_neurons_behind_a_sum_follow_their_own_layer() -> None:
    nodes = [
        Input(name="pixels", shape=(6,), bits=1, encoder=Encoder.SPIKES),
        dense("one", "pixels", 4, 6),
        dense("two", "pixels", 4, 6),
        Add(name="sum", sources=("one", "two")),
        Neurons(name="last", source="sum", threshold=as_integers(2)),
        Readout(name="scores", source="last"),
    ]
    graph = Graph.of("summed", 2, nodes)
    both = built(graph, last=UNROLLED)
    modules = [module_of(both, f"u_{name}") for name in ("one", "two", "last")]
    assert modules == ["spikeloom_unrolled", "spikeloom_unrolled", "spikeloom_neuron_array"]
    assert module_of(built(graph, one=UNROLLED), "u_last") == "spikeloom_neuron"


@pytest.mark.parametrize(("encoder", "repeats"), [(Encoder.DIRECT, "3"), (Encoder.RATE, "1")])
def test_a_static_input_is_computed_once(encoder: Encoder, repeats: str) -> None:
    design = built(network(encoder=encoder), hidden=UNROLLED, last=UNROLLED)
    assert values_of(design, "u_fc1")["Repeats"] == repeats
    assert values_of(design, "u_fc2")["Repeats"] == "1"


def test_spikes_are_counted_as_fast_as_they_come() -> None:
    design = built(network(), last=UNROLLED)
    assert module_of(design, "u_scores__counts") == "spikeloom_neuron_array"
    assert module_of(built(network()), "u_scores__counts") == "spikeloom_neuron"


def test_constants_of_an_array_are_packed_in_order() -> None:
    values = values_of(built(network(), hidden=UNROLLED, last=UNROLLED), "u_last")
    assert (values["Thresholds"], values["Biases"]) == ("9'h163", "{3{1'h0}}")  # 3, 4, 5


def test_a_faster_clock_takes_more_registers() -> None:
    latencies = [
        int(
            values_of(
                lower(network(), BuildOptions(layers={"fc1": UNROLLED}, clock_mhz=clock)), "u_fc1"
            )["Latency"]
        )
        for clock in (10, 100, 400)
    ]
    assert latencies[0] == 1
    assert latencies == sorted(latencies)
    assert latencies[-1] > 1


def test_the_family_decides_what_the_matrix_is_made_of() -> None:
    options = BuildOptions(layers={"fc1": UNROLLED})
    first, second = (
        dict(lower(network(bits=4), options, family=family).modules)["spikeloom_small_fc1"]
        for family in ("ecp5", "xc7")
    )
    assert first != second


@pytest.mark.parametrize("clock", [0.0, -1.0, 1e-9, 1e308, float("inf"), float("nan")])
def test_a_clock_must_be_one(clock: float) -> None:
    message = "^clock_mhz \\(--clock-mhz\\) must be 0.001 to 100,000, not .*; leave it out for 100$"
    with pytest.raises(BuildError, match=message):
        lower(network(), BuildOptions(clock_mhz=clock))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            {"hidden": LayerOptions(engine="unroled")},
            "layer 'hidden': engine must be event or unrolled, not 'unroled'",
        ),
        (
            {"first": UNROLLED},
            "layer 'first': only dense synapses and the vectors of neurons behind them can be "
            "unrolled, and 'first' is neither; leave its engine at event",
        ),
        (
            {"conv": UNROLLED},
            "layer 'conv': only dense synapses and the vectors of neurons behind them can be "
            "unrolled, and 'conv' is neither; leave its engine at event",
        ),
        (
            {"last": LayerOptions(engine="unrolled", lanes=2)},
            "layer 'last': lanes belongs to the event engine, and unrolled logic has no folding; "
            "leave lanes out, or the engine at event",
        ),
        (
            {"last": LayerOptions(engine="unrolled", event_ports=2)},
            "layer 'last': event_ports belongs to the event engine, and unrolled logic has no "
            "folding; leave event_ports out, or the engine at event",
        ),
    ],
)
def test_what_cannot_be_unrolled_says_why(layers: dict[str, LayerOptions], message: str) -> None:
    graph = with_a_map() if {"first", "conv", "last"} & set(layers) else network()
    with pytest.raises(BuildError, match=f"^{re.escape(message)}$"):
        built(graph, **layers)


def test_a_matrix_that_no_device_holds_is_refused_before_any_work() -> None:
    nodes = [
        Input(name="pixels", shape=(300,), bits=4),
        Dense(name="fc", source="pixels", weight=np.ones((100, 300), int), weight_bits=2),
        Neurons(name="last", source="fc", threshold=as_integers(2)),
        Readout(name="scores", source="last"),
    ]
    message = (
        "layer 'last': synapse 'fc' cannot be unrolled, because 120,000 bits of inputs count in "
        "it and 100,000 is the most; prune its weights, or leave its engine at event"
    )
    with pytest.raises(BuildError, match=f"^{re.escape(message)}$"):
        built(Graph.of("large", 1, nodes), last=UNROLLED)


@pytest.mark.parametrize(("graph", "synapse"), [("event", "queue"), ("board", "top")])
def test_a_matrix_is_not_called_like_another_module(graph: str, synapse: str) -> None:
    nodes = [
        Input(name="pixels", shape=(3,), bits=1),
        dense(synapse, "pixels", 2, 3),
        Neurons(name="last", source=synapse, threshold=as_integers(2)),
        Readout(name="scores", source="last"),
    ]
    name = f"spikeloom_{graph}_{synapse}"
    message = rf"^synapse '{synapse}' of graph .* because {name} is another module; rename"
    with pytest.raises(BuildError, match=message):
        built(replace(Graph.of("graph", 1, nodes), name=graph), last=UNROLLED)


def test_every_file_is_there_and_named_in_the_manifest(tmp_path: Path) -> None:
    design = built(network(), hidden=UNROLLED, last=UNROLLED)
    files = emit(design, version="1")
    paths = sources_of(design)
    assert paths[-3:] == (
        "rtl/spikeloom_small_fc1.v",
        "rtl/spikeloom_small_fc2.v",
        "rtl/spikeloom_small.v",
    )
    assert [path for path in paths if path not in files] == []
    manifest = manifest_of(design, version="1", board=None, files=files)
    files.add("manifest.json", manifest.to_json())
    files.write(tmp_path / "out")
    assert load_manifest(tmp_path / "out") == manifest
    (synapse,) = manifest.layers[0].synapses
    assert (synapse.engine, synapse.lanes, synapse.event_ports) == ("unrolled", 8, 12)


def test_the_same_bytes_every_time() -> None:
    first, second = (emit(built(network(), hidden=UNROLLED), version="1") for _ in range(2))
    assert first.digests() == second.digests()


def test_the_top_says_what_is_in_logic() -> None:
    design = built(network(), hidden=UNROLLED)
    text = emit(design, version="1")["rtl/spikeloom_small.v"].decode()
    assert '// Synapse "fc1" in logic' in text
    assert "engine unrolled for 100 MHz" in text
    assert "  spikeloom_small_fc1 u_fc1__matrix (\n      .clk_i(clk_i),\n      .en_i(" in text
    assert any("synapse 'fc1' in logic: about" in note for note in design.notes)


def test_weights_follow_the_stream_and_a_pooling_shares_them() -> None:
    rng = np.random.default_rng(1)
    weight = rng.integers(-9, 9, (3, 2 * 2 * 1))  # behind a pooling of 2 by 3 on 2x5x4
    maps = rng.integers(0, 2, (2, 5, 4))
    pooled = maps[:, :4, :3].reshape(2, 2, 2, 1, 3).sum(axis=(2, 4))
    stream = maps.transpose(1, 2, 0).ravel()  # channel fastest, then x, then y
    wide = stream_weights(weight, (2, 5, 4), (2, 3))
    assert wide.shape == (3, 40)
    assert (wide @ stream == weight @ pooled.ravel()).all()
    vector = rng.integers(-9, 9, (3, 7))
    assert stream_weights(vector, (7,), (1, 1)) is vector


def test_integrators_in_logic_send_their_membranes() -> None:
    nodes = list(network().nodes)
    nodes[-2:] = [
        Neurons(name="last", source="fc2", threshold=None, reset=Reset.NONE),
        Readout(name="scores", source="last", kind=ReadoutKind.MEMBRANE),
    ]
    values = values_of(built(Graph.of("silent", 3, nodes), last=UNROLLED), "u_last")
    assert (values["Spiking"], values["Neurons"]) == ("0", "3")
