"""Generated designs in simulation: right they pass, damaged they are caught."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spikeloom.codegen import BuildOptions, LayerOptions, emit, lower, manifest_of
from spikeloom.ir import (
    Conv2d,
    DataError,
    Dense,
    Encoder,
    Graph,
    Input,
    Leak,
    Neurons,
    Readout,
    ReadoutKind,
    Reset,
    SumPool2d,
)
from spikeloom.sim import VerifyResult, emit_bench, lint, run_bench, verify

COUNT = 60


def dense_graph(rng: np.random.Generator) -> Graph:
    nodes = (
        Input(name="pixels", shape=(1, 6, 6), bits=4),
        Dense(name="fc1", source="pixels", weight=rng.integers(-7, 8, (16, 36)), weight_bits=4),
        Neurons(
            name="hidden",
            source="fc1",
            threshold=rng.integers(10, 20, 16),
            bias=rng.integers(-5, 6, 16),
            leak=Leak.shift(2),
        ),
        Dense(name="fc2", source="hidden", weight=rng.integers(-7, 8, (5, 16)), weight_bits=4),
        Neurons(name="output", source="fc2", threshold=np.array(8)),
        Readout(name="classes", source="output"),
    )
    return Graph.of("dense_net", 4, nodes)


def conv_graph(rng: np.random.Generator) -> Graph:
    nodes = (
        Input(name="image", shape=(2, 6, 6), encoder=Encoder.SPIKES),
        Conv2d(
            name="c1",
            source="image",
            weight=rng.integers(-3, 4, (4, 2, 3, 3)),
            weight_bits=3,
            padding=(1, 1),
        ),
        Neurons(
            name="maps",
            source="c1",
            threshold=rng.integers(1, 5, 4),
            leak=Leak.shift(1),
            reset=Reset.ZERO,
        ),
        SumPool2d(name="pool", source="maps", kernel=(2, 2)),
        Conv2d(name="c2", source="pool", weight=rng.integers(-3, 4, (6, 4, 2, 2)), weight_bits=3),
        # Saturates, and puts the reset off to the next step.
        Neurons(name="deep", source="c2", threshold=np.array(5), membrane_bits=5, reset_delay=True),
        Dense(name="fc", source="deep", weight=rng.integers(-3, 4, (5, 24)), weight_bits=3),
        Neurons(name="sums", source="fc", threshold=None, reset=Reset.NONE),
        Readout(name="classes", source="sums", kind=ReadoutKind.MEMBRANE),
    )
    return Graph.of("conv_net", 3, nodes)


def build(graph: Graph, inputs: NDArray[np.uint8], folder: Path, options: BuildOptions) -> Path:
    design = lower(graph, options)
    files = emit(design, version="0")
    manifest = manifest_of(design, version="0", board=None)
    files.merge(emit_bench(manifest, graph, inputs))
    files.add("manifest.json", replace(manifest, files=files.digests()).to_json())
    files.write(folder)
    (folder / "vectors").mkdir()
    np.savez(folder / "vectors/test.npz", inputs=inputs, allow_pickle=False)
    return folder


@pytest.fixture(scope="module")
def dense(need: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    for tool in ("g++", "make", "verilator"):
        need(tool)
    rng = np.random.default_rng(1)
    inputs = rng.integers(0, 16, (COUNT, 1, 6, 6)).astype(np.uint8)
    options = BuildOptions(layers={"hidden": LayerOptions(event_ports=2)})
    return build(dense_graph(rng), inputs, tmp_path_factory.mktemp("dense") / "out", options)


@pytest.fixture(scope="module")
def conv(need: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    for tool in ("g++", "make", "verilator"):
        need(tool)
    rng = np.random.default_rng(2)
    inputs = (rng.random((COUNT, 3, 2, 6, 6)) < rng.random((COUNT, 1, 1, 1, 1))).astype(np.uint8)
    folder = tmp_path_factory.mktemp("conv") / "out"
    return build(conv_graph(rng), inputs, folder, BuildOptions())


@pytest.fixture
def damaged(dense: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the dense design to damage; the built harness comes with it."""
    folder = tmp_path / "out"
    shutil.copytree(dense, folder)
    yield folder
    shutil.rmtree(folder)


def check_all_equal(result: VerifyResult, neuron_steps: int, classes: int) -> None:
    assert [str(mismatch) for mismatch in result.first_mismatches] == []
    assert result.passed
    assert result.inferences == result.predictions_equal == COUNT
    assert result.spikes_compared == result.membranes_compared == COUNT * neuron_steps
    assert result.scores_compared == COUNT * classes
    assert all(mode.inferences == COUNT for mode in result.modes)


def test_dense_is_bit_exact(dense: Path) -> None:
    check_all_equal(verify(dense, probe=True), 4 * (16 + 5), 5)


def test_convolution_is_bit_exact(conv: Path) -> None:
    check_all_equal(verify(conv, probe=True), 3 * (4 * 36 + 6 * 4 + 5), 5)


def test_layers_overlap_in_time(dense: Path) -> None:
    result = verify(dense, probe=True)
    assert result.interval_cycles is not None
    assert result.cycles_per_inference is not None
    assert result.interval_cycles.mean < result.cycles_per_inference.mean


def test_the_bench_passes_on_verilator(conv: Path) -> None:
    result = run_bench(conv)
    assert result.passed, (result.failures, result.log.read_text())


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not on PATH")
def test_the_bench_passes_on_icarus(conv: Path) -> None:
    result = run_bench(conv, simulator="icarus")
    assert result.passed, (result.failures, result.log.read_text())


@pytest.mark.parametrize("defines", [(), ("SPIKELOOM_PROBE",)])
def test_generated_designs_are_free_of_lint(dense: Path, defines: tuple[str, ...]) -> None:
    sources = sorted(path.relative_to(dense) for path in (dense / "rtl").glob("*.v"))
    assert lint(sources, top="spikeloom_dense_net", defines=defines, cwd=dense) == []


def test_a_neuron_that_compares_strictly_is_caught(damaged: Path) -> None:
    source = damaged / "rtl/spikeloom_neuron.v"
    text = source.read_text()
    assert text.count("wire fire = !above[MembraneBits];") == 1
    source.write_text(
        text.replace("fire = !above[MembraneBits];", "fire = !above[MembraneBits] && above != 0;")
    )
    result = verify(damaged, probe=True)
    assert not result.passed
    assert any(mismatch.kind == "spike" for mismatch in result.first_mismatches)


def test_a_bit_that_flips_in_a_weight_file_is_caught(damaged: Path) -> None:
    memory = sorted((damaged / "mem").glob("*weights*"))[0]
    lines = memory.read_text().splitlines()
    row = next(i for i, line in enumerate(lines) if line and line[0] in "0123456789abcdef")
    flipped = f"{int(lines[row][-1], 16) ^ 1:x}"
    lines[row] = lines[row][:-1] + flipped
    memory.write_text("\n".join(lines) + "\n")
    result = verify(damaged, probe=True)
    assert not result.passed
    assert any(mismatch.kind == "membrane" for mismatch in result.first_mismatches)


def test_a_memory_file_that_is_missing_is_named(damaged: Path) -> None:
    memory = sorted((damaged / "mem").iterdir())[0]
    memory.unlink()
    with pytest.raises(DataError, match=f"lacks mem/{memory.name}"):
        verify(damaged)
