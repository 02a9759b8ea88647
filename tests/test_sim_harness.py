"""Harness and bench on a hand-written design: right it passes, wrong it is caught."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spikeloom.codegen import FileSet, Manifest, ManifestInput, ManifestLayer, ManifestOutput
from spikeloom.ir import (
    BuildError,
    DataError,
    Dense,
    Executor,
    Graph,
    Input,
    Neurons,
    Readout,
    ToolError,
    VerificationError,
    graph_digest,
    graph_files,
)
from spikeloom.sim import CycleStats, VerifyResult, emit_bench, run_bench, verify
from spikeloom.sim._bench import real_inferences
from spikeloom.sim._process import HarnessRun, Mode, RunSettings

COUNT = 300
INPUTS = np.random.default_rng(0).integers(0, 16, (COUNT, 4)).astype(np.uint8)


def standin_graph() -> Graph:
    """What tests/designs/standin.v computes."""
    first = np.array([[1, -1, 2, 0], [-1, 1, 1, -1], [0, 2, -1, 1]])
    second = np.array([[2, -1, 1], [-1, 2, 1]])
    nodes = (
        Input(name="pixels", shape=(4,), bits=4),
        Dense(name="fc1", source="pixels", weight=first, weight_bits=3),
        Neurons(name="hidden", source="fc1", threshold=np.array(6)),
        Dense(name="fc2", source="hidden", weight=second, weight_bits=3),
        Neurons(name="output", source="fc2", threshold=np.array(2)),
        Readout(name="classes", source="output"),
    )
    return Graph.of("standin", 2, nodes)


def _layer(name: str, neurons: int, lanes: int, membrane_bits: int) -> ManifestLayer:
    return ManifestLayer(
        name=name,
        synapses=(),
        neuron_lanes=lanes,
        membrane_bits=membrane_bits,
        shape=(neurons,),
        neurons=neurons,
        instances=(),
    )


def standin_manifest(graph: Graph) -> Manifest:
    # Two lanes for three neurons, membranes of 80 bits a beat: what is hard for a harness.
    return Manifest(
        spikeloom="0",
        name="standin",
        top="spikeloom_standin",
        graph_digest=graph_digest(graph),
        time_steps=2,
        board=None,
        input=ManifestInput(
            name="pixels",
            encoder="direct",
            shape=(4,),
            bits=4,
            lanes=3,
            beats=2,
            frames=1,
            data_bits=16,
        ),
        output=ManifestOutput(classes=2, score_bits=3, class_bits=1),
        layers=(_layer("hidden", 3, 2, 40), _layer("output", 2, 1, 8)),
        memories=(),
        sources=("rtl/standin.v",),
        files={},
    )


def npz(path: Path, **arrays: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    np.savez(path, allow_pickle=False, **arrays)


@pytest.fixture(scope="module")
def out(root: Path, need: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in as an output folder."""
    for tool in ("g++", "make", "verilator"):
        need(tool)
    graph = standin_graph()
    manifest = standin_manifest(graph)
    files = FileSet()
    files.add("rtl/standin.v", (root / "tests/designs/standin.v").read_bytes())
    for name, content in graph_files(graph).items():
        files.add(f"graph/{name}", content)
    files.merge(emit_bench(manifest, graph, INPUTS))
    files.add("manifest.json", replace(manifest, files=files.digests()).to_json())
    folder = tmp_path_factory.mktemp("standin") / "out"
    files.write(folder)
    predictions = Executor(graph).run(INPUTS).predictions
    npz(
        folder / "vectors/test.npz",
        inputs=INPUTS,
        labels=(predictions + (np.arange(COUNT) < 30)) % 2,
        predictions=predictions,
    )
    return folder


@pytest.fixture
def copy(out: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the stand-in to damage; the built harness comes with it."""
    folder = tmp_path / "out"
    shutil.copytree(out, folder)
    yield folder
    shutil.rmtree(folder)


def broken(out: Path, fault: int, *, probe: bool = True) -> VerifyResult:
    return verify(out, probe=probe, plusargs=[f"break={fault}"])


def modes_that_fail(result: VerifyResult) -> set[str]:
    return {mode.mode for mode in result.modes if mode.mismatches}


ALL_MODES = {"isolated", "streaming", "stalls", "resets"}


def test_a_right_design_has_no_mismatch(out: Path) -> None:
    result = verify(out, probe=True)
    assert result.passed
    assert result.mismatches == 0
    assert result.first_mismatches == ()
    assert result.inferences == result.predictions_equal == COUNT
    assert result.spikes_compared == result.membranes_compared == COUNT * 2 * (3 + 2)
    assert result.scores_compared == COUNT * 2
    assert result.accuracy == pytest.approx(0.9)
    # Two beats in, two steps of four clocks, two scores out.
    assert result.cycles_per_inference == CycleStats(12.0, 12)
    # Two steps of two beats each, per layer
    assert result.layer_cycles == {"hidden": 4.0, "output": 4.0}
    assert {mode.mode for mode in result.modes} == ALL_MODES
    assert next(mode for mode in result.modes if mode.mode == "resets").resets > 20


def test_without_probe_the_last_layer_is_compared(out: Path) -> None:
    result = verify(out, limit=50)
    assert result.passed
    assert result.inferences == 50
    assert result.spikes_compared == result.membranes_compared == 50 * 2 * 2


def test_result_is_stored_with_the_keys_that_others_rely_on(out: Path) -> None:
    result = verify(out, probe=True, limit=10)
    stored = json.loads((out / "verify.json").read_text())
    assert stored == json.loads(json.dumps(result.to_json()))
    keys = "inferences spikes_compared membranes_compared mismatches predictions_equal accuracy"
    assert set(keys.split()) <= set(stored)
    assert set(stored["cycles_per_inference"]) == {"mean", "max"}
    assert stored["simulator"].startswith("Verilator ")
    assert not list(out.glob(".verify*"))


def test_the_same_seed_gives_the_same_run(out: Path) -> None:
    first, second = (verify(out, probe=True, seed=5).to_json() for _ in range(2))
    assert first == second
    assert first != verify(out, probe=True, seed=6).to_json()


@pytest.mark.parametrize(
    ("fault", "modes", "message"),
    [
        (1, ALL_MODES, "score of class 0 must be 1, not 2"),
        (2, ALL_MODES, "membrane of neuron 1 of 'hidden' at step 1 must be"),
        (3, ALL_MODES, "no progress any more, with 0 scores of the inference received"),
        (4, ALL_MODES, "inference 0, cycle 6: "),
        (5, ALL_MODES, "predicted class must be"),
        (6, {"stalls", "resets"}, "beat 1 on m_axis changed before it was taken"),
        (7, ALL_MODES, "m_axis put out a beat that belongs to no inference"),
        (8, {"resets"}, "neuron 0 of 'hidden' at step 0 must be"),
        (9, ALL_MODES, "belongs to no inference"),
        (10, ALL_MODES, "spike of neuron 1 of 'hidden' at step"),
        (11, ALL_MODES, "of 'hidden' at step"),
        (12, ALL_MODES, "tlast of score 0 must be 0, not 1"),
    ],
)
def test_a_wrong_design_is_caught(out: Path, fault: int, modes: set[str], message: str) -> None:
    result = broken(out, fault)
    assert not result.passed
    assert modes_that_fail(result) == modes
    assert message in "\n".join(map(str, result.first_mismatches))


def test_a_fault_inside_is_seen_with_probes_only(out: Path) -> None:
    assert broken(out, 2, probe=False).passed
    assert not broken(out, 2, probe=True).passed


def test_a_wrong_class_is_counted(out: Path) -> None:
    result = broken(out, 5)
    wrong = result.modes[0].wrong_predictions
    assert result.predictions_equal == COUNT - len(wrong) < COUNT


def test_a_deadlock_ends_the_run_and_says_where(out: Path) -> None:
    result = broken(out, 3)
    isolated = result.modes[0]
    assert isolated.deadlock
    assert result.inferences < COUNT
    stuck = {place: (inference, at) for place, inference, at in isolated.positions}
    assert stuck["m_axis"] == (result.inferences, 0)
    assert stuck["s_axis"] == (result.inferences + 1, 0)
    assert "positions" in isolated.to_json()


def test_without_any_result_there_is_no_latency(copy: Path) -> None:
    npz(copy / "vectors/test.npz", inputs=np.array([[3, 0, 0, 0]], np.uint8))
    result = broken(copy, 3)
    assert not result.passed
    assert result.inferences == 0
    assert result.to_json()["cycles_per_inference"] == {"mean": None, "max": None}
    assert "NaN" not in (copy / "verify.json").read_text()


def test_stored_predictions_that_differ_do_not_pass(copy: Path) -> None:
    predictions = Executor(standin_graph()).run(INPUTS).predictions
    predictions[:7] ^= 1
    npz(copy / "vectors/test.npz", inputs=INPUTS, predictions=predictions)
    result = verify(copy)
    assert not result.passed
    assert (result.mismatches, result.predictions_equal) == (0, COUNT - 7)
    assert result.accuracy is None


def test_the_harness_is_built_once(out: Path) -> None:
    verify(out, limit=1)
    (program,) = out.glob("sim/build/harness-*/harness")
    built = program.stat().st_mtime_ns
    verify(out, limit=1)
    assert program.stat().st_mtime_ns == built


def test_a_design_that_does_not_compile_is_an_error_and_leaves_nothing(copy: Path) -> None:
    (copy / "rtl/standin.v").write_text("module spikeloom_standin(; endmodule\n")
    with pytest.raises(ToolError, match=r"failed to build spikeloom_standin:\n%Error: rtl/standin"):
        verify(copy)
    assert not list(copy.glob("sim/build/harness-*"))


def test_a_record_of_another_length_is_an_error(out: Path) -> None:
    (program,) = out.glob("sim/build/harness-*/harness")
    settings = RunSettings(seed=1, watchdog=100)
    with HarnessRun(program, Mode(name="short"), settings, cwd=out) as run:
        run.feed(np.array([[3, 0, 0, 0, 1, 2, 3]], np.uint8))
        with pytest.raises(VerificationError, match="an inference must have 78 bytes, not 3"):
            run.finish()


def test_an_unknown_option_is_an_error(out: Path) -> None:
    (program,) = out.glob("sim/build/harness-*/harness")
    done = subprocess.run([program, "--sed=1"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "harness: unknown option --sed\n")


def test_a_design_that_finishes_the_simulation_is_an_error(out: Path) -> None:
    # The message may lie between those that the design itself prints.
    with pytest.raises(VerificationError, match=r"(?s)run 'isolated' ended with code 2: .*finish"):
        broken(out, 13)


def test_a_broken_stream_is_an_error(out: Path) -> None:
    (program,) = out.glob("sim/build/harness-*/harness")
    settings = RunSettings(seed=1, watchdog=100)
    with HarnessRun(program, Mode(name="cut"), settings, cwd=out) as run:
        run.feed(np.zeros((0, 4), np.uint8))
        run._close_input()
        with pytest.raises(VerificationError, match="broke off between two inferences"):
            run.finish()


def test_an_interrupted_verification_leaves_no_process(out: Path) -> None:
    class InterruptError(Exception):
        pass

    class Interrupting:
        def start(self, task: str, total: int | None = None) -> None: ...

        def advance(self, units: int = 1, note: str = "") -> None:
            raise InterruptError(units, note)

        def message(self, text: str) -> None: ...

    before = (out / "verify.json").read_text()
    with pytest.raises(InterruptError):
        verify(out, progress=Interrupting())
    assert (out / "verify.json").read_text() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_what_is_missing_is_named(copy: Path) -> None:
    (copy / "rtl/standin.v").unlink()
    with pytest.raises(DataError, match=r"lacks rtl/standin.v; run `spikeloom build` again"):
        verify(copy)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="is not a Spikeloom output"):
        verify(tmp_path)


def test_another_graph_is_refused(copy: Path) -> None:
    manifest = copy / "manifest.json"
    manifest.write_text(manifest.read_text().replace(graph_digest(standin_graph()), "0" * 64))
    with pytest.raises(DataError, match="is not the graph that the RTL was generated from"):
        verify(copy)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": np.zeros(3)}, "must hold an array 'inputs'"),
        ({"inputs": INPUTS[:0]}, "holds no inference"),
        ({"inputs": INPUTS, "labels": np.zeros(3)}, "'labels' must have one value for each of 300"),
    ],
)
def test_a_wrong_test_set_is_refused(
    copy: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    npz(copy / "vectors/test.npz", **arrays)
    with pytest.raises(DataError, match=message):
        verify(copy)


def test_a_truncated_test_set_is_refused(copy: Path) -> None:
    path = copy / "vectors/test.npz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"test.npz cannot be read .*; run `spikeloom build` again"):
        verify(copy)
    path.unlink()
    with pytest.raises(DataError, match=r"test.npz is missing; run `spikeloom build` again"):
        verify(copy)


def test_a_limit_below_one_is_refused(out: Path) -> None:
    with pytest.raises(DataError, match="limit must be at least 1 inference, not 0"):
        verify(out, limit=0)


def test_the_bench_passes_on_the_right_design_only(out: Path) -> None:
    result = run_bench(out)
    assert result.passed, result.failures
    assert len(result.tests) == 6
    assert "seed of the pauses" in result.log.read_text()
    # A reset that leaves the membranes as they are; tlast on every score.
    assert "reset_in_mid_stream" in run_bench(out, plusargs=("break=8",)).failures
    assert set(run_bench(out, plusargs=("break=12",)).failures) == set(result.tests)


def test_the_bench_takes_known_simulators_only(out: Path) -> None:
    with pytest.raises(ToolError, match="simulator must be verilator or icarus, not 'vcs'"):
        run_bench(out, simulator="vcs")


def test_the_bench_is_the_same_on_every_run(out: Path) -> None:
    graph = standin_graph()
    files = emit_bench(standin_manifest(graph), graph, INPUTS)
    for path, content in files:
        assert (out / path).read_bytes() == content


@pytest.mark.parametrize(("neurons", "count"), [(3, 4), (4_000_000, 2), (10**9, 1)])
def test_the_bench_of_a_large_network_holds_fewer_inferences(neurons: int, count: int) -> None:
    manifest = standin_manifest(standin_graph())
    large = replace(manifest.layers[0], neurons=neurons)
    assert real_inferences(replace(manifest, layers=(large,))) == count


def test_the_bench_does_not_import_spikeloom(out: Path) -> None:
    for file in (out / "sim").glob("*.py"):
        lines = file.read_text().splitlines()
        assert not [line for line in lines if "import" in line and "spikeloom." in line], file
