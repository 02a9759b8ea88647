"""Width inference: intervals of what every node puts out, and of every membrane.

A delay in a loop takes what its source can be, grown step by step, for exactly
the time steps of the graph.
"""

from __future__ import annotations

from dataclasses import dataclass

from spikeloom.ir._bounds import node_bounds, zeros
from spikeloom.ir._graph import (
    Conv2d,
    Delay,
    Dense,
    Graph,
    Neurons,
    Product,
    Readout,
    ReadoutKind,
    Shape,
    TokenMix,
    sources_of,
)
from spikeloom.ir._intervals import (
    ANALYSED_BITS,
    Bounds,
    Interval,
    same,
    signed_interval,
    union,
)
from spikeloom.ir._kinds import Kind, infer_kinds
from spikeloom.ir._membranes import MembraneWidth, membrane_width
from spikeloom.ir._order import Stage, stages_of
from spikeloom.ir._shapes import infer_shapes, readout_of


@dataclass(frozen=True, slots=True)
class Widths:
    """The proven intervals of a graph.

    `inputs` holds, by synapse or product, what one operand `x` can be (0..1
    for spikes); `currents`, by node that puts out currents, every value, and of
    synapses and products every partial sum too; `operands`, by node that puts
    out operands, the largest value (1 for spikes); `membranes`, by neuron group;
    `scores`, the scores of all classes.
    """

    inputs: dict[str, Interval]
    currents: dict[str, Interval]
    operands: dict[str, int]
    membranes: dict[str, MembraneWidth]
    scores: Interval

    def interval(self, name: str) -> Interval:
        """Return what the values of a node of either kind can be (KeyError for a readout)."""
        if name in self.operands:
            return Interval(0, self.operands[name])
        return self.currents[name]


def infer_widths(graph: Graph) -> Widths:
    """Return intervals and widths that provably hold for every input.

    Raises:
        GraphError: If the graph breaks a rule; all are listed.
    """
    from spikeloom.ir._validate import check

    check(graph)
    return analyse(graph)


def analyse(graph: Graph) -> Widths:
    """Do the work of `infer_widths` for a graph whose structure is known to be valid."""
    shapes = infer_shapes(graph)
    bounds = all_bounds(graph, shapes)
    kinds = infer_kinds(graph)
    overall = {name: bounds[name].overall() for name in kinds}
    operands = {name: overall[name].hi for name in kinds if kinds[name] is Kind.OPERANDS}
    inputs = {
        node.name: Interval(0, operands[node.source])
        for node in graph.nodes
        if isinstance(node, Dense | Conv2d | TokenMix | Product)
    }
    currents = {name: overall[name] for name in kinds if kinds[name] is Kind.CURRENTS}
    groups = {
        node.name: membrane_width(node, bounds[node.source], shapes[node.name], graph.time_steps)
        for node in graph.nodes
        if isinstance(node, Neurons)
    }
    membranes = {name: width for name, (width, _) in groups.items()}
    finals = {name: final for name, (_, final) in groups.items()}
    scores = _scores(readout_of(graph), graph.time_steps, finals, membranes)
    return Widths(inputs, currents, operands, membranes, scores)


def _scores(
    readout: Readout,
    time_steps: int,
    finals: dict[str, Bounds],
    membranes: dict[str, MembraneWidth],
) -> Interval:
    if readout.kind is ReadoutKind.SPIKE_COUNT:
        return Interval(0, time_steps)
    if readout.early is None:
        return finals[readout.source].overall()
    group = membranes[readout.source]  # of any step
    held = signed_interval(group.bits)
    return Interval(max(group.interval.lo, held.lo), min(group.interval.hi, held.hi))


def all_bounds(graph: Graph, shapes: dict[str, Shape]) -> dict[str, Bounds]:
    """Return the bounds of what every node but the readout puts out."""
    bounds: dict[str, Bounds] = {}
    for stage in stages_of(graph):
        if stage.is_loop:
            _bound_loop(stage, bounds, shapes, graph.time_steps)
            continue
        for node in stage.nodes:
            if isinstance(node, Delay) and graph.time_steps == 1:
                bounds[node.name] = zeros(node.shape)
            elif not isinstance(node, Readout):
                sources = [bounds[name] for name in sources_of(node)]
                bounds[node.name] = node_bounds(node, sources, shapes)
    return bounds


def _bound_loop(
    stage: Stage, bounds: dict[str, Bounds], shapes: dict[str, Shape], time_steps: int
) -> None:
    """Add the bounds of a loop over all time steps to `bounds`."""
    delays = [node for node in stage.nodes if isinstance(node, Delay)]
    bounds |= {delay.name: zeros(delay.shape) for delay in delays}
    _update(stage, bounds, shapes, set(bounds))
    for _ in range(time_steps - 1):
        grown = {delay.name: union(bounds[delay.name], bounds[delay.source]) for delay in delays}
        changed = {name for name in grown if not same(grown[name], bounds[name])}
        if not changed:
            break  # every later step repeats this one
        bounds |= grown
        _update(stage, bounds, shapes, changed)
        if any(bounds[delay.name].overall().bits > ANALYSED_BITS for delay in delays):
            break  # an error already


def _update(
    stage: Stage, bounds: dict[str, Bounds], shapes: dict[str, Shape], changed: set[str]
) -> None:
    """Bound the nodes of a loop anew, as far as what they read has `changed`."""
    changed = set(changed)
    for node in stage.nodes:
        if isinstance(node, Delay) or changed.isdisjoint(sources_of(node)):
            continue
        found = node_bounds(node, [bounds[name] for name in sources_of(node)], shapes)
        if node.name not in bounds or not same(found, bounds[node.name]):
            changed.add(node.name)
            bounds[node.name] = found
