"""The command line: `spikeloom train | compress | explore | build | verify | synth | report ...`.

Exit codes: 0 all well, 1 a check failed (hardware and reference differ), 2 the
user can mend it (the message says how), 130 interrupted.  With `--json`
standard output is one JSON value and nothing else; progress and messages go
to standard error.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import spikeloom
from spikeloom import _api, _tables
from spikeloom._arguments import (
    ClockOption,
    CurrentBuffersOption,
    DataDirOption,
    EngineOption,
    EventFieldOption,
    EventPortsOption,
    InputLanesOption,
    LanesOption,
    MaxBramOption,
    MaxFfOption,
    MaxLatencyOption,
    MaxLutOption,
    MinFpsOption,
    NeuronLanesOption,
    RateOption,
    ResumeOption,
    SourceArgument,
    SparseOption,
    WeightBanksOption,
    knobs_of,
    limits_of,
)
from spikeloom._console import shown_progress
from spikeloom.ir import Progress, SpikeloomError, VerificationError

EXIT_CHECK_FAILED = 1
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130

app = typer.Typer(
    help="Spiking neural networks on FPGAs: from training to a verified bitstream.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")]
OutArgument = Annotated[Path, typer.Argument(metavar="OUT", help="Folder made by `build`.")]


def main() -> None:
    """Run the command line (the `spikeloom` program)."""
    # A plain `kill` ends like Ctrl-C, so that no simulator or router is left running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app()


def _stderr() -> Console:
    return Console(stderr=True, soft_wrap=True)


def _complain(text: str) -> None:
    _stderr().print(text, markup=False, highlight=False)


def _explain(error: OSError) -> str:
    """Say what the system refused, and for which file where that is known."""
    if error.filename is None:
        return error.strerror or str(error)
    return f"{error.strerror}: {error.filename}"


@contextmanager
def _session(when_interrupted: str) -> Iterator[Progress]:
    """Yield the progress of one command, and turn its errors into exit codes."""
    try:
        with shown_progress(_stderr()) as progress:
            yield progress
    except VerificationError as error:
        _complain(f"check failed: {error}")
        raise typer.Exit(EXIT_CHECK_FAILED) from error
    except SpikeloomError as error:
        if isinstance(error.__context__, KeyboardInterrupt):  # the part says itself what is kept
            _complain(f"interrupted: {error}")
            raise typer.Exit(EXIT_INTERRUPTED) from error
        _complain(f"error: {error}")
        raise typer.Exit(EXIT_USER_ERROR) from error
    except OSError as error:  # a full disk or a missing right, where no part has more to say
        _complain(f"error: {_explain(error)}")
        raise typer.Exit(EXIT_USER_ERROR) from error
    except KeyboardInterrupt as error:
        _complain(f"interrupted: {when_interrupted}")
        raise typer.Exit(EXIT_INTERRUPTED) from error


def _print(as_json: bool, value: object, table: _tables.Renderable) -> None:
    """Print a result on standard output, as JSON or as a table."""
    if as_json:
        typer.echo(json.dumps(value, indent=2, allow_nan=False))
    else:
        Console().print(table)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"spikeloom {spikeloom.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version)
    ] = False,
) -> None:
    """Spiking neural networks on FPGAs: from training to a verified bitstream."""


@app.command()
def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="Network and training.")],
    out: Annotated[Path | None, typer.Option(help="Run folder.", show_default="runs/NAME")] = None,
    data_dir: DataDirOption = None,
    resume: ResumeOption = True,
    as_json: JsonOption = False,
) -> None:
    """Train a network; an interrupted run goes on where it stopped."""
    kept = "the last checkpoint is kept; run the same command again to go on from it"
    with _session(kept) as progress:
        run = _api.train(config, out=out, data_dir=data_dir, resume=resume, progress=progress)
        metrics = _api.read_metrics(run)
    _print(as_json, {"run": str(run), **metrics}, _tables.of_training(run, metrics))


@app.command()
def compress(
    source: Annotated[
        Path, typer.Argument(metavar="RUN|CONFIG.toml", help="A trained run, or what to train.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Run folder.", show_default="RUN_compressed")
    ] = None,
    data_dir: DataDirOption = None,
    connectivity: Annotated[
        float | None, typer.Option(help="Budget: share of the weights (or words) that are left.")
    ] = None,
    weight_bits: Annotated[
        int | None, typer.Option(help="Budget: bits of the weights that are left.")
    ] = None,
    board: Annotated[
        str | None, typer.Option(help="Board whose logic and block RAMs are budgets.")
    ] = None,
    max_lut: MaxLutOption = None,
    max_ff: MaxFfOption = None,
    max_bram: MaxBramOption = None,
    max_cycles: Annotated[
        float | None, typer.Option(help="Budget: clock cycles of an inference, on average.")
    ] = None,
    max_additions: Annotated[
        float | None, typer.Option(help="Budget: additions of weights in an inference, as built.")
    ] = None,
    max_energy_nj: Annotated[
        float | None, typer.Option(help="Budget: their energy in nJ, for an inference.")
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(metavar="word|neuron", help="What goes: words of weights, or whole neurons."),
    ] = None,
    lanes: Annotated[
        int | None,
        typer.Option(help="Outputs in a word; or what the number of neurons is a multiple of."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LAYER", help="Layer that keeps its weights, or neurons; may be repeated."
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(metavar="minimax|gradual|magnitude", help="How weights are chosen."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs in all.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak of the cosine.")] = None,
    plot: Annotated[Path | None, typer.Option(help="SVG file to draw the course in.")] = None,
    resume: ResumeOption = True,
    as_json: JsonOption = False,
) -> None:
    """Take weights away until a budget is kept, and train the others on.

    What is not given is as in the table `compress` of the run's configuration.
    """
    kept = "the last checkpoint is kept; run the same command again to go on from it"
    with _session(kept) as progress:
        run = _api.compress(
            source,
            out=out,
            data_dir=data_dir,
            resume=resume,
            plot=plot,
            progress=progress,
            connectivity=connectivity,
            weight_bits=weight_bits,
            board=board,
            max_lut=max_lut,
            max_ff=max_ff,
            max_bram=max_bram,
            max_cycles=max_cycles,
            max_additions=max_additions,
            max_energy_nj=max_energy_nj,
            unit=unit,
            lanes=lanes,
            keep=tuple(keep) if keep else None,
            method=method,
            epochs=epochs,
            learning_rate=learning_rate,
        )
        metrics = _api.read_metrics(run)
    _print(as_json, {"run": str(run), **metrics}, _tables.of_compression(run, metrics))


@app.command()
def build(
    source: SourceArgument,
    out: Annotated[
        Path | None, typer.Option(help="Output folder.", show_default="out/NAME")
    ] = None,
    board: Annotated[str | None, typer.Option(help="Board to prepare synthesis for.")] = None,
    goal: Annotated[
        str | None,
        typer.Option(
            metavar="latency|throughput|area|energy",
            help="Choose what is left open for this goal, within the board and the limits.",
        ),
    ] = None,
    max_lut: MaxLutOption = None,
    max_ff: MaxFfOption = None,
    max_bram: MaxBramOption = None,
    min_fps: MinFpsOption = None,
    max_latency_us: MaxLatencyOption = None,
    rate: RateOption = None,
    engine: EngineOption = None,
    lanes: LanesOption = None,
    event_ports: EventPortsOption = None,
    event_field: EventFieldOption = None,
    weight_banks: WeightBanksOption = None,
    current_buffers: CurrentBuffersOption = None,
    neuron_lanes: NeuronLanesOption = None,
    sparse: SparseOption = None,
    input_lanes: InputLanesOption = None,
    clock_mhz: ClockOption = None,
    early: Annotated[
        str | None,
        typer.Option(
            metavar="exact|MARGIN|off", help="End an inference once its prediction is settled."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Turn a trained run or a graph into Verilog, test bench and synthesis scripts."""
    with _session("nothing was written, an earlier output is untouched") as progress:
        knobs = knobs_of(
            engine=engine,
            lanes=lanes,
            event_ports=event_ports,
            event_field=event_field,
            weight_banks=weight_banks,
            current_buffers=current_buffers,
            neuron_lanes=neuron_lanes,
            sparse=sparse,
        )
        options = _api.parse_options(knobs, input_lanes, clock_mhz)
        folder = _api.build(
            source,
            out,
            board=board,
            options=options,
            goal=goal,
            limits=limits_of(max_lut, max_ff, max_bram, min_fps, max_latency_us),
            rate=rate,
            early=_api.parse_early(early),
            progress=progress,
        )
        manifest, fits = _api.read_manifest(folder), _api.fit(folder, board)
        estimate = _api.read_estimate(folder)
    value = json.loads(manifest.to_json()) | {"fits": [found.to_json() for found in fits]}
    table = _tables.of_build(folder, manifest, fits, estimate)
    _print(as_json, {"out": str(folder), **value, **estimate}, table)


@app.command()
def explore(
    source: SourceArgument,
    board: Annotated[
        str | None, typer.Option(help="Board whose resources and clock count.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="SVG file to draw the designs in.")] = None,
    max_lut: MaxLutOption = None,
    max_ff: MaxFfOption = None,
    max_bram: MaxBramOption = None,
    min_fps: MinFpsOption = None,
    max_latency_us: MaxLatencyOption = None,
    rate: RateOption = None,
    engine: EngineOption = None,
    lanes: LanesOption = None,
    event_ports: EventPortsOption = None,
    event_field: EventFieldOption = None,
    weight_banks: WeightBanksOption = None,
    current_buffers: CurrentBuffersOption = None,
    neuron_lanes: NeuronLanesOption = None,
    sparse: SparseOption = None,
    input_lanes: InputLanesOption = None,
    clock_mhz: ClockOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the designs that are best in area, throughput or latency, by estimates."""
    with _session("nothing was written") as progress:
        knobs = knobs_of(
            engine=engine,
            lanes=lanes,
            event_ports=event_ports,
            event_field=event_field,
            weight_banks=weight_banks,
            current_buffers=current_buffers,
            neuron_lanes=neuron_lanes,
            sparse=sparse,
        )
        options = _api.parse_options(knobs, input_lanes, clock_mhz)
        found = _api.explore(
            source,
            board=board,
            options=options,
            limits=limits_of(max_lut, max_ff, max_bram, min_fps, max_latency_us),
            rate=rate,
            plot=plot,
            progress=progress,
        )
    _print(as_json, found.to_json(), _tables.of_exploration(found))


@app.command()
def verify(
    out: OutArgument,
    probe: Annotated[
        bool, typer.Option("--probe", help="Compare every spike and membrane of every layer.")
    ] = False,
    bench: Annotated[
        bool, typer.Option("--bench", help="Run the folder's cocotb bench too.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Take only the first LIMIT inferences.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Take the test set through the RTL and compare it with the reference, bit by bit."""
    kept = f"nothing in {out} was changed; run the same command again"
    with _session(kept) as progress:
        result = _api.verify(out, probe=probe, limit=limit, progress=progress)
        benched = _api.bench(out, progress=progress) if bench else None
    value = result.to_json() | ({"bench": _api.describe_bench(benched)} if benched else {})
    _print(as_json, value, _tables.of_verification(value))
    if not result.passed or (benched and not benched.passed):
        _complain(f"check failed: hardware and reference differ; see {out / 'verify.json'}")
        raise typer.Exit(EXIT_CHECK_FAILED)


@app.command()
def synth(
    out: OutArgument,
    board: Annotated[
        list[str] | None,
        typer.Option(help="Board; may be repeated.", show_default="that of the build"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the placement.")] = 1,
    core_only: Annotated[
        bool, typer.Option("--core-only", help="Leave pins and serial port out, to measure.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Synthesise, place and route into a bitstream; no multiplier is allowed anywhere.

    With --json: an object for one board, a list of objects for several.
    """
    with _session("the boards already finished are kept; run again for the others") as progress:
        results = _api.synth(
            out, boards=board or (), seed=seed, core_only=core_only, progress=progress
        )
    values = [result.to_json() for result in results]
    value = values[0] if len(values) == 1 else values
    _print(as_json, value, _tables.of_synthesis(values))


@app.command()
def report(
    out: OutArgument,
    board: Annotated[
        str | None,
        typer.Option(help="Whose synthesis to show.", show_default="that of the build"),
    ] = None,
    before: Annotated[
        Path | None,
        typer.Option(help="Folder made by `build` to compare with, as before compression."),
    ] = None,
    core_only: Annotated[
        bool, typer.Option("--core-only", help="Show the synthesis without pins and serial port.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="HTML file to write the report to.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what each layer costs: memory, logic, cycles, spikes, energy.

    With --before: what it cost before and costs after, of the same board and test inputs.
    """
    with _session("nothing was changed") as progress:
        result = _api.report(
            out, before=before, board=board, core_only=core_only, html=html, progress=progress
        )
    _print(as_json, result.to_json(), _tables.of_report(result))


@app.command()
def boards(as_json: JsonOption = False) -> None:
    """List the supported boards, and how far each is supported."""
    with _session("nothing was changed"):
        found = _api.list_boards()
    values = [_api.describe_board(board) for board in found]
    _print(as_json, values, _tables.of_boards(values))
