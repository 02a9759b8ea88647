"""The values that timing depends on: recorded by the executor, or drawn from rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloom.ir import (
    Add,
    ConfigError,
    Delay,
    Encoder,
    Executor,
    Graph,
    Input,
    IntArray,
    Kind,
    MaxPool2d,
    Neurons,
    Node,
    Shape,
    SumPool2d,
    Widths,
    added,
    concatenated,
    delayed,
    infer_kinds,
    infer_shapes,
    infer_widths,
    nearest_name,
    pooled,
    readout_of,
    sources_of,
    value_type,
)

Rates = Mapping[str, float] | float


def recorded_signals(graph: Graph, inputs: ArrayLike) -> dict[str, IntArray]:
    """Return what every node puts out for given inputs, `[N, T, *shape]` by name.

    What is the same at every time step is there once, `[N, 1, *shape]`.  Of a readout that
    decides early it is after how many time steps, `[N]`.

    Args:
        graph: The graph; it is checked first.
        inputs: Integers `[N, *shape]` (`[N, T, *shape]` for `Encoder.SPIKES`).

    Raises:
        GraphError: If the graph breaks a rule.
        DataError: If `inputs` does not fit the graph.
    """
    found: dict[str, IntArray] = {}

    def watch(name: str, values: NDArray[np.integer[Any]]) -> None:
        found[name] = values.astype(np.int64)

    steps = Executor(graph).observe(inputs, watch).steps
    readout = readout_of(graph)
    return found if readout.early is None else {**found, readout.name: steps}


def random_signals(
    graph: Graph, rates: Rates, *, inferences: int, seed: int
) -> dict[str, IntArray]:
    """Draw what every node puts out, `[N, T, *shape]` by name, from rates of events.

    A rate is the chance that a neuron spikes in a time step, independently of all others; of an
    input, that a value is not 0 (then all others are equally likely).  Pools, sums,
    concatenations and delays of such values follow from them.  Currents do not: all that their
    width holds are equally likely.

    Args:
        graph: The graph; it is checked first.
        rates: From 0 to 1, of the input and of every neuron group by name, or one for all.
        inferences: How many, at least 1.
        seed: Of the random numbers.

    Raises:
        GraphError: If the graph breaks a rule.
        ConfigError: If a rate or a number is impossible, or a node has none.
    """
    widths = infer_widths(graph)  # checks the graph first
    if inferences < 1:
        raise ConfigError(f"inferences must be at least 1, not {inferences}")
    draw = _Draw(
        graph=graph,
        shapes=infer_shapes(graph),
        kinds=infer_kinds(graph),
        widths=widths,
        rates=_checked(graph, rates),
        inferences=inferences,
        rng=np.random.default_rng(seed),
    )
    for node in graph.nodes[:-1]:
        draw.value(node.name)
    return draw.found


def _checked(graph: Graph, rates: Rates) -> dict[str, float]:
    names = [node.name for node in graph.nodes]
    wanted = [node.name for node in graph.nodes if isinstance(node, Input | Neurons)]
    given = dict(rates) if isinstance(rates, Mapping) else dict.fromkeys(wanted, rates)
    for name, rate in given.items():
        if name not in names:
            near = nearest_name(name, names)
            hint = f"; did you mean {near!r}?" if near else ""
            raise ConfigError(f"rates: there is no node {name!r}{hint}")
        if not 0 <= rate <= 1:
            raise ConfigError(f"rates: the rate of {name!r} must be from 0 to 1, not {rate}")
    missing = [name for name in wanted if name not in given]
    if missing:
        raise ConfigError(f"rates: give a rate for {', '.join(missing)} as well")
    return given


@dataclass(slots=True, kw_only=True)
class _Draw:
    """Values drawn so far."""

    graph: Graph
    shapes: Mapping[str, Shape]
    kinds: Mapping[str, Kind]
    widths: Widths
    rates: Mapping[str, float]
    inferences: int
    rng: np.random.Generator
    found: dict[str, IntArray] = field(default_factory=dict)

    def value(self, name: str) -> IntArray:
        """Return what a node puts out."""
        if name not in self.found:
            node = self.graph.node(name)
            if isinstance(node, Delay):
                self.found[name] = self._random(name)  # where a loop without neurons begins
            self.found[name] = self._make(node)
        return self.found[name]

    def _make(self, node: Node) -> IntArray:
        if isinstance(node, Input | Neurons) or self.kinds[node.name] is Kind.CURRENTS:
            return self._random(node.name)
        values = [self.value(source) for source in sources_of(node)]
        dtype = value_type(self.widths, node.name)
        return self._follow(node, values, dtype).astype(np.int64)

    def _follow(
        self, node: Node, values: list[IntArray], dtype: np.dtype[np.integer[Any]]
    ) -> NDArray[np.integer[Any]]:
        match node:
            case SumPool2d() | MaxPool2d():
                return pooled(node, values[0], dtype)
            case Delay():
                return delayed(values[0], self.graph.time_steps, dtype)
            case Add():
                return added(node, values, dtype)
        return concatenated(values, dtype)  # all others put out currents

    def _random(self, name: str) -> IntArray:
        """Any values that a node may put out, operands other than 0, and zeros by its rate."""
        node = self.graph.node(name)
        steps = 1 if _is_static(node) else self.graph.time_steps
        shape = (self.inferences, steps, *self.shapes[name])
        if self.kinds[name] is Kind.CURRENTS:
            low, high = self.widths.currents[name].lo, self.widths.currents[name].hi
        else:
            high = self.widths.operands[name]
            low = min(1, high)
        values = self.rng.integers(low, high + 1, shape)
        values[self.rng.random(shape) >= self.rates.get(name, 1.0)] = 0
        return values


def _is_static(node: Node) -> bool:
    return isinstance(node, Input) and node.encoder is Encoder.DIRECT
