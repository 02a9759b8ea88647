"""How long a design may take before it counts as stuck."""

from __future__ import annotations

import math

from spikeloom.ir import (
    Conv2d,
    Dense,
    Encoder,
    Graph,
    Neurons,
    SumPool2d,
    infer_shapes,
    input_of,
)

_LEAST = 20_000
_MARGIN = 2


def longest_inference(graph: Graph) -> int:
    """Return a number of clock cycles within which every inference is done.

    It takes the slowest engine there could be, which adds one weight and
    updates one neuron in a clock, on an input that fires everywhere.
    """
    shapes = infer_shapes(graph)
    source = input_of(graph)
    bits = source.bits if source.encoder is Encoder.DIRECT else 1
    rounds = max(graph.time_steps, bits)
    cycles = math.prod(source.shape) * rounds
    window = 1  # events that a pool in front sends to one operand
    for node in graph.nodes:
        if isinstance(node, SumPool2d):
            window *= math.prod(node.kernel)
        elif isinstance(node, Dense | Conv2d):
            places = math.prod(shapes[node.source][1:]) if isinstance(node, Conv2d) else 1
            cycles += node.weight.size * places * window * rounds
            window = 1
        elif isinstance(node, Neurons):
            cycles += math.prod(shapes[node.name]) * rounds
    return _LEAST + _MARGIN * cycles
