"""Early decision: time steps, clock cycles and accuracy, exactly and by several margins.

    python benchmarks/early.py [--out out/early]

The networks of examples/, as trained into runs/, are built with their own [hardware] tables and
each rule; their whole test sets go through the RTL one inference at a time (latency), and 1,000
images back to back (interval).  Every step of decision, score, prediction, spike and membrane is
compared with the reference.  Each point is kept, so that an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from flow import RESULTS, ROOT

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
    graph: str  # digest, before the rule
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
    parser.add_argument("--networks", nargs="+", choices=RULES, default=list(RULES))
    options = parser.parse_args()
    store = RESULTS / "early.json"
    points = load(store)
    for network in options.networks:
        digest = digest_of(network)
        for rule in RULES[network]:
            if not any((p.graph, p.rule) == (digest, rule) for p in points):
                old = [p for p in points if (p.network, p.rule) != (network, rule)]
                points = ordered([*old, measure(options.out / network, network, rule)])
                write_json(store, {"points": [asdict(p) for p in points]})
    for point in points:
        show(point)


def load(store: Path) -> list[Point]:
    """What an earlier run has measured."""
    if not store.is_file():
        return []
    return [Point(**p) for p in json.loads(store.read_text(encoding="utf-8"))["points"]]


def digest_of(network: str) -> str:
    """The digest of a trained network."""
    record = json.loads((ROOT / "runs" / network / "graph.json").read_text(encoding="utf-8"))
    return str(record["digest"])


def ordered(points: list[Point]) -> list[Point]:
    """The points as RULES lists them."""
    wanted = [(network, rule) for network, rules in RULES.items() for rule in rules]
    return sorted(points, key=lambda p: wanted.index((p.network, p.rule)))


def measure(out: Path, network: str, rule: str | int) -> Point:
    """Build, run and compare one network under one rule."""
    run = ROOT / "runs" / network
    spikeloom.build(run, out, early=rule)
    result = verify(out, probe=True, stress=STREAMED)
    latency, interval = result.cycles_per_inference, result.interval_cycles
    assert latency is not None  # the test set is not empty
    assert interval is not None  # nor the streaming run
    assert result.accuracy is not None  # it has labels
    graph = load_graph(run)
    steps = result.steps
    return Point(
        network=network,
        graph=digest_of(network),
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
