"""The spike graph: frozen, typed, integers only.

`docs/semantics.md` says what each node computes, `docs/ir.md` how a graph is
written to disk.  A graph holds plain numpy integers, so it can be written by
hand and taken through every later step without PyTorch.

Shapes are `(N,)` for a vector or `(C, H, W)` for a feature map; a `Dense`
synapse reads a feature map flattened in that (C, H, W) order.

A node puts out *operands* (unsigned: spikes, input values, counts) or
*currents* (signed sums).  `Input` and `Neurons` put out operands, synapses and
products currents, and the rest what they read (`Add` and `Concat` operands if
all that they read are, and `Add` only without a bias).  What reads currents
may read operands as well, which then count as currents of their value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

IntArray = NDArray[np.int64]
Shape = tuple[int, ...]
Early = int | Literal["exact"]


class Encoder(StrEnum):
    """How input values become spikes."""

    DIRECT = "direct"  # unsigned integers as bit planes, one current for all time steps
    RATE = "rate"  # one Bernoulli spike per value and step, from an LFSR
    SPIKES = "spikes"  # binary input at every time step, passed through


class MixAxis(StrEnum):
    """Along what a token mixing runs."""

    ROWS = "rows"  # along y: a map of H by H values
    COLUMNS = "columns"  # along x: a map of W by W values
    TOKENS = "tokens"  # along both: a map of H*W by H*W values, tokens row by row


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
    """Cross-correlation with `weight` `[out, in / groups, kh, kw]`, zero padded.

    Output channel `o` reads the channels of group `o // (out / groups)` alone;
    taps are `dilation` positions apart.
    """

    name: str
    source: str
    weight: IntArray
    weight_bits: int
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", as_integers(self.weight))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TokenMix:
    """A linear map over the positions of each channel, the same for all channels.

    `weight` is `[n, n]`, output first: with `rows`,
    `I[c, y, x] = sum_j weight[y, j] * X[c, j, x]`; with `columns`,
    `I[c, y, x] = sum_j weight[x, j] * X[c, y, j]`; with `tokens`, `y * W + x`
    takes the place of a coordinate.
    """

    name: str
    source: str
    weight: IntArray
    weight_bits: int
    axis: MixAxis

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", as_integers(self.weight))


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Spikes that gate currents: a synapse whose weights are computed at each step.

    `source` are operands `X` `[A, H, W]`, `weights` currents `F` `[B, h, w]` of
    the same step, `n = h * w` tokens `j` row by row.  Channels are split into
    `heads` equal parts, head by head.  With `a = A / heads`, `b = B / heads`:

    * not transposed, `a = n`:
      `I[head*b + k, y, x] = sum_j F[head*b + k, j] * X[head*n + j, y, x]`;
    * transposed, `a = b`:
      `I[head*n + j, y, x] = sum_k F[head*b + k, j] * X[head*b + k, y, x]`.

    These are DST and DST_T of SpikingResformer (arXiv 2403.14302).
    """

    name: str
    source: str
    weights: str
    heads: int = 1
    transposed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SumPool2d:
    """Sum over windows of `kernel`, `stride` apart (None: side by side), zero padded.

    A window that would reach beyond the padding is dropped.  A kernel as large
    as the map is a global pooling.  In front of a synapse, windows side by side are
    no layer in hardware: the addresses of the spikes are divided down in the
    address rule.
    """

    name: str
    source: str
    kernel: tuple[int, int]
    stride: tuple[int, int] | None = None
    padding: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxPool2d:
    """Largest value of windows of `kernel`, `stride` apart (None: side by side).

    Of spikes that is their OR.  Padding takes no part.
    """

    name: str
    source: str
    kernel: tuple[int, int]
    stride: tuple[int, int] | None = None
    padding: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat:
    """The channels of all `sources`, one after the other (vectors: their values)."""

    name: str
    sources: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Add:
    """`sum_i (source_i << shift_i) + bias`, element by element.

    `shifts` has one entry for each source (empty: no shifts); `bias` has shape
    `()` or `(C,)`.
    """

    name: str
    sources: tuple[str, ...]
    shifts: tuple[int, ...] = ()
    bias: IntArray = field(default_factory=lambda: as_integers(0))

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))
        object.__setattr__(self, "shifts", tuple(self.shifts) or (0,) * len(self.sources))
        object.__setattr__(self, "bias", as_integers(self.bias))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """What `source` put out one step earlier; 0 at the first step.

    It alone may read a node that comes later: every loop passes through one.
    `shape` is that of the source.
    """

    name: str
    source: str
    shape: Shape

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neurons:
    """A group of neurons on one current.

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
    """Scores of the classes; the prediction is the first of the largest.

    With `early` an inference ends as soon as its prediction cannot change any more ("exact"),
    or once the best score is ahead of all others by a margin (an integer).
    """

    name: str
    source: str
    kind: ReadoutKind = ReadoutKind.SPIKE_COUNT
    early: Early | None = None


Synapse = Dense | Conv2d | TokenMix
Node = (
    Input
    | Dense
    | Conv2d
    | TokenMix
    | Product
    | SumPool2d
    | MaxPool2d
    | Concat
    | Add
    | Delay
    | Neurons
    | Readout
)


def sources_of(node: Node) -> tuple[str, ...]:
    """Return the names of the nodes that `node` reads, in order."""
    match node:
        case Input():
            return ()
        case Concat() | Add():
            return node.sources
        case Product():
            return (node.source, node.weights)
        case _:
            return (node.source,)


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A network: `time_steps` and its nodes, each after what it reads (but see `Delay`)."""

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
