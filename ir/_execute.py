"""The reference executor: what a graph computes, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloom.ir._encode import UIntArray, check_inputs, encode, largest_operand
from spikeloom.ir._errors import DataError, GraphError
from spikeloom.ir._graph import (
    Conv2d,
    Dense,
    Graph,
    Input,
    Neurons,
    Node,
    Readout,
    ReadoutKind,
    SumPool2d,
)
from spikeloom.ir._neurons import Activations, AnyIntegers, Dynamics
from spikeloom.ir._shapes import infer_shapes, input_of
from spikeloom.ir._synapses import Kernel, Operands, sum_pool
from spikeloom.ir._widths import infer_widths

_Values = TypeVar("_Values", Operands, AnyIntegers)

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
    """Results of N inferences: scores `[N, K]`, predictions `[N]`, layers by name.

    `layers` is empty unless it was recorded.
    """

    scores: NDArray[np.int64]
    predictions: NDArray[np.int64]
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
        shapes = infer_shapes(graph)
        self._graph = graph
        self._input = input_of(graph)
        self._kernels: dict[str, Kernel] = {}
        self._groups: dict[str, Dynamics] = {}
        for node in graph.nodes:
            if isinstance(node, Dense | Conv2d):
                self._kernels[node.name] = Kernel(node, widths.currents[node.name])
            elif isinstance(node, Neurons):
                self._groups[node.name] = Dynamics(
                    node, shapes[node.name], widths.membranes[node.name]
                )
        self._states = sum(int(np.prod(shapes[name])) for name in self._groups)

    @property
    def graph(self) -> Graph:
        """The graph that is run."""
        return self._graph

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
        batch = max(1, _BATCH_VALUES // (self._states * self._graph.time_steps))
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

    def _run_batch(self, values: UIntArray, *, record: bool) -> Trace:
        flow = _Flow(
            encode(self._input, self._graph.time_steps, values), largest_operand(self._input)
        )
        for node in self._graph.nodes:
            self._advance(flow, node, record=record)
        return Trace(flow.scores, flow.scores.argmax(axis=1), flow.layers)

    def _advance(self, flow: _Flow, node: Node, *, record: bool) -> None:
        """Take a batch through one node."""
        match node:
            case Input():
                pass  # encoded already
            case SumPool2d():
                flow.pool(node)
            case Dense() | Conv2d():
                flow.currents = _per_frame(self._kernels[node.name].run, flow.operands)
            case Neurons():
                group = self._groups[node.name]
                flow.fire(
                    node.name, group.run(flow.currents, self._graph.time_steps, record=record)
                )
            case Readout():
                flow.scores = _scores(node, flow.done)


@dataclass(slots=True)
class _Flow:
    """A batch on its way through the chain: what the last nodes put out."""

    operands: Operands  # [N, F, *shape]
    largest: int  # what an operand can be at most
    currents: AnyIntegers = field(default_factory=lambda: np.zeros(0, np.int32))
    done: Activations | None = None
    scores: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    layers: dict[str, LayerTrace] = field(default_factory=dict)

    def pool(self, node: SumPool2d) -> None:
        largest = self.largest
        self.operands = _per_frame(lambda maps: sum_pool(node, maps, largest), self.operands)
        self.largest = largest * node.kernel[0] * node.kernel[1]

    def fire(self, name: str, done: Activations) -> None:
        self.done = done
        if done.spikes is not None:
            self.operands, self.largest = done.spikes, 1
        if done.membranes is not None:
            silent = np.zeros(done.membranes.shape, np.uint8)
            spikes = silent if done.spikes is None else done.spikes
            self.layers[name] = LayerTrace(spikes, done.membranes)


def _per_frame(function: Callable[[Operands], _Values], frames: Operands) -> _Values:
    """Apply a function of `[B, *shape]` to frames `[N, F, *shape]`; a synapse has no state."""
    batch, count = frames.shape[:2]
    result = function(frames.reshape(batch * count, *frames.shape[2:]))
    return result.reshape(batch, count, *result.shape[1:])


def _scores(readout: Readout, done: Activations | None) -> NDArray[np.int64]:
    """Return `[N, K]`, the classes in the order of the flattened (C, H, W)."""
    if done is None:
        raise GraphError(f"readout {readout.name!r} must read neurons")
    if readout.kind is ReadoutKind.MEMBRANE or done.spikes is None:
        scores = done.final
    else:
        scores = done.spikes.sum(axis=1, dtype=np.int64)
    return scores.reshape(scores.shape[0], math.prod(scores.shape[1:])).astype(np.int64)


def _concatenate(traces: list[Trace]) -> Trace:
    names = traces[0].layers
    layers = {
        name: LayerTrace(
            np.concatenate([trace.layers[name].spikes for trace in traces]),
            np.concatenate([trace.layers[name].membranes for trace in traces]),
        )
        for name in names
    }
    scores = np.concatenate([trace.scores for trace in traces])
    return Trace(scores, np.concatenate([trace.predictions for trace in traces]), layers)
