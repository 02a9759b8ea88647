"""The layers of a network and their neurons, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from spikeloom.model._schema import Between

SurrogateName = Literal[
    "atan", "sigmoid", "fast_sigmoid", "triangular", "rectangular", "straight_through"
]
Side = Annotated[int, Between(1, 64)]
Padding = Annotated[int, Between(0, 32)]
Size = Annotated[int, Between(1, 65536)]
Bits = Annotated[int, Between(2, 8)]
WeightStep = Annotated[float, Between(0.01, 10.0)]
Fraction = Annotated[float, Between(0.0, 1.0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NeuronConfig:
    """The neurons of a layer.

    Attributes:
        kind: "lif", "if" (no leak), "plif" (a learnable decay) or "none": the
            layer has no neurons and puts out its current.
        leak: Decay by `v - (v >> leak)`.
        beta: Decay factor, instead of `leak`; the nearest sum of shifts is used.
        tau: Time constant in steps, instead of `leak` (`beta = 1 - 1/tau`).
        leak_terms: Most shifts that `beta` or `tau` may take.
        threshold: Threshold; batch norm makes it relative to the current's spread.
        learn_threshold: Whether the threshold is trained (batch norm scales anyway).
        reset: "subtract" (the default), "zero" or "none".
        membrane_bits: Signed width to which membranes saturate; by default
            they get the width that provably fits.
        surrogate: Name of the surrogate gradient.
        sharpness: Its parameter, by default the usual one.
        detach_reset: Whether the reset is a constant in the backward pass.
    """

    kind: Literal["lif", "if", "plif", "none"] = "lif"
    leak: Annotated[int, Between(1, 8)] | None = None
    beta: Fraction | None = None
    tau: Annotated[float, Between(1.0, 1000.0)] | None = None
    leak_terms: Annotated[int, Between(1, 4)] = 3
    threshold: Annotated[float, Between(1e-3, 1e3)] = 1.0
    learn_threshold: bool = False
    reset: Literal["subtract", "zero", "none"] | None = None
    membrane_bits: Annotated[int, Between(4, 20)] | None = None
    surrogate: SurrogateName = "atan"
    sharpness: Annotated[float, Between(1e-3, 1e3)] | None = None
    detach_reset: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseLayer:
    """Every input to every one of `features` neurons.

    As in every layer, an empty `name` stands for the kind and the position,
    and an empty `source` for the layer before (the first: "input").  `weight_step`
    is the distance of two weights in root mean squares of all weights, by default that
    which suits a normal distribution; a larger one leaves more weights zero.
    """

    kind: Literal["dense"] = "dense"
    name: str = ""
    source: str = ""
    features: Size
    weight_bits: Bits = 4
    weight_step: WeightStep | None = None
    batch_norm: bool = False
    neuron: NeuronConfig = field(default_factory=NeuronConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvLayer:
    """A convolution; what is a pair is one number or (height, width)."""

    kind: Literal["conv"] = "conv"
    name: str = ""
    source: str = ""
    channels: Annotated[int, Between(1, 4096)]
    kernel: tuple[Side, Side] = (3, 3)
    stride: tuple[Side, Side] = (1, 1)
    padding: tuple[Padding, Padding] = (0, 0)
    dilation: tuple[Side, Side] = (1, 1)
    groups: Annotated[int, Between(1, 4096)] = 1
    weight_bits: Bits = 4
    weight_step: WeightStep | None = None
    batch_norm: bool = False
    neuron: NeuronConfig = field(default_factory=NeuronConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class MixLayer:
    """A linear map over the positions of each channel, the same for all channels.

    It runs along the "rows" (over y), the "columns" (over x) or all "tokens".
    Its batch norm is over the outputs of the map.
    """

    kind: Literal["mix"] = "mix"
    name: str = ""
    source: str = ""
    axis: Literal["rows", "columns", "tokens"]
    weight_bits: Bits = 4
    weight_step: WeightStep | None = None
    batch_norm: bool = False
    neuron: NeuronConfig = field(default_factory=NeuronConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductLayer:
    """Spikes of `source` gate the currents of `weights`: dual spike attention.

    Shapes and sums are those of `spikeloom.ir.Product`.  The mean firing rate
    of each head is tracked, and `1 / sqrt(rate * terms)` scales its current.
    """

    kind: Literal["product"] = "product"
    name: str = ""
    source: str = ""
    weights: str
    heads: Annotated[int, Between(1, 256)] = 1
    transposed: bool = False
    neuron: NeuronConfig = field(default_factory=NeuronConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLayer:
    """Sum over windows, by default side by side; what fills no window is dropped."""

    kind: Literal["pool"] = "pool"
    name: str = ""
    source: str = ""
    kernel: tuple[Side, Side] = (2, 2)
    stride: tuple[Side, Side] | None = None
    padding: tuple[Padding, Padding] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxPoolLayer:
    """Largest value of windows, by default side by side; padding takes no part."""

    kind: Literal["max_pool"] = "max_pool"
    name: str = ""
    source: str = ""
    kernel: tuple[Side, Side] = (2, 2)
    stride: tuple[Side, Side] | None = None
    padding: tuple[Padding, Padding] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcatLayer:
    """The channels of all sources, one after the other."""

    kind: Literal["concat"] = "concat"
    name: str = ""
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddLayer:
    """The sum of all sources, element by element."""

    kind: Literal["add"] = "add"
    name: str = ""
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayLayer:
    """What `source` put out one time step earlier; 0 at the first step.

    Its source may come later in the network; then `shape` has to say its shape.
    """

    kind: Literal["delay"] = "delay"
    name: str = ""
    source: str = ""
    shape: tuple[Size, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NeuronsLayer:
    """Neurons on a current that others read as well, or on a sum of currents."""

    kind: Literal["neurons"] = "neurons"
    name: str = ""
    source: str = ""
    neuron: NeuronConfig = field(default_factory=NeuronConfig)


SynapseLayer = DenseLayer | ConvLayer | MixLayer
NeuronLayer = SynapseLayer | ProductLayer | NeuronsLayer
WindowLayer = PoolLayer | MaxPoolLayer
LayerConfig = (
    DenseLayer
    | ConvLayer
    | MixLayer
    | ProductLayer
    | PoolLayer
    | MaxPoolLayer
    | ConcatLayer
    | AddLayer
    | DelayLayer
    | NeuronsLayer
)


def neuron_problems(neuron: NeuronConfig, where: str) -> list[str]:
    """What is wrong with neurons whose keys are all valid."""
    given = [key for key in ("leak", "beta", "tau") if getattr(neuron, key) is not None]
    problems = []
    if len(given) > 1:
        problems.append(f"{where}: give only one of {', '.join(given)}")
    if neuron.kind == "if" and given:
        problems.append(f"{where}: kind 'if' has no leak; remove {given[0]!r} or use 'lif'")
    if neuron.kind == "plif" and neuron.leak is not None:
        problems.append(f"{where}: kind 'plif' learns its decay; give its start as beta or tau")
    if neuron.beta == 0.0 or neuron.tau == 1.0:
        problems.append(f"{where}: the decay factor must be above 0")
    if neuron.kind == "plif" and neuron.beta == 1.0:
        problems.append(f"{where}: the initial beta of kind 'plif' must be below 1")
    return problems


def layer_sources(layer: LayerConfig) -> tuple[str, ...]:
    """Return the names of what a layer reads, in order."""
    match layer:
        case ConcatLayer() | AddLayer():
            return tuple(layer.sources)
        case ProductLayer():
            return (layer.source, layer.weights)
        case _:
            return (layer.source,)
