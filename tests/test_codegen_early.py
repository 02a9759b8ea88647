"""Early decision in generated designs: gate, decision, leads, and a reset for the core alone."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from random_graphs import random_graph, random_options

from spikeloom.codegen import BuildOptions, Design, LayerOptions, emit, lower, manifest_of
from spikeloom.codegen._literals import sized
from spikeloom.ir import (
    EXACT,
    Early,
    Encoder,
    Graph,
    Leak,
    Neurons,
    Readout,
    ReadoutKind,
    Reset,
    early_rule,
    with_early,
)


def parameters(design: Design, name: str) -> dict[str, str]:
    found = [i for block in design.blocks for i in block.instances if i.name == f"u_{name}"]
    return {p.name: p.value for section in found[0].sections for p in section.parameters}


def top_of(design: Design) -> str:
    return emit(design, version="0")[f"rtl/{design.top}.v"].decode()


def resets(design: Design) -> dict[str, str]:
    """The signal on the reset of every instance that has one."""
    text = top_of(design)
    found = re.findall(r"(u_\w+) \(\n(?:      \..*\n)*?      \.rst_ni\((\w+)\)", text)
    return {name.removeprefix("u_"): signal for name, signal in found}


def test_nothing_changes_without_a_rule(tiny_graph: Graph) -> None:
    design = lower(tiny_graph)
    text = top_of(design)
    assert "gate" not in text
    assert "EveryStep" not in text
    assert "probe_restart" not in text
    assert set(resets(design).values()) == {"rst_ni"}
    assert not {"rtl/spikeloom_gate.v", "rtl/spikeloom_decision.v"} & set(
        dict(emit(design, version="0"))
    )


def test_a_decision_resets_everything_but_the_two_ends(tiny_graph: Graph) -> None:
    design = lower(with_early(tiny_graph, EXACT))
    outside = {name for name, signal in resets(design).items() if signal == "rst_ni"}
    assert outside == {"pixels__gate", "readout__decision", "readout"}
    assert set(resets(design).values()) == {"rst_ni", "core_rst_n"}
    sources = dict(emit(design, version="0"))
    assert {"rtl/spikeloom_gate.v", "rtl/spikeloom_decision.v", "rtl/spikeloom_rom.v"} <= set(
        sources
    )


def test_exact_leads_are_a_table(tiny_graph: Graph) -> None:
    design = lower(with_early(tiny_graph, EXACT))
    found = parameters(design, "readout__decision")
    assert found["Ties"] == found["Table"] == "1"
    assert found["TableFile"] == '"mem/readout_leads.mem"'
    assert found["TimeSteps"] == "4"
    assert dict(design.memories)["mem/readout_leads.mem"] == "03\n02\n01\n00\n"
    assert parameters(design, "readout__counts")["EveryStep"] == "1"
    assert "decided as soon as nothing can change the prediction any more" in top_of(design)


def test_a_margin_is_a_parameter(tiny_graph: Graph) -> None:
    design = lower(with_early(tiny_graph, 2))
    found = parameters(design, "readout__decision")
    assert found["Ties"] == "0"
    assert found["Margin"] == sized(2, 33)
    assert "Table" not in found
    assert "mem/readout_leads.mem" not in dict(design.memories)
    assert "decided as soon as one score is 2 or more ahead of all others" in top_of(design)


def test_equal_leads_need_no_table(tiny_graph: Graph) -> None:
    two_steps = Graph.of("two", 2, tiny_graph.nodes)
    found = parameters(lower(with_early(two_steps, EXACT)), "readout__decision")
    assert (found["Ties"], found["Margin"]) == ("1", sized(1, 33))


@pytest.mark.parametrize("seed", [3, 4, 12, 13])
def test_membranes_leave_at_every_step(seed: int) -> None:
    graph = with_early(random_graph(seed), EXACT)
    design = lower(graph, random_options(graph, seed))
    readout = graph.nodes[-1]
    assert isinstance(readout, Readout)
    assert parameters(design, readout.source)["EveryStep"] == "1"
    rule = early_rule(graph)
    assert rule is not None
    words = dict(design.memories).get(f"mem/{readout.name}_leads.mem")
    if words is not None:
        assert [int(word, 16) for word in words.split()] == list(rule.leads)


@pytest.mark.parametrize(
    ("encoder", "frames"), [(Encoder.DIRECT, "1"), (Encoder.RATE, "1"), (Encoder.SPIKES, "4")]
)
def test_the_gate_counts_the_frames_of_an_inference(
    tiny_graph: Graph, encoder: Encoder, frames: str
) -> None:
    pixels, *others = tiny_graph.nodes
    bits = 1 if encoder is Encoder.SPIKES else 3
    graph = Graph.of("tiny", 4, [replace(pixels, encoder=encoder, bits=bits), *others])
    design = lower(with_early(graph, EXACT))
    assert parameters(design, "pixels__gate") == {"Frames": frames}


def test_neurons_in_logic_decide_a_time_step_per_clock(tiny_graph: Graph) -> None:
    options = BuildOptions(layers={"output": LayerOptions(engine="unrolled")})
    design = lower(with_early(tiny_graph, EXACT), options)
    found = parameters(design, "readout__decision")
    assert (found["Lanes"], found["Words"]) == ("3", "1")
    assert parameters(design, "readout__counts")["EveryStep"] == "1"


@pytest.mark.parametrize(("early", "bits"), [(None, 0), (EXACT, 3), (5, 3)])
def test_the_manifest_names_the_rule(tiny_graph: Graph, early: Early | None, bits: int) -> None:
    manifest = manifest_of(lower(with_early(tiny_graph, early)), version="0", board=None)
    assert (manifest.output.early, manifest.output.step_bits) == (early, bits)


def test_memories_of_the_decision_are_listed(tiny_graph: Graph) -> None:
    design = lower(with_early(tiny_graph, EXACT))
    found = [
        s for s in design.storages if s.owner == "readout" and s.holds in ("streams", "tables")
    ]
    assert {(s.holds, s.words) for s in found} >= {("tables", 4)}
    assert any(s.holds == "streams" and s.words >= 4 for s in found)


def test_a_leak_is_reckoned_with(tiny_graph: Graph) -> None:
    *before, output, _ = tiny_graph.nodes
    assert isinstance(output, Neurons)
    sums = replace(output, threshold=None, reset=Reset.NONE, leak=Leak.shift(1), bias=np.array(0))
    readout = Readout(name="readout", source="output", kind=ReadoutKind.MEMBRANE, early=EXACT)
    rule = early_rule(Graph.of("leaky", 4, [*before, sums, readout]))
    assert rule is not None
    assert rule.leads[0] >= rule.leads[1] > rule.leads[2] > rule.leads[3] == 0
