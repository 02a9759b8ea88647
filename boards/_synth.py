"""Synthesis of a network for a board, up to the bitstream."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spikeloom.boards._board import Board, Resources, Support
from spikeloom.boards._fit import check_fit
from spikeloom.boards._flow import pack_arguments, place_arguments, routes
from spikeloom.boards._job import Job, clear, locked, prepare
from spikeloom.boards._process import ToolRunError
from spikeloom.boards._reports import (
    UtilisationWatch,
    count_cells,
    explain_cells,
    explain_excess,
    explain_failure,
    found_cells,
    read_place_report,
    read_stat,
)
from spikeloom.boards._tools import Tool, find_nextpnr, find_packer, find_yosys, warm_up
from spikeloom.ir import BuildError, Progress, ResourceError, write_json

_GOWIN_NOTE = "the clock estimate of nextpnr for Gowin is not credible and left out"
_AREA_NOTE = "area only, counted before packing: no open place and route for this "


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthResult:
    """What a synthesis made of a network.

    `used` is counted after place and route, or after mapping where the tools
    go no further (`note` says so).  `bitstream` is relative to the output
    folder.
    """

    board: str
    core_only: bool
    tools: dict[str, str]  # tool to version and origin
    used: Resources
    available: Resources
    fmax_mhz: float | None
    clock_mhz: float
    bitstream: str | None
    seed: int
    note: str

    def to_json(self) -> dict[str, Any]:
        """Return the content of synth-<board>.json."""
        return {
            "board": self.board,
            "core_only": self.core_only,
            "tool": self.tools,
            **self.used.to_json(),
            "available": self.available.to_json(),
            "fmax_mhz": self.fmax_mhz,
            "clock_mhz": self.clock_mhz,
            "bitstream": self.bitstream,
            "seed": self.seed,
            "note": self.note,
        }


def synthesise(
    out: Path,
    *,
    board: str | None = None,
    seed: int = 1,
    core_only: bool = False,
    progress: Progress | None = None,
) -> SynthResult:
    """Take a generated network through Yosys, nextpnr and the packer.

    Everything is staged: a failed or interrupted run leaves an earlier
    bitstream and result as they were.  Board files that `out` lacks are
    written; those that are there are used as they are.

    Args:
        out: Output folder of `spikeloom build`.
        board: Name of a board; None takes the one that `out` was built for.
        seed: Seed of placement.
        core_only: Leave serial port and pins out, to measure the network alone
            (routed out of context on ECP5, area only elsewhere).
        progress: Told what is going on.

    Returns:
        The result, also stored as `synth-<board>.json` in `out`.

    Raises:
        ConfigError: If there is no such board, or none is given.
        BuildError: If `out` is not an output folder, or the design has a
            multiplier.
        ResourceError: If it does not fit the board; at once if its memories alone do not.
        ToolError: If a tool is missing or fails.
    """
    job = prepare(out, board=board, seed=seed, core_only=core_only, progress=progress)
    check_fit(job.manifest, job.board)
    with locked(job):
        tools = _find_tools(job)
        warm_up(tools, job.progress)
        clear(job.file(job.paths.build))
        _map(job, tools[0])
        result = _mapped_result(job)
        if len(tools) > 1:
            result = _place(job, tools[1], result)
        if len(tools) > 2:
            result = _pack(job, tools[2], result)
        result = replace(result, tools={tool.name: _version(tool) for tool in tools})
        _publish(job, result)
    return result


def _find_tools(job: Job) -> list[Tool]:
    """Find all tools first, so that a missing one is told at once."""
    flow, tools = job.paths.flow, [find_yosys()]
    if routes(job.board, core_only=job.core_only):
        tools.append(find_nextpnr(flow.place_tools, flow.place_package))
        if not job.core_only:
            tools.append(find_packer(flow.pack_tool, flow.pack_package, tools[1]))
    return tools


def _version(tool: Tool) -> str:
    return f"{tool.version} ({tool.origin})"


def _map(job: Job, yosys: Tool) -> None:
    """Synthesise; raise BuildError if one of the two multiplier checks fails."""
    try:
        job.run(yosys, ["-s", job.paths.script], "yosys", log_option="-l")
    except ToolRunError as error:
        _check_cells(job, complete=False, cause=error)
        raise
    # The scripts may have been edited: what they list is looked at in any case.
    _check_cells(job, complete=True, cause=None)


def _check_cells(job: Job, *, complete: bool, cause: Exception | None) -> None:
    """Look at the lists of forbidden cells, both of them if the run is complete."""
    for path, what in (
        (job.paths.multipliers, "before mapping it has"),
        (job.paths.dsp_cells, "after mapping it has DSP blocks,"),
    ):
        if complete and not job.file(path).is_file():
            raise BuildError(
                f"{job.file(job.paths.script)} must list forbidden cells in {path}, as it was "
                "written; delete it to have it written again"
            )
        cells = found_cells(job.file(path))
        if cells:
            raise BuildError(explain_cells(cells, what)) from cause


def _mapped_result(job: Job) -> SynthResult:
    """Count the mapped design, and refuse it here if it cannot fit."""
    used = count_cells(read_stat(job.file(job.paths.stat)), job.paths.flow)
    excess = explain_excess(used, job.board)
    if excess:
        raise ResourceError(excess)
    return SynthResult(
        board=job.board.name,
        core_only=job.core_only,
        tools={},
        used=used,
        available=job.board.resources,
        fmax_mhz=None,
        clock_mhz=job.board.clock_mhz,
        bitstream=None,
        seed=job.seed,
        note=_AREA_NOTE + ("device" if job.board.support is Support.AREA else "core alone"),
    )


def _place(job: Job, nextpnr: Tool, mapped: SynthResult) -> SynthResult:
    """Place and route; what nextpnr counts replaces what Yosys counted."""
    arguments = place_arguments(job.board, job.paths, seed=str(job.seed))
    try:
        watch = UtilisationWatch(job.paths.flow, job.board)
        job.run(nextpnr, arguments, "nextpnr", watch=watch)
    except ToolRunError as error:
        excess = explain_failure(error.output, job.board)
        if excess:
            raise ResourceError(excess) from error
        raise
    counts, fmax = read_place_report(job.file(job.paths.report), job.paths.flow)
    used = replace(mapped.used, **counts)
    note = timing_note(job.board, fmax, core_only=job.core_only)
    if fmax is not None and note:
        job.progress.message(f"warning: {note}")
    return replace(mapped, used=used, fmax_mhz=fmax, note=note)


def timing_note(board: Board, fmax: float | None, *, core_only: bool) -> str:
    """Say what must be known of the clock estimate of a routed design."""
    if fmax is None:
        return _GOWIN_NOTE
    if core_only or fmax >= board.clock_mhz:
        return ""
    return (
        f"too slow for the board: {fmax:.1f} MHz after routing, and its clock is "
        f"{board.clock_mhz:g} MHz; use fewer lanes, or another --seed"
    )


def _pack(job: Job, packer: Tool, placed: SynthResult) -> SynthResult:
    job.run(packer, pack_arguments(job.board, job.paths), job.paths.flow.pack_tool)
    name = Path(job.paths.bitstream).name
    return replace(placed, bitstream=f"{job.paths.folder}/{name}")


def _publish(job: Job, result: SynthResult) -> None:
    """Move the bitstream and the result to their places, the result last."""
    if result.bitstream:
        job.file(job.paths.bitstream).replace(job.file(result.bitstream))
    name = job.paths.folder.removeprefix("syn/")
    write_json(job.out / f"synth-{name}.json", result.to_json())
