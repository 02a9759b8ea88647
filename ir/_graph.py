"""The spike graph: frozen, typed, integers only.

`docs/semantics.md` says what each node computes, `docs/ir.md` how a graph is
written to disk.  A graph holds plain numpy integers, so it can be written by
hand and taken through every later step without PyTorch.

Shapes are `(N,)` for a vector or `(C, H, W)` for a feature map; a `Dense`
synapse reads a feature map flattened in that (C, H, W) order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

IntArray = NDArray[np.int64]
Shape = tuple[int, ...]


class Encoder(StrEnum):
    """How input values become spikes."""

    DIRECT = "direct"  # unsigned integers as bit planes, one current for all time steps
    RATE = "rate"  # one Bernoulli spike per value and step, from an LFSR
    SPIKES = "spikes"  # binary input at every time step, passed through


class Reset(StrEnum):
    """What a spike does to the membrane."""

    SUBTRACT = "subtract"  # v = u - threshold
    ZERO = "zero"  # v = 0
    NONE = "none"  # v = u


class ReadoutKind(StrEnum):
    """What the scores of the classes are."""

    SPIKE_COUNT = "spike_count"  # spikes summed over the time steps
    MEMBRANE = "membrane"  # membrane after the last time step


def as_integers(values: ArrayLike) -> IntArray:
    """Copy `values` into a read-only int64 array.

    Raises:
        TypeError: If the values are not integers (a float is never rounded).
    """
    array = np.asarray(values)
    if array.dtype.kind not in "iub":
        raise TypeError(f"values must be integers, not {array.dtype}")
    copy: IntArray = np.array(array, dtype=np.int64, order="C")
    copy.setflags(write=False)
    return copy


@dataclass(frozen=True, slots=True)
class LeakTerm:
    """One signed shift: `sign * (v >> shift)`, with `sign` +1 or -1."""

    sign: int
    shift: int


@dataclass(frozen=True, slots=True)
class Leak:
    """The decay of a membrane as a sum of arithmetic shifts.

    `leak(v) = sum_i sign_i * (v >> shift_i)`; no term is ever a product.
    The empty identity of an integrate-and-fire neuron is `Leak.none()`.
    """

    terms: tuple[LeakTerm, ...]

    @classmethod
    def none(cls) -> Leak:
        """No leak: `leak(v) = v`, an IF neuron."""
        return cls((LeakTerm(1, 0),))

    @classmethod
    def shift(cls, k: int) -> Leak:
        """`leak(v) = v - (v >> k)`, a decay of `1 - 2**-k`."""
        return cls((LeakTerm(1, 0), LeakTerm(-1, k)))

    @property
    def beta(self) -> float:
        """The decay factor that the shifts stand for, without their rounding."""
        return float(sum(term.sign * 2.0**-term.shift for term in self.terms))

    def __call__(self, v: IntArray) -> IntArray:
        """Apply the leak to an integer array of any shape."""
        total = np.zeros_like(v)
        for term in self.terms:
            total += term.sign * (v >> term.shift)
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """Where inferences enter: unsigned integers of `bits` bits.

    Data is `[N, *shape]`, or `[N, T, *shape]` of zeros and ones for
    `Encoder.SPIKES` (whose `bits` is 1).  `seed` is the start of the LFSR of
    `Encoder.RATE`, 1 to 65535.
    """

    name: str
    shape: Shape
    bits: int = 1
    encoder: Encoder = Encoder.DIRECT
    seed: int = 0xACE1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dense:
    """`I[o] = sum_i weight[o, i] * x[i]`, with `weight` `[out, in]`."""

    name: str
    source: str
    weight: IntArray
    weight_bits: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", as_integers(self.weight))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conv2d:
    """Cross-correlation with `weight` `[out, in, kh, kw]`, zero padded."""

    name: str
    source: str
    weight: IntArray
    weight_bits: int
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", as_integers(self.weight))


@dataclass(frozen=True, slots=True, kw_only=True)
class SumPool2d:
    """Sum over windows of `kernel` that do not overlap; a remainder is dropped.

    In hardware this is no layer: the addresses of the spikes are divided down
    in the address rule of the synapse that follows.
    """

    name: str
    source: str
    kernel: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neurons:
    """A group of neurons on the currents of one synapse.

    `threshold` and `bias` have shape `()` (one for all), `(C,)` (one per
    output channel) or the full shape of the group.  A threshold of `None`
    makes integrators that never spike, for a membrane readout.
    `membrane_bits` saturates `u` to that signed width; `None` lets width
    inference find a width that provably fits.
    """

    name: str
    source: str
    threshold: IntArray | None
    bias: IntArray = field(default_factory=lambda: as_integers(0))
    leak: Leak = field(default_factory=Leak.none)
    reset: Reset = Reset.SUBTRACT
    reset_delay: bool = False
    membrane_bits: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "bias", as_integers(self.bias))
        if self.threshold is not None:
            object.__setattr__(self, "threshold", as_integers(self.threshold))


@dataclass(frozen=True, slots=True, kw_only=True)
class Readout:
    """Scores of the classes; the prediction is the first of the largest."""

    name: str
    source: str
    kind: ReadoutKind = ReadoutKind.SPIKE_COUNT


Synapse = Dense | Conv2d
Node = Input | Dense | Conv2d | SumPool2d | Neurons | Readout


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A network: `time_steps` and its nodes, each after its source."""

    name: str
    time_steps: int
    nodes: tuple[Node, ...]

    @classmethod
    def of(cls, name: str, time_steps: int, nodes: Sequence[Node]) -> Graph:
        """Build a graph from any sequence of nodes and check it.

        Raises:
            GraphError: If any rule of `docs/ir.md` is broken; all are listed.
        """
        from spikeloom.ir._validate import check

        graph = cls(name, time_steps, tuple(nodes))
        check(graph)
        return graph

    def node(self, name: str) -> Node:
        """Return the node called `name` (KeyError if there is none)."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)
