"""Pipeline stages from estimated delays."""

from __future__ import annotations

from dataclasses import dataclass, field

from spikeloom.codegen._unrolled._builder import Builder
from spikeloom.codegen._unrolled._chains import CHAIN_BITS
from spikeloom.codegen._unrolled._fabric import Fabric
from spikeloom.codegen._unrolled._netlist import Node, Sum, Table, Term


@dataclass(slots=True)
class _Pipeline:
    """Stage and arrival time within the stage, of every signal so far."""

    builder: Builder
    fabric: Fabric
    budget_ns: float  # of a stage, without its registers
    stages: list[int] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    wanted: dict[int, int] = field(default_factory=dict)  # by table of inputs: its latest stage

    def place(self, node: Node) -> None:
        """Put a node into the first stage in which it ends in time."""
        signal = len(self.stages)
        fixed = [source for source in node.sources if not self._floats(source)]
        stage = max((self.stages[source] for source in fixed), default=0)
        ready = [self.arrivals[source] for source in fixed if self.stages[source] == stage]
        start, delay = max(ready, default=0.0), self._delay(node, signal)
        if start + delay > self.budget_ns and start > 0:
            stage, start = stage + 1, 0.0
        if len(fixed) < len(node.sources):
            start, stage = self._with_tables(start, delay, stage)
            late = stage if start >= self.fabric.table_ns else stage - 1
            for source in set(node.sources) - set(fixed):
                self.wanted[source] = min(self.wanted.get(source, late), late)
        self.stages.append(stage)
        self.arrivals.append(start + delay)

    def _with_tables(self, start: float, delay: float, stage: int) -> tuple[float, int]:
        """When a node with tables of inputs begins: behind them, or with them in a register."""
        behind = max(start, self.fabric.table_ns)
        if behind + delay <= self.budget_ns:
            return behind, stage
        return (start, stage) if stage else (0.0, 1)

    def _floats(self, signal: int) -> bool:
        """Whether a signal is a table of inputs: these pass the stages at less cost."""
        place = signal - self.builder.inputs
        node = self.builder.nodes[place] if place >= 0 else None
        return isinstance(node, Table) and all(s < self.builder.inputs for s in node.sources)

    def _delay(self, node: Node, signal: int) -> float:
        """Of a sum, that of a whole chain: timing analysis goes on through the sums beside it."""
        if isinstance(node, Sum):
            bits = max(CHAIN_BITS, self.builder.ranges[signal].bits)
            return self.fabric.chain_ns + bits * self.fabric.carry_ns
        return self.fabric.table_ns


def schedule(
    builder: Builder, outputs: list[Term | None], fabric: Fabric, period_ns: float | None
) -> tuple[tuple[int, ...], int]:
    """Return the stage of every signal, and the number of stages.

    With a period, every output comes out of a register.  A table of inputs stands in the
    stage that reads it first: inputs are fewer than tables, so they are delayed instead.
    """
    if period_ns is None:
        return (0,) * len(builder.ranges), 0
    pipeline = _Pipeline(builder, fabric, period_ns - fabric.register_ns)
    pipeline.stages = [0] * builder.inputs
    pipeline.arrivals = [0.0] * builder.inputs
    for node in builder.nodes:
        pipeline.place(node)
    for signal, stage in pipeline.wanted.items():
        pipeline.stages[signal] = stage
    used = [pipeline.stages[output.signal] for output in outputs if output is not None]
    return tuple(pipeline.stages), max(used, default=0) + 1
