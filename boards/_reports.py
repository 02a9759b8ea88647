"""Reading what Yosys and nextpnr report, and judging whether a design fits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from spikeloom.boards._board import Board, Resources, list_boards
from spikeloom.boards._flow import Flow
from spikeloom.ir import ResourceError, ToolError

_NAMES = ("lut", "ff", "bram", "dsp", "spram")
_TITLES = {"lut": "logic cells", "ff": "flip-flops", "bram": "block RAMs", "spram": "SPRAMs"}
_REMEDIES = {
    "lut": "use fewer lanes or event ports, fewer weight bits, or the event engine",
    "ff": "use fewer lanes or event ports, or smaller layers",
    "bram": "use fewer weight bits or smaller layers",
    "spram": "use smaller layers",
}
# "Info:          TRELLIS_COMB:  1234/83640     1%"
_UTILISATION = re.compile(r"Info:\s+(\w+):\s*(\d+)/\s*\d+\s+\d+%")
_NO_PLACE = re.compile(r"(?:Unable to place|no (?:more )?B[Ee][Ll]s|Failed to (?:place|expand))")


def _load(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise ToolError(f"{path} must be the JSON report of a tool: {error}") from error
    return content


def read_stat(path: Path) -> dict[str, int]:
    """Read the cells by type of `stat -json` (ToolError if it is not that)."""
    content = _load(path)
    try:
        return dict(content["design"]["num_cells_by_type"])
    except (KeyError, TypeError) as error:
        raise ToolError(f"{path} must have design.num_cells_by_type, as Yosys writes") from error


def count_cells(cells: Mapping[str, int], flow: Flow) -> Resources:
    """Add up what mapped cells take; carry, mux and pin cells take nothing more.

    Before packing, so a lower bound of what place and route will need.
    """
    used = dict.fromkeys(_NAMES, 0)
    for cell, count in cells.items():
        for pattern, resource, units in flow.cells:
            if fnmatchcase(cell, pattern):
                used[resource] += units * count
    return Resources(**used)


def read_place_report(path: Path, flow: Flow) -> tuple[dict[str, int], float | None]:
    """Read nextpnr's report: the resources that it counts, and the clock in MHz.

    Raises:
        ToolError: If it is not such a report.
    """
    content = _load(path)
    try:
        rows = {name: int(row["used"]) for name, row in content["utilization"].items()}
        clocks = [float(row["achieved"]) for row in content["fmax"].values()]
    except (KeyError, TypeError, AttributeError) as error:
        raise ToolError(f"{path} must have utilization and fmax, as nextpnr writes") from error
    fmax = min(clocks) if clocks and flow.fmax_credible else None
    return _group(rows, flow), fmax


def _group(rows: Mapping[str, int], flow: Flow) -> dict[str, int]:
    used: dict[str, int] = {}
    for pattern, resource in flow.bels:
        for name, count in rows.items():
            if fnmatchcase(name, pattern):
                used[resource] = used.get(resource, 0) + count
    return used


class UtilisationWatch:
    """Reads nextpnr's table of what a design takes, as soon as it is printed.

    nextpnr itself tries for many minutes to place what cannot fit.
    """

    def __init__(self, flow: Flow, board: Board) -> None:
        self._flow = flow
        self._board = board
        self._rows: dict[str, int] = {}

    def __call__(self, line: str) -> None:
        """See the next line (ResourceError after the table of a design too large)."""
        row = _UTILISATION.match(line)
        if row:
            self._rows[row[1]] = int(row[2])
        elif self._rows:
            excess = explain_excess(self._used(), self._board)
            self._rows = {}
            if excess:
                raise ResourceError(excess)

    def _used(self) -> Resources:
        return Resources(**{**dict.fromkeys(_NAMES, 0), **_group(self._rows, self._flow)})


def explain_failure(output: str, board: Board) -> str | None:
    """Tell whether nextpnr failed because the design is too large or too dense."""
    if not _NO_PLACE.search(output):
        return None
    return (
        f"the design fills the {board.title} so far that it cannot be placed; "
        f"{_REMEDIES['lut']}, or another board"
    )


def explain_excess(used: Resources, board: Board) -> str | None:
    """Tell which resources `used` exceeds, by how much, and what to change."""
    over = [name for name in _TITLES if _get(used, name) > _get(board.resources, name)]
    if not over:
        return None
    reasons = "; ".join(_reason(name, used, board) for name in over)
    remedies = ", ".join(dict.fromkeys(_REMEDIES[name] for name in over))
    return f"the design must fit the {board.title}: {reasons}; {remedies}{_larger(used, board)}"


def _get(resources: Resources, name: str) -> int:
    count: int = getattr(resources, name)
    return count


def _reason(name: str, used: Resources, board: Board) -> str:
    need, have = _get(used, name), _get(board.resources, name)
    percent = f", {100 * (need - have) / have:.0f} % too many" if have else ""
    return f"it needs {need} {_TITLES[name]} and the device has {have}{percent}"


def _larger(used: Resources, board: Board) -> str:
    """Name the boards that would do, as far as counts of other families compare."""
    fits = [other.title for other in list_boards() if _would_fit(used, board, other)]
    return f", or another board ({', '.join(fits)})" if fits else "; no supported board is larger"


def _would_fit(used: Resources, board: Board, other: Board) -> bool:
    have, bits = other.resources, used.bram * board.bram_bits
    return used.lut <= have.lut and used.ff <= have.ff and bits <= have.bram * other.bram_bits


def found_cells(path: Path) -> list[str]:
    """Read a list of forbidden cells, as "module/cell"; empty if there is none."""
    if not path.is_file():
        return []
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def explain_cells(cells: Iterable[str], what: str) -> str:
    """Say which forbidden cells there are; their names carry file and line."""
    listed = list(cells)
    shown = "\n".join(f"    {cell}" for cell in listed[:10])
    more = f"\n    and {len(listed) - 10} more" if len(listed) > 10 else ""
    return (
        f"the design must have no multiplier or divider, and {what} {len(listed)}:\n{shown}{more}\n"
        "write the product as shifts and additions, or as a counter that steps"
    )
