"""What a part may be given: every legal folding that could be of use."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from spikeloom.codegen._facts import Facts
from spikeloom.codegen._fold import Folder
from spikeloom.codegen._options import EVENT, UNROLLED, BuildOptions, LayerOptions, divisors
from spikeloom.codegen._search._parts import Part, Role, merged, outputs_of
from spikeloom.codegen._sparse import share_of_words
from spikeloom.ir import BuildError, Conv2d, Dense, Product

MOST_BEAT_BITS = 256  # of the input stream, where nobody asks for more
MOST_LANES = 256
MOST_NEURON_LANES = 64  # more are had by engines in logic
_PORTS = ((1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4), (8, 8), (16, 8))  # events, banks
_FIELDS = (None, 2, 3, 4, 5, 7, 8)
_MOST_FIELD_NUMBERS = 1 << 19  # in the weight memories of a synapse with fields
MOST_LOGIC = 32_000  # bits of inputs that count in what is tried in logic: it takes seconds
_NO_LOGIC = 1 << 62
_MOST_SPARSE = 0.8  # of the words hold a weight: more are not worth their tables
_BLOCK = 4096  # weights in a block RAM, roughly


def candidates_of(
    facts: Facts, part: Part, most_logic: int = MOST_LOGIC
) -> tuple[LayerOptions, ...]:
    """Return the foldings that a part may be given, simple ones first; what is pinned stays.

    All are legal by themselves; `options_of` makes them fit each other.  A synapse in which more
    than `most_logic` bits of inputs count is not tried in logic.
    """
    match part.role:
        case Role.INPUT:
            found = _input(facts, part)
        case Role.NEURONS:
            found = _neurons(facts, part)
        case Role.ENGINE:
            found = _engine(facts, part, most_logic)
    kept = dict.fromkeys(options for options in found if merged(part.pinned, options) == options)
    return tuple(kept) or (part.pinned,)


def _input(facts: Facts, part: Part) -> Iterator[LayerOptions]:
    most = max(1, MOST_BEAT_BITS // facts.input.bits)
    if part.pinned.lanes is not None:
        yield part.pinned
    for lanes in divisors(facts.channels(part.node), at_most=most):
        yield LayerOptions(lanes=lanes)


def _neurons(facts: Facts, part: Part) -> Iterator[LayerOptions]:
    yield part.pinned
    for lanes in divisors(facts.shapes[part.node][0], at_most=MOST_NEURON_LANES):
        yield merged(part.pinned, LayerOptions(neuron_lanes=lanes))


def _engine(facts: Facts, part: Part, most_logic: int) -> Iterator[LayerOptions]:
    lanes = divisors(outputs_of(facts, part.node), at_most=MOST_LANES)
    if part.pinned.lanes is not None:
        lanes = [part.pinned.lanes]
    if part.pinned.engine != UNROLLED:
        several = itertools.product(_events(facts, part), _buffers(facts, part), lanes)
        for events, buffers, wide in several:
            folded = replace(events, lanes=wide, current_buffers=buffers)
            yield folded
            if _may_be_sparse(facts, part, folded):
                yield replace(folded, sparse=True)
    if part.pinned.engine == UNROLLED or (
        part.pinned.engine is None and logic_bits(facts, part.node) <= most_logic
    ):
        yield LayerOptions(engine=UNROLLED)


def _events(facts: Facts, part: Part) -> Iterator[LayerOptions]:
    """Ways to take events that the engine itself accepts."""
    given = replace(part.pinned, lanes=None, current_buffers=None)
    for field, (ports, banks) in itertools.product(_FIELDS, _PORTS):
        open_ = LayerOptions(engine=EVENT, event_ports=ports, weight_banks=banks, event_field=field)
        options = merged(given, open_)
        if _is_legal(facts, part.node, options):
            yield options


def _is_legal(facts: Facts, name: str, options: LayerOptions) -> bool:
    try:
        Folder.of(facts, BuildOptions(layers={name: options})).events(name)
    except BuildError:
        return False
    values = options.event_field or 0
    return field_numbers(facts, name, values) <= _MOST_FIELD_NUMBERS


def _may_be_sparse(facts: Facts, part: Part, options: LayerOptions) -> bool:
    """Whether so many words are without a weight that leaving them out is worth a try."""
    node = facts.nodes[part.node]
    is_single = options.event_ports in (None, 1) and not options.event_field
    if options.sparse is not None or not is_single or not isinstance(node, Dense | Conv2d):
        return False
    if facts.is_channelwise(part.node):
        return False
    groups = node.groups if isinstance(node, Conv2d) else 1
    share = share_of_words(node.weight, groups=groups, lanes=options.lanes or 1)
    return share <= _MOST_SPARSE


def field_numbers(facts: Facts, name: str, values: int) -> int:
    """Numbers in the weight memories of a synapse whose events are fields of some values."""
    node, source = facts.nodes[name], facts.sources[name][0].name
    if not values or not isinstance(node, Dense | Conv2d):
        return 0
    codes = 1 << values * facts.value_bits(source)
    return int(node.weight.size // values * codes)


def rough_size(facts: Facts, part: Part, options: LayerOptions) -> tuple[float, float]:
    """Guess logic and memory of a folding, for a comparison with others of the same part."""
    if part.role is not Role.ENGINE:
        return (options.lanes or options.neuron_lanes or 0, 0)
    if options.engine == UNROLLED:
        return (float(logic_bits(facts, part.node)), 0)
    lanes, ports, field = options.lanes or 1, options.event_ports or 1, options.event_field or 1
    banks, buffers = options.weight_banks or ports, options.current_buffers or 1
    logic = lanes * (2 + ports + buffers) + 8 * ports * field
    return (logic, field_numbers(facts, part.node, field) / _BLOCK + lanes * banks / 8 + buffers)


def logic_bits(facts: Facts, name: str) -> int:
    """Bits of inputs that count in a synapse in logic; what cannot be in logic has endless ones."""
    node, source = facts.nodes[name], facts.sources[name][0]
    if not isinstance(node, Dense):
        return _NO_LOGIC
    return (
        int(np.count_nonzero(node.weight)) * math.prod(source.pool) * facts.value_bits(source.name)
    )


def _buffers(facts: Facts, part: Part) -> tuple[int | None, ...]:
    if part.pinned.current_buffers is not None:
        return (part.pinned.current_buffers,)
    return (1,) if isinstance(facts.nodes[part.node], Product) else (1, 2)
