"""A batch on its way through a graph: what each node puts out, kept as long as it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from spikeloom.ir._graph import (
    Add,
    Concat,
    Conv2d,
    Delay,
    Dense,
    Graph,
    Input,
    MaxPool2d,
    Neurons,
    Node,
    Product,
    Readout,
    ReadoutKind,
    SumPool2d,
    TokenMix,
    sources_of,
)
from spikeloom.ir._joints import added, concatenated, delayed, pooled, value_type
from spikeloom.ir._neurons import AnyIntegers, Dynamics, GroupRun
from spikeloom.ir._order import Stage, readers_of, stages_of
from spikeloom.ir._shapes import infer_shapes
from spikeloom.ir._synapses import Gate, Kernel, Operands
from spikeloom.ir._widths import Widths

Watch = Callable[[str, Operands], None]  # is shown what every node puts out, [N, F, *shape]


@dataclass(slots=True)
class Flow:
    """One batch: the values `[N, F, *shape]` that are still read, F being 1 (static) or T.

    `runs` holds what the neuron groups did, their spikes only while they are read or recorded.
    """

    batch: int
    record: bool
    watch: Watch | None
    values: dict[str, Operands] = field(default_factory=dict)
    runs: dict[str, GroupRun] = field(default_factory=dict)

    def put(self, name: str, values: Operands) -> None:
        """Note what a node puts out at all steps."""
        self.values[name] = values
        if self.watch is not None:
            self.watch(name, values)

    def finish(self, name: str, run: GroupRun) -> None:
        """Note what a group of neurons did; integrators put nothing out."""
        self.runs[name] = run
        if run.spikes is not None:
            self.put(name, run.spikes)

    def drop(self, names: Iterable[str]) -> None:
        """Forget values that nothing reads any more."""
        for name in names:
            self.values.pop(name, None)
            if not self.record:
                self.runs.pop(name, None)


class Program:
    """A graph made ready to run: what each node needs, and how long its values are kept."""

    def __init__(self, graph: Graph, widths: Widths) -> None:
        self._time_steps = graph.time_steps
        self._shapes = infer_shapes(graph)
        self._stages = [
            stage for stage in stages_of(graph) if not isinstance(stage.nodes[0], Input | Readout)
        ]
        self._readers = readers_of(graph)
        self._types = {
            name: value_type(widths, name) for name in (*widths.operands, *widths.currents)
        }
        self._kernels: dict[str, Kernel] = {}
        self._gates: dict[str, Gate] = {}
        self._groups: dict[str, Dynamics] = {}
        self._traced = {
            node.source
            for node in graph.nodes
            if isinstance(node, Readout) and _needs_every_step(node)
        }
        for node in graph.nodes:
            self._prepare(node, widths)
        self._unread = self._last_readings(graph)

    def _prepare(self, node: Node, widths: Widths) -> None:
        match node:
            case Dense() | Conv2d() | TokenMix():
                self._kernels[node.name] = Kernel(node, widths.currents[node.name])
            case Product():
                self._gates[node.name] = Gate(node, widths.currents[node.name])
            case Neurons():
                shape, width = self._shapes[node.name], widths.membranes[node.name]
                self._groups[node.name] = Dynamics(node, shape, width)
            case _:
                pass

    def _last_readings(self, graph: Graph) -> list[list[str]]:
        """Return, by stage, the nodes that no later one reads, but for those of readouts."""
        last = {
            source: place
            for place, stage in enumerate(self._stages)
            for node in stage.nodes
            for source in sources_of(node)
        }
        for node in graph.nodes:
            if isinstance(node, Readout):
                last.pop(node.source, None)
        return [
            [name for name, found in last.items() if found == place]
            for place in range(len(self._stages))
        ]

    def run(self, flow: Flow) -> None:
        """Take a batch, whose input has been put in, through all nodes but the readout."""
        for stage, unread in zip(self._stages, self._unread, strict=True):
            if stage.is_loop:
                self._run_loop(stage, flow)
            else:
                self._run_node(stage.nodes[0], flow)
            flow.drop(unread)

    def _run_node(self, node: Node, flow: Flow) -> None:
        """Take a batch through one node, all time steps at once."""
        sources = [flow.values[name] for name in sources_of(node)]
        match node:
            case Neurons():
                run = self._start(node.name, flow)
                for step in range(self._time_steps):
                    run.step(_frame(sources[0], step))
                flow.finish(node.name, run)
            case Delay():
                steps, dtype = self._time_steps, self._types[node.name]
                flow.put(node.name, delayed(sources[0], steps, dtype))
            case _:
                flow.put(node.name, self._value(node, sources))

    def _start(self, name: str, flow: Flow) -> GroupRun:
        record = flow.record or name in self._traced
        return self._groups[name].start(flow.batch, self._time_steps, record=record)

    def _value(self, node: Node, values: Sequence[Operands]) -> Operands:
        """Return what a node without a state makes of frames `[N, F, *shape]`."""
        match node:
            case Product():
                return self._gates[node.name].run(*values)
            case SumPool2d() | MaxPool2d():
                return pooled(node, values[0], self._types[node.name])
            case Concat():
                return concatenated(values, self._types[node.name])
            case Add():
                return added(node, values, self._types[node.name])
            case _:
                return _per_frame(self._kernels[node.name], values[0])

    def _run_loop(self, stage: Stage, flow: Flow) -> None:
        """Take a batch through the nodes of a loop, step by step."""
        now = {
            node.name: np.zeros((flow.batch, 1, *node.shape), self._types[node.name])
            for node in stage.nodes
            if isinstance(node, Delay)
        }
        runs = {
            node.name: self._start(node.name, flow)
            for node in stage.nodes
            if isinstance(node, Neurons)
        }
        frames: dict[str, list[Operands]] = {name: [] for name in self._kept(stage, flow)}
        for step in range(self._time_steps):
            for node in stage.nodes:
                if not isinstance(node, Delay):
                    now[node.name] = self._step(node, flow, now, runs, step)
            for name, kept in frames.items():
                kept.append(now[name])
            now |= {node.name: now[node.source] for node in stage.nodes if isinstance(node, Delay)}
        for name, run in runs.items():
            flow.finish(name, run)
        for name, kept in frames.items():
            flow.put(name, np.concatenate(kept, axis=1))

    def _kept(self, stage: Stage, flow: Flow) -> list[str]:
        """Return the nodes of a loop whose values somebody wants afterwards."""
        inside = {node.name for node in stage.nodes}
        return [
            node.name
            for node in stage.nodes
            if not isinstance(node, Neurons)
            and (flow.watch is not None or not inside.issuperset(self._readers[node.name]))
        ]

    def _step(
        self,
        node: Node,
        flow: Flow,
        now: dict[str, Operands],
        runs: dict[str, GroupRun],
        step: int,
    ) -> Operands:
        """Return what a node of a loop puts out at one step, `[N, 1, *shape]`."""
        values = [
            now[name] if name in now else _frame(flow.values[name], step)[:, None]
            for name in sources_of(node)
        ]
        if isinstance(node, Neurons):
            return runs[node.name].step(values[0][:, 0])[:, None]
        return self._value(node, values)


def _needs_every_step(readout: Readout) -> bool:
    """Whether a readout looks at the membranes of all steps, not of the last alone."""
    return readout.kind is ReadoutKind.MEMBRANE and readout.early is not None


def _frame(values: Operands, step: int) -> Operands:
    """Return one time step `[N, *shape]`; a static value is the same at all."""
    return values[:, min(step, values.shape[1] - 1)]


def _per_frame(kernel: Kernel, frames: Operands) -> AnyIntegers:
    """Run a synapse, which has no state, on all frames `[N, F, *shape]` at once."""
    batch, count = frames.shape[:2]
    result = kernel.run(frames.reshape(batch * count, *frames.shape[2:]))
    return result.reshape(batch, count, *result.shape[1:])
