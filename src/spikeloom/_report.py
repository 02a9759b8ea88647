"""What a build costs, layer by layer: memory, logic, cycles, spikes, energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spikeloom._activity import activity_of
from spikeloom._early import Decision
from spikeloom._results import ESTIMATE, read_result
from spikeloom._summary import summarise
from spikeloom.boards import REST, Fit, Resources, fit, layer_resources, list_boards, load_board
from spikeloom.codegen import PICOJOULES_PER_ADDITION, Manifest, ManifestLayer
from spikeloom.ir import Activity, ConfigError, Progress

ENERGY_NOTE = (
    "Energy is an operation count, not a measured power: "
    "synaptic operations x 0.9 pJ, an addition in 45 nm; neuron updates are not counted."
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
    `synops` and `energy_pj` are means per inference.
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
    energy_pj: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The report of one output folder; `board` is whose synthesis is shown, if any.

    `rest` is the logic of the core in no layer: streams, encoder, readout.
    `verified` is whether the last verification passed, None before there was one.
    `fits` compares the memories with the boards (see `spikeloom.fit`).
    `measured` is how many inferences spikes and operations are means of: the
    first thousand vectors at most.  `decision` is what early decision brings on these.
    `estimate` is what `build` estimated, by name as in estimate.json.
    """

    name: str
    board: str | None
    layers: tuple[LayerReport, ...]
    rest: Resources | None
    total: LayerReport
    verified: bool | None = None
    fits: tuple[Fit, ...] = ()
    measured: int = 0
    decision: Decision | None = None
    estimate: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "name": self.name,
            "board": self.board,
            "layers": [asdict(layer) for layer in self.layers],
            "rest": self.rest.to_json() if self.rest else None,
            "total": asdict(self.total),
            "verified": self.verified,
            "fits": [found.to_json() for found in self.fits],
            "measured": self.measured,
            "decision": self.decision.to_json() if self.decision else None,
            "energy_note": ENERGY_NOTE,
            "estimate": self.estimate,
        }


def make_report(out: Path, manifest: Manifest, *, board: str | None, progress: Progress) -> Report:
    """Report on `out`; see `spikeloom.report`."""
    chosen = _board_to_show(out, manifest.board, board)
    activity = activity_of(out, manifest, progress)
    logic = _layer_logic(out, chosen, progress)
    verification = read_result(out / "verify.json") or {}
    cycles = verification.get("layer_cycles") or {}
    layers = tuple(
        _layer(layer, activity.layers[layer.name], logic.get(layer.name), cycles.get(layer.name))
        for layer in manifest.layers
    )
    total = _total(layers, out, chosen)
    rest = logic.get(REST)
    return Report(
        name=manifest.name,
        board=chosen,
        layers=layers,
        rest=rest,
        total=total,
        verified=verification.get("passed"),
        fits=fits_of(manifest, chosen),
        measured=activity.inferences,
        decision=activity.decision,
        estimate=(read_result(out / ESTIMATE) or {}).get("estimate", {}),
    )


def fits_of(manifest: Manifest, board: str | None) -> tuple[Fit, ...]:
    """Compare the memories with `board`, that of the build, or every known board."""
    name = board or manifest.board
    chosen = (load_board(name),) if name else list_boards()
    return tuple(fit(manifest, found) for found in chosen)


def _board_to_show(out: Path, built_for: str | None, asked: str | None) -> str | None:
    """Return the board asked for, that of the build, or the first synthesised."""
    names = (path.stem.removeprefix("synth-") for path in out.glob("synth-*.json"))
    done = sorted(name for name in names if not name.endswith("-core"))
    if asked is None:
        return built_for if built_for in done else next(iter(done), None)
    if asked not in done:
        known = ", ".join(done) or "none yet"
        raise ConfigError(
            f"board must be one that {out} was synthesised for ({known}), not {asked!r}; "
            f"run `spikeloom synth {out} --board {asked}`"
        )
    return asked


def _layer_logic(out: Path, board: str | None, progress: Progress) -> Mapping[str, Resources]:
    """Return the logic of each layer and of the rest by name, nothing before synthesis."""
    return layer_resources(out, board, progress=progress) if board else {}


def _layer(
    layer: ManifestLayer, activity: Activity, logic: Resources | None, cycles: float | None
) -> LayerReport:
    summary = summarise(layer)
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
        energy_pj=activity.synops * PICOJOULES_PER_ADDITION,
    )


def _total(layers: Sequence[LayerReport], out: Path, board: str | None) -> LayerReport:
    """Add up the layers; logic and cycles are those of the whole design."""
    synthesis = (read_result(out / f"synth-{board}.json") if board else None) or {}
    verification = read_result(out / "verify.json") or {}
    synops = sum(layer.synops for layer in layers)
    return LayerReport(
        name="total",
        kind=None,
        engine=None,
        lanes=None,
        weight_bits=None,
        weights=sum(layer.weights for layer in layers),
        weight_and_membrane_bits=sum(layer.weight_and_membrane_bits for layer in layers),
        lut=synthesis.get("lut"),
        ff=synthesis.get("ff"),
        bram=synthesis.get("bram"),
        cycles=verification.get("cycles_per_inference", {}).get("mean"),
        spikes=sum(layer.spikes for layer in layers),
        synops=synops,
        energy_pj=synops * PICOJOULES_PER_ADDITION,
    )
