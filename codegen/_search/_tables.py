"""The tables of what every part costs: foldings that could be of use, measured side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest

import numpy as np

from spikeloom.codegen._estimate import Area
from spikeloom.codegen._options import LayerOptions
from spikeloom.codegen._search._candidates import rough_size
from spikeloom.codegen._search._combine import Table, best_rows
from spikeloom.codegen._search._parts import Part, Role
from spikeloom.codegen._search._problem import Problem
from spikeloom.ir import BuildError, Progress

_MOST, _LEAST = 480, 24  # foldings that are measured: of all parts together, and of each
_ALIKE = 0.02  # clock cycles that differ by less are alike

Candidates = Mapping[str, Sequence[LayerOptions]]  # by node of a part


def useful(problem: Problem, part: Part, candidates: Sequence[LayerOptions]) -> list[LayerOptions]:
    """Choose what is measured: what nothing beats that is smaller by a rough guess as well.

    Where that is too much, so many of them, from the slowest to the fastest.
    """
    work, facts = problem.work, problem.facts
    cycles = np.array([work.cycles(part, options) for options in candidates])
    guesses = [
        (*rough_size(facts, part, options), work.additions(part, options)) for options in candidates
    ]
    steps = np.floor(np.log1p(cycles) / np.log1p(_ALIKE))
    kept = best_rows(np.column_stack([guesses, steps]))
    most = max(_LEAST, _MOST // len(problem.parts))
    if len(kept) > most:
        ordered = kept[np.argsort(cycles[kept], kind="stable")]
        kept = ordered[np.linspace(0, len(ordered) - 1, most).round().astype(int)]
    return [candidates[place] for place in sorted(set(kept.tolist()))]


def measure(problem: Problem, candidates: Candidates, progress: Progress) -> tuple[Table, ...]:
    """Estimate the area of every candidate with all parts near it as they are by default.

    Neurons right behind an engine need no candidates: what they take is part of the engine's.

    Raises:
        BuildError: If no candidate of a part can be built: what is pinned does not fit.
    """
    batches = list(_batches(problem, candidates))
    progress.start("estimating foldings of single layers", len(batches))
    areas: dict[str, dict[LayerOptions, Area]] = {node: {} for node in candidates}
    for batch in batches:
        for node, options, area in _measured(problem, batch):
            areas[node][options] = area
        progress.advance()
    measured = [part for part in problem.parts if part.node in areas]
    return tuple(_table(problem, part, areas[part.node]) for part in measured)


def _table(problem: Problem, part: Part, areas: Mapping[LayerOptions, Area]) -> Table:
    if not areas:
        raise BuildError(f"layer {part.layer!r}: no folding that was asked for can be built")
    rows = [
        (
            area.lut,
            area.ff,
            area.bram,
            problem.work.cycles(part, options),
            problem.work.additions(part, options),
        )
        for options, area in areas.items()
    ]
    values = np.array(rows, np.float64)
    if part.role is Role.INPUT:  # the whole design was measured: all else is the same
        values[:, :3] -= values[:, :3].min(axis=0)
    return Table(part=part.node, options=tuple(areas), values=values)


def _measured(
    problem: Problem, picks: Mapping[str, LayerOptions]
) -> Iterator[tuple[str, LayerOptions, Area]]:
    """The area of each part of a batch; one by one if they cannot be built together."""
    try:
        areas = problem.estimator.area(problem.options(problem.fitted(picks)))
    except BuildError:
        if len(picks) > 1:
            for node, options in picks.items():
                yield from _measured(problem, {node: options})
        return
    parts = {part.node: part for part in problem.parts}
    for node, options in picks.items():
        nodes: Iterable[str] = (node, problem.neurons_of(parts[node]) or "")
        if parts[node].role is Role.INPUT:  # how wide it is costs the blocks behind it most
            nodes = areas
        yield node, options, sum((areas[name] for name in nodes if name in areas), Area())


def _batches(problem: Problem, candidates: Candidates) -> Iterator[dict[str, LayerOptions]]:
    """Foldings of parts that are far enough apart to be measured in one design."""
    for group in _far_apart(problem):
        nodes = [node for node in group if node in candidates]
        for picks in zip_longest(*(candidates[node] for node in nodes)):
            named = zip(nodes, picks, strict=True)
            yield {node: options for node, options in named if options is not None}


def _far_apart(problem: Problem) -> list[list[str]]:
    """Put parts into groups in which none is next to another, or next but one; the input alone."""
    near = problem.neighbours()
    first, *others = problem.parts
    groups: list[list[str]] = []
    for part in others:
        around = near[part.node] | {far for node in near[part.node] for far in near[node]}
        free = next((group for group in groups if not around & set(group)), None)
        if free is None:
            groups.append([part.node])
        else:
            free.append(part.node)
    return [[first.node], *groups]
