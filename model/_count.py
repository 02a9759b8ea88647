"""Counting of parameters, dense operations and neurons, without PyTorch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spikeloom.ir import Shape
from spikeloom.model._layer_config import (
    ConvLayer,
    DenseLayer,
    LayerConfig,
    MixLayer,
    NeuronLayer,
    ProductLayer,
    SynapseLayer,
)
from spikeloom.model._network_config import NetworkConfig, expand
from spikeloom.model._shapes import layer_shapes, product_terms


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCount:
    """What a layer consists of.

    The offset per output of a layer without batch norm is not counted.

    Attributes:
        name: Name of the layer.
        kind: Its kind, such as "conv".
        shape: Shape of what it puts out.
        weights: Weights that are trained.
        norms: Scales and offsets of its batch norm, which cost nothing in hardware.
        operations: Multiply-accumulates of one time step if the network were dense and
            not spiking; zeros of the padding are counted.
        neurons: Neurons, those of the last layer included.
    """

    name: str
    kind: str
    shape: Shape
    weights: int
    norms: int
    operations: int
    neurons: int

    @property
    def parameters(self) -> int:
        """Weights and norms together."""
        return self.weights + self.norms


def count(
    network: NetworkConfig, shape: Shape, classes: int | None = None
) -> tuple[LayerCount, ...]:
    """Count the layers of a network, in order.

    Args:
        network: Layers or an architecture.
        shape: Shape of an input, `(C, H, W)` or `(N,)`.
        classes: Number of classes; only an architecture needs it.

    Raises:
        ConfigError: If the network cannot be written out, see `expand`.
    """
    layers = expand(network, shape, classes).layers
    shapes = layer_shapes(layers, shape)
    return tuple(_count(layer, shapes) for layer in layers)


def total(counts: Iterable[LayerCount]) -> LayerCount:
    """Add up counts; the sum is called "total" and has the shape of the last."""
    rows = tuple(counts)
    return LayerCount(
        name="total",
        kind="total",
        shape=rows[-1].shape if rows else (),
        weights=sum(row.weights for row in rows),
        norms=sum(row.norms for row in rows),
        operations=sum(row.operations for row in rows),
        neurons=sum(row.neurons for row in rows),
    )


def _count(layer: LayerConfig, shapes: Mapping[str, Shape]) -> LayerCount:
    shape = shapes[layer.name]
    return LayerCount(
        name=layer.name,
        kind=layer.kind,
        shape=shape,
        weights=_weights(layer, shapes),
        norms=_norms(layer, shape),
        operations=_operations(layer, shapes),
        neurons=math.prod(shape) if _spikes(layer) else 0,
    )


def _weights(layer: LayerConfig, shapes: Mapping[str, Shape]) -> int:
    match layer:
        case DenseLayer():
            return math.prod(shapes[layer.source]) * layer.features
        case ConvLayer():
            return _fan_in(layer, shapes) * layer.channels
        case MixLayer():
            return mixed_positions(layer, shapes[layer.source]) ** 2
        case _:
            return 0


def _norms(layer: LayerConfig, shape: Shape) -> int:
    """A scale and an offset for every output that has its own."""
    if not isinstance(layer, SynapseLayer) or not layer.batch_norm:
        return 0
    return 2 * (mixed_positions(layer, shape) if isinstance(layer, MixLayer) else shape[0])


def _operations(layer: LayerConfig, shapes: Mapping[str, Shape]) -> int:
    outputs = math.prod(shapes[layer.name])
    match layer:
        case DenseLayer():
            return outputs * math.prod(shapes[layer.source])
        case ConvLayer():
            return outputs * _fan_in(layer, shapes)
        case MixLayer():
            return outputs * mixed_positions(layer, shapes[layer.source])
        case ProductLayer():
            return outputs * product_terms(layer, shapes[layer.weights])
        case _:
            return 0


def _fan_in(layer: ConvLayer, shapes: Mapping[str, Shape]) -> int:
    return shapes[layer.source][0] // layer.groups * math.prod(layer.kernel)


def mixed_positions(layer: MixLayer, shape: Shape) -> int:
    """How many positions of a map of that shape a token mixing mixes."""
    return {"rows": shape[1], "columns": shape[2], "tokens": shape[1] * shape[2]}[layer.axis]


def _spikes(layer: LayerConfig) -> bool:
    return isinstance(layer, NeuronLayer) and layer.neuron.kind != "none"
