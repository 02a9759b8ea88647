"""Early decision: time steps, clock cycles and accuracy, exactly and by several margins.

    python benchmarks/early.py [--out out/early]

The networks of examples/, as trained into runs/, are built with their own [hardware] tables and
each rule; their whole test sets go through the RTL one inference at a time (latency), and 1,000
images back to back (interval).  Every step of decision, score, prediction, spike and membrane is
compared with the reference.  Each point is kept for what was generated, so that an interrupted
run goes on.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from flow import RESULTS, ROOT, VERIFIED, once

import spikeloom
from spikeloom.ir import EXACT, Executor, load_graph, with_early, write_json
from spikeloom.sim import verify

STREAMED = 1000  # test images that go in back to back
OFF = "off"
RULES: dict[str, tuple[str | int, ...]] = {
    "digits": (OFF, EXACT, 8, 16, 32, 64),
    "mnist": (OFF, EXACT, 8, 16, 24, 32, 48),
    "mnist_spiker": (OFF, EXACT, 1, 2, 3),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One network under one rule; `unchanged` predictions are those of all time steps."""

    network: str
    rule: str | int
    inferences: int
    time_steps: int
    steps: float
    steps_max: int
    unchanged: int
    accuracy: float
    latency_cycles: float
    latency_cycles_max: int
    interval_cycles: float
    mismatches: int


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure early decision.")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "early")
    options = parser.parse_args()
    points = [
        point(options.out / network, network, rule) for network in RULES for rule in RULES[network]
    ]
    write_json(RESULTS / "early.json", {"points": [asdict(p) for p in points]})


def point(out: Path, network: str, rule: str | int) -> Point:
    """One network under one rule, measured once for what is generated."""
    spikeloom.build(ROOT / "runs" / network, out, early=rule)
    found = once(out, str(rule), VERIFIED, lambda: asdict(measure(out, network, rule)))
    result = Point(**{item.name: found[item.name] for item in fields(Point)})
    show(result)
    return result


def measure(out: Path, network: str, rule: str | int) -> Point:
    """Run and compare one network under one rule."""
    run = ROOT / "runs" / network
    result = verify(out, probe=True, stress=STREAMED)
    latency, interval = result.cycles_per_inference, result.interval_cycles
    assert latency is not None  # the test set is not empty
    assert interval is not None  # nor the streaming run
    assert result.accuracy is not None  # it has labels
    graph = load_graph(run)
    steps = result.steps
    return Point(
        network=network,
        rule=rule,
        inferences=result.inferences,
        time_steps=graph.time_steps,
        steps=graph.time_steps if steps is None else steps.mean,
        steps_max=graph.time_steps if steps is None else steps.max,
        unchanged=unchanged(run, rule),
        accuracy=result.accuracy,
        latency_cycles=latency.mean,
        latency_cycles_max=latency.max,
        interval_cycles=interval.mean,
        mismatches=result.mismatches,
    )


def unchanged(run: Path, rule: str | int) -> int:
    """Test images whose prediction is that of all time steps."""
    graph = load_graph(run)
    with np.load(run / "test.npz") as stored:
        inputs = stored["inputs"]
    if rule == OFF:
        return len(inputs)
    early = with_early(graph, EXACT if rule == EXACT else int(rule))
    full = Executor(graph).run(inputs).predictions
    return int((Executor(early).run(inputs).predictions == full).sum())


def show(point: Point) -> None:
    """Print one point."""
    print(
        f"{point.network:12} {point.rule!s:>6}  steps {point.steps:5.2f} of {point.time_steps}  "
        f"latency {point.latency_cycles:7.1f}  interval {point.interval_cycles:7.1f}  "
        f"accuracy {100 * point.accuracy:.2f} %  unchanged {point.unchanged} of "
        f"{point.inferences}  mismatches {point.mismatches}"
    )


if __name__ == "__main__":
    main()
