"""Shapes of what layers put out, for networks that `expand` has written out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from spikeloom.ir import Shape
from spikeloom.model._layer_config import (
    ConcatLayer,
    ConvLayer,
    DelayLayer,
    DenseLayer,
    LayerConfig,
    MaxPoolLayer,
    PoolLayer,
    ProductLayer,
    layer_sources,
)

Pair = tuple[int, int]


def output_shape(layer: LayerConfig, sources: Sequence[Shape]) -> Shape:
    """Shape of a layer's output, given the shapes of its sources (those of a delay may lack).

    Sides that come out below 1 say that a kernel does not fit.
    """
    match layer:
        case DenseLayer():
            return (layer.features,)
        case ConvLayer():
            return (layer.channels, *conv_sides(layer, sources[0]))
        case PoolLayer() | MaxPoolLayer():
            return (sources[0][0], *pool_sides(layer, sources[0]))
        case ConcatLayer():
            return (sum(shape[0] for shape in sources), *sources[0][1:])
        case ProductLayer():
            return (product_outputs(layer, sources[1]), *sources[0][1:])
        case DelayLayer() if layer.shape:
            return layer.shape
        case _:
            return sources[0]


def layer_shapes(layers: Iterable[LayerConfig], shape: Shape) -> dict[str, Shape]:
    """Shape of the input and of every layer's output, by name."""
    shapes = {"input": shape}
    for layer in layers:
        known = [shapes[name] for name in layer_sources(layer) if name in shapes]
        shapes[layer.name] = output_shape(layer, known)
    return shapes


def product_outputs(layer: ProductLayer, weights: Shape) -> int:
    """Output channels of a product whose weights have that shape."""
    return layer.heads * math.prod(weights[1:]) if layer.transposed else weights[0]


def product_terms(layer: ProductLayer, weights: Shape) -> int:
    """How many terms each sum of a product has."""
    return weights[0] // layer.heads if layer.transposed else math.prod(weights[1:])


def conv_sides(layer: ConvLayer, shape: Shape) -> Shape:
    """Height and width that a convolution leaves."""
    wide = [
        (kernel - 1) * step + 1 for kernel, step in zip(layer.kernel, layer.dilation, strict=True)
    ]
    return _sides(shape, (wide[0], wide[1]), layer.stride, layer.padding)


def pool_sides(layer: PoolLayer | MaxPoolLayer, shape: Shape) -> Shape:
    """Height and width that a pool leaves."""
    return _sides(shape, layer.kernel, layer.stride or layer.kernel, layer.padding)


def _sides(shape: Shape, kernel: Pair, stride: Pair, padding: Pair) -> Shape:
    sides = zip(shape[1:], kernel, stride, padding, strict=True)
    return tuple((side + 2 * pad - size) // step + 1 for side, size, step, pad in sides)
