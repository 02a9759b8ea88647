"""What a build costs, layer by layer: memory, logic, cycles, spikes, energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spikeloom._activity import Measured, activity_of
from spikeloom._comparison import Comparison
from spikeloom._early import Decision
from spikeloom._results import (
    ESTIMATE,
    Simulation,
    Synthesis,
    read_result,
    read_simulation,
    read_synthesis,
    synthesised_boards,
)
from spikeloom._summary import summarise
from spikeloom.boards import REST, Fit, Resources, fit, layer_resources, list_boards, load_board
from spikeloom.codegen import PICOJOULES_PER_ADDITION, Manifest, ManifestLayer
from spikeloom.ir import ConfigError, Progress

ENERGY_NOTE = (
    "Energy is an operation count, not a measured power: "
    "additions of weights x 0.9 pJ, each as in 45 nm; neuron updates are not counted."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerReport:
    """One layer, or the total of a design; None is what is not known (yet).

    `kind`, `lanes` and `weight_bits` are those of the layer's synapses; where they
    differ, `lanes` and `weight_bits` are ranges such as "4-8".
    `weight_and_membrane_bits` is what the network itself has to remember; the
    queues, currents, tables and padding of the hardware come on top and are
    part of `lut`, `ff` and `bram`. `lut`, `ff` and `bram` are as
    synthesised: a layer's before packing and with the layers kept apart, the
    total's those of the routed design with its board's serial port. `cycles`
    are the mean busy clock cycles per inference in simulation; `spikes`,
    `synops`, `additions` and `energy_pj` are means per inference. `synops` are
    those of the network, whatever its weights; `additions` those that the hardware
    makes of them.
    """

    name: str
    kind: str | None
    engine: str | None
    lanes: int | str | None
    weight_bits: int | str | None
    weights: int
    weight_and_membrane_bits: int
    lut: int | None
    ff: int | None
    bram: int | None
    cycles: float | None
    spikes: float
    synops: float
    additions: float
    energy_pj: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The report of one output folder; `board` is whose synthesis is shown, if any.

    `synthesis` is what `synth` found for it, and `simulation` what `verify` found.
    `rest` is the logic of the core in no layer: streams, encoder, readout.
    `fits` compares the memories with the boards (see `spikeloom.fit`).
    `measured` is how many inferences spikes and operations are means of: the
    first thousand vectors at most.  `decision` is what early decision brings on these.
    `estimate` is what `build` estimated, by name as in estimate.json. `comparison` is with
    another build, if one was named.
    """

    name: str
    board: str | None
    layers: tuple[LayerReport, ...]
    rest: Resources | None
    total: LayerReport
    synthesis: Synthesis | None = None
    simulation: Simulation | None = None
    fits: tuple[Fit, ...] = ()
    measured: int = 0
    decision: Decision | None = None
    estimate: Mapping[str, Any] = field(default_factory=dict)
    comparison: Comparison | None = None

    @property
    def verified(self) -> bool | None:
        """Whether the last verification passed, None before there was one."""
        return self.simulation.passed if self.simulation else None

    @property
    def accuracy(self) -> float | None:
        """The share of right predictions in simulation."""
        return self.simulation.accuracy if self.simulation else None

    @property
    def fmax_mhz(self) -> float | None:
        """The clock after routing."""
        return self.synthesis.fmax_mhz if self.synthesis else None

    @property
    def latency_us(self) -> float | None:
        """Microseconds of one inference, simulated, at the clock after routing."""
        if self.total.cycles is None or not self.fmax_mhz:
            return None
        return self.total.cycles / self.fmax_mhz

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "name": self.name,
            "board": self.board,
            "core_only": self.synthesis.core_only if self.synthesis else False,
            "layers": [asdict(layer) for layer in self.layers],
            "rest": self.rest.to_json() if self.rest else None,
            "total": asdict(self.total),
            "fmax_mhz": self.fmax_mhz,
            "latency_us": self.latency_us,
            "accuracy": self.accuracy,
            "verified": self.verified,
            "fits": [found.to_json() for found in self.fits],
            "measured": self.measured,
            "decision": self.decision.to_json() if self.decision else None,
            "energy_note": ENERGY_NOTE,
            "estimate": self.estimate,
            "comparison": self.comparison.to_json() if self.comparison else None,
        }


def make_report(
    out: Path, manifest: Manifest, *, board: str | None, core_only: bool, progress: Progress
) -> Report:
    """Report on `out` with its synthesis for `board`, if any; see `spikeloom.report`."""
    activity = activity_of(out, manifest, progress)
    logic = _layer_logic(out, board, progress)
    simulation = read_simulation(out)
    synthesis = read_synthesis(out, board, core_only=core_only) if board else None
    cycles = simulation.layer_cycles if simulation else {}
    layers = tuple(
        _layer(layer, activity, logic.get(layer.name), cycles.get(layer.name))
        for layer in manifest.layers
    )
    return Report(
        name=manifest.name,
        board=board,
        layers=layers,
        rest=logic.get(REST),
        total=_total(layers, synthesis, simulation),
        synthesis=synthesis,
        simulation=simulation,
        fits=fits_of(manifest, board),
        measured=activity.inferences,
        decision=activity.decision,
        estimate=(read_result(out / ESTIMATE) or {}).get("estimate", {}),
    )


def fits_of(manifest: Manifest, board: str | None) -> tuple[Fit, ...]:
    """Compare the memories with `board`, that of the build, or every known board."""
    name = board or manifest.board
    chosen = (load_board(name),) if name else list_boards()
    return tuple(fit(manifest, found) for found in chosen)


def board_to_show(
    out: Path, built_for: str | None, asked: str | None, *, core_only: bool = False
) -> str | None:
    """Return the board asked for, that of the build, or the first synthesised.

    Raises:
        ConfigError: If `out` was not synthesised for the board asked for.
    """
    done = synthesised_boards(out, core_only=core_only)
    if asked is None:
        return built_for if built_for in done else next(iter(done), None)
    if asked not in done:
        known = ", ".join(done) or "none yet"
        raise ConfigError(
            f"board must be one that {out} was synthesised for ({known}), not {asked!r}; "
            f"run `{synth_command(out, asked, core_only=core_only)}`"
        )
    return asked


def synth_command(out: Path, board: str | None, *, core_only: bool) -> str:
    """Return the command that synthesises `out` for a board, to be named yet if there is none."""
    option = " --core-only" if core_only else ""
    return f"spikeloom synth {out} --board {board or 'BOARD'}{option}"


def _layer_logic(out: Path, board: str | None, progress: Progress) -> Mapping[str, Resources]:
    """Return the logic of each layer and of the rest by name, nothing before synthesis."""
    return layer_resources(out, board, progress=progress) if board else {}


def _layer(
    layer: ManifestLayer, measured: Measured, logic: Resources | None, cycles: float | None
) -> LayerReport:
    summary, activity = summarise(layer), measured.layers[layer.name]
    return LayerReport(
        name=layer.name,
        kind=summary.kind,
        engine=summary.engine,
        lanes=summary.lanes,
        weight_bits=summary.weight_bits,
        weights=summary.weights,
        weight_and_membrane_bits=summary.memory_bits,
        lut=logic.lut if logic else None,
        ff=logic.ff if logic else None,
        bram=logic.bram if logic else None,
        cycles=cycles,
        spikes=activity.spikes,
        synops=activity.synops,
        additions=measured.additions[layer.name],
        energy_pj=measured.additions[layer.name] * PICOJOULES_PER_ADDITION,
    )


def _total(
    layers: Sequence[LayerReport], synthesis: Synthesis | None, simulation: Simulation | None
) -> LayerReport:
    """Add up the layers; logic and cycles are those of the whole design."""
    additions = sum(layer.additions for layer in layers)
    return LayerReport(
        name="total",
        kind=None,
        engine=None,
        lanes=None,
        weight_bits=None,
        weights=sum(layer.weights for layer in layers),
        weight_and_membrane_bits=sum(layer.weight_and_membrane_bits for layer in layers),
        lut=synthesis.lut if synthesis else None,
        ff=synthesis.ff if synthesis else None,
        bram=synthesis.bram if synthesis else None,
        cycles=simulation.cycles if simulation else None,
        spikes=sum(layer.spikes for layer in layers),
        synops=sum(layer.synops for layer in layers),
        additions=additions,
        energy_pj=additions * PICOJOULES_PER_ADDITION,
    )
