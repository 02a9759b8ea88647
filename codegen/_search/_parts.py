"""What the search decides about: the engines, the neuron groups and the input of a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import Enum

from spikeloom.codegen._facts import Facts
from spikeloom.codegen._fold import Folder
from spikeloom.codegen._options import EVENT, UNROLLED, BuildOptions, LayerOptions, divisors
from spikeloom.ir import Conv2d, Neurons, Product


class Role(Enum):
    """What kind of node a part is."""

    INPUT = "input"
    ENGINE = "engine"
    NEURONS = "neurons"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A node with options of its own; `pinned` are those that the user gave.

    The width of the input stream is the `lanes` of the input's options.
    """

    node: str
    role: Role
    layer: str
    pinned: LayerOptions


_NEURON_LANES = 16  # of neurons behind an engine where nobody says, at most

Picks = Mapping[str, LayerOptions]  # by node of a part


def parts_of(facts: Facts, options: BuildOptions) -> tuple[Part, ...]:
    """Return the parts of a graph in its order, with what `options` pin.

    Raises:
        BuildError: If an option names nothing, or cannot apply to what it names.
    """
    folder = Folder.of(facts, options)
    first = facts.input.name
    parts = [
        Part(
            node=first,
            role=Role.INPUT,
            layer=facts.layers[first],
            pinned=LayerOptions(lanes=options.input_lanes),
        )
    ]
    for name, node in facts.nodes.items():
        if isinstance(node, Neurons):
            wanted = folder.choice(name).options
            pinned = LayerOptions(engine=wanted.engine, neuron_lanes=wanted.neuron_lanes)
            parts.append(Part(node=name, role=Role.NEURONS, layer=name, pinned=pinned))
        elif name in _engines(facts):
            wanted = folder.choice(name).options
            parts.append(
                Part(
                    node=name,
                    role=Role.ENGINE,
                    layer=facts.layers[name],
                    pinned=replace(wanted, neuron_lanes=None),
                )
            )
    return tuple(parts)


def _engines(facts: Facts) -> set[str]:
    layers = [name for name, node in facts.nodes.items() if isinstance(node, Neurons)]
    return {engine for layer in layers for engine in facts.engines(layer)}


def merged(pinned: LayerOptions, open_: LayerOptions) -> LayerOptions:
    """Fill what is not pinned."""
    values = {
        option.name: getattr(open_, option.name)
        for option in fields(LayerOptions)
        if getattr(pinned, option.name) is None
    }
    return replace(pinned, **values)


def fitted(facts: Facts, parts: Sequence[Part], picks: Picks) -> dict[str, LayerOptions]:
    """Return picks for all parts that fit each other.

    A stream has to be as wide as the engines behind it need, and neurons divide the lanes of their
    engine: lanes that do not fit are raised to the next that do.  What is pinned stays; if it
    does not fit, `lower` says so.

    Raises:
        BuildError: If an engine cannot take events as it was picked.
    """
    wanted = {
        part.node: merged(part.pinned, picks.get(part.node, LayerOptions())) for part in parts
    }
    events = {part.node: _events_alone(wanted[part.node]) for part in parts if _is_engine(part)}
    folder = Folder.of(facts, BuildOptions(layers=events))
    return {part.node: _fitted(folder, part, wanted) for part in parts}


def options_of(facts: Facts, picks: Picks, clock_mhz: float | None) -> BuildOptions:
    """Return the options of fitted picks: by layer where it has one engine, or else by node."""
    first = facts.input.name
    # Groups first: an option of a group holds for its engine too, where that has none.
    ordered = sorted(picks, key=lambda name: not isinstance(facts.nodes[name], Neurons))
    layers: dict[str, LayerOptions] = {}
    for name in ordered:
        layer = facts.layers[name]
        alone = facts.engines(layer) == (name,) and _go_together(picks[name], layers.get(layer))
        key = layer if alone else name
        options = merged(layers.get(key, LayerOptions()), picks[name])
        if name != first and options != LayerOptions():
            layers[key] = options
    return BuildOptions(layers=layers, input_lanes=picks[first].lanes, clock_mhz=clock_mhz)


def _go_together(engine: LayerOptions, neurons: LayerOptions | None) -> bool:
    """Whether the options of an engine and of its neurons can be those of one layer."""
    return engine.engine != UNROLLED or neurons is None or neurons.neuron_lanes is None


def _is_engine(part: Part) -> bool:
    return part.role is Role.ENGINE


def _events_alone(options: LayerOptions) -> LayerOptions:
    """What decides how wide the words in front of an engine have to be."""
    return replace(options, lanes=None, neuron_lanes=None, current_buffers=None)


def _fitted(folder: Folder, part: Part, wanted: Picks) -> LayerOptions:
    options = wanted[part.node]
    match part.role:
        case Role.NEURONS:
            return _fitted_neurons(folder, part, wanted)
        case Role.INPUT:
            return _fitted_input(folder, part, options)
        case _ if options.engine == UNROLLED:
            return options
        case _:
            return _fitted_engine(folder, part, options)


def _fitted_engine(folder: Folder, part: Part, options: LayerOptions) -> LayerOptions:
    """Lanes as the engines behind need them, and all that is open as it is by default."""
    name, lanes, alone = part.node, options.lanes, False
    if not is_channelwise(folder.facts, name):
        lanes = _lanes(folder, name, options, pinned=part.pinned.lanes)
        alone = lanes == outputs_of(folder.facts, name)
    ports = options.event_ports or 1
    return replace(
        options,
        engine=EVENT,
        lanes=lanes,
        event_ports=ports,
        weight_banks=options.weight_banks or ports,
        current_buffers=options.current_buffers or folder.buffers(name, alone=alone),
    )


def _fitted_input(folder: Folder, part: Part, options: LayerOptions) -> LayerOptions:
    if options.lanes is None or part.pinned.lanes is not None:
        return options
    step = folder.word_step_behind(part.node)
    legal = divisors(folder.facts.channels(part.node), step=step)
    return replace(options, lanes=_at_most(options.lanes, legal))


def _fitted_neurons(folder: Folder, part: Part, wanted: Picks) -> LayerOptions:
    """Neurons right behind an engine divide its lanes."""
    facts, options = folder.facts, wanted[part.node]
    source = facts.sources[part.node][0].name
    if part.pinned.neuron_lanes is not None or source not in wanted:
        return options
    if facts.only_neurons(source) is None or is_channelwise(facts, source):
        return options
    if wanted[source].engine == UNROLLED:  # then they are in logic too
        return replace(options, neuron_lanes=None)
    step = _step_behind(folder, source, outputs_of(facts, source))
    legal = divisors(_lanes(folder, source, wanted[source]), step=step)
    most = _NEURON_LANES if options.neuron_lanes is None else options.neuron_lanes
    return replace(options, neuron_lanes=_at_most(most, legal))


def _lanes(folder: Folder, name: str, options: LayerOptions, pinned: int | None = None) -> int:
    """The lanes of an engine: as pinned, as wanted or more, or what it gets by default."""
    if pinned is not None:
        return pinned
    outputs = outputs_of(folder.facts, name)
    legal = divisors(outputs, step=_step_behind(folder, name, outputs))
    if options.lanes is None:
        return _at_most(folder.most_lanes(name), legal)
    return _at_least(options.lanes, legal)


def _step_behind(folder: Folder, name: str, outputs: int) -> int:
    """What the lanes of an engine are a multiple of, for the engines behind its neurons."""
    neurons = folder.facts.only_neurons(name)
    step = folder.word_step_behind(neurons.name) if neurons else 1
    return 1 if outputs % step else step  # else the stream is resized


def _at_least(wanted: int, legal: Sequence[int]) -> int:
    """The smallest legal number that is not below one, or else the largest."""
    return min((n for n in legal if n >= wanted), default=legal[-1])


def _at_most(wanted: int, legal: Sequence[int]) -> int:
    """The largest legal number that is not above one, or else the smallest."""
    return max((n for n in legal if n <= wanted), default=legal[0])


def outputs_of(facts: Facts, name: str) -> int:
    """Output channels that an engine may take at once: all, those of a group, or of a head."""
    node, channels = facts.nodes[name], facts.shapes[name][0]
    match node:
        case Product():
            return channels // node.heads
        case Conv2d() if not is_channelwise(facts, name):
            return channels // node.groups
        case _:
            return channels


def is_channelwise(facts: Facts, name: str) -> bool:
    """Whether an engine keeps channels apart."""
    return facts.is_channelwise(name)
