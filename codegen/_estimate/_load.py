"""What the values in front of an engine make it do: events, clock cycles, additions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from spikeloom.codegen._events import Events
from spikeloom.codegen._facts import Engine, Facts
from spikeloom.codegen._kernel import kernel_of
from spikeloom.codegen._options import UNROLLED
from spikeloom.codegen._sparse import words_of_rows
from spikeloom.ir import Conv2d, Dense, IntArray, Product, fan_out, pools_before

_WORD = 16  # values of a word, most of the time


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Load:
    """The values in front of an engine, and what each of them is for it.

    `values` is `[inferences, frames, positions, channels]` in stream order, of `bits` bits, one
    frame where every time step is the same; `reach` is `[positions]`: the weights that one event
    there adds.
    """

    values: IntArray
    reach: IntArray
    bits: int

    def events(self, field_values: int = 0) -> IntArray:
        """Events `[inferences, frames, positions, units]`: set bits, or fields that are not 0."""
        found: IntArray = np.bitwise_count(self.values)
        if not field_values:
            return found.astype(np.int64)
        count, frames, positions, channels = self.values.shape
        fields = self.values.reshape(count, frames, positions, channels // field_values, -1)
        return np.asarray(fields.any(axis=-1), np.int64)

    def beats(self, events: Events, word: int) -> IntArray:
        """Groups of events taken at once `[inferences, frames, positions]`, word by word.

        A word has so many values, or as many as the engine needs if those are none that it can
        have.
        """
        found = self.events(events.field_values)
        if events.ports == 1:
            return np.asarray(found.sum(axis=-1))
        values = events.word_step if word % events.word_step else word
        units = values // max(1, events.field_values)
        words = found.reshape(*found.shape[:3], -1, units // events.banks, events.banks)
        in_bank = words.sum(axis=-2)
        taken = -(-in_bank // (events.ports // events.banks))
        return np.asarray(taken.max(axis=-1).sum(axis=-1))

    def weighted(self, cost: IntArray) -> IntArray:
        """Add `cost` up over the events `[inferences, frames]`; it has a number for each value."""
        found = self.events()
        return np.asarray((found.reshape(*found.shape[:2], -1) * cost).sum(axis=-1))

    def words(self, lanes: int) -> IntArray:
        """Words that are not silent `[inferences, frames, positions]`, bit plane by bit plane."""
        split = self.values.reshape(*self.values.shape[:3], -1, lanes)
        planes = [np.any(split >> plane & 1, axis=-1) for plane in range(self.bits)]
        return np.asarray(np.sum(planes, axis=(0, -1)))

    def additions(self, field_values: int = 0) -> float:
        """Mean number of weights (or sums of a field's weights) added per inference."""
        found = self.events(field_values).sum(axis=-1)
        return float((found * self.reach).sum() / len(found))

    @property
    def effort(self) -> float:
        """Events and words of an inference: what a model of the clock cycles has to go through."""
        return (float(self.events().sum()) + self.values.size / _WORD) / len(self.values)


class BuiltSynapse(Protocol):
    """What additions depend on: a synapse as built, in the views or in the manifest."""

    @property
    def name(self) -> str: ...
    @property
    def engine(self) -> str: ...
    @property
    def lanes(self) -> int: ...
    @property
    def field_values(self) -> int: ...
    @property
    def sparse(self) -> bool: ...


def load_of(facts: Facts, name: str, signals: Mapping[str, IntArray]) -> Load:
    """Return what an engine does for recorded values.

    Args:
        facts: The graph.
        name: A synapse or product.
        signals: By node, values `[inferences, time_steps, *shape]`; the node in front of `name`
            has to be there.
    """
    node, source = facts.nodes[name], facts.sources[name][0].name
    assert isinstance(node, Engine)
    pools = () if isinstance(node, Product) else pools_before(facts.graph, node)
    reach = fan_out(node, pools, dict(facts.shapes))
    values = signals[source][:, :1] if facts.is_static(source) else signals[source]
    flat = isinstance(node, Dense) and facts.channels(source) == math.prod(reach.shape)
    channels = facts.channels(source) if flat else reach.shape[0]
    return Load(
        values=_in_stream_order(values, channels),
        reach=_in_stream_order(reach[None, None], channels)[0, 0, :, 0],
        bits=facts.value_bits(source),
    )


def _in_stream_order(values: IntArray, channels: int) -> IntArray:
    """Return `[N, F, positions, channels]` of `[N, F, *shape]`."""
    if values.ndim == 5:
        values = np.moveaxis(values, 2, -1)
    return values.reshape(*values.shape[:2], -1, channels)


def additions_of(
    facts: Facts,
    name: str,
    load: Load,
    *,
    in_logic: bool,
    field_values: int,
    sparse_lanes: int = 0,
) -> float:
    """Return the mean additions of weights of a synapse or product in an inference.

    In logic every weight but 0 is added in every frame, for each bit of its input.  Words of so
    many `sparse_lanes` that hold no weight are not added.
    """
    node, source = facts.nodes[name], facts.sources[name][0]
    if sparse_lanes:
        assert isinstance(node, Dense | Conv2d)
        kernel = kernel_of(facts, node)
        words = words_of_rows(kernel.weight, groups=kernel.groups, lanes=sparse_lanes)
        added = load.weighted(kernel.reached(words)) * sparse_lanes
        return float(added.sum() / len(added))
    if not in_logic:
        return load.additions(field_values)
    assert isinstance(node, Dense)
    count = int(np.count_nonzero(node.weight)) * math.prod(source.pool)
    return float(count * load.bits * load.values.shape[1])


def additions_in(facts: Facts, synapse: BuiltSynapse, load: Load) -> float:
    """Return the mean additions of weights in an inference of a synapse or product as built."""
    return additions_of(
        facts,
        synapse.name,
        load,
        in_logic=synapse.engine == UNROLLED,
        field_values=synapse.field_values,
        sparse_lanes=synapse.lanes if synapse.sparse else 0,
    )
