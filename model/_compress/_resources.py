"""What is limited: any function of the weights that are left, or of the network they make."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spikeloom.ir import ConfigError, Graph, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class LayerWeights:
    """The weights of a layer as they are now.

    Attributes:
        codes: Integers `[out, in, ...]`, 0 where pruned.
        kept: Where they are not pruned, `[out, in, ...]`.
        bits: Bits of one weight.
        lanes: Neighbouring outputs that go or stay together.
    """

    codes: IntArray
    kept: NDArray[np.bool_]
    bits: int
    lanes: int


@dataclass(slots=True, eq=False)
class Candidate:
    """A network as it is, or as it would be with some more units gone.

    Attributes:
        layers: The weights of the layers that are compressed, by name.
    """

    layers: Mapping[str, LayerWeights]
    _export: Callable[[], Graph]
    _graph: Graph | None = field(default=None, init=False)

    def graph(self) -> Graph:
        """The network as it would be exported."""
        if self._graph is None:
            self._graph = self._export()
        return self._graph


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that a network takes.

    Attributes:
        name: What it is called in messages and in `metrics.json`.
        unit: Of its numbers, for messages.
        measure: How much of it a candidate takes; taking weights away should never make it more.
        rough: The same, if there is a quicker way with an error of some percent: it is asked while
            units go, and `measure` about what is left in the end.
        forget: Lets `rough` forget what it knows of former candidates.  It is asked to after every
            epoch, so that a compression that was interrupted goes on with the same numbers.
    """

    name: str
    unit: str
    measure: Callable[[Candidate], float]
    rough: Callable[[Candidate], float] | None = None
    forget: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """A resource of which a network may take no more than `limit`."""

    resource: Resource
    limit: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.limit):
            raise ConfigError(
                f"the budget of {self.resource.name} must be a finite number, not {self.limit}"
            )


def connectivity() -> Resource:
    """The share of the weights that are left (of the words, where they go word by word)."""
    return Resource("connectivity", "", _connectivity)


def weight_bits() -> Resource:
    """Bits of the weights that are left (of the words, where they go word by word)."""
    return Resource("weight_bits", "bits", _weight_bits)


def _connectivity(candidate: Candidate) -> float:
    layers = candidate.layers.values()
    return sum(map(_words_left, layers)) / sum(layer.kept.size // layer.lanes for layer in layers)


def _weight_bits(candidate: Candidate) -> float:
    layers = candidate.layers.values()
    return float(sum(_words_left(layer) * layer.lanes * layer.bits for layer in layers))


def _words_left(layer: LayerWeights) -> int:
    """Words that are left whole or in part: a part is stored like a whole one."""
    outputs = len(layer.kept) // layer.lanes
    return int(layer.kept.reshape(outputs, layer.lanes, -1).any(axis=1).sum())
