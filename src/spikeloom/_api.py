"""The steps as plain functions on the objects of the parts.

Every part is imported where it is used: `import spikeloom` is quick, and only
`train` imports PyTorch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikeloom.ir import ConfigError, Early, Graph, NullProgress, Progress

if TYPE_CHECKING:
    from spikeloom._folding import Exploration
    from spikeloom._report import Report
    from spikeloom.boards import Board, Fit, SynthResult
    from spikeloom.codegen import BuildOptions, Goal, Limits, Manifest
    from spikeloom.model import Budget
    from spikeloom.sim import BenchResult, VerifyResult

StrPath = str | os.PathLike[str]


def _path(value: StrPath | None) -> Path | None:
    return None if value is None else Path(value)


def train(
    config: StrPath,
    *,
    out: StrPath | None = None,
    data_dir: StrPath | None = None,
    resume: bool = True,
    progress: Progress | None = None,
) -> Path:
    """Train the network that `config` (TOML) describes and return its run folder.

    Args:
        config: The configuration file.
        out: The run folder; `runs/NAME` by default.
        data_dir: Where the files of the data set are, if they are not built in.
        resume: Go on from an unfinished checkpoint of the same configuration.
        progress: What shows how far it is.

    Raises:
        ConfigError: If the configuration has a wrong key, type or value.
        DataError: If a data file is missing or truncated.
    """
    from spikeloom.model import load_config
    from spikeloom.model import train as train_model

    settings = load_config(Path(config))
    run = _path(out) or Path("runs") / settings.name
    shown = progress or NullProgress()
    return train_model(settings, run=run, data_dir=_path(data_dir), resume=resume, progress=shown)


def compress(
    source: StrPath,
    *,
    out: StrPath | None = None,
    data_dir: StrPath | None = None,
    budgets: Sequence[Budget] = (),
    resume: bool = True,
    plot: StrPath | None = None,
    progress: Progress | None = None,
    **options: object,
) -> Path:
    """Take weights of a trained network away until it keeps its budgets, and train the rest on.

    Args:
        source: A run folder, or the configuration file (TOML) of a run, which is trained first
            if it is not yet.
        out: The run folder of the result; that of the run with `_compressed` behind by default.
        data_dir: Where the files of the data set are, if they are not built in.
        budgets: Budgets of any resource, beside those of `options`.
        resume: Go on from an unfinished checkpoint of the same compression.
        plot: An SVG file to draw the course of the compression in.
        progress: What shows how far it is.
        **options: Fields of `spikeloom.model.CompressConfig`, over those of the [compress] table
            of the run; None counts as not given.

    Raises:
        ConfigError: If an option is unknown or wrong, or nothing is limited.
        ResourceError: If a budget cannot be reached; the message says how far one comes.
        DataError: If the run or a data file is missing or damaged.
    """
    from spikeloom._compress import compress_run
    from spikeloom._course import course_of
    from spikeloom.ir import write_whole

    _check_file("--plot", plot)
    run = compress_run(
        Path(source),
        _path(out),
        data_dir=_path(data_dir),
        budgets=budgets,
        resume=resume,
        progress=progress or NullProgress(),
        options={name: value for name, value in options.items() if value is not None},
    )
    if plot is not None:
        write_whole(Path(plot), course_of(read_metrics(run)).encode())
    return run


def build(
    source: StrPath | Graph,
    out: StrPath | None = None,
    *,
    board: str | None = None,
    options: BuildOptions | None = None,
    goal: Goal | str | None = None,
    limits: Limits | None = None,
    rate: float | None = None,
    early: Early | str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Turn a trained run or a graph into the output folder of a design.

    The folder holds the RTL with its memories, a test bench, the graph, the
    vectors that `verify` uses, synthesis scripts and a manifest with the
    digest of every file.  It is written as a whole or not at all.

    Args:
        source: A run folder, a graph folder, a graph.json file or a graph.
        out: The output folder, `out/NAME` by default; an earlier output is
            replaced, anything else is refused.
        board: The board to prepare synthesis for.
        options: Engines, lanes and ports that are pinned, over those of the run's
            [hardware] table.
        goal: What is left open is chosen for this, and the [hardware] table is left aside:
            "latency", "throughput", "area" or "energy".
        limits: What a design for a goal may take, and how fast it has to be; the board's
            resources where nothing is said.
        rate: Estimate at this rate of events, 0 to 1, in place of recorded inputs.
        early: "exact" or a margin, to end an inference with the time step that settles its
            prediction, or "off"; by default as in the [hardware] table, or as the graph says.
        progress: What shows how far it is.

    Raises:
        ResourceError: If no folding that was found for `goal` keeps the limits.
        BuildError: If the graph cannot be built or `out` cannot be written.
        GraphError: If the graph breaks a rule.
        ConfigError: If a layer, a board or a source is unknown.
        DataError: If the run's test set is missing or truncated.
    """
    from spikeloom._build import build_folder
    from spikeloom._folding import Wish

    return build_folder(
        source if isinstance(source, Graph) else Path(source),
        _path(out),
        board=board,
        options=options,
        wish=Wish.of(goal, limits, rate),
        early=early,
        progress=progress,
    )


def explore(
    source: StrPath | Graph,
    *,
    board: str | None = None,
    options: BuildOptions | None = None,
    limits: Limits | None = None,
    rate: float | None = None,
    plot: StrPath | None = None,
    progress: Progress | None = None,
) -> Exploration:
    """Estimate many foldings, and return those that no other one beats.

    What counts is area (shares of the device's resources), inferences per second, and latency.

    Args:
        source: A run folder, a graph folder, a graph.json file or a graph.
        board: The board whose resources and clock count; its logic is used up to 85 %.
        options: Engines, lanes and ports that are pinned; the [hardware] table of a run is not.
        limits: What the designs may take, and how fast they have to be.
        rate: Estimate at this rate of events, 0 to 1, in place of recorded inputs.
        plot: An SVG file to draw the designs in.
        progress: What shows how far it is.

    Raises:
        BuildError: If what is pinned cannot be built.
        ConfigError: If a layer, a board, a limit or a source is unknown or wrong.
        ResourceError: If no design that was found keeps the limits.
    """
    from spikeloom._folding import Wish, check_rate, explore_foldings
    from spikeloom._plot import plot_of
    from spikeloom._source import load_source
    from spikeloom.boards import load_board
    from spikeloom.codegen import BuildOptions, Limits
    from spikeloom.ir import write_whole

    _check_file("--plot", plot)
    check_rate(rate)
    chosen = load_board(board) if board else None
    loaded = load_source(source if isinstance(source, Graph) else Path(source))
    wish = Wish(limits=limits or Limits(), rate=rate)
    shown = progress or NullProgress()
    found = explore_foldings(loaded, options or BuildOptions(), chosen, wish, shown)
    if plot is not None:
        write_whole(Path(plot), plot_of(found).encode())
    return found


def _check_file(option: str, path: StrPath | None) -> None:
    """Refuse a folder before there is anything to write (ConfigError)."""
    if path is not None and Path(path).is_dir():
        raise ConfigError(f"{option} must be a file to write, but {path} is a folder; add a name")


def parse_options(
    knobs: Mapping[str, Sequence[str]],
    input_lanes: int | None = None,
    clock_mhz: float | None = None,
) -> BuildOptions:
    """Read the build options of the command line: `LAYER=N` texts by knob.

    Raises:
        ConfigError: If a text is not of that form, or names a layer twice.
    """
    from spikeloom._options import parse_options as parse

    return parse(knobs, input_lanes, clock_mhz)


def parse_early(text: str | None) -> Early | str | None:
    """Read `--early` of the command line: "exact", a margin, or "off".

    Raises:
        ConfigError: If the text is none of them.
    """
    from spikeloom._early import parse_early as parse

    return None if text is None else parse(text)


def fit(out: StrPath, board: str | None = None) -> tuple[Fit, ...]:
    """Compare the memories of `out` with boards, before any synthesis.

    Args:
        out: An output folder.
        board: A board; None takes the one that `out` was built for, or else all.

    Returns:
        One answer per board.  That a design does not fit is sure, that it does
        is not: logic is known after `synth`.

    Raises:
        BuildError: If `out` is no output folder.
        ConfigError: If the board is unknown.
    """
    from spikeloom._report import fits_of

    return fits_of(read_manifest(out), board)


def verify(
    out: StrPath,
    *,
    probe: bool = False,
    limit: int | None = None,
    progress: Progress | None = None,
) -> VerifyResult:
    """Take the vectors of `out` through its RTL and compare with the reference executor.

    Every score and prediction is compared, and with `probe` every spike and
    membrane of every layer at every time step.  The result is also left in
    `out`/verify.json for the report.

    Raises:
        BuildError: If `out` is no output folder.
        ToolError: If the simulator is missing or fails.
        VerificationError: If the comparison could not be made.
    """
    from spikeloom.sim import verify as verify_rtl

    return verify_rtl(Path(out), probe=probe, limit=limit, progress=progress or NullProgress())


def bench(out: StrPath, *, progress: Progress | None = None) -> BenchResult:
    """Run the cocotb bench of `out`: stalls, resets and extremes on its streams.

    Raises:
        BuildError: If `out` is no output folder.
        ToolError: If the simulator is missing.
        VerificationError: If the bench did not come to run; a failed test is
            part of the result.
    """
    from spikeloom.sim import run_bench

    (progress or NullProgress()).start("compiling and running the cocotb bench")
    return run_bench(Path(out))


def synth(
    out: StrPath,
    *,
    boards: Sequence[str] = (),
    seed: int = 1,
    core_only: bool = False,
    progress: Progress | None = None,
) -> tuple[SynthResult, ...]:
    """Synthesise `out` for each board, by default the one it was built for.

    Args:
        out: An output folder.
        boards: Names of boards.
        seed: Seed of the placement.
        core_only: Leave the board's pins and serial port out, to measure the
            network alone.
        progress: What shows how far it is.

    Raises:
        ConfigError: If a board is unknown, or none is given and none was built for.
        ResourceError: If the design exceeds a board; before the first
            synthesis if its memories do.
        ToolError: If a tool is missing or fails.
    """
    from spikeloom.boards import synthesise

    manifest = read_manifest(out)
    names = tuple(boards) or (manifest.board,)
    chosen = [name for name in names if name is not None]
    if not chosen:
        valid = ", ".join(board.name for board in list_boards())
        raise ConfigError(f"{out} was built for no board; choose one with --board: {valid}")
    _check_boards(manifest, chosen)
    shown = progress or NullProgress()
    return tuple(
        synthesise(Path(out), board=name, seed=seed, core_only=core_only, progress=shown)
        for name in chosen
    )


def _check_boards(manifest: Manifest, names: Sequence[str]) -> None:
    """Find a wrong name, or a board that is too small, before the first of several syntheses."""
    from spikeloom.boards import check_fit, load_board

    for board in [load_board(name) for name in names]:
        check_fit(manifest, board)


def report(
    out: StrPath,
    *,
    before: StrPath | None = None,
    board: str | None = None,
    core_only: bool = False,
    html: StrPath | None = None,
    progress: Progress | None = None,
) -> Report:
    """Return what each layer of `out` costs, from what is known so far.

    Args:
        out: An output folder.
        before: Another output folder to compare with, such as that of the network before
            compression; it is the `comparison` of what is returned.
        board: Whose synthesis to show; by default that of the build, or another one that there is.
        core_only: Show the synthesis of the network alone, without the board's pins.
        html: A file to write the report to, as a page.
        progress: What shows how far it is.

    Raises:
        BuildError: If `out` or `before` is no output folder.
        ConfigError: If `board` is unknown or `out` was not synthesised for it, or `before` is
            for another task or has other test inputs.
        DataError: If the graph, the vectors or an earlier result of a folder are damaged.
        ToolError: If a folder was synthesised, its layers are still to be counted,
            and Yosys is missing or fails.
    """
    from spikeloom._compare import compare_builds
    from spikeloom._page import page_of
    from spikeloom._report import board_to_show, make_report
    from spikeloom.ir import write_whole

    _check_file("--html", html)
    folder, manifest = Path(out), read_manifest(out)
    shown = progress or NullProgress()
    if before is None:
        chosen = board_to_show(folder, manifest.board, board, core_only=core_only)
        result = make_report(folder, manifest, board=chosen, core_only=core_only, progress=shown)
    else:
        earlier = Path(before), read_manifest(before)
        result = compare_builds(
            earlier, (folder, manifest), board=board, core_only=core_only, progress=shown
        )
    if html is not None:
        write_whole(Path(html), page_of(result).encode())
    return result


def list_boards() -> tuple[Board, ...]:
    """Return the supported boards."""
    from spikeloom.boards import list_boards as known_boards

    return known_boards()


def describe_board(board: Board) -> dict[str, str | float]:
    """Return what `spikeloom boards --json` tells of a board."""
    return {
        "name": board.name,
        "title": board.title,
        "family": str(board.family),
        "device": board.device,
        "support": str(board.support),
        "clock_mhz": board.clock_mhz,
        "lut": board.resources.lut,
        "ff": board.resources.ff,
        "bram": board.resources.bram,
        "dsp": board.resources.dsp,
    }


def describe_bench(result: BenchResult) -> dict[str, Any]:
    """Return what `spikeloom verify --bench --json` tells of the cocotb bench."""
    return {
        "passed": result.passed,
        "simulator": result.simulator,
        "tests": list(result.tests),
        "failures": result.failures,
        "log": str(result.log),
    }


def read_manifest(out: StrPath) -> Manifest:
    """Return the manifest of an output folder.

    Raises:
        BuildError: If `out` is no output folder, or of another version.
    """
    from spikeloom.codegen import load_manifest

    return load_manifest(Path(out))


def read_estimate(out: StrPath) -> Mapping[str, Any]:
    """Return the estimate that `build` made, and how the folding was found.

    Raises:
        DataError: If the file is damaged.
    """
    from spikeloom._results import ESTIMATE, read_result

    return read_result(Path(out) / ESTIMATE) or {}


def read_metrics(run: StrPath) -> Mapping[str, Any]:
    """Return what training measured (nothing, if the run has no metrics.json)."""
    from spikeloom._results import read_result

    return read_result(Path(run) / "metrics.json") or {}
