"""The reference executor: what a graph computes, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloom.ir._early import early_rule
from spikeloom.ir._encode import UIntArray, check_inputs, encode
from spikeloom.ir._errors import DataError
from spikeloom.ir._flow import Flow, Program, Watch
from spikeloom.ir._graph import Graph, Neurons, Readout, ReadoutKind
from spikeloom.ir._neurons import GroupRun
from spikeloom.ir._shapes import infer_shapes, input_of, readout_of
from spikeloom.ir._widths import infer_widths

_BATCH_VALUES = 1 << 21  # neuron states times steps per batch: tens of MiB at work


@dataclass(frozen=True, slots=True, eq=False)
class LayerTrace:
    """What one group of neurons did in N inferences of T steps.

    `spikes` and `membranes` (v after the reset) have shape `[N, T, *shape]`.
    """

    spikes: NDArray[np.uint8]
    membranes: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Results of N inferences: scores `[N, K]`, predictions and steps `[N]`, layers by name.

    `steps` is after how many time steps an inference was decided: all of them, unless the
    readout decides early.  `layers` is empty unless it was recorded, and shows all time steps.
    """

    scores: NDArray[np.int64]
    predictions: NDArray[np.int64]
    steps: NDArray[np.int64]
    layers: dict[str, LayerTrace]


class Executor:
    """Runs a graph on batches, exactly as `docs/semantics.md` says.

    Args:
        graph: The graph; it is checked first.

    Raises:
        GraphError: If the graph breaks a rule; all are listed.
    """

    def __init__(self, graph: Graph) -> None:
        widths = infer_widths(graph)
        self._graph = graph
        self._input = input_of(graph)
        self._readout = readout_of(graph)
        self._rule = early_rule(graph)
        self._program = Program(graph, widths)
        self._values = _values_at_once(graph)

    @property
    def graph(self) -> Graph:
        """The graph that is run."""
        return self._graph

    @property
    def batch_size(self) -> int:
        """How many inferences `run` takes at a time, so that memory stays bounded."""
        return max(1, _BATCH_VALUES // (self._values * self._graph.time_steps))

    def run(self, inputs: ArrayLike, *, record: bool = False) -> Trace:
        """Run all of `inputs` and return one trace.

        Args:
            inputs: Integers `[N, *shape]` (`[N, T, *shape]` for `Encoder.SPIKES`).
            record: Keep every spike and membrane: 5 bytes for each neuron, step
                and inference.

        Raises:
            DataError: If shape, type or range of `inputs` does not fit the graph.
        """
        values = check_inputs(self._input, self._graph.time_steps, inputs)
        batch = self.batch_size
        if values.shape[0] <= batch:
            return self._run_batch(values, record=record)
        return _concatenate(list(self.batches(values, batch, record=record)))

    def batches(
        self, inputs: ArrayLike, batch: int = 256, *, record: bool = False
    ) -> Iterator[Trace]:
        """Run `inputs` in batches, one trace each, in order; memory stays bounded.

        Raises:
            DataError: As `run`, before the first batch; or if `batch` is below 1.
        """
        if batch < 1:
            raise DataError(f"batch must be at least 1, not {batch}")
        values = check_inputs(self._input, self._graph.time_steps, inputs)
        return (
            self._run_batch(values[start : start + batch], record=record)
            for start in range(0, values.shape[0], batch)
        )

    def observe(self, inputs: ArrayLike, watch: Watch) -> Trace:
        """Run `inputs` in one batch and show `watch` what every node puts out.

        It is called once for each node but the readout and integrators, with
        its name and values `[N, F, *shape]`, F being 1 where every step is the
        same and else T.
        """
        values = check_inputs(self._input, self._graph.time_steps, inputs)
        return self._run_batch(values, record=False, watch=watch)

    def _run_batch(self, values: UIntArray, *, record: bool, watch: Watch | None = None) -> Trace:
        flow = Flow(values.shape[0], record, watch)
        flow.put(self._input.name, encode(self._input, self._graph.time_steps, values))
        self._program.run(flow)
        run = flow.runs[self._readout.source]
        if self._rule is None:
            scores = _scores(self._readout, run)
            steps = np.full(len(scores), self._graph.time_steps)
        else:
            by_step = _scores_by_step(self._readout, run)
            steps = self._rule.steps(by_step)
            scores = by_step[np.arange(len(steps)), steps - 1]
        layers = {node.name: _layer(flow.runs[node.name]) for node in self._recorded(record)}
        return Trace(scores, scores.argmax(axis=1), steps, layers)

    def _recorded(self, record: bool) -> Iterator[Neurons]:
        return (node for node in self._graph.nodes if isinstance(node, Neurons) and record)


def _values_at_once(graph: Graph) -> int:
    """Return the neurons of a graph, or the values of its largest node if those are more."""
    shapes = infer_shapes(graph)
    neurons = sum(math.prod(shapes[node.name]) for node in graph.nodes if isinstance(node, Neurons))
    return max(neurons, *(math.prod(shape) for shape in shapes.values()))


def _layer(run: GroupRun) -> LayerTrace:
    assert run.membranes is not None
    silent = np.zeros(run.membranes.shape, np.uint8)
    return LayerTrace(silent if run.spikes is None else run.spikes, run.membranes)


def _scores(readout: Readout, run: GroupRun) -> NDArray[np.int64]:
    """Return `[N, K]`, the classes in the order of the flattened (C, H, W)."""
    if readout.kind is ReadoutKind.MEMBRANE or run.spikes is None:
        scores = run.v
    else:
        scores = run.spikes.sum(axis=1, dtype=np.int64)
    return scores.reshape(scores.shape[0], math.prod(scores.shape[1:])).astype(np.int64)


def _scores_by_step(readout: Readout, run: GroupRun) -> NDArray[np.int64]:
    """Return the scores after each time step, `[N, T, K]`."""
    if readout.kind is ReadoutKind.MEMBRANE or run.spikes is None:
        assert run.membranes is not None
        scores = run.membranes
    else:
        scores = run.spikes.cumsum(axis=1, dtype=np.int64)
    return scores.reshape(*scores.shape[:2], math.prod(scores.shape[2:])).astype(np.int64)


def _concatenate(traces: list[Trace]) -> Trace:
    names = traces[0].layers
    layers = {
        name: LayerTrace(
            np.concatenate([trace.layers[name].spikes for trace in traces]),
            np.concatenate([trace.layers[name].membranes for trace in traces]),
        )
        for name in names
    }
    return Trace(
        np.concatenate([trace.scores for trace in traces]),
        np.concatenate([trace.predictions for trace in traces]),
        np.concatenate([trace.steps for trace in traces]),
        layers,
    )
