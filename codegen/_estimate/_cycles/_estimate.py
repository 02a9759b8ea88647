"""Clock cycles of a design for given values, as its RTL takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikeloom.codegen._estimate._cycles._build import Model
from spikeloom.codegen._estimate._cycles._early import EarlyRun
from spikeloom.codegen._facts import Facts, facts_of
from spikeloom.codegen._views import Design
from spikeloom.ir import DataError, Delay, IntArray, readout_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cycles:
    """Clock cycles of N inferences that follow each other after a reset, the output always ready.

    `latency` `[N]` and `busy` `[N]` by layer are those of inferences one at a time: from the
    first beat of the input to the last score, and clocks (since the result before) in which an
    engine of the layer works.  `interval` `[N - 1]` are the clocks from one result to the
    next where inferences come as fast as they are taken.

    All are what `spikeloom verify` measures: exactly, unless `exact` says that they are not.
    Then the readout decides early, and nothing says when, so that all time steps are taken.
    """

    latency: IntArray
    interval: IntArray
    busy: Mapping[str, IntArray]
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ends:
    """When inferences began and ended, and the spans `[spans, 2]` in which layers worked."""

    starts: IntArray
    completes: IntArray
    busy: Mapping[str, IntArray]


def estimate_cycles(design: Design, signals: Mapping[str, IntArray]) -> Cycles:
    """Return the clock cycles that the RTL of a design takes.

    Args:
        design: The lowered design.
        signals: By node, what it puts out: integers `[N, T, *shape]`, `[N, 1, *shape]` where all
            time steps are the same. Only what `timing_sources` names is read. For a readout
            that decides early it is after how many time steps, `[N]`.

    Raises:
        DataError: If a node is missing, or its values have another shape.
    """
    facts = facts_of(design.graph)
    values, inferences = _values(facts, signals)
    readout = readout_of(design.graph)
    if readout.early is None:
        alone, stream = (_run(design, values, inferences, waits=waits) for waits in (True, False))
    else:
        steps = signals.get(readout.name, np.full(inferences, design.time_steps))
        alone, stream = (_run_early(design, values, steps, waits=waits) for waits in (True, False))
    return Cycles(
        latency=alone.completes - alone.starts + 1,
        interval=np.diff(stream.completes),
        busy={name: _clocks(spans, alone.completes) for name, spans in alone.busy.items()},
        exact=readout.early is None or readout.name in signals,
    )


def timing_sources(design: Design) -> tuple[str, ...]:
    """The nodes whose values the timing depends on: those that engines read, or the input."""
    return tuple(dict.fromkeys(_sources(facts_of(design.graph)).values()))


def _sources(facts: Facts) -> dict[str, str]:
    """What each engine reads; the input itself where there is no engine."""
    layers = dict.fromkeys(facts.layers.values())
    engines = [name for layer in layers for name in facts.workers(layer)]
    found = {name: facts.sources[name][0].name for name in engines}
    return found or {facts.input.name: facts.input.name}


def _values(facts: Facts, signals: Mapping[str, IntArray]) -> tuple[dict[str, IntArray], int]:
    """What each engine reads, and the number of inferences."""
    values: dict[str, IntArray] = {}
    inferences = -1
    for name, source in _sources(facts).items():
        if source not in signals:
            raise DataError(f"signals must hold the values of {source!r}, which {name!r} reads")
        given = signals[source]
        inferences = len(given) if inferences < 0 else inferences
        steps, shape = facts.graph.time_steps, facts.shapes[source]
        if not len(given) or given.shape not in ((inferences, n, *shape) for n in (1, steps)):
            expected = f"[{inferences or 'N'}, {steps}, {', '.join(map(str, shape))}]"
            raise DataError(f"values of {source!r} must be {expected}, not {list(given.shape)}")
        frames = 1 if facts.is_static(source) else steps
        values[name] = np.broadcast_to(given[:, :frames], (inferences, frames, *shape))
    return values, inferences


def _run(design: Design, values: Mapping[str, IntArray], inferences: int, *, waits: bool) -> _Ends:
    more = [inferences - 1] * _ahead(design)
    model = Model(
        design, {name: given[[*range(inferences), *more]] for name, given in values.items()}
    )
    model.send(inferences, waits=waits)
    model.network.run()
    beats = design.input.beats * design.input.frames
    return _Ends(
        starts=np.array(model.input.taken[: inferences * beats : beats], np.int64),
        completes=np.array(model.completes, np.int64),
        busy={probe.name: model.busy(probe.busy) for probe in design.probes},
    )


def _run_early(
    design: Design, values: Mapping[str, IntArray], steps: IntArray, *, waits: bool
) -> _Ends:
    run = EarlyRun(design, _ahead(design))
    run.run(values, steps.tolist(), waits=waits)
    return _Ends(
        starts=np.array(run.starts, np.int64),
        completes=np.array(run.completes, np.int64),
        busy={name: np.concatenate(spans) for name, spans in run.busy.items()},
    )


def _ahead(design: Design) -> int:
    """How many inferences at most delays let some nodes run ahead of the input.

    What such nodes read is the same in each inference.
    """
    return 1 + sum(isinstance(node, Delay) for node in design.graph.nodes)


def _clocks(spans: IntArray, ends: IntArray) -> IntArray:
    """How many clocks up to each end, and behind the one before, are in a span `[spans, 2]`."""
    last = int(ends[-1])
    change = np.zeros(last + 2, np.int64)
    np.add.at(change, np.minimum(spans[:, 0], last + 1), 1)
    np.add.at(change, np.minimum(spans[:, 1] + 1, last + 1), -1)
    worked = np.cumsum(np.cumsum(change)[:-1] > 0)
    return np.diff(worked[ends], prepend=0)
