"""Cost follows activity: clock cycles of the event engine against the rate of its input.

    python benchmarks/activity.py [--out out/activity] [--plot docs/images/activity.svg]

A dense layer of MNIST's size, 784 to 128, gets time steps of 0, 1, 5, 20 and 100 % spikes,
back to back, in several foldings; every spike, membrane and score is compared with the
reference.  What a time step takes is held against

    max(events * folding + constant, floor)

where `folding` is the clocks that an event takes, and the other two are whole numbers that are
stated here, not fitted.  The currents of a step are 8 beats.  With one current buffer they leave
behind the last event: `constant` is these beats and the way of the last visit through the
accumulator, `floor` that and the beats that a step without events has all the same.  With two they
leave meanwhile: no constant, and a step takes their beats and two clocks of handing over at
least.  The plot needs matplotlib (`pip install matplotlib`).
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from flow import RESULTS, VERIFIED, once

import spikeloom
from spikeloom.codegen import BuildOptions, LayerOptions
from spikeloom.ir import (
    Dense,
    Encoder,
    Graph,
    Input,
    IntArray,
    Leak,
    Neurons,
    Readout,
    npz_bytes,
    save_graph,
    write_json,
)

INPUTS, OUTPUTS, STEPS, INFERENCES = 784, 128, 128, 4
INPUT_LANES = 392
RATES = (0.0, 0.01, 0.05, 0.2, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folding:
    """A folding, and the numbers of its formula in clock cycles."""

    options: LayerOptions
    constant: int
    floor: int

    @property
    def clocks_per_event(self) -> int:
        """Clocks that an event takes."""
        return OUTPUTS // (self.options.lanes or OUTPUTS)

    def cycles(self, events: float) -> float:
        """What the formula says of a time step."""
        return max(events * self.clocks_per_event + self.constant, self.floor)


_WIDE = LayerOptions(lanes=128, neuron_lanes=16)
FOLDINGS = {
    "16 lanes": Folding(options=LayerOptions(lanes=16, neuron_lanes=16), constant=12, floor=14),
    "128 lanes": Folding(options=replace(_WIDE, current_buffers=1), constant=11, floor=13),
    "128 lanes, 2 buffers": Folding(options=_WIDE, constant=0, floor=10),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Means per time step of one folding at one input rate."""

    folding: str
    rate: float
    events: float
    clocks_per_event: int
    cycles: float
    mismatches: int


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure cycles against activity.")
    parser.add_argument("--out", type=Path, default=Path("out/activity"))
    parser.add_argument("--plot", type=Path, help="file of the plot")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    points = [point(options.out, name, rate, options.seed) for name in FOLDINGS for rate in RATES]
    write_json(RESULTS / "activity.json", {"seed": options.seed, "points": rows(points)})
    for name in FOLDINGS:
        show([p for p in points if p.folding == name])
    if options.plot:
        plot(points, options.plot)


def rows(points: list[Point]) -> list[dict[str, object]]:
    """The points with what the formula says of them."""
    return [{**asdict(p), "formula": expected(p)} for p in points]


def point(out: Path, name: str, rate: float, seed: int) -> Point:
    """One folding at one rate, measured once for what is generated."""
    rng = np.random.default_rng([seed, round(rate * 1000)])
    spikes = np.zeros((INFERENCES, STEPS, INPUTS), np.uint8)
    for step in spikes.reshape(-1, INPUTS):
        step[rng.permutation(INPUTS)[: round(rate * INPUTS)]] = 1
    run, folder = out / "run", out / "design"
    save_graph(layer(np.random.default_rng(seed)), run)
    (run / "test.npz").write_bytes(npz_bytes({"inputs": spikes}))
    options = BuildOptions(layers={"layer": FOLDINGS[name].options}, input_lanes=INPUT_LANES)
    spikeloom.build(run, folder, options=options)

    def measure() -> dict[str, Any]:
        result = spikeloom.verify(folder, probe=True)
        interval = result.interval_cycles
        assert interval is not None  # there is a streaming run
        return {"cycles": interval.mean / STEPS, "mismatches": result.mismatches}

    found = once(folder, f"{name} {rate:g}", VERIFIED, measure)
    return Point(
        folding=name,
        rate=rate,
        events=float(spikes.sum()) / (INFERENCES * STEPS),
        clocks_per_event=FOLDINGS[name].clocks_per_event,
        cycles=found["cycles"],
        mismatches=found["mismatches"],
    )


def layer(rng: np.random.Generator) -> Graph:
    """One layer of random weights."""
    weight: IntArray = rng.integers(-7, 8, (OUTPUTS, INPUTS))
    return Graph.of(
        "activity",
        STEPS,
        [
            Input(name="spikes", shape=(INPUTS,), encoder=Encoder.SPIKES),
            Dense(name="synapse", source="spikes", weight=weight, weight_bits=4),
            Neurons(
                name="layer",
                source="synapse",
                threshold=np.array(60),
                leak=Leak.shift(1),
                membrane_bits=10,
            ),
            Readout(name="scores", source="layer"),
        ],
    )


def expected(point: Point) -> float:
    """The formula at the top of this file."""
    return FOLDINGS[point.folding].cycles(point.events)


def show(points: list[Point]) -> None:
    """Print the measured clocks of a folding beside those of the formula."""
    print(f"{points[0].folding}: an event takes {points[0].clocks_per_event} clock(s)")
    for point in points:
        formula = expected(point)
        print(
            f"  {100 * point.rate:5.0f} %  events {point.events:6.1f}  cycles {point.cycles:8.1f}  "
            f"formula {formula:8.1f}  difference {100 * (point.cycles / formula - 1):+5.1f} %  "
            f"mismatches {point.mismatches}"
        )


def plot(points: list[Point], path: Path) -> None:
    """Draw cycles against events."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name in FOLDINGS:
        own = [p for p in points if p.folding == name]
        axes.plot([p.events for p in own], [p.cycles for p in own], marker="o", label=name)
    axes.set(
        xlabel="events per time step",
        ylabel="clock cycles per time step",
        xscale="symlog",
        yscale="log",
        title="784 to 128, one event port",
    )
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context({"svg.hashsalt": "activity"}):  # the same bytes every time
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
