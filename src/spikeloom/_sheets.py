"""The report and the comparison as sheets of text, which terminal and page show alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from spikeloom._comparison import AFTER, BEFORE, INFERENCE, LOGIC, Change, Comparison, LayerChange
from spikeloom._report import ENERGY_NOTE, LayerReport, Report
from spikeloom.codegen import EVENT

UNKNOWN = "-"
_THOUSAND = 1000
_NAMES = {
    "bram": "BRAM",
    "lut": "LUT",
    "ff": "FF",
    "fmax_mhz": "Fmax MHz",
    "cycles": "cycles",
    "latency_us": "latency us",
    "spikes": "spikes",
    "additions": "additions",
    "energy_pj": "energy pJ",
    "accuracy": "accuracy",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A text; `bar` is the length of its bar in per cent, and `series` what that belongs to."""

    text: str
    bar: float | None = None
    series: str = ""


Line = tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table: columns of text, columns of numbers, lines, and lines that sum these up."""

    title: str
    texts: tuple[str, ...]
    numbers: tuple[str, ...]
    lines: tuple[Line, ...]
    totals: tuple[Line, ...] = ()


def number_text(value: float | str | None, digits: int = 1) -> str:
    """Write a number with thousands apart, `-` where it is not known."""
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"


def ratio_text(ratio: float) -> str:
    """Write a ratio in per cent, with a digit behind the point where it is small."""
    percent = 100 * ratio
    return f"{percent:,.0f} %" if percent >= 9.95 else f"{percent:.1f} %"


def kind_text(kind: str | None, engine: str | None) -> str:
    """Name what a layer is, and its engine if that is not the usual one."""
    return ", ".join(word for word in (kind, engine) if word and word != EVENT)


def pace_text(estimate: Mapping[str, Any]) -> str:
    """Say how fast a design is estimated to be."""
    return (
        f"estimated: {number_text(estimate['interval_cycles'])} cycles from inference to inference "
        f"({number_text(estimate['fps'], 0)} per second at {estimate['clock_mhz']:g} MHz), "
        f"{number_text(estimate['latency_cycles'])} cycles "
        f"of latency ({number_text(estimate['latency_us'], 2)} us), means of "
        f"{estimate['inferences']} inferences; possible clock {estimate['fmax_low_mhz']} to "
        f"{estimate['fmax_high_mhz']} MHz, limited by {estimate['fmax_limit'] or 'the top'}"
    )


def report_sheets(report: Report) -> tuple[Sheet, ...]:
    """Return the hardware of each layer, and what an inference takes."""
    rest = report.rest
    logic = [("rest", *[""] * 5, *_numbers((rest.lut, rest.ff, rest.bram)))] if rest else []
    hardware = Sheet(
        title=f"{report.name}: hardware{_for_board(report.board)}",
        texts=("layer", "kind"),
        numbers=("lanes", "bits", "weights", "memory bits", "LUT", "FF", "BRAM"),
        lines=_lines((*map(_hardware_texts, report.layers), *logic)),
        totals=_lines((_hardware_texts(report.total),)),
    )
    inference = Sheet(
        title="Mean of one inference",
        texts=("layer",),
        numbers=("cycles", "spikes", "synaptic operations", "additions", "energy pJ"),
        lines=_lines(map(_inference_texts, report.layers)),
        totals=_lines((_inference_texts(report.total),)),
    )
    return hardware, inference


def report_notes(report: Report) -> Iterator[str]:
    """Say what is to be known about a report."""
    if report.synthesis is None:
        yield from map(str, report.fits)
        yield "LUT, FF and BRAM are known after `spikeloom synth`."
        yield from _estimated(report)
    else:
        yield _logic_note(core_only=report.synthesis.core_only)
    yield (
        "Memory bits: weights and membranes; queues, tables and weights that are logic are "
        "within LUT, FF and BRAM."
    )
    if report.verified is False:
        yield "The last `spikeloom verify` failed: these are the cycles of a wrong design."
    if report.total.cycles is None:
        yield "Cycles are known after `spikeloom verify`."
    if report.decision is not None:
        yield _sentence(str(report.decision))
    yield (
        f"Spikes, synaptic operations of the network, and additions that the hardware makes of "
        f"them: means of {report.measured:,} inferences."
    )
    yield ENERGY_NOTE


def comparison_sheets(comparison: Comparison) -> tuple[Sheet, ...]:
    """Return the whole design before and after, and below its layers."""
    whole = Sheet(
        title=f"Before and after{_for_board(comparison.board)}",
        texts=("total",),
        numbers=("before", "after", "after / before"),
        lines=tuple(_whole_line(*item) for item in comparison.total.figures.items()),
    )
    rest = (comparison.rest,) if comparison.rest else ()
    return (
        whole,
        _layer_sheet("Layers: as synthesised", (*comparison.layers, *rest), LOGIC),
        _layer_sheet("Layers: mean of one inference", comparison.layers, INFERENCE),
    )


def comparison_gaps(comparison: Comparison) -> Iterator[str]:
    """Say what is not known, and how to get it."""
    return map(_sentence, comparison.missing)


def comparison_notes(comparison: Comparison) -> Iterator[str]:
    """Say what differs beside the network, and what the figures are."""
    yield f"Before: {comparison.before}. After: {comparison.after}."
    yield from (f"Differs too: {note}." for note in comparison.notes)
    if comparison.predictions_unchanged is not None:
        yield f"{100 * comparison.predictions_unchanged:.2f} % of the predictions are unchanged."
    if comparison.board is not None:
        yield _logic_note(core_only=comparison.core_only)
    if comparison.simulated is not None:
        yield f"Cycles and accuracy: RTL simulation of {comparison.simulated:,} inferences each."
    yield "Latency: these cycles at the Fmax of place and route."
    yield (
        f"Spikes, and additions that the hardware makes: means of {comparison.measured:,} "
        "inferences."
    )
    yield ENERGY_NOTE


def _lines(rows: Iterable[Sequence[str]]) -> tuple[Line, ...]:
    return tuple(tuple(map(Cell, row)) for row in rows)


def _numbers(values: Iterable[float | str | None]) -> list[str]:
    return [number_text(value) for value in values]


def _for_board(board: str | None) -> str:
    return f" on {board}" if board else ""


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _logic_note(*, core_only: bool) -> str:
    whole = "the network alone" if core_only else "the finished design with the board's serial port"
    return (
        "LUT, FF and BRAM of layers and rest: mapped with the layers kept apart; "
        f"of the total: {whole}."
    )


def _hardware_texts(layer: LayerReport) -> list[str]:
    numbers = (
        layer.lanes,
        layer.weight_bits,
        layer.weights,
        layer.weight_and_membrane_bits,
        layer.lut,
        layer.ff,
        layer.bram,
    )
    return [layer.name, kind_text(layer.kind, layer.engine), *_numbers(numbers)]


def _inference_texts(layer: LayerReport) -> list[str]:
    numbers = (layer.cycles, layer.spikes, layer.synops, layer.additions, layer.energy_pj)
    return [layer.name, *_numbers(numbers)]


def _estimated(report: Report) -> Iterator[str]:
    """Say what `build` estimated of what is not known yet."""
    estimate = report.estimate
    if not estimate:
        return
    counts = ", ".join(f"{number_text(estimate[n])} {n.upper()}" for n in ("lut", "ff", "bram"))
    yield f"Estimated for {estimate['family']}, the core alone: {counts}."
    if report.total.cycles is None:
        yield _sentence(pace_text(estimate))


def _whole_line(name: str, change: Change) -> Line:
    longest = max(change.before or 0, change.after or 0)
    return (
        Cell(_NAMES[name]),
        _bar_cell(_value_text(name, change.before), change.before, longest, BEFORE),
        _bar_cell(_value_text(name, change.after), change.after, longest, AFTER),
        Cell(_ratio_cell(name, change)),
    )


def _value_text(name: str, value: float | None) -> str:
    if name == "accuracy" and value is not None:
        return f"{100 * value:.2f} %"
    return _figure_text(value)


def _figure_text(value: float | None) -> str:
    """Write a figure, thousands without what is behind the point."""
    return number_text(value, 0 if value is not None and abs(value) >= _THOUSAND else 1)


def _ratio_cell(name: str, change: Change) -> str:
    """Write the ratio, of an accuracy the difference; `-` where they are not alike."""
    if change.ratio is None or change.before is None or change.after is None:
        return UNKNOWN
    if name == "accuracy":
        return f"{100 * (change.after - change.before):+.2f} points"
    return ratio_text(change.ratio)


def _bar_cell(text: str, value: float | None, longest: float, series: str) -> Cell:
    return Cell(text, round(100 * value / longest, 1) if value and longest else None, series)


def _layer_sheet(title: str, layers: Sequence[LayerChange], names: Sequence[str]) -> Sheet:
    """Give every layer a line before and one after; bars are relative to the largest layer."""
    longest = {name: _longest(layers, name) for name in names}
    return Sheet(
        title=title,
        texts=("layer", ""),
        numbers=tuple(_NAMES[name] for name in names),
        lines=tuple(chain.from_iterable(_layer_lines(layer, longest) for layer in layers)),
    )


def _longest(layers: Sequence[LayerChange], name: str) -> float:
    changes = [layer.figures[name] for layer in layers]
    return max((max(change.before or 0, change.after or 0) for change in changes), default=0)


def _layer_lines(layer: LayerChange, longest: Mapping[str, float]) -> Iterator[Line]:
    if layer.only is not None:
        yield Cell(layer.name), Cell(f"only {layer.only}"), *_cells(layer, longest, layer.only)
        return
    yield Cell(layer.name), Cell(BEFORE), *_cells(layer, longest, BEFORE)
    yield Cell(""), Cell(AFTER), *_cells(layer, longest, AFTER)


def _cells(layer: LayerChange, longest: Mapping[str, float], series: str) -> Iterator[Cell]:
    """Show the figures of a layer before or after, these with how much of what there was is left.

    Such as `5 (21 %)`; where only one build has the layer there is no ratio.
    """
    for name, most in longest.items():
        change = layer.figures[name]
        value = change.after if series == AFTER else change.before
        text = _figure_text(value)
        if series == AFTER and change.ratio is not None:
            text = f"{text} ({ratio_text(change.ratio)})"
        yield _bar_cell(text, value, most, series)
