"""The additions that a design makes for recorded inputs, up to each decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spikeloom.codegen._estimate._cycles import recorded_signals
from spikeloom.codegen._estimate._load import BuiltSynapse, additions_in, load_of
from spikeloom.codegen._facts import Facts, facts_of
from spikeloom.codegen._options import UNROLLED
from spikeloom.ir import Executor, Graph, IntArray, readout_of

_BATCH = 32  # inferences whose values are in memory together, at most


def count_additions(
    graph: Graph, synapses: Sequence[BuiltSynapse], inputs: NDArray[np.unsignedinteger]
) -> dict[str, float]:
    """Return the mean additions of weights per inference, by name of the synapse.

    Args:
        graph: The graph; it is checked first.
        synapses: Synapses and products of it, as built.
        inputs: At least one inference, as for `Executor.run`.

    Raises:
        GraphError: If the graph breaks a rule.
        DataError: If the inputs do not fit the graph.
    """
    facts = facts_of(graph)
    totals = dict.fromkeys((synapse.name for synapse in synapses), 0.0)
    for part in _batches(graph, inputs) if synapses else ():
        signals = recorded_signals(graph, part)
        steps = signals.get(readout_of(graph).name)
        for synapse in synapses:
            totals[synapse.name] += len(part) * _additions(facts, synapse, signals, steps)
    return {name: total / len(inputs) for name, total in totals.items()}


def _batches(
    graph: Graph, inputs: NDArray[np.unsignedinteger]
) -> Iterator[NDArray[np.unsignedinteger]]:
    size = min(_BATCH, Executor(graph).batch_size)
    return (inputs[start : start + size] for start in range(0, len(inputs), size))


def _additions(
    facts: Facts, synapse: BuiltSynapse, signals: Mapping[str, IntArray], steps: IntArray | None
) -> float:
    """Return the mean additions of one batch; `steps` are those taken where not all are."""
    name = synapse.name
    if steps is None or facts.is_static(facts.sources[name][0].name):
        return additions_in(facts, synapse, load_of(facts, name, signals))
    if synapse.engine == UNROLLED:  # as many in every step
        whole = additions_in(facts, synapse, load_of(facts, name, signals))
        return whole * float(steps.mean()) / facts.graph.time_steps
    source = facts.sources[name][0].name
    taken = {source: _up_to(signals[source], steps)}
    return additions_in(facts, synapse, load_of(facts, name, {**signals, **taken}))


def _up_to(values: IntArray, steps: IntArray) -> IntArray:
    """Return values `[N, T, *shape]` with those of later steps set to 0."""
    taken = np.arange(values.shape[1]) < steps[:, None]
    return values * taken.reshape(*taken.shape, *(1,) * (values.ndim - 2))
