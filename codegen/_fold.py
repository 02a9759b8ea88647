"""How parallel every engine is: what the user chose, checked, and what is left open."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TypeGuard

from spikeloom.codegen._events import Events, check_sparse, choose_events
from spikeloom.codegen._facts import Engine, Facts
from spikeloom.codegen._options import (
    ENGINES,
    UNROLLED,
    BuildOptions,
    LayerOptions,
    choose_divisor,
    divisors,
)
from spikeloom.ir import Add, BuildError, Conv2d, Dense, Neurons, Node, Product

# Defaults where neither the user nor the budget says otherwise.
_DENSE_LANES = 128
_CONV_LANES = 16
_STREAM_LANES = 16
_POOR = 4  # a folding so many times slower than it could be is worth a word


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the user asked for, for one node, and the name that he used for it."""

    key: str
    options: LayerOptions

    @property
    def place(self) -> str:
        """The start of an error message."""
        return f"layer {self.key!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folding:
    """`lanes` weights per clock and event, `out_lanes` results per beat.

    `buffers` time steps of currents are held at once.  `sparse` says whether words without a
    weight are left out; None leaves it to the weights.
    """

    lanes: int
    events: Events
    out_lanes: int
    buffers: int = 1
    sparse: bool | None = False


@dataclass(frozen=True, slots=True)
class Folder:
    """Chooses foldings for the nodes of one graph."""

    facts: Facts
    choices: Mapping[str, Choice]
    input_wanted: int | None

    @classmethod
    def of(cls, facts: Facts, options: BuildOptions) -> Folder:
        """Sort the user's options by node.

        Raises:
            BuildError: If an option names nothing, cannot apply to what it names, or contradicts
                another one.
        """
        choices: dict[str, Choice] = {}
        for key, wanted in options.layers.items():
            for name in _targets(facts, key, wanted):
                is_group = isinstance(facts.nodes[name], Neurons)
                own = wanted if is_group else replace(wanted, neuron_lanes=None)
                choices[name] = _joined(choices.get(name), Choice(key=key, options=own))
                _check_engine(facts, name, choices[name])
        return cls(facts, choices, options.input_lanes)

    def choice(self, name: str) -> Choice:
        """What the user asked for, for a node."""
        key = self.facts.layers.get(name, name)
        return self.choices.get(name, Choice(key=key, options=LayerOptions()))

    def is_unrolled(self, name: str) -> bool:
        """Whether a synapse is built in logic, or a neuron group was asked to be."""
        return self.choice(name).options.engine == UNROLLED

    def is_array(self, name: str) -> bool:
        """Whether all neurons of a group take a time step in one clock."""
        if self.choice(name).options.neuron_lanes is not None:
            return False
        sources = [source.name for source in self.facts.sources[name]]
        return any(map(self.is_unrolled, (name, *sources)))

    def input_lanes(self) -> int:
        """Values per beat of the input stream."""
        name = self.facts.input.name
        return choose_divisor(
            "input",
            "lanes",
            self.input_wanted,
            of=self.facts.channels(name),
            at_most=_STREAM_LANES,
            step=self.word_step_behind(name),
        )

    def stream_lanes(self, channels: int) -> int:
        """Values per beat of a stream that nothing else decides."""
        return choose_divisor("stream", "lanes", None, of=channels, at_most=_STREAM_LANES)

    def events(self, name: str) -> Events:
        """How a synapse takes events.

        Raises:
            BuildError: If what was asked for is impossible.
        """
        choice, source = self.choice(name), self.facts.sources[name][0].name
        many = self._many_ports(name)
        events = choose_events(
            choice.place,
            choice.options,
            channels=self.facts.channels(source),
            value_bits=self.facts.value_bits(source) if many else 1,
            many=many,
        )
        mixes = isinstance(self.facts.nodes[name], Dense | Conv2d)
        mixes = mixes and not self.facts.is_channelwise(name)
        check_sparse(choice.place, choice.options, events, mixes=mixes)
        return events

    def word_step_behind(self, name: str) -> int:
        """What the lanes of a stream must divide by for the synapses that read it."""
        readers = [reader.name for reader in self.facts.readers[name]]
        engines = [
            n
            for n in readers
            if isinstance(self.facts.nodes[n], Dense | Conv2d) and not self.is_unrolled(n)
        ]
        return math.lcm(*(self.events(n).word_step for n in engines))

    def engine(self, name: str, *, outputs: int) -> Folding:
        """The folding of an engine whose events reach words of `outputs` channels.

        Raises:
            BuildError: If a choice is impossible, naming what is legal.
        """
        choice = self.choice(name)
        neurons = self.facts.only_neurons(name)
        step = self.word_step_behind(neurons.name) if neurons else 1
        step = step if outputs % step == 0 else 1  # else the stream is resized
        lanes = choose_divisor(
            choice.place,
            "lanes",
            choice.options.lanes,
            of=outputs,
            at_most=self.most_lanes(name),
            step=step,
        )
        out_lanes = choose_divisor(
            "stream", "lanes", None, of=lanes, at_most=_STREAM_LANES, step=step
        )
        if neurons is not None:
            wanted = self.choice(neurons.name)
            out_lanes = choose_divisor(
                wanted.place,
                "neuron_lanes",
                wanted.options.neuron_lanes,
                of=lanes,
                at_most=_STREAM_LANES,
                step=step,
            )
        events = self.events(name)
        return Folding(
            lanes=lanes,
            events=events,
            out_lanes=out_lanes,
            buffers=self.buffers(name, alone=lanes == outputs),
            sparse=choice.options.sparse if events.is_single else False,
        )

    def channelwise_lanes(self, name: str, present: int) -> int:
        """Channels per clock of an engine that keeps channels; `present` arrive in a beat.

        Raises:
            BuildError: If a choice is impossible, more than one event per clock too.
        """
        choice = self.choice(name)
        self.events(name)
        if choice.options.lanes is None:
            return present
        channels = self.facts.shapes[name][0]
        return choose_divisor(choice.place, "lanes", choice.options.lanes, of=channels, at_most=1)

    def neuron_lanes(self, name: str, present: int) -> int:
        """Neurons per clock of a group whose currents arrive `present` to the beat."""
        choice = self.choice(name)
        if self.is_array(name):
            return math.prod(self.facts.shapes[name])
        if choice.options.neuron_lanes is None:
            return present
        channels = self.facts.shapes[name][0]
        return choose_divisor(
            choice.place, "neuron_lanes", choice.options.neuron_lanes, of=channels, at_most=1
        )

    def most_lanes(self, name: str) -> int:
        """Lanes that an engine gets by itself at most."""
        return _DENSE_LANES if isinstance(self.facts.nodes[name], Dense) else _CONV_LANES

    def note(self, name: str, outputs: int, folding: Folding) -> tuple[str, ...]:
        """Say where a number of outputs without good divisors makes a layer slow."""
        most = min(outputs, self.most_lanes(name))
        if self.choice(name).options.lanes is not None or folding.lanes * _POOR > most:
            return ()
        larger = range(outputs + 1, 2 * outputs + 1)
        better = next(n for n in larger if 2 * divisors(n, at_most=most)[-1] >= most)
        return (
            f"layer {self.facts.layers[name]!r} adds {folding.lanes} weight(s) per clock, because "
            f"{outputs} outputs have no divisor near {most}; {better} outputs would allow "
            f"{divisors(better, at_most=most)[-1]}",
        )

    def buffers(self, name: str, *, alone: bool = False) -> int:
        """How many time steps of currents an engine holds.

        Two by itself where all of them are one word (`alone`): the second is then registers only.

        Raises:
            BuildError: If what was asked for is impossible.
        """
        choice = self.choice(name)
        most = 1 if isinstance(self.facts.nodes[name], Product) else 2
        wanted = choice.options.current_buffers
        if wanted is None:
            return most if alone else 1
        if wanted in range(1, most + 1):
            return wanted
        raise BuildError(
            f"{choice.place}: current_buffers must be 1 or 2 (1 for a product), not {wanted}"
        )

    def _many_ports(self, name: str) -> bool:
        """Whether an engine can take several events per clock."""
        node = self.facts.nodes[name]
        return isinstance(node, Dense) or (isinstance(node, Conv2d) and node.groups == 1)


def foldable(node: Node) -> bool:
    """Whether options may be given to a node by its name."""
    return isinstance(node, Neurons | Engine) or _is_biased(node)


def _is_biased(node: Node | None) -> TypeGuard[Add]:
    """Whether a node is the currents of one synapse with a bias of their own."""
    return isinstance(node, Add) and len(node.sources) == 1


def _targets(facts: Facts, key: str, wanted: LayerOptions) -> list[str]:
    """The nodes that an option is for."""
    node = facts.nodes.get(key)
    if isinstance(node, Neurons):
        engines = facts.engines(key)
        if replace(wanted, neuron_lanes=None, engine=None) != LayerOptions() and len(engines) != 1:
            raise BuildError(
                f"layer {key!r} has {len(engines)} synapses; give all but neuron_lanes to one "
                f"of them by its name: {', '.join(engines) or 'there is none'}"
            )
        return [key, *engines] if len(engines) == 1 or wanted.engine else [key]
    if isinstance(node, Engine):
        if wanted.neuron_lanes is not None:
            raise BuildError(
                f"synapse {key!r} has no neurons; give neuron_lanes to layer {facts.layers[key]!r}"
            )
        return [key]
    if _is_biased(node):
        return _targets(facts, node.sources[0], wanted)
    layers = [name for name, node in facts.nodes.items() if isinstance(node, Neurons)]
    raise BuildError(f"there is no layer {key!r} to fold; the layers are {', '.join(layers)}")


def _joined(earlier: Choice | None, later: Choice) -> Choice:
    """What was asked for a node twice: by its own name, and by that of its layer."""
    if earlier is None:
        return later
    values = {}
    for item in fields(LayerOptions):
        ways = {choice.key: getattr(choice.options, item.name) for choice in (earlier, later)}
        asked = {key: value for key, value in ways.items() if value is not None}
        if len(set(asked.values())) > 1:
            both = " and ".join(f"{value} for {key!r}" for key, value in asked.items())
            raise BuildError(
                f"{later.place}: {item.name} is asked for as {both}, which are one layer; "
                "leave one of them out"
            )
        values[item.name] = next(iter(asked.values()), None)
    return Choice(key=later.key, options=LayerOptions(**values))


def _check_engine(facts: Facts, name: str, choice: Choice) -> None:
    """Refuse an engine that cannot build a node."""
    options = choice.options
    if options.engine not in (None, *ENGINES):
        raise BuildError(
            f"{choice.place}: engine must be {' or '.join(ENGINES)}, not {options.engine!r}"
        )
    if options.engine != UNROLLED:
        return
    node = facts.nodes[name]
    is_legal = isinstance(node, Dense) or (
        isinstance(node, Neurons) and len(facts.shapes[name]) == 1
    )
    if not is_legal:
        raise BuildError(
            f"{choice.place}: only dense synapses and the vectors of neurons behind them can be "
            f"unrolled, and {name!r} is neither; leave its engine at event"
        )
    for field in fields(LayerOptions):
        if field.name != "engine" and getattr(options, field.name) is not None:
            raise BuildError(
                f"{choice.place}: {field.name} belongs to the event engine, and unrolled logic "
                f"has no folding; leave {field.name} out, or the engine at event"
            )
