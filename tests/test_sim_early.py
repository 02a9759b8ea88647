"""Early decision through the RTL: what is in flight never reaches the next inference."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from random_events import with_random_events
from random_graphs import random_graph, random_options

import spikeloom
from spikeloom.codegen import BuildOptions, LayerOptions, load_manifest
from spikeloom.ir import (
    EXACT,
    Concat,
    Delay,
    Dense,
    Early,
    Encoder,
    Executor,
    Graph,
    GraphError,
    Input,
    Leak,
    Neurons,
    Readout,
    npz_bytes,
    save_graph,
    with_early,
)
from spikeloom.sim import VerifyResult, lint, run_bench, verify

STEPS = 6
SLOW_INPUT = BuildOptions(input_lanes=1)  # a frame takes as long as a time step, or longer


def dense(name: str, source: str, outputs: int, inputs: int) -> Dense:
    rng = np.random.default_rng([outputs, inputs])
    return Dense(
        name=name, source=source, weight=rng.integers(-3, 5, (outputs, inputs)), weight_bits=4
    )


def frames_graph(early: Early | None, encoder: Encoder = Encoder.SPIKES) -> Graph:
    """Two layers; with spikes a frame comes for each time step."""
    nodes = (
        Input(name="pixels", shape=(8,), encoder=encoder),
        dense("fc1", "pixels", 6, 8),
        Neurons(name="hidden", source="fc1", threshold=np.array(4), leak=Leak.shift(1)),
        dense("fc2", "hidden", 4, 6),
        Neurons(name="output", source="fc2", threshold=np.array(5)),
        Readout(name="scores", source="output", early=early),
    )
    return Graph.of("frames", STEPS, nodes)


def hasty_graph() -> Graph:
    """A bias makes the first class fire before the input has come, through a delay.

    So many inferences are settled without it.
    """
    nodes = (
        Input(name="pixels", shape=(4,), encoder=Encoder.SPIKES),
        dense("fc1", "pixels", 6, 4),
        Neurons(name="hidden", source="fc1", threshold=np.array(3)),
        Delay(name="past", source="hidden", shape=(6,)),
        Concat(name="both", sources=("past", "pixels")),
        dense("fc2", "past", 3, 6),
        Neurons(
            name="output",
            source="fc2",
            threshold=np.array(4),
            bias=np.array([4, 0, 0]),
        ),
        dense("fc3", "both", 3, 10),
        Neurons(name="other", source="fc3", threshold=np.array(3)),
        Concat(name="votes", sources=("output", "other")),
        dense("fc4", "votes", 3, 6),
        Neurons(name="last", source="fc4", threshold=np.array(2), bias=np.array([3, 0, 0])),
        Delay(name="shown", source="last", shape=(3,)),
        Neurons(name="final", source="shown", threshold=np.array(1), bias=np.array([1, 0, 0])),
        Readout(name="scores", source="final", early=1),
    )
    return Graph.of("hasty", 4, nodes)


def built(graph: Graph, folder: Path, count: int = 40, options: BuildOptions | None = None) -> Path:
    """Build a graph with random inputs of every density."""
    rng = np.random.default_rng(1)
    pixels = graph.nodes[0]
    assert isinstance(pixels, Input)
    frames = (graph.time_steps,) if pixels.encoder is Encoder.SPIKES else ()
    shape = (count, *frames, *pixels.shape)
    density = rng.random((count, *(1,) * (len(shape) - 1)))
    values = rng.integers(1, 1 << pixels.bits, shape) * (rng.random(shape) < density)
    save_graph(graph, folder / "run")
    inputs = values.astype(np.uint8)
    full = Executor(with_early(graph, None)).run(inputs).predictions  # as PyTorch's would be
    arrays = {"inputs": inputs, "predictions": full}
    (folder / "run" / "test.npz").write_bytes(npz_bytes(arrays))
    return spikeloom.build(folder / "run", folder / "out", options=options)


@pytest.fixture(scope="module", autouse=True)
def tools(need: Callable[[str], None]) -> None:
    """What builds a harness."""
    for tool in ("g++", "make", "verilator"):
        need(tool)


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A design that drops the frames which come after the decision."""
    return built(frames_graph(1), tmp_path_factory.mktemp("frames"), options=SLOW_INPUT)


def is_right(result: VerifyResult) -> None:
    assert [str(mismatch) for mismatch in result.first_mismatches] == []
    assert result.passed


def test_frames_behind_the_decision_are_dropped(frames: Path) -> None:
    design = load_manifest(frames)
    assert lint(design.sources, top=design.top, cwd=frames) == []
    result = verify(frames, probe=True)
    is_right(result)
    assert result.steps is not None
    assert 1 < result.steps.mean < STEPS
    assert all(mode.inferences == 40 for mode in result.modes)


def test_the_bench_of_the_design_passes(frames: Path) -> None:
    found = run_bench(frames)
    assert found.passed, (found.failures, found.log.read_text())


def test_an_inference_takes_fewer_cycles(frames: Path, tmp_path: Path) -> None:
    full = verify(built(frames_graph(None), tmp_path, options=SLOW_INPUT), stress=0)
    early = verify(frames, stress=0)
    is_right(full)
    assert full.steps is None
    assert full.cycles_per_inference is not None
    assert early.cycles_per_inference is not None
    assert early.cycles_per_inference.mean < 0.9 * full.cycles_per_inference.mean


def test_exact_gives_the_predictions_of_all_steps(tmp_path: Path) -> None:
    result = verify(built(frames_graph(EXACT), tmp_path, options=SLOW_INPUT), probe=True)
    is_right(result)
    assert result.predictions_equal == 40  # stored ones included
    assert result.steps is not None
    assert result.steps.mean < STEPS


def test_a_decision_waits_for_its_input(tmp_path: Path) -> None:
    result = verify(built(hasty_graph(), tmp_path), probe=True)
    is_right(result)
    assert result.steps is not None
    assert result.steps.mean == 1


def test_rate_encoder_starts_anew(tmp_path: Path) -> None:
    is_right(verify(built(frames_graph(1, Encoder.RATE), tmp_path), probe=True))


def test_layers_in_logic_decide(tmp_path: Path) -> None:
    unrolled = LayerOptions(engine="unrolled")
    options = BuildOptions(layers={"hidden": unrolled, "output": unrolled})
    is_right(verify(built(frames_graph(EXACT), tmp_path, options=options), probe=True))


QUICK = (4, 9, 18)
SLOW = tuple(seed for seed in range(60) if seed not in QUICK)


@pytest.mark.parametrize(
    "seed", [*QUICK, *(pytest.param(seed, marks=pytest.mark.slow) for seed in SLOW)]
)
def test_random_network_decides_bit_exactly(seed: int, tmp_path: Path) -> None:
    graph = random_graph(seed)
    rule: Early = (1, EXACT, 2)[seed % 3]
    try:
        with_early(graph, rule)
    except GraphError:
        rule = 5 + seed  # its membranes saturate
    options = with_random_events(graph, random_options(graph, seed), seed)
    out = spikeloom.build(graph, tmp_path / "out", options=options, early=rule)
    design = load_manifest(out)
    assert lint(design.sources, top=design.top, cwd=out) == []
    result = verify(out, probe=True)
    assert result.mismatches == 0, f"seed {seed}: {result.first_mismatches}"
    assert result.passed


# --- What is wrong is found ----------------------------------------------------------------------

_BROKEN = {
    "decides late": (
        "spikeloom_decision",
        "(lead_q >= needed)",
        "(lead_q > needed)",
        "time steps until the decision must be",
    ),
    "does not reset the core": (
        "spikeloom_gate",
        "core_rst_q <= rst_ni && !stop_i;",
        "core_rst_q <= rst_ni;",
        "the result came without a decision",
    ),
    "lets old frames in": (
        "spikeloom_gate",
        "drop_q  <= !whole_q && !ends;",
        "drop_q  <= 1'b0;",
        "must be",
    ),
    "a layer is not reset": (
        "spikeloom_frames",
        ") u_hidden (\n      .clk_i(clk_i),\n      .rst_ni(core_rst_n)",
        ") u_hidden (\n      .clk_i(clk_i),\n      .rst_ni(rst_ni)",
        "neuron",
    ),
}


@pytest.mark.parametrize("name", list(_BROKEN))
def test_a_broken_design_is_caught(name: str, frames: Path, tmp_path: Path) -> None:
    module, old, new, shown = _BROKEN[name]
    damaged = tmp_path / "out"
    shutil.copytree(frames, damaged, ignore=shutil.ignore_patterns("build"))
    source = damaged / "rtl" / f"{module}.v"
    text = source.read_text()
    assert text.count(old) == 1
    source.write_text(text.replace(old, new))
    result = verify(damaged, probe=True)
    assert not result.passed
    assert any(shown in str(mismatch) for mismatch in result.first_mismatches)


def test_a_layer_that_shows_too_little_is_caught(frames: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "out"
    shutil.copytree(frames, damaged, ignore=shutil.ignore_patterns("build"))
    top = damaged / "rtl" / "spikeloom_frames.v"
    text, port = top.read_text(), ".probe_valid_o(probe_hidden_valid)"
    assert text.count(port) == 1
    text = text.replace(port, ".probe_valid_o()")
    top.write_text(text.replace("endmodule", "assign probe_hidden_valid = 1'b0;\nendmodule"))
    result = verify(damaged, probe=True)
    assert not result.passed
    assert "'hidden' stopped at step 0, neuron 0" in str(result.first_mismatches[0])


def test_the_bench_of_the_design_catches_a_late_decision(frames: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "out"
    shutil.copytree(frames, damaged, ignore=shutil.ignore_patterns("build"))
    source = damaged / "rtl" / "spikeloom_decision.v"
    source.write_text(source.read_text().replace("(lead_q >= needed)", "(lead_q > needed)"))
    found = run_bench(damaged)
    assert "one_inference" in found.tests
    assert any("must be decided after" in reason for reason in found.failures.values())
