"""Options that several commands of the command line take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikeloom.codegen import Limits

Layers = list[str] | None

SourceArgument = Annotated[
    Path, typer.Argument(metavar="RUN|GRAPH", help="Run folder, graph folder or graph.json.")
]
DataDirOption = Annotated[
    Path | None,
    typer.Option(envvar="SPIKELOOM_DATA", help="Folder of the data set's idx files."),
]
ResumeOption = Annotated[
    bool,
    typer.Option("--resume/--restart", help="Go on from a checkpoint, or start afresh."),
]
EngineOption = Annotated[
    Layers,
    typer.Option(
        metavar="LAYER=ENGINE", help="event, or unrolled: dense, in logic, a step per cycle."
    ),
]
LanesOption = Annotated[
    Layers, typer.Option(metavar="LAYER=N", help="Outputs of a layer or synapse per cycle.")
]
EventPortsOption = Annotated[
    Layers, typer.Option(metavar="LAYER=N", help="Events a layer or synapse takes per cycle.")
]
EventFieldOption = Annotated[
    Layers,
    typer.Option(metavar="LAYER=N", help="Neighbouring inputs that are one event together."),
]
WeightBanksOption = Annotated[
    Layers, typer.Option(metavar="LAYER=N", help="Weight memories: one or half as many as events.")
]
CurrentBuffersOption = Annotated[
    Layers,
    typer.Option(metavar="LAYER=N", help="2: currents leave while the next are added up."),
]
NeuronLanesOption = Annotated[
    Layers, typer.Option(metavar="LAYER=N", help="Neurons a layer updates per cycle.")
]
SparseOption = Annotated[
    Layers,
    typer.Option(
        metavar="LAYER=on|off", help="Leave out words of weights that are all 0, or store them."
    ),
]
InputLanesOption = Annotated[
    int | None, typer.Option(help="Input values per beat of the input stream.")
]
ClockOption = Annotated[
    float | None,
    typer.Option(
        help="Clock that unrolled layers are cut and times are told for.",
        show_default="100, and that of the board",
    ),
]
RateOption = Annotated[
    float | None,
    typer.Option(help="Estimate at this rate of events, 0 to 1.", show_default="recorded inputs"),
]
MaxLutOption = Annotated[int | None, typer.Option(help="Look-up tables at most.")]
MaxFfOption = Annotated[int | None, typer.Option(help="Flip-flops at most.")]
MaxBramOption = Annotated[int | None, typer.Option(help="Block RAMs at most.")]
MinFpsOption = Annotated[float | None, typer.Option(help="Inferences per second at least.")]
MaxLatencyOption = Annotated[
    float | None, typer.Option(help="Microseconds from input to result at most.")
]


def knobs_of(**texts: Layers) -> dict[str, list[str]]:
    """Put the `LAYER=...` texts together, by field of `LayerOptions`."""
    return {knob: found or [] for knob, found in texts.items()}


def limits_of(
    max_lut: int | None,
    max_ff: int | None,
    max_bram: int | None,
    min_fps: float | None,
    max_latency_us: float | None,
) -> Limits:
    """Put limits together.

    Raises:
        ConfigError: If one is not above 0.
    """
    return Limits(
        lut=max_lut, ff=max_ff, bram=max_bram, min_fps=min_fps, max_latency_us=max_latency_us
    )
