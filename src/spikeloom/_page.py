"""The report as a page: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import spikeloom
from spikeloom._report import Report
from spikeloom._sheets import (
    Sheet,
    comparison_gaps,
    comparison_notes,
    comparison_sheets,
    report_notes,
    report_sheets,
)
from spikeloom.hdl_templates import environment


@dataclass(frozen=True, slots=True)
class Part:
    """Sheets below a heading, what is missing in them, and what is to be known about them."""

    heading: str
    sheets: tuple[Sheet, ...]
    gaps: tuple[str, ...]
    notes: tuple[str, ...]


def page_of(report: Report) -> str:
    """Lay out a report, and its comparison if it has one: the same bytes for the same report."""
    template = environment("spikeloom", "templates").get_template("report.html.j2")
    return template.render(name=report.name, version=spikeloom.__version__, parts=_parts(report))


def _parts(report: Report) -> Iterator[Part]:
    found = report.comparison
    if found is not None:
        gaps, notes = tuple(comparison_gaps(found)), tuple(comparison_notes(found))
        yield Part("Comparison", comparison_sheets(found), gaps, notes)
    yield Part("Report", report_sheets(report), (), tuple(report_notes(report)))
