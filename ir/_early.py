"""Early decision: when the prediction of an inference is settled.

After every time step the leader, the class of the best score so far, is compared with all
others.  An `EarlyRule` says by how much it must be ahead.  For the exact rule that is what it
can lose to another class in the steps that are left, so that no input whatsoever can change
the prediction (`docs/semantics.md`, section 5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from spikeloom.ir._graph import (
    Dense,
    Early,
    Graph,
    IntArray,
    Leak,
    Neurons,
    Readout,
    ReadoutKind,
    sources_of,
)
from spikeloom.ir._shapes import infer_shapes, per_neuron, readout_of
from spikeloom.ir._widths import all_bounds, infer_widths

EXACT: Early = "exact"


@dataclass(frozen=True, slots=True)
class EarlyRule:
    """By how much the leader must be ahead of every other class, by time step.

    With `ties`, classes in front of the leader, which win where scores are equal, count
    one more.  The last lead is 0: there every inference is decided.
    """

    leads: tuple[int, ...]
    ties: bool

    def steps(self, scores: IntArray) -> IntArray:
        """Return after how many time steps each inference is decided.

        Args:
            scores: Of the classes after each step, `[N, T, K]`.

        Returns:
            1 to T, `[N]`.
        """
        decided = _leads_of(scores, ties=self.ties) >= np.array(self.leads)
        decided[:, -1] = True
        steps: IntArray = decided.argmax(axis=1) + 1
        return steps


def with_early(graph: Graph, early: Early | None) -> Graph:
    """Return the graph with that rule of early decision, or with None without one.

    Raises:
        GraphError: If the rule is impossible.
    """
    readout = replace(readout_of(graph), early=early)
    return Graph.of(graph.name, graph.time_steps, [*graph.nodes[:-1], readout])


def early_rule(graph: Graph) -> EarlyRule | None:
    """Return the rule of a graph; None if every inference takes all time steps.

    Raises:
        GraphError: If the graph breaks a rule; all are listed.
    """
    readout = readout_of(graph)
    if readout.early is None:
        return None
    scores = infer_widths(graph).scores
    never = scores.hi - scores.lo + 1
    wanted = _needed(graph, readout)
    if math.prod(infer_shapes(graph)[readout.source]) == 1:
        wanted = [0] * graph.time_steps  # there is nothing to decide
    leads = [min(never, max(0, lead)) for lead in wanted]
    return EarlyRule((*leads[:-1], 0), ties=readout.early == EXACT)


def _needed(graph: Graph, readout: Readout) -> list[int]:
    """Return the leads that settle the prediction after 1 to T steps."""
    steps = graph.time_steps
    if readout.early is not None and readout.early != EXACT:
        return [int(readout.early)] * steps
    if readout.kind is ReadoutKind.SPIKE_COUNT:
        return list(range(steps - 1, -1, -1))  # another class can gain a spike in every step
    group = graph.node(readout.source)
    assert isinstance(group, Neurons)  # the validator demands it
    loss = _largest_loss(graph, group)
    over = _leads_before(1, group.leak, loss, steps)
    even = _leads_before(0, group.leak, loss, steps)
    leads = [max(end, win - 1) for end, win in zip(even, over, strict=True)]
    return leads[::-1]


def _leads_before(end: int, leak: Leak, loss: int, steps: int) -> list[int]:
    """Return the leads of which `end` is left for sure after 0 to T - 1 more steps."""
    leads = [end]
    for _ in range(steps - 1):
        leads.append(_lead_before(leads[-1] + loss, leak))
    return leads


def _lead_before(lead: int, leak: Leak) -> int:
    """Return a lead of which the leak leaves `lead`, for any two membranes.

    For `d = v - w >= 0`, `(v >> k) - (w >> k)` is `d / 2**k` rounded up or down.  So a leak leaves
    at least `beta * d` less `1 - 2**-k` for each of its terms, and an integer.
    """
    unit = 1 << max(term.shift for term in leak.terms)
    beta = sum(term.sign * (unit >> term.shift) for term in leak.terms)
    lost = sum(unit - (unit >> term.shift) for term in leak.terms)
    if beta <= 0:
        return 1 << 64  # nothing is left of any lead
    return -(-((lead - 1) * unit + 1 + lost) // beta)


def _largest_loss(graph: Graph, group: Neurons) -> int:
    """Return the most that one class can lose to another in a time step, leak apart."""
    shapes = infer_shapes(graph)
    bounds = all_bounds(graph, shapes)
    shape = shapes[group.name]
    bias = np.broadcast_to(per_neuron(group.bias, shape), shape).reshape(-1)
    source = graph.node(group.source)
    if isinstance(source, Dense):
        most = bounds[sources_of(source)[0]].hi
        operands = np.broadcast_to(most, shapes[source.source]).reshape(-1)
        losses = _dense_losses(source.weight, operands) - bias[:, None] + bias
    else:
        low, high = (np.broadcast_to(end, shape).reshape(-1) + bias for end in bounds[source.name])
        losses = high - low[:, None]
    np.fill_diagonal(losses, losses.min())
    return int(losses.max())


def _dense_losses(weight: IntArray, operands: IntArray) -> IntArray:
    """Return `[K, K]`: the most that a class (rows) can lose to another (columns).

    Both see the same operands, 0 to `operands`, so what counts is the difference of their weights.
    """
    return np.stack([np.maximum(weight - row, 0) @ operands for row in weight])


def _leads_of(scores: IntArray, *, ties: bool) -> IntArray:
    """Return by how much the leader is ahead, `[N, T]`, classes in front of it counting 1 more."""
    leader = scores.argmax(axis=2, keepdims=True)
    best = np.take_along_axis(scores, leader, axis=2)
    rivals = scores + (ties & (np.arange(scores.shape[2]) < leader))
    np.put_along_axis(rivals, leader, np.iinfo(np.int64).min // 2, axis=2)
    leads: IntArray = best[..., 0] - rivals.max(axis=2)
    return leads
