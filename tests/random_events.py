"""Random ways in which the engines of a graph take their events: fields, ports, banks, buffers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from random_graphs import Sketch

from spikeloom.codegen import BuildOptions, LayerOptions, lower
from spikeloom.codegen._facts import Facts, facts_of
from spikeloom.ir import BuildError, Conv2d, Dense, Graph

_MOST_FIELD_BITS = 6
_MOST_BANKS = 4


def with_random_events(graph: Graph, options: BuildOptions, seed: int) -> BuildOptions:
    """Add event options to half of the synapses, one by one, as far as they fit the others."""
    sketch = Sketch(np.random.default_rng([seed, 4]))
    facts = facts_of(graph)
    for node in graph.nodes:
        engine = isinstance(node, Dense | Conv2d) and getattr(node, "groups", 1) == 1
        present = options.layers.get(node.name, LayerOptions())
        if not engine or present.engine == "unrolled":
            continue
        if sketch.chance(0.5):
            more = _events(sketch, facts, node.name, present)
            wanted = replace(options, layers={**options.layers, node.name: more})
            options = wanted if _fits(graph, wanted) else options
    return options


def _events(sketch: Sketch, facts: Facts, name: str, present: LayerOptions) -> LayerOptions:
    source = facts.sources[name][0].name
    channels, bits = facts.channels(source), facts.value_bits(source)
    most = min(channels, _MOST_FIELD_BITS // bits)
    field = sketch.divisor(channels, most) if most and sketch.chance(0.6) else None
    units = channels // (field or 1)
    banks = sketch.divisor(units, min(units, _MOST_BANKS))
    return replace(
        present,
        event_field=field,
        weight_banks=banks,
        event_ports=banks * sketch.integer(1, 2),
        current_buffers=sketch.integer(1, 2),
    )


def _fits(graph: Graph, options: BuildOptions) -> bool:
    """Whether the lanes of the streams, chosen before, are multiples of what they now must be."""
    try:
        lower(graph, options)
    except BuildError:
        return False
    return True
