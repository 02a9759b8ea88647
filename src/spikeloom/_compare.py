"""Comparing two builds: what may be compared, what is known of both, and what differs beside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from spikeloom._activity import VECTORS
from spikeloom._comparison import (
    AFTER,
    BEFORE,
    INFERENCE,
    LOGIC,
    TOTAL,
    Change,
    Comparison,
    LayerChange,
)
from spikeloom._report import LayerReport, Report, board_to_show, make_report, synth_command
from spikeloom._results import synthesised_boards
from spikeloom._summary import summarise
from spikeloom._vectors import Vectors, read_vectors
from spikeloom.boards import Resources
from spikeloom.codegen import Manifest, ManifestLayer
from spikeloom.ir import EXACT, ConfigError, Progress, load_graph

_FOLDING = ("kind", "engine", "neurons", "weight_bits", "lanes", "event_ports")
_SIMULATED = {"cycles", "latency_us", "accuracy"}  # by `verify`, over inferences of its own number


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A built folder and its report."""

    out: Path
    manifest: Manifest
    report: Report


def check_comparable(
    before: Path, before_manifest: Manifest, after: Path, after_manifest: Manifest
) -> None:
    """Refuse builds that solve different tasks, or were given different test inputs.

    Raises:
        ConfigError: If they cannot be compared; the message says why.
        DataError: If the graph or the vectors of one are damaged.
    """
    if before.resolve() == after.resolve():
        raise ConfigError(f"--before must be another folder than OUT, not {before} itself")
    for what, first, second in (
        ("inputs of shape", before_manifest.input.shape, after_manifest.input.shape),
        ("a number of classes of", before_manifest.output.classes, after_manifest.output.classes),
    ):
        if first != second:
            need = f"{what} {_shown(second)}, not {_shown(first)}"
            raise ConfigError(_refusal(before, after, need))
    difference = _difference(_vectors_of(before), _vectors_of(after))
    if difference:
        raise ConfigError(_refusal(before, after, f"the same test inputs, but {difference}"))


def board_to_compare(
    before: Path, after: Path, built_for: str | None, asked: str | None, *, core_only: bool
) -> str | None:
    """Return the board asked for, or one that both were synthesised for, or else either.

    Raises:
        ConfigError: If `after` was not synthesised for the board asked for.
    """
    if asked is not None:
        return board_to_show(after, built_for, asked, core_only=core_only)
    done = [set(synthesised_boards(out, core_only=core_only)) for out in (after, before)]
    choices = sorted(done[0] & done[1]) or sorted(done[0]) or sorted(done[1])
    return built_for if built_for in choices else next(iter(choices), None)


def compare_builds(
    before: tuple[Path, Manifest],
    after: tuple[Path, Manifest],
    *,
    board: str | None,
    core_only: bool,
    progress: Progress,
) -> Report:
    """Report on the build `after`, compared with `before`; see `spikeloom.report`."""
    check_comparable(*before, *after)
    built_for = after[1].board
    chosen = board_to_compare(before[0], after[0], built_for, board, core_only=core_only)
    first, second = (
        _reported(*build, chosen, core_only=core_only, progress=progress)
        for build in (before, after)
    )
    comparison = compare(first, second, chosen, core_only=core_only)
    return replace(second.report, comparison=comparison)


def _reported(
    out: Path, manifest: Manifest, board: str | None, *, core_only: bool, progress: Progress
) -> Build:
    """Report on a build, without synthesis if it has none for the board."""
    known = board if board in synthesised_boards(out, core_only=core_only) else None
    report = make_report(out, manifest, board=known, core_only=core_only, progress=progress)
    return Build(out=out, manifest=manifest, report=report)


def compare(before: Build, after: Build, board: str | None, *, core_only: bool) -> Comparison:
    """Compare two builds that passed `check_comparable`.

    Args:
        before: What to compare with.
        after: What is shown.
        board: The board whose syntheses are compared; a report without it was not synthesised.
        core_only: Whether they are of the network alone.
    """
    simulated = _simulated(before.report, after.report)
    is_simulated = simulated is not None
    return Comparison(
        before=str(before.out),
        after=str(after.out),
        board=board,
        core_only=core_only,
        simulated=simulated,
        measured=after.report.measured,
        total=_change(
            "total", _totals(before.report), _totals(after.report), is_simulated=is_simulated
        ),
        layers=tuple(_layers(before.report, after.report, is_simulated=is_simulated)),
        rest=_rest(before.report.rest, after.report.rest),
        predictions_unchanged=_unchanged(before, after, simulated),
        missing=tuple(_missing(before, after, board, core_only=core_only)),
        notes=tuple(_notes(before, after)),
    )


def _shown(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _refusal(before: Path, after: Path, need: str) -> str:
    return (
        f"{before} cannot be compared with {after}: it must have {need}; "
        "name a build for the same data with --before"
    )


def _vectors_of(out: Path) -> Vectors:
    return read_vectors(out / VECTORS, load_graph(out / "graph"))


def _difference(before: Vectors, after: Vectors) -> str:
    """Say where the test inputs or their labels differ, nothing if they do not."""
    count, other = len(after.inputs), len(before.inputs)
    if count != other:
        return f"there are {other:,} of them before and {count:,} after"
    if before.inputs.shape != after.inputs.shape:
        return "those of one have a value for every time step"
    rows = (before.inputs != after.inputs).reshape(count, -1).any(axis=1)
    if rows.any():
        return f"{int(rows.sum()):,} of {count:,} differ, the first is number {int(rows.argmax())}"
    if before.labels is not None and after.labels is not None:
        wrong = int((before.labels != after.labels).sum())
        return f"{wrong:,} of {count:,} labels differ" if wrong else ""
    return ""


def _simulated(before: Report, after: Report) -> int | None:
    """Return how many inferences both were verified with, None where that is not the same."""
    first, second = before.simulation, after.simulation
    if first is None or second is None or not (first.passed and second.passed):
        return None
    return first.inferences if first.inferences == second.inferences else None


def _totals(report: Report) -> dict[str, float | None]:
    values: dict[str, float | None] = {
        name: getattr(report.total, name) for name in (*LOGIC, *INFERENCE)
    }
    whole = {name: getattr(report, name) for name in ("fmax_mhz", "latency_us", "accuracy")}
    return {name: (values | whole)[name] for name in TOTAL}


def _layers(before: Report, after: Report, *, is_simulated: bool) -> Iterator[LayerChange]:
    """Match layers by name, in the order of `after`, and those that are gone behind them."""
    first = {layer.name: _of_layer(layer) for layer in before.layers}
    second = {layer.name: _of_layer(layer) for layer in after.layers}
    for name in {**second, **first}:
        yield _change(name, first.get(name), second.get(name), is_simulated=is_simulated)


def _of_layer(layer: LayerReport) -> dict[str, float | None]:
    return {name: getattr(layer, name) for name in (*LOGIC, *INFERENCE)}


def _rest(before: Resources | None, after: Resources | None) -> LayerChange | None:
    if before is None and after is None:
        return None
    empty: dict[str, float | None] = dict.fromkeys(LOGIC)
    first, second = (
        {name: getattr(found, name) for name in LOGIC} if found else empty
        for found in (before, after)
    )
    return _change("rest", first, second, is_simulated=True)


def _change(
    name: str,
    before: Mapping[str, float | None] | None,
    after: Mapping[str, float | None] | None,
    *,
    is_simulated: bool,
) -> LayerChange:
    """Pair the figures of a layer, of which one build may have none."""
    only = AFTER if before is None else BEFORE if after is None else None
    figures = {
        figure: Change.of(
            (before or {}).get(figure),
            (after or {}).get(figure),
            alike=is_simulated or figure not in _SIMULATED,
        )
        for figure in (before or after or {})
    }
    return LayerChange(name=name, only=only, figures=figures)


def _unchanged(before: Build, after: Build, simulated: int | None) -> float | None:
    """Return the share of equal predictions, where `verify` found them equal to the hardware's."""
    builds = (before, after)
    if not simulated or any(b.manifest.output.early not in (None, EXACT) for b in builds):
        return None
    first, second = (_vectors_of(build.out).predictions for build in builds)
    if first is None or second is None:
        return None
    return float((first[:simulated] == second[:simulated]).mean())


def _other_synthesis(out: Path, board: str | None, *, core_only: bool) -> str:
    """Name the option that shows what a folder was synthesised as, if that is not asked for."""
    done = synthesised_boards(out, core_only=not core_only)
    if not done or board not in (None, *done):
        return ""
    return ", or leave --core-only out" if core_only else ", or give --core-only"


def _missing(before: Build, after: Build, board: str | None, *, core_only: bool) -> Iterator[str]:
    """Say what is not known of either build, and how to get it."""
    for when, build in ((BEFORE, before), (AFTER, after)):
        where = f"{when} ({build.out})"
        synthesis, simulation = build.report.synthesis, build.report.simulation
        if synthesis is None:
            name = board or build.manifest.board
            command = synth_command(build.out, name, core_only=core_only)
            place = f" for {name}" if name else ""
            hint = _other_synthesis(build.out, name, core_only=core_only)
            yield f"{where}: not synthesised{place}; run `{command}`{hint}"
        elif synthesis.fmax_mhz is None:
            reason = f"; {synthesis.note}" if synthesis.note else ""
            yield f"{where}: no Fmax, so no latency in us{reason}"
        if simulation is None:
            yield f"{where}: not verified; run `spikeloom verify {build.out}`"
        elif not simulation.passed:
            yield (
                f"{where}: the last verification failed, so what was simulated is not compared; "
                f"run `spikeloom verify {build.out}`"
            )
    yield from _missing_inferences(before, after)


def _missing_inferences(before: Build, after: Build) -> Iterator[str]:
    """Say where the numbers of simulated inferences differ."""
    first, second = before.report.simulation, after.report.simulation
    if first is None or second is None or first.inferences == second.inferences:
        return
    fewer = before if (first.inferences or 0) < (second.inferences or 0) else after
    yield (
        f"{first.inferences} inferences were simulated before and {second.inferences} after, so "
        f"what was simulated is not compared; run `spikeloom verify {fewer.out}` without --limit"
    )


def _notes(before: Build, after: Build) -> Iterator[str]:
    """Say what differs beside the network, as ratios show that too."""
    first, second = before.report.synthesis, after.report.synthesis
    if first and second:
        for tool in sorted({*first.tools, *second.tools}):
            yield from _differing(tool, first.tools.get(tool), second.tools.get(tool))
        yield from _differing("seed of the placement", first.seed, second.seed)
    runs = before.report.simulation, after.report.simulation
    if runs[0] and runs[1]:
        yield from _differing("simulator", runs[0].simulator, runs[1].simulator)
    manifests = before.manifest, after.manifest
    yield from _differing("Spikeloom", *(manifest.spikeloom for manifest in manifests))
    yield from _differing("time steps", *(manifest.time_steps for manifest in manifests))
    yield from _differing("early decision", *(manifest.output.early for manifest in manifests))
    yield from _differing("encoder", *(manifest.input.encoder for manifest in manifests))
    yield from _differing("input lanes", *(manifest.input.lanes for manifest in manifests))
    known = {layer.name: layer for layer in before.manifest.layers}
    for layer in after.manifest.layers:
        if layer.name in known:
            yield from _folded_otherwise(known[layer.name], layer)


def _folded_otherwise(before: ManifestLayer, after: ManifestLayer) -> Iterator[str]:
    first, second = summarise(before), summarise(after)
    for name in _FOLDING:
        what = f"layer {after.name!r}, {name.replace('_', ' ')}"
        yield from _differing(what, getattr(first, name), getattr(second, name))
    where = f"layer {after.name!r}"
    yield from _differing(f"{where}, neuron lanes", before.neuron_lanes, after.neuron_lanes)
    fields = [tuple(s.field_values for s in layer.synapses) for layer in (before, after)]
    if fields[0] != fields[1]:
        yield f"{where}, event fields"


def _differing(what: str, before: object, after: object) -> Iterator[str]:
    if before != after:
        texts = ("none" if value is None else value for value in (before, after))
        yield "{}: {} before, {} after".format(what, *texts)
