"""Whole test sets through the RTL, compared value by value with the reference executor."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloom.codegen import Manifest
from spikeloom.ir import EXACT, Executor, Graph, NullProgress, Progress, write_json
from spikeloom.sim._build import build_harness
from spikeloom.sim._design import load_design, load_source_graph
from spikeloom.sim._process import HarnessRun, Mode, RunSettings
from spikeloom.sim._records import pack_records, split_batches
from spikeloom.sim._result import ModeResult, VerifyResult
from spikeloom.sim._vectors import Vectors, load_vectors
from spikeloom.sim._verilator import find_verilator
from spikeloom.sim._watchdog import longest_inference

RESULT = "verify.json"

ISOLATED = Mode(name="isolated", isolated=True)
STRESS = (
    Mode(name="streaming"),
    Mode(name="stalls", idle=0.3, stall=0.3),
    Mode(name="resets", idle=0.2, stall=0.2, reset=0.5),
)
_STRESS_INFERENCES = 256
_BATCH_BYTES = 1 << 26  # of recorded spikes and membranes: 64 MiB at most are in work
_LARGEST_BATCH = 256
_SHOWN_MISMATCHES = 16


def verify(
    out: Path,
    *,
    probe: bool = False,
    limit: int | None = None,
    stress: int = _STRESS_INFERENCES,
    seed: int = 1,
    plusargs: Sequence[str] = (),
    progress: Progress | None = None,
) -> VerifyResult:
    """Run the stored test set of a build through its RTL and compare.

    The whole set goes in one inference at a time; its first `stress`
    inferences go in again back-to-back, with random stalls on both streams,
    and with resets in mid-stream.  The result is stored as `verify.json`.

    Args:
        out: Output folder of `spikeloom build`.
        probe: Compare spikes and membranes of every layer, not of the readout's alone.
        limit: Take the first `limit` inferences only.
        stress: Inferences for each of the other runs.
        seed: Of stalls, resets and undefined state.
        plusargs: Passed on to the simulated design.
        progress: Where to show progress.

    Raises:
        BuildError: If `out` is no output folder.
        DataError: If a file of the build is missing or broken.
        ToolError: If Verilator or a compiler is missing, or the design does not compile.
        VerificationError: If the simulation could not be run; a difference is
            no error but part of the result.
    """
    progress = progress or NullProgress()
    design = load_design(out)
    vectors = load_vectors(out, limit)
    graph = load_source_graph(out, design)
    program = build_harness(out, design, graph, progress)
    settings = RunSettings(
        seed=seed,
        watchdog=longest_inference(graph),
        first_layer=0 if probe else len(design.layers) - 1,
        plusargs=tuple(plusargs),
    )
    session = _Session(out, design, graph, vectors, settings, stress)
    result = session.run(program, progress, probe=probe)
    write_json(out / RESULT, result.to_json())
    return result


@dataclass(frozen=True, slots=True)
class _Session:
    """One verification: the same inferences through several runs of the harness."""

    out: Path
    design: Manifest
    graph: Graph
    vectors: Vectors
    settings: RunSettings
    stress: int

    def run(self, program: Path, progress: Progress, *, probe: bool) -> VerifyResult:
        modes = (ISOLATED, *(STRESS if self.stress else ()))
        with contextlib.ExitStack() as stack:
            runs = [
                stack.enter_context(HarnessRun(program, mode, self.settings, cwd=self.out))
                for mode in modes
            ]
            reference = self._feed(runs, progress)
            results = tuple(ModeResult.of(run.mode.name, run.finish()) for run in runs)
        return self._summarise(results, reference, probe=probe)

    def _feed(self, runs: Sequence[HarnessRun], progress: Progress) -> NDArray[np.int64]:
        """Send every inference to the runs; return the predictions of the reference."""
        inputs = self.vectors.inputs
        batch = self._batch_size()
        slices = split_batches(len(inputs), batch)
        progress.start("verifying", len(inputs))
        predictions = []
        traces = Executor(self.graph).batches(inputs, batch, record=True)
        for part, trace in zip(slices, traces, strict=True):
            records = pack_records(self.design, inputs[part], trace, self.settings.first_layer)
            for run in runs:
                run.feed(records if run.mode is ISOLATED else records[: self._stress_share(part)])
            predictions.append(trace.predictions)
            progress.advance(len(records))
        return np.concatenate(predictions)

    def _stress_share(self, part: slice) -> int:
        return max(0, self.stress - int(part.start))

    def _batch_size(self) -> int:
        neurons = sum(layer.neurons for layer in self.design.layers)
        recorded = 16 * neurons * self.design.time_steps  # the executor's copies included
        return max(1, min(_LARGEST_BATCH, _BATCH_BYTES // recorded))

    def _summarise(
        self, modes: tuple[ModeResult, ...], reference: NDArray[np.int64], *, probe: bool
    ) -> VerifyResult:
        isolated = modes[0]
        hardware = reference[: isolated.inferences].copy()
        for inference, predicted in isolated.wrong_predictions.items():
            hardware[inference] = predicted
        verilator = find_verilator()
        intervals = [mode.interval for mode in modes if mode.mode == "streaming"]
        mismatches = [mismatch for mode in modes for mismatch in mode.first_mismatches]
        return VerifyResult(
            inferences=isolated.inferences,
            expected_inferences=len(self.vectors.inputs),
            spikes_compared=isolated.spikes_compared,
            membranes_compared=isolated.membranes_compared,
            scores_compared=isolated.scores_compared,
            mismatches=sum(mode.mismatches for mode in modes),
            predictions_equal=self._equal(hardware, reference),
            accuracy=_accuracy(hardware, self.vectors.labels),
            full_accuracy=self._full_accuracy(isolated.inferences),
            steps=isolated.steps,
            cycles_per_inference=isolated.latency,
            layer_cycles={name: stats.mean for name, stats in isolated.layers.items()},
            interval_cycles=intervals[0] if intervals else None,
            probe=probe,
            seed=self.settings.seed,
            simulator=f"Verilator {verilator.version} ({verilator.origin})",
            modes=modes,
            first_mismatches=tuple(mismatches[:_SHOWN_MISMATCHES]),
        )

    def _equal(self, hardware: NDArray[np.int64], reference: NDArray[np.int64]) -> int:
        equal = hardware == reference[: len(hardware)]
        by_margin = self.design.output.early not in (None, EXACT)
        if self.vectors.predictions is not None and not by_margin:
            equal &= hardware == self.vectors.predictions[: len(hardware)]
        return int(equal.sum())

    def _full_accuracy(self, count: int) -> float | None:
        """Return the accuracy that all time steps would give: PyTorch takes them."""
        if self.vectors.predictions is None:
            return None
        return _accuracy(self.vectors.predictions[:count], self.vectors.labels)


def _accuracy(hardware: NDArray[np.int64], labels: NDArray[Any] | None) -> float | None:
    if labels is None or not len(hardware):
        return None
    return float((hardware == labels[: len(hardware)]).mean())
