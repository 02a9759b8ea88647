"""Find the coefficients of the area estimator.

    python benchmarks/estimator_fit.py

Reads what benchmarks/estimator_corpus.py kept in out/estimator of the designs with numbers below
2000, and writes codegen/_estimate/data/logic.json.  No other design is looked at.

Every instance of a top module that was synthesised by itself is one equation: its look-up
tables are terms times coefficients.  Coefficients are not negative; residuals count relative to the
size of the instance, large ones (by a hundredth and more of what they miss) less than their square.
All families together come first; those of one family are then drawn towards these, scaled by
the ratio of the family, for no family has seen enough of everything.  What synthesis saves
across instances is one factor, from designs that were synthesised flat.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
from estimator_corpus import BOARDS, CACHE, ROOT, check_record
from estimator_designs import draw

from spikeloom.boards._flow import FLOWS
from spikeloom.boards._reports import count_cells
from spikeloom.boards._tools import find_yosys
from spikeloom.codegen import Design, lower
from spikeloom.codegen._estimate._area import tallies
from spikeloom.ir import write_json

DATA = ROOT / "codegen" / "_estimate" / "data" / "logic.json"
FIRST_HELD_OUT = 2000
_OFFSET = 60  # look-up tables: below this an error counts absolutely
_ROBUST = 0.1  # relative error from which it counts linearly
_POOLED = 0.15  # pull of all coefficients towards the guesses below
_PULL = 0.3  # and of those of a family towards those of all
_SWEEPS = 400
# What a term is thought to take where nothing else is known; 8 for what a module takes in any case.
_GUESSES = {
    "accumulator.address": 5.0,
    "accumulator.beats": 2.0,
    "accumulator.forward": 2.0,
    "accumulator.memory": 10.0,
    "accumulator.register": 5.0,
    "accumulator.side_address": 4.0,
    "accumulator.sides": 2.0,
    "address_rule.spatial": 10.0,
    "decision.merge": 6.0,
    "event_queue.encode": 0.25,
    "event_queue.event": 0.4,
    "event_queue.plane": 0.3,
    "fifo.count": 3.0,
    "fifo.pointer": 1.5,
    "neuron.added": 0.7,
    "neuron.lowered": 0.5,
    "sparse_rows.count": 2.1,
    "sparse_rows.one": 3.5,
    "sparse_rows.output": 1.2,
    "sparse_rows.word": 2.5,
    "synapse.busy": 0.0,
    "synapse.gate": 0.1,
    "synapse.shift": 0.6,
    "word_queue.silent": 0.35,
}
# Terms of modules that no design of the corpus has: they stay guesses.
_UNSEEN = (
    "decision.lead",
    "decision.merge",
    "decision.one",
    "decision.pointer",
    "decision.step",
    "gate.frame",
    "gate.one",
)
# Known: from experiments on single memories, and what an adder takes in any family.  Small designs
# do not tell the latter from what always comes with it.
_FIXED = {"memory": 1.0, "synapse.add": 1.0, "accumulator.beat": 0.5}

Terms = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Point:
    """An instance that was synthesised by itself, or a whole design."""

    design: int
    instance: str
    kind: str
    terms: Terms
    lut: float  # without what is known exactly


def main() -> None:
    points = {family: measured(family, kept=True) for family in BOARDS}
    families = fit(points)
    content: dict[str, Any] = {
        "made": {
            "by": "benchmarks/estimator_fit.py",
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "yosys": find_yosys().version,
            "designs": sorted({point.design for found in points.values() for point in found}),
            "instances": {family: len(found) for family, found in points.items()},
        },
        "families": families,
    }
    write_json(DATA, content)
    for family in BOARDS:
        print(family, summary(points[family], families[family]["terms"]))


def records(family: str, *, kept: bool) -> list[dict[str, Any]]:
    """What was synthesised for calibration."""
    found = []
    for path in sorted(CACHE.glob(f"*-{family}{'-kept' * kept}.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["name"].isdecimal() and int(record["name"]) < FIRST_HELD_OUT:
            found.append(record)
    return found


@cache
def design_of(number: int, family: str) -> Design:
    """The design with a number."""
    graph, folding = draw(number)
    return lower(graph, folding, family=family)


def measured(family: str, *, kept: bool) -> list[Point]:
    """One point for each instance (`kept`), or for each design."""
    points = []
    for record in records(family, kept=kept):
        number = int(record["name"])
        check_record(record, design_of(number, family))
        found: dict[str, Counter[str]] = defaultdict(Counter)
        exact: Counter[str] = Counter()
        kinds: dict[str, str] = {}
        for module, tally in tallies(design_of(number, family), family):
            top = module.path.split(".")[0] if kept else ""
            kinds.setdefault(top, module.kind)
            found[top].update(Counter(tally.terms))
            exact[top] += tally.exact.lut
        for top, terms in found.items():
            if top in record["cells"]:
                used = count_cells(record["cells"][top], FLOWS[family])
                points.append(Point(number, top, kinds[top], terms, used.lut - exact[top]))
    return points


def fit(points: Mapping[str, Sequence[Point]]) -> dict[str, Any]:
    """The coefficients of every family."""
    everything, ratios = pooled(points)
    families = {}
    for family, found in points.items():
        prior = {
            name: _FIXED.get(name, value * ratios[family]) for name, value in everything.items()
        }
        terms = solve(found, prior, _PULL)
        flat = measured(family, kept=False)
        factors = [point.lut / estimate(point.terms, terms) for point in flat]
        families[family] = {
            "flattened": round(float(np.median(factors)), 3) if factors else 1.0,
            "terms": {name: round(value, 3) for name, value in sorted(terms.items())},
        }
    return families


def pooled(points: Mapping[str, Sequence[Point]]) -> tuple[dict[str, float], dict[str, float]]:
    """Coefficients of all families together, and what each family takes in units of them."""
    ratios = dict.fromkeys(points, 1.0)
    names = {name for found in points.values() for point in found for name in point.terms}
    guesses = {name: _guess(name) for name in sorted({*names, *_UNSEEN})}
    terms = guesses
    for _ in range(3):
        scaled = [
            Point(p.design, p.instance, p.kind, p.terms, p.lut / ratios[family])
            for family, found in points.items()
            for p in found
        ]
        terms = solve(scaled, guesses, _POOLED)
        for family, found in points.items():
            total = sum(estimate(point.terms, terms) for point in found)
            ratios[family] = sum(point.lut for point in found) / total
    return terms, ratios


def _guess(name: str) -> float:
    return (_FIXED | _GUESSES).get(name, 8.0 if name.endswith(".one") else 1.0)


def estimate(terms: Terms, coefficients: Terms) -> float:
    """Look-up tables of terms."""
    return sum(coefficients.get(name, 0.0) * value for name, value in terms.items())


def solve(points: Sequence[Point], prior: Terms, pull: float) -> dict[str, float]:
    """Coefficients that are not negative and near `prior`, by reweighted least squares."""
    names = sorted(prior)
    matrix = np.array([[point.terms.get(name, 0.0) for name in names] for point in points])
    luts = np.array([point.lut for point in points])
    start = np.array([prior[name] for name in names])
    fixed = np.array([name in _FIXED for name in names])
    size = 1 / (np.maximum(luts, 0) + _OFFSET)
    ridge = pull**2 * ((matrix * size[:, None]) ** 2).sum(0)
    weights, found = size, start.copy()
    for _ in range(12):
        scaled = matrix * weights[:, None]
        gram = scaled.T @ scaled + np.diag(ridge + 1e-9)
        goal = scaled.T @ (luts * weights) + (ridge + 1e-9) * start
        found = _descend(gram, goal, found, fixed)
        error = np.abs(matrix @ found - luts) * size
        weights = size * np.sqrt(np.minimum(1, _ROBUST / np.maximum(error, 1e-9)))
    return dict(zip(names, found.tolist(), strict=True))


def _descend(
    gram: np.ndarray, goal: np.ndarray, start: np.ndarray, fixed: np.ndarray
) -> np.ndarray:
    """Minimise x G x / 2 - goal x over x >= 0, coordinate by coordinate."""
    found = start.copy()
    for _ in range(_SWEEPS):
        before = found.copy()
        for index in np.flatnonzero(~fixed):
            slope = goal[index] - gram[index] @ found
            found[index] = max(0.0, found[index] + slope / gram[index, index])
        if np.abs(found - before).max() < 1e-6:
            break
    return found


def summary(points: Sequence[Point], terms: Terms) -> str:
    """How well the calibration itself is met."""
    designs: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for point in points:
        designs[point.design][0] += estimate(point.terms, terms)
        designs[point.design][1] += point.lut
    errors = [abs(found / true - 1) for found, true in designs.values()]
    return f"{len(designs)} designs, median error {100 * float(np.median(errors)):.1f} %"


if __name__ == "__main__":
    main()
