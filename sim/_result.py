"""What a verification found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_PLACES = {
    "score": "score of class {index}",
    "tlast": "tlast of score {index}",
    "prediction": "predicted class",
    "steps": "time steps until the decision",
    "spike": "spike of neuron {index} of {place!r} at step {step}",
    "membrane": "membrane of neuron {index} of {place!r} at step {step}",
}
_EVENTS = {
    "unexpected": "{place} put out a beat that belongs to no inference",
    "early": "the result was complete when only {index} input beats had been taken",
    "missing": "{place!r} stopped at step {step}, neuron {index}: its other neurons never came",
    "undecided": "the result came without a decision",
    "protocol": "beat {index} on {place} changed before it was taken",
    "deadlock": "no progress any more, with {index} scores of the inference received",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One difference between the hardware and the reference executor.

    `step` and `index` are -1 where they have no meaning.
    """

    mode: str
    kind: str
    cycle: int
    inference: int
    place: str
    step: int
    index: int
    got: int
    expected: int

    def __str__(self) -> str:
        where = f"run {self.mode!r}, inference {self.inference}, cycle {self.cycle}"
        names = {"index": self.index, "place": self.place, "step": self.step}
        if self.kind in _EVENTS:
            return f"{where}: {_EVENTS[self.kind].format(**names)}"
        what = _PLACES[self.kind].format(**names)
        return f"{where}: {what} must be {self.expected}, not {self.got}"


@dataclass(frozen=True, slots=True)
class CycleStats:
    """Mean and largest of a number of durations, in clock cycles."""

    mean: float
    max: int

    @classmethod
    def of(cls, report: Mapping[str, int]) -> CycleStats | None:
        """Build from count, sum and max; None if nothing was measured."""
        if not report["count"]:
            return None
        return cls(round(report["sum"] / report["count"], 2), report["max"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeResult:
    """What one run of the harness found; see `docs/verification.md` for the modes."""

    mode: str
    inferences: int
    cycles: int
    scores_compared: int
    spikes_compared: int
    membranes_compared: int
    mismatches: int
    resets: int
    deadlock: bool
    steps: CycleStats | None  # time steps until the decision, where it is early
    latency: CycleStats | None
    interval: CycleStats | None
    wrong_predictions: dict[int, int]  # inference to the class that the hardware gave
    first_mismatches: tuple[Mismatch, ...]
    layers: dict[str, CycleStats]  # measured in the isolated run only
    positions: tuple[tuple[str, int, int], ...]  # place, inference, index: where the run ended

    @classmethod
    def of(cls, mode: str, report: Mapping[str, Any]) -> ModeResult:
        """Build from the JSON of the harness."""
        return cls(
            mode=mode,
            inferences=report["inferences"],
            cycles=report["cycles"],
            scores_compared=report["scores"],
            spikes_compared=report["spikes"],
            membranes_compared=report["membranes"],
            mismatches=report["mismatches"],
            resets=report["resets"],
            deadlock=report["deadlock"],
            steps=CycleStats.of(report["steps"]),
            latency=CycleStats.of(report["latency"]),
            interval=CycleStats.of(report["interval"]),
            wrong_predictions=dict(report["wrong_predictions"]),
            first_mismatches=tuple(
                Mismatch(mode=mode, **mismatch) for mismatch in report["first_mismatches"]
            ),
            layers=_measured(dict(report["layers"])),
            positions=tuple(tuple(position) for position in report["positions"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return what is kept in `verify.json`."""
        result = asdict(self)
        del result["wrong_predictions"], result["first_mismatches"], result["layers"]
        if not self.deadlock:
            del result["positions"]  # of interest only where something is stuck
        return result


def _measured(reports: Mapping[str, Mapping[str, int]]) -> dict[str, CycleStats]:
    stats = {name: CycleStats.of(report) for name, report in reports.items()}
    return {name: measured for name, measured in stats.items() if measured is not None}


def _stats(stats: CycleStats | None) -> dict[str, float | int | None]:
    return {"mean": None, "max": None} if stats is None else asdict(stats)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyResult:
    """The outcome of `verify`.

    The counts `inferences`, `scores_compared`, `spikes_compared` and
    `membranes_compared` are those of the isolated run over the whole test
    set; `mismatches` is the sum over all runs.  `predictions_equal` counts the
    samples for which hardware, reference executor and (where they are stored)
    PyTorch predict the same class; PyTorch takes all time steps, and is left out where
    a margin decides early.  `steps` are the time steps until the decision, None where all
    are taken, and `full_accuracy` is what all of them would give.  `layer_cycles` are means
    per inference of the clocks in which a layer adds weights or sends currents to its neurons;
    layers overlap and wait for each other, so they do not add up to the latency.
    """

    inferences: int
    expected_inferences: int
    spikes_compared: int
    membranes_compared: int
    scores_compared: int
    mismatches: int
    predictions_equal: int
    accuracy: float | None
    full_accuracy: float | None
    steps: CycleStats | None
    cycles_per_inference: CycleStats | None
    layer_cycles: dict[str, float]
    interval_cycles: CycleStats | None
    probe: bool
    seed: int
    simulator: str
    modes: tuple[ModeResult, ...]
    first_mismatches: tuple[Mismatch, ...]

    @property
    def passed(self) -> bool:
        """Whether everything was compared and everything was equal."""
        complete = self.inferences == self.expected_inferences
        return complete and not self.mismatches and self.predictions_equal == self.inferences

    def to_json(self) -> dict[str, Any]:
        """Return the JSON of `spikeloom verify --json`."""
        return {
            "inferences": self.inferences,
            "spikes_compared": self.spikes_compared,
            "membranes_compared": self.membranes_compared,
            "mismatches": self.mismatches,
            "predictions_equal": self.predictions_equal,
            "accuracy": self.accuracy,
            "full_accuracy": self.full_accuracy,
            "steps": None if self.steps is None else asdict(self.steps),
            "cycles_per_inference": _stats(self.cycles_per_inference),
            "interval_cycles": _stats(self.interval_cycles),
            "layer_cycles": self.layer_cycles,
            "passed": self.passed,
            "scores_compared": self.scores_compared,
            "probe": self.probe,
            "seed": self.seed,
            "simulator": self.simulator,
            "modes": [mode.to_json() for mode in self.modes],
            "first_mismatches": [str(mismatch) for mismatch in self.first_mismatches],
        }
