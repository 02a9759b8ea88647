"""How long a part works on an inference, as its folding and the recorded values say.

These are the clock cycles that the adders, the streams and the neurons cannot do without:
what an inference takes is more, and `estimate_cycles` says how much.  The search compares
foldings of one part with each other by them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from spikeloom.codegen._estimate import Load, additions_of, load_of
from spikeloom.codegen._events import Events
from spikeloom.codegen._facts import Facts
from spikeloom.codegen._fold import Folding
from spikeloom.codegen._kernel import kernel_of, weights_of
from spikeloom.codegen._options import UNROLLED, LayerOptions, divisors
from spikeloom.codegen._search._parts import Part, Role, is_channelwise
from spikeloom.codegen._sparse import SparseRows
from spikeloom.ir import Conv2d, Dense, IntArray, Product

_STREAM = 16  # values per beat that an engine sends by itself, at most
_PAUSE = 10  # clocks between time steps without a second buffer


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Values that an engine takes in a word, and currents that it sends in a beat, at most."""

    taken: int
    sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The recorded values in front of every engine, and what they cost a folding."""

    facts: Facts
    loads: Mapping[str, Load]
    _visits: dict[tuple[str, Events, int], IntArray] = field(default_factory=dict)
    _rows: dict[tuple[str, int, bool | None], IntArray | None] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Facts, parts: tuple[Part, ...], signals: Mapping[str, IntArray]) -> Work:
        """Take what stands in front of every engine."""
        engines = [part.node for part in parts if part.role is Role.ENGINE]
        return cls(facts=facts, loads={name: load_of(facts, name, signals) for name in engines})

    def cycles(self, part: Part, options: LayerOptions, streams: Streams | None = None) -> float:
        """Mean clock cycles of an inference that a part works."""
        if part.role is Role.ENGINE:
            return self._engine(part.node, options, streams or self._usual_streams(part.node))
        frames = 1 if self.facts.is_static(part.node) else self.facts.graph.time_steps
        values = math.prod(self.facts.shapes[part.node])
        if part.role is Role.INPUT:
            lanes = options.lanes or _stream_lanes(self.facts, part.node)
            return float(frames * values / lanes)
        return float(frames * values / (options.neuron_lanes or values))

    def additions(self, part: Part, options: LayerOptions) -> float:
        """Mean additions of weights in an inference."""
        if part.role is not Role.ENGINE:
            return 0.0
        in_logic = options.engine == UNROLLED
        lanes = options.lanes or _stream_lanes(self.facts, part.node)
        sparse = not in_logic and self._row_clocks(part.node, options) is not None
        return additions_of(
            self.facts,
            part.node,
            self.loads[part.node],
            in_logic=in_logic,
            field_values=options.event_field or 0,
            sparse_lanes=lanes if sparse else 0,
        )

    def all_cycles(
        self, parts: Sequence[Part], picks: Mapping[str, LayerOptions]
    ) -> dict[str, float]:
        """Return the clock cycles of each part of a design, by node."""
        return {
            part.node: self.cycles(part, picks[part.node], self._streams(part, picks))
            for part in parts
        }

    def _usual_streams(self, name: str) -> Streams:
        """The streams around an engine where nothing else decides."""
        source = self.facts.sources[name][0].name
        return Streams(taken=_stream_lanes(self.facts, source), sent=_STREAM)

    def _streams(self, part: Part, picks: Mapping[str, LayerOptions]) -> Streams | None:
        """The streams around an engine of a design: in front as its source sends them."""
        if part.role is not Role.ENGINE:
            return None
        usual, neurons = self._usual_streams(part.node), self.facts.only_neurons(part.node)
        source = picks.get(self.facts.sources[part.node][0].name)
        taken = (source.neuron_lanes or source.lanes) if source else None
        sent = picks[neurons.name].neuron_lanes if neurons else None
        return Streams(taken=taken or usual.taken, sent=sent or usual.sent)

    def _engine(self, name: str, options: LayerOptions, streams: Streams) -> float:
        steps = self.facts.graph.time_steps
        if options.engine == UNROLLED:
            return float(steps)
        visits = self._visited(name, options, streams.taken)
        lanes = options.lanes or _stream_lanes(self.facts, name)
        sent = math.prod(self.facts.shapes[name]) / min(lanes, streams.sent)
        if options.current_buffers == 2:
            longer = np.maximum(visits, sent * self.facts.repeats(name))
            return float(longer.sum(axis=1).mean())
        return float(visits.sum(axis=1).mean() + steps * sent + visits.shape[1] * _PAUSE)

    def _visited(self, name: str, options: LayerOptions, word: int) -> IntArray:
        """Clocks `[inferences, frames]` in which the adders work."""
        lanes = options.lanes or _stream_lanes(self.facts, name)
        load = self.loads[name]
        node = self.facts.nodes[name]
        row_clocks = self._row_clocks(name, options)
        if row_clocks is not None:
            taken = row_clocks
        elif is_channelwise(self.facts, name):
            taken = (load.words(lanes) * load.reach).sum(axis=-1)
        else:
            taken = self._weighted(name, _events(options), word) // lanes
        if isinstance(node, Product):  # its weights arrive in every time step
            taken = taken + math.prod(self.facts.shapes[node.weights]) // lanes
        return np.asarray(taken)

    def _row_clocks(self, name: str, options: LayerOptions) -> IntArray | None:
        """Clocks `[inferences, frames]` of the loop over sparse weights; None if they are not."""
        node, events = self.facts.nodes[name], _events(options)
        mixes = isinstance(node, Dense | Conv2d) and not is_channelwise(self.facts, name)
        if not mixes or not events.is_single or options.sparse is False:
            return None
        lanes = options.lanes or _stream_lanes(self.facts, name)
        key = (name, lanes, options.sparse)
        if key not in self._rows:
            assert isinstance(node, Dense | Conv2d)
            kernel = kernel_of(self.facts, node)
            folding = Folding(lanes=lanes, events=events, out_lanes=lanes, sparse=options.sparse)
            bits = self.facts.value_bits(self.facts.sources[name][0].name)
            weights = weights_of(kernel, folding, bits)
            self._rows[key] = (
                self.loads[name].weighted(kernel.reached(np.maximum(1, weights.counts)))
                if isinstance(weights, SparseRows)
                else None
            )
        return self._rows[key]

    def _weighted(self, name: str, events: Events, word: int) -> IntArray:
        """Weights `[inferences, frames]` that one event at a time adds."""
        key = (name, events, 1 if events.ports == 1 else word)
        if key not in self._visits:
            load = self.loads[name]
            found = (load.beats(events, word) * load.reach).sum(axis=-1)
            self._visits[key] = np.asarray(found)
        return self._visits[key]


def _events(options: LayerOptions) -> Events:
    return Events(
        ports=options.event_ports or 1,
        banks=options.weight_banks or options.event_ports or 1,
        field_values=options.event_field or 0,
    )


def _stream_lanes(facts: Facts, name: str) -> int:
    """Values of a beat where nothing else decides."""
    return divisors(facts.channels(name), at_most=_STREAM)[-1]
