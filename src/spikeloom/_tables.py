"""Results as the tables that the terminal shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from spikeloom._comparison import Comparison
from spikeloom._folding import Exploration
from spikeloom._report import Report
from spikeloom._sheets import (
    UNKNOWN,
    Sheet,
    comparison_gaps,
    comparison_notes,
    comparison_sheets,
    kind_text,
    number_text,
    pace_text,
    report_notes,
    report_sheets,
)
from spikeloom._summary import summarise
from spikeloom.boards import Fit
from spikeloom.codegen import EVENT, Manifest

Renderable = RenderableType


def _pairs(title: str, rows: Sequence[tuple[str, str]], note: str = "") -> RenderableType:
    """Lay out named values, and a line that says what to do next."""
    table = Table(title=title, title_justify="left", show_header=False, box=None)
    table.add_column(style="bold")
    table.add_column()
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    return Group(table, Text(note, style="dim")) if note else table


def of_training(run: Path, metrics: Mapping[str, Any]) -> RenderableType:
    """Show the accuracies and the other plain values of a run's metrics."""
    accuracies = metrics.get("accuracy", {})
    rows = [
        (f"test accuracy, {name}", f"{100 * value:.2f} %")
        for name, value in accuracies.items()
        if value is not None
    ]
    names = ("test_images", "epochs", "best_epoch", "seconds")
    rows += [
        (name.replace("_", " "), number_text(metrics[name])) for name in names if name in metrics
    ]
    return _pairs(f"Trained: {run}", rows, f"next: spikeloom build {run}")


def of_compression(run: Path, metrics: Mapping[str, Any]) -> RenderableType:
    """Show what is left of every layer, what that takes, and the accuracy before and after."""
    compression = metrics["compression"]
    unit = "neurons" if "neurons" in compression else "words"
    table = _table(f"Compressed: {run}", ("layer",), (unit, "left", "share"))
    for name, units in compression[unit].items():
        share = f"{100 * units['left'] / units['all']:.1f} %"
        table.add_row(name, number_text(units["all"]), number_text(units["left"]), share)
    lines = [
        f"{budget['resource']}: {budget['use']:,.6g} of at most {budget['limit']:,.6g} "
        f"{budget['unit']}".rstrip()
        for budget in compression["budgets"]
    ]
    before, after = compression["accuracy_before"], metrics["accuracy"]["exported"]
    lines.append(f"test accuracy {100 * before:.2f} % before, {100 * after:.2f} % after")
    following = Text(f"next: spikeloom build {run}", style="dim")
    return Group(table, *map(Text, lines), following)


def _table(title: str, texts: Sequence[str], numbers: Sequence[str] = ()) -> Table:
    """Start a table of columns of text, then of numbers, that fits 80 characters."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for index, name in enumerate(texts):  # the first names the row
        table.add_column(name, overflow="fold", no_wrap=index == 0)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def of_build(
    out: Path, manifest: Manifest, fits: Sequence[Fit], known: Mapping[str, Any]
) -> RenderableType:
    """Show the layers that were generated, what they are estimated to take, and what fits."""
    columns = {
        "neurons": "neurons",
        "weights": "weights",
        "weight_bits": "bits",
        "membrane_bits": "membrane",
        "lanes": "lanes",
        "event_ports": "ports",
    }
    table = _table(f"Built: {out}", ("layer", "kind"), tuple(columns.values()))
    for summary in map(summarise, manifest.layers):
        cells = [number_text(getattr(summary, name)) for name in columns]
        table.add_row(summary.name, kind_text(summary.kind, summary.engine), *cells)
    lines = [f"{len(manifest.files)} files, top module {manifest.top}", *map(str, fits)]
    following = Text(f"next: spikeloom verify {out} --probe", style="dim")
    return Group(table, *_of_estimate(known), *map(Text, lines), following)


def _of_estimate(known: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Show what a build is estimated to take, and how its folding was found."""
    if not known:
        return
    estimate, search = known["estimate"], known["search"]
    clock = f"{estimate['clock_mhz']:g} MHz"
    if search:
        yield _of_choices(search)
    table = _table(
        f"Estimated for {estimate['family']} at {clock}, values {known['values']}",
        ("layer",),
        ("LUT", "FF", "BRAM", "busy cycles", "additions", "energy pJ"),
    )
    names = ("lut", "ff", "bram", "busy_cycles", "additions", "energy_pj")
    for layer in estimate["layers"]:
        table.add_row(layer["name"], *(number_text(layer[name]) for name in names))
    table.add_section()
    total = {**estimate, "busy_cycles": ""}
    table.add_row("core", *(number_text(total[name]) for name in names), style="bold")
    yield table
    yield Text(pace_text(estimate))
    if search:
        yield Text(search["limiting"]["text"])
    if known["excess"]:
        yield Text(
            f"too large for the board by this estimate: {_excess_text(known['excess'])}; "
            "--goal area looks for a smaller folding"
        )


def _excess_text(excess: Mapping[str, Mapping[str, int]]) -> str:
    """Say of what a board has too little."""
    names = {"lut": "LUT", "ff": "FF", "bram": "BRAM"}
    return ", ".join(
        f"{number_text(both['estimated'])} {names[name]} of {number_text(both['available'])}"
        for name, both in excess.items()
    )


def _of_choices(search: Mapping[str, Any]) -> RenderableType:
    """Show what each layer was given."""
    limits = ", ".join(f"{name} {number_text(most, 0)}" for name, most in search["limits"].items())
    table = _table(f"Chosen for {search['goal']}" + (f" within {limits}" * bool(limits)), ("what",))
    table.add_column("options", overflow="fold")
    options = search["options"]
    if "input_lanes" in options:
        table.add_row("input", Text(f"input_lanes {options['input_lanes']}"))
    for name, values in options["layers"].items():
        table.add_row(name, Text(_options_text(values)))
    return table


def _options_text(values: Mapping[str, Any]) -> str:
    """List options, without those that are 1 and the usual engine."""
    told = [
        name if value is True else f"{name} {value}"
        for name, value in values.items()
        if value is True or value not in (1, EVENT)
    ]
    return ", ".join(told) or UNKNOWN


def of_exploration(found: Exploration) -> RenderableType:
    """Show one row per design, the smallest first."""
    on = f" on {found.board}" if found.board else f" on {found.family}"
    clock = f"{found.target.clock_mhz:g} MHz"
    numbers = ("LUT", "FF", "BRAM", "cycles", "per second", "latency us")
    table = _table(f"{found.name}{on} at {clock}: best by estimate", ("#", "limits"), numbers)
    for place, choice in enumerate(found.choices, 1):
        figures = choice.estimate
        area = (figures.area.lut, figures.area.ff, figures.area.bram)
        cells = [
            *map(number_text, area),
            number_text(figures.interval),
            number_text(figures.fps, 0),
            number_text(figures.latency_us, 2),
        ]
        table.add_row(str(place), choice.limits, *cells)
    notes = (
        "Each is smaller, or faster, or sooner done than any other that was found; `limits` is "
        "the layer that works longest.",
        "next: spikeloom build ... --goal area --min-fps N, or --json for the options of each",
    )
    return Group(table, *(Text(note, style="dim") for note in notes))


def _of_decision(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Show what early decision did, where there is one."""
    steps, full = result["steps"], result["full_accuracy"]
    if steps is None:
        return
    if full is not None:
        yield "accuracy with all time steps", f"{100 * full:.2f} %"
    yield (
        "time steps until the decision",
        f"{number_text(steps['mean'], 2)} mean, {steps['max']} max",
    )


def of_verification(result: Mapping[str, Any]) -> RenderableType:
    """Show what was compared and whether it was equal."""
    cycles = result["cycles_per_inference"]
    verdict, colour = ("bit-exact", "green") if result["passed"] else ("DIFFERENT", "red")
    accuracy = result["accuracy"]
    rows = [
        ("inferences", number_text(result["inferences"])),
        ("spikes compared", number_text(result["spikes_compared"])),
        ("membranes compared", number_text(result["membranes_compared"])),
        ("mismatches", number_text(result["mismatches"])),
        ("predictions equal", number_text(result["predictions_equal"])),
        ("accuracy", UNKNOWN if accuracy is None else f"{100 * accuracy:.2f} %"),
        *_of_decision(result),
        (
            "cycles per inference",
            f"{number_text(cycles['mean'])} mean, {number_text(cycles['max'])} max",
        ),
    ]
    bench = result.get("bench")
    if bench:
        passed = len(bench["tests"]) - len(bench["failures"])
        rows.append(("cocotb tests passed", f"{passed} of {len(bench['tests'])}"))
    differences = [Text(line) for line in result["first_mismatches"]]
    table = _pairs("RTL against the reference", rows)
    return Group(table, *differences, Text(verdict, style=f"bold {colour}"))


def of_synthesis(results: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Show one row per board, and what is to be known about each."""
    table = _table("Synthesis", ("board",), ("LUT", "FF", "BRAM", "DSP", "Fmax MHz"))
    table.add_column("bitstream", overflow="fold")
    for result in results:
        cells = [number_text(result[name]) for name in ("lut", "ff", "bram", "dsp", "fmax_mhz")]
        table.add_row(result["board"], *cells, Text(result["bitstream"] or "none"))
    notes = [Text(f"{result['board']}: {result['note']}") for result in results if result["note"]]
    return Group(table, *notes)


def of_report(report: Report) -> RenderableType:
    """Show the hardware of each layer and what an inference takes, or the change of both."""
    if report.comparison is not None:
        return _of_comparison(report.comparison)
    notes = (Text(note, style="dim") for note in report_notes(report))
    return Group(*map(_of_sheet, report_sheets(report)), *notes)


def _of_comparison(comparison: Comparison) -> RenderableType:
    gaps = (Text(gap, style="yellow") for gap in comparison_gaps(comparison))
    notes = (Text(note, style="dim") for note in comparison_notes(comparison))
    return Group(*map(_of_sheet, comparison_sheets(comparison)), *gaps, *notes)


def _of_sheet(sheet: Sheet) -> RenderableType:
    """Lay out a sheet; its totals stand below a line."""
    table = _table(sheet.title, sheet.texts, sheet.numbers)
    for line in sheet.lines:
        table.add_row(*(Text(cell.text) for cell in line))
    table.add_section()
    for line in sheet.totals:
        table.add_row(*(Text(cell.text) for cell in line), style="bold")
    return table


def of_boards(boards: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Show one row per board."""
    texts, numbers = ("name", "title", "support"), ("clock_mhz", "lut", "ff", "bram")
    table = _table("Boards", texts, ("clock MHz", "LUT", "FF", "BRAM"))
    for board in boards:
        cells = [number_text(board[name]) for name in numbers]
        table.add_row(*(Text(board[name]) for name in texts), *cells)
    return table
