"""Networks that branch, join and feed back: verification names and waits for every layer."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import spikeloom
from spikeloom.ir import (
    Add,
    Concat,
    Conv2d,
    Delay,
    Dense,
    Encoder,
    Graph,
    Input,
    Leak,
    MaxPool2d,
    MixAxis,
    Neurons,
    Readout,
    TokenMix,
)
from spikeloom.sim import VerifyResult, run_bench, verify
from spikeloom.sim._timing import leading_nodes, trailing_nodes
from spikeloom.sim._watchdog import longest_inference

LAYERS = ["first", "echo", "mixed", "output"]


def joined_graph() -> Graph:
    """Two branches into one layer, a loop over one that is read by a delay alone, and a fork."""
    rng = np.random.default_rng(5)

    def weight(*shape: int) -> np.ndarray:
        return rng.integers(-3, 4, shape)

    nodes = (
        Input(name="pixels", shape=(4, 6, 6), encoder=Encoder.SPIKES),
        Conv2d(
            name="c1", source="pixels", weight=weight(4, 4, 3, 3), weight_bits=3, padding=(1, 1)
        ),
        Delay(name="past", source="echo", shape=(4, 6, 6)),
        Conv2d(name="c2", source="past", weight=weight(4, 4, 1, 1), weight_bits=3),
        Add(name="both", sources=("c1", "c2"), shifts=(0, 1)),
        Neurons(name="first", source="both", threshold=np.array(3), leak=Leak.shift(1)),
        Conv2d(
            name="c3",
            source="first",
            weight=weight(4, 1, 3, 3),
            weight_bits=3,
            padding=(1, 1),
            groups=4,
        ),
        Neurons(name="echo", source="c3", threshold=np.array(2)),
        TokenMix(name="mix", source="first", weight=weight(6, 6), weight_bits=3, axis=MixAxis.ROWS),
        Neurons(name="mixed", source="mix", threshold=np.array(2)),
        MaxPool2d(name="pool", source="mixed", kernel=(2, 2)),
        Concat(name="cat", sources=("pool", "pool")),
        Dense(name="fc", source="cat", weight=weight(5, 72), weight_bits=3),
        Neurons(name="output", source="fc", threshold=np.array(4)),
        Readout(name="scores", source="output"),
    )
    return Graph.of("joined", 3, nodes)


@pytest.fixture(scope="module")
def out(need: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network, built."""
    for tool in ("g++", "make", "verilator"):
        need(tool)
    return spikeloom.build(joined_graph(), tmp_path_factory.mktemp("joined") / "out")


@pytest.fixture(scope="module")
def result(out: Path) -> VerifyResult:
    """Its verification with all probes."""
    return verify(out, probe=True, limit=24)


def test_every_layer_is_compared_in_every_run(result: VerifyResult) -> None:
    assert [str(mismatch) for mismatch in result.first_mismatches] == []
    assert result.passed
    assert result.spikes_compared == result.membranes_compared == 24 * 3 * (3 * 144 + 5)
    assert sorted(result.layer_cycles) == sorted(LAYERS)
    assert all(mode.inferences == 24 for mode in result.modes)


def test_the_longest_inference_is_longer_than_any(result: VerifyResult) -> None:
    assert result.cycles_per_inference is not None
    assert result.cycles_per_inference.max < longest_inference(joined_graph()) - 20_000


def test_the_bench_passes(out: Path) -> None:
    found = run_bench(out)
    assert found.passed, (found.failures, found.log.read_text())


def test_a_trailing_layer_that_stops_is_caught(out: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "out"
    shutil.copytree(out, damaged, ignore=shutil.ignore_patterns("build"))
    top = damaged / "rtl" / "spikeloom_joined.v"
    text, port = top.read_text(), ".probe_valid_o(probe_echo_valid)"
    assert text.count(port) == 1
    text = text.replace(port, ".probe_valid_o()")
    top.write_text(text.replace("endmodule", "assign probe_echo_valid = 1'b0;\nendmodule"))
    found = verify(damaged, probe=True, limit=2)
    assert not found.passed
    assert all(mode.deadlock for mode in found.modes)
    assert found.inferences == 2  # the results themselves are right
    (stuck,) = [at for at in found.modes[0].positions if at[0] == "echo"]
    assert stuck == ("echo", 0, 0)


def test_only_what_delays_alone_read_trails() -> None:
    assert trailing_nodes(joined_graph()) == {"echo"}


def test_nothing_trails_in_a_chain(tiny_graph: Graph) -> None:
    assert trailing_nodes(tiny_graph) == frozenset()


def late_graph() -> Graph:
    """Everything one step late: the input trails, and the layer leads."""
    weight = np.random.default_rng(3).integers(-1, 2, (3, 4))
    nodes = (
        Input(name="x", shape=(4,), encoder=Encoder.SPIKES),
        Delay(name="late", source="x", shape=(4,)),
        Dense(name="fc", source="late", weight=weight, weight_bits=2),
        # The first time step is not silent: the bias alone fires.
        Neurons(name="n", source="fc", threshold=np.array(2), bias=np.array([2, 0, -1])),
        Readout(name="scores", source="n"),
    )
    return Graph.of("late", 3, nodes)


def test_what_the_input_reaches_through_delays_leads() -> None:
    graph = late_graph()
    assert (leading_nodes(graph), trailing_nodes(graph)) == ({"n"}, {"x"})
    assert leading_nodes(joined_graph()) == frozenset()


def test_what_lies_behind_a_concatenation_leads_if_its_first_part_does() -> None:
    def leading(*sources: str) -> frozenset[str]:
        weight = np.ones((3, 8), np.int64)
        nodes = (
            Input(name="x", shape=(4,), encoder=Encoder.SPIKES),
            Delay(name="late", source="x", shape=(4,)),
            Concat(name="cat", sources=sources),
            Add(name="sum", sources=("cat",), bias=np.array(1)),
            Neurons(name="parts", source="sum", threshold=np.array(1)),
            # An engine begins when a whole time step is there.
            Dense(name="fc", source="parts", weight=weight, weight_bits=2),
            Neurons(name="n", source="fc", threshold=np.array(2)),
            Readout(name="scores", source="n"),
        )
        return leading_nodes(Graph.of("parts", 2, nodes))

    assert leading("late", "x") == {"parts"}
    assert leading("x", "late") == frozenset()


def test_a_layer_that_leads_is_compared_and_waited_for(
    tmp_path: Path, need: Callable[[str], None]
) -> None:
    for tool in ("g++", "make", "verilator"):
        need(tool)
    out = spikeloom.build(late_graph(), tmp_path / "out")
    found = verify(out, probe=True)
    assert found.passed, found.first_mismatches
    assert found.spikes_compared == 64 * 3 * 3
    benched = run_bench(out)
    assert benched.passed, (benched.failures, benched.log.read_text())
    memory = next((out / "mem").glob("*neurons*"))
    text = memory.read_text()
    memory.write_text(text.translate(str.maketrans("0123456789abcdef", "1032547698badcfe")))
    assert not verify(out, probe=True, limit=4).passed
