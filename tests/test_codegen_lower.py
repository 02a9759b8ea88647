from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spikeloom.codegen import (
    BuildOptions,
    Design,
    FileSet,
    LayerOptions,
    emit,
    load_manifest,
    lower,
    manifest_of,
)
from spikeloom.codegen._literals import memory_file, pack, rows_file, sized
from spikeloom.ir import (
    BuildError,
    Conv2d,
    Dense,
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
    as_integers,
)


def network(threshold: int | list[int] = 5, *, bits: int = 2) -> Graph:
    rng = np.random.default_rng(7)
    return Graph.of(
        "small",
        3,
        [
            Input(name="pixels", shape=(2, 6, 6), bits=bits),
            Conv2d(
                name="conv",
                source="pixels",
                weight=rng.integers(-3, 4, (4, 2, 3, 3)),
                weight_bits=3,
                padding=(1, 1),
            ),
            Neurons(
                name="first",
                source="conv",
                threshold=as_integers(threshold),
                leak=Leak.shift(2),
                membrane_bits=6,
            ),
            SumPool2d(name="pool", source="first", kernel=(2, 3)),
            Dense(name="dense", source="pool", weight=rng.integers(-7, 8, (10, 24)), weight_bits=4),
            Neurons(name="last", source="dense", threshold=None, reset=Reset.NONE),
            Readout(name="scores", source="last", kind=ReadoutKind.MEMBRANE),
        ],
    )


def parameters(design: Design, node: str) -> dict[str, str]:
    found = [i for block in design.blocks for i in block.instances if i.name == f"u_{node}"]
    return {p.name: p.value for section in found[0].sections for p in section.parameters}


def top_of(graph: Graph, options: BuildOptions | None = None) -> str:
    design = lower(graph, options)
    return emit(design, version="1.2.3")[f"rtl/{design.top}.v"].decode()


def test_a_folding_reaches_the_hardware() -> None:
    options = BuildOptions(
        input_lanes=2,
        layers={"first": LayerOptions(lanes=4, event_ports=2, neuron_lanes=2)},
    )
    design = lower(network(), options)
    values = parameters(design, "conv")
    assert [values[name] for name in ("InLanes", "Ports", "Lanes", "OutLanes")] == list("2242")
    assert parameters(design, "first")["Lanes"] == "2"


def test_a_synapse_can_be_folded_by_its_own_name() -> None:
    by_layer = lower(network(), BuildOptions(layers={"first": LayerOptions(lanes=2)}))
    by_synapse = lower(network(), BuildOptions(layers={"conv": LayerOptions(lanes=2)}))
    assert parameters(by_layer, "conv")["Lanes"] == "2"
    assert by_layer.blocks == by_synapse.blocks


def test_options_of_a_layer_and_of_its_synapse_are_joined() -> None:
    layers = {"first": LayerOptions(neuron_lanes=2), "conv": LayerOptions(lanes=4)}
    design = lower(network(), BuildOptions(layers=layers))
    assert parameters(design, "conv")["Lanes"] == "4"
    assert parameters(design, "first")["Lanes"] == "2"
    backwards = dict(reversed(layers.items()))
    assert lower(network(), BuildOptions(layers=backwards)).blocks == design.blocks


@pytest.mark.parametrize("order", [1, -1])
def test_contradictions_between_a_layer_and_its_synapse_are_refused(order: int) -> None:
    layers = [("first", LayerOptions(lanes=2)), ("conv", LayerOptions(lanes=4))][::order]
    with pytest.raises(BuildError, match=r"lanes is asked for as . for '\w+' and . for '\w+'"):
        lower(network(), BuildOptions(layers=dict(layers)))


def test_a_static_input_is_added_up_once_and_reused() -> None:
    design = lower(network())
    assert parameters(design, "conv")["Repeats"] == "3"
    assert parameters(design, "dense")["Repeats"] == "1"


def test_the_queue_of_an_inner_layer_holds_a_whole_time_step() -> None:
    design = lower(network(), BuildOptions(layers={"first": LayerOptions(neuron_lanes=2)}))
    assert parameters(design, "dense")["QueueDepth"] == str(6 * 6 * 4 // 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            BuildOptions(layers={"frist": LayerOptions(lanes=2)}),
            "there is no layer 'frist' to fold; the layers are first, last",
        ),
        (
            BuildOptions(layers={"last": LayerOptions(lanes=4)}),
            "layer 'last': lanes must divide 10: 1 or 2 or 5, not 4",
        ),
        (
            BuildOptions(layers={"last": LayerOptions(lanes=5, neuron_lanes=2)}),
            "layer 'last': neuron_lanes must divide 5: 1 or 5, not 2",
        ),
        (
            BuildOptions(layers={"first": LayerOptions(event_ports=3)}),
            "layer 'first': event_ports must divide the 2 channels in front and be 8 at most: "
            "1 or 2, not 3",
        ),
        (
            BuildOptions(layers={"last": LayerOptions(event_ports=3)}),
            "layer 'last': event_ports must divide the 4 channels in front and be 8 at most: "
            "1 or 2 or 4, not 3",
        ),
        (BuildOptions(input_lanes=3), "input: lanes must divide 2: 1 or 2, not 3"),
        (
            BuildOptions(
                layers={
                    "first": LayerOptions(neuron_lanes=1),
                    "last": LayerOptions(event_ports=2),
                }
            ),
            "layer 'first': neuron_lanes must divide 4 (a multiple of 2, for the weight banks "
            "and fields behind it): 2 or 4, not 1",
        ),
        (
            BuildOptions(layers={"last": LayerOptions(event_ports=8, weight_banks=8)}),
            "layer 'last': weight_banks must divide the 4 channels in front and be 8 at most: "
            "1 or 2 or 4, not 8",
        ),
        (
            BuildOptions(layers={"last": LayerOptions(event_ports=4, weight_banks=1)}),
            "layer 'last': event_ports must be one or two for each of the 1 weight_banks: "
            "1 or 2, not 4",
        ),
        (
            BuildOptions(layers={"last": LayerOptions(event_field=3)}),
            "layer 'last': event_field counts values of 1 bit(s), which must divide the 4 channels "
            "in front and have 8 bits at most: 1 or 2 or 4, not 3",
        ),
        (
            BuildOptions(layers={"last": LayerOptions(event_field=4, event_ports=2)}),
            "layer 'last': event_ports must divide the 1 fields in front and be 8 at most: "
            "1, not 2",
        ),
        (
            BuildOptions(layers={"last": LayerOptions(current_buffers=3)}),
            "layer 'last': current_buffers must be 1 or 2 (1 for a product), not 3",
        ),
    ],
)
def test_an_impossible_folding_says_what_is_possible(options: BuildOptions, message: str) -> None:
    with pytest.raises(BuildError, match=f"^{re.escape(message)}$"):
        lower(network(), options)


def test_a_readout_on_a_feature_map_is_refused() -> None:
    graph = network()
    conv, first = graph.nodes[1], replace(graph.node("first"), threshold=as_integers(5))  # type: ignore[type-var]  # a Neurons
    cut = Graph.of("cut", 3, [graph.nodes[0], conv, first, Readout(name="scores", source="first")])
    with pytest.raises(BuildError, match=r"^readout 'scores': the classes must be a vector, but"):
        lower(cut)


@pytest.mark.parametrize("name", ["product", "fifo", "uart_rx", "board_top"])
def test_a_graph_is_not_called_like_a_module_of_the_library(name: str) -> None:
    graph = Graph.of(name, 1, network().nodes)
    with pytest.raises(BuildError, match=f"^graph name must not be '{name}': spikeloom_{name} is"):
        lower(graph)


def test_ports_behind_a_convolution_divide_its_channels_not_its_map() -> None:
    """Found in review: 4 ports on the 3 channels of a 2x2 map ended in a numpy error."""
    nodes = [
        Input(name="pixels", shape=(1, 2, 2), bits=1),
        Conv2d(name="conv", source="pixels", weight=np.ones((3, 1, 1, 1), int), weight_bits=2),
        Neurons(name="first", source="conv", threshold=as_integers(1)),
        Dense(name="dense", source="first", weight=np.ones((2, 12), int), weight_bits=2),
        Neurons(name="last", source="dense", threshold=as_integers(1)),
        Readout(name="scores", source="last"),
    ]
    options = BuildOptions(layers={"last": LayerOptions(event_ports=4)})
    with pytest.raises(BuildError, match=r"event_ports must divide the 3 channels in front"):
        lower(Graph.of("three", 1, nodes), options)


@pytest.mark.parametrize(("outputs", "better"), [(131, (132, 66)), (128, None), (10, None)])
def test_a_number_of_outputs_without_divisors_is_pointed_out(
    outputs: int, better: tuple[int, int] | None
) -> None:
    nodes = [
        Input(name="pixels", shape=(4,), bits=1),
        Dense(name="dense", source="pixels", weight=np.ones((outputs, 4), int), weight_bits=2),
        Neurons(name="last", source="dense", threshold=as_integers(1)),
        Readout(name="scores", source="last"),
    ]
    notes = lower(Graph.of("prime", 1, nodes)).notes
    assert len(notes) == (better is not None)
    if better:
        assert "adds 1 weight(s) per clock, because 131 outputs have no divisor" in notes[0]
        assert f"{better[0]} outputs would allow {better[1]}" in notes[0]


def test_a_broken_graph_is_refused_before_anything_is_lowered() -> None:
    broken = Graph("broken", 1, network().nodes[:-1])
    with pytest.raises(GraphError):
        lower(broken)


@pytest.mark.parametrize("name", ["encoded", "argmax", "counts", "ones", "clk_i", "wire", "module"])
def test_no_layer_name_clashes_with_a_name_of_the_top(name: str) -> None:
    graph = network()
    nodes = list(graph.nodes)
    nodes[2] = replace(graph.node("first"), name=name)  # type: ignore[type-var]  # a Neurons
    nodes[3] = replace(graph.node("pool"), source=name)  # type: ignore[type-var]  # a SumPool2d
    text = top_of(Graph.of("clash", 3, nodes))
    declared = re.findall(r"^\s*wire (?:\[[^]]*\] )?([\w, ]+);", text, re.MULTILINE)
    names = [one for line in declared for one in line.split(", ")]
    assert len(names) == len(set(names))
    assert name not in names


def test_the_header_says_where_the_file_comes_from() -> None:
    graph = network()
    first, second, third = top_of(graph).splitlines()[:3]
    assert first == "// SPDX-License-Identifier: Apache-2.0"
    assert second.startswith("// Generated by Spikeloom 1.2.3; do not edit.")
    assert third == f"// Spike graph {lower(graph).graph_digest}"


def test_constants_are_parameters_where_shared_and_a_table_where_not() -> None:
    shared = parameters(lower(network(5)), "first")
    assert (shared["Table"], shared["Threshold"], shared["Bias"]) == ("0", "5", "0")
    design = lower(network([5, 6, 7, 8]))
    varied = parameters(design, "first")
    assert (varied["Table"], varied["TableDepth"]) == ("1", "1")
    # four lanes of { threshold, bias }, lane 0 lowest: 4 bits of threshold above 1 of bias
    content = emit(design, version="1")["mem/first_neurons.mem"].decode()
    assert content == memory_file([pack((t, 5) for t in (5 << 1, 6 << 1, 7 << 1, 8 << 1))], 20)


def test_a_leak_is_printed_as_its_shifts() -> None:
    graph = network()
    leak = Leak((LeakTerm(1, 1), LeakTerm(1, 3), LeakTerm(-1, 5)))
    nodes = list(graph.nodes)
    nodes[2] = replace(graph.node("first"), leak=leak)  # type: ignore[type-var]  # a Neurons
    design = lower(Graph.of("leaky", 3, nodes))
    assert parameters(design, "first")["Leak"] == sized(1 | 3 << 6 | (32 | 5) << 12, 18)
    assert "leak (v >> 1) + (v >> 3) - (v >> 5), threshold 5" in top_of(design.graph)


def test_rows_are_packed_lane_0_lowest_in_twos_complement() -> None:
    assert rows_file(as_integers([[1, -1], [-8, 7]]), 4) == "f1\n78\n"
    assert rows_file(as_integers([[-1, 2, -4]]), 3) == f"{0b100_010_111:03x}\n"
    assert memory_file([0xF1, 0x78, 1], 12) == "0f1\n078\n001\n"


def folder_of(graph: Graph, folder: Path) -> FileSet:
    design = lower(graph)
    files = emit(design, version="1.2.3")
    manifest = manifest_of(design, version="1.2.3", board="ulx3s", files=files)
    files.add("manifest.json", manifest.to_json())
    files.write(folder)
    return files


def test_a_manifest_survives_the_disk(tmp_path: Path) -> None:
    files = folder_of(network(), tmp_path / "out")
    manifest = load_manifest(tmp_path / "out")
    assert manifest == manifest_of(
        lower(network()),
        version="1.2.3",
        board="ulx3s",
        files=emit(lower(network()), version="1.2.3"),
    )
    assert manifest.layers[0].shape == (4, 6, 6)
    assert [path for path in manifest.sources if path not in files] == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not a Spikeloom output: it has no manifest.json"),
        ("{", "is damaged"),
        ('{"format": 2}', "is damaged"),
        ('{"format": 1}', "has format 1, but this Spikeloom reads 2"),
        ('{"format": 99}', "has format 99, but this Spikeloom reads 2"),
        ("[]", "is damaged"),
    ],
)
def test_a_bad_manifest_is_an_error_of_its_own(
    tmp_path: Path, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(BuildError, match=message):
        load_manifest(tmp_path)


def test_two_emissions_are_byte_identical() -> None:
    first, second = (emit(lower(network()), version="1") for _ in range(2))
    assert first.digests() == second.digests()
