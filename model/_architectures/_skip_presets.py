"""Blocks of the skip networks, and the networks that go by a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from spikeloom.model._architectures._layer_list import Stem
from spikeloom.model._schema import Between

Addition = Literal["current", "spikes", "membrane"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipLayerConfig:
    """A convolution with batch norm in a block, padded so that only its stride shrinks the map.

    Attributes:
        channels: Output channels.
        kernel: Side of the kernel, odd.
        stride: Stride; repeats of the block have 1.
        groups: Groups of channels, 0: depthwise.
    """

    channels: Annotated[int, Between(1, 4096)]
    kernel: Annotated[int, Between(1, 63)] = 3
    stride: Annotated[int, Between(1, 64)] = 1
    groups: Annotated[int, Between(0, 4096)] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipBlockConfig:
    """Layers in a chain, with skip connections between any two.

    Node 0 is what the block reads, node j what its layer j puts out.  The rows of
    `adjacency` belong to the layers 2, 3, ...; in the row of layer j, letter i says what
    node i is to it, for i = 0 to j - 2: "0" nothing, "C" concatenated to the input,
    "A" added.  Node j - 1 is always the layer's input.

    Attributes:
        layers: The convolutions.
        adjacency: One row for each layer but the first, such as ["A", "0C", "0CA"];
            empty: no skips.
        repeat: How many times the block comes, after the first time with strides of 1.
        pool: Pooling of the block's output by 2x2 windows: "average", "max" or "none".
    """

    layers: tuple[SkipLayerConfig, ...]
    adjacency: tuple[str, ...] = ()
    repeat: Annotated[int, Between(1, 256)] = 1
    pool: Literal["none", "average", "max"] = "none"

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "adjacency", tuple(self.adjacency))


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipPreset:
    """What a variant gives where nothing else is said."""

    addition: Addition
    stem: Stem
    stem_channels: int
    blocks: tuple[SkipBlockConfig, ...]


def _resnet18() -> tuple[SkipBlockConfig, ...]:
    widths = ((64, 1), (128, 2), (256, 2), (512, 2))
    return tuple(
        SkipBlockConfig(
            layers=(
                SkipLayerConfig(channels=width, stride=stride),
                SkipLayerConfig(channels=width),
            ),
            adjacency=("A",),
            repeat=2,
        )
        for width, stride in widths
    )


def _mobilenetv2() -> tuple[SkipBlockConfig, ...]:
    """Rows of expansion, channels, repeats and stride, as in arXiv 1801.04381."""
    rows = ((6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2))
    blocks = [_inverted(32, 1, 16, 1)]
    inputs = 16
    for expansion, channels, repeat, stride in rows:
        blocks.append(_inverted(inputs, expansion, channels, stride))
        blocks.append(_inverted(channels, expansion, channels, 1, repeat - 1))
        inputs = channels
    return (*blocks, _inverted(160, 6, 320, 1), _pointwise(1280))


def _inverted(
    inputs: int, expansion: int, channels: int, stride: int, repeat: int = 1
) -> SkipBlockConfig:
    """Expand, convolve each channel, project; the input is added where it has the same shape."""
    wide = inputs * expansion
    expand = (SkipLayerConfig(channels=wide, kernel=1),) if expansion > 1 else ()
    depthwise = SkipLayerConfig(channels=wide, stride=stride, groups=0)
    project = SkipLayerConfig(channels=channels, kernel=1)
    skips = ("0", "A0") if inputs == channels and stride == 1 else ()
    return SkipBlockConfig(layers=(*expand, depthwise, project), adjacency=skips, repeat=repeat)


def _pointwise(channels: int) -> SkipBlockConfig:
    return SkipBlockConfig(layers=(SkipLayerConfig(channels=channels, kernel=1),))


def _densenet121() -> tuple[SkipBlockConfig, ...]:
    """Four dense blocks of growth 32; all but the last end in a transition."""
    blocks: list[SkipBlockConfig] = []
    channels = 64
    for pairs in (6, 12, 24):
        channels = (channels + 32 * pairs) // 2
        blocks.append(_dense_block(pairs, SkipLayerConfig(channels=channels, kernel=1), "average"))
    return (*blocks, _dense_block(16, SkipLayerConfig(channels=1024, kernel=1), "none"))


def _dense_block(
    pairs: int, last: SkipLayerConfig, pool: Literal["none", "average"]
) -> SkipBlockConfig:
    """Pairs of a 1x1 and a 3x3 convolution; they and `last` read all that came before."""
    pair = (SkipLayerConfig(channels=128, kernel=1), SkipLayerConfig(channels=32))
    # Layers count from 1: odd ones begin a pair and read the even nodes.
    rows = tuple(
        "".join("C" if layer % 2 and node % 2 == 0 else "0" for node in range(layer - 1))
        for layer in range(2, 2 * pairs + 2)
    )
    return SkipBlockConfig(layers=(*pair * pairs, last), adjacency=rows, pool=pool)


def _small() -> tuple[SkipBlockConfig, ...]:
    return tuple(
        SkipBlockConfig(
            layers=(
                SkipLayerConfig(channels=channels, stride=stride),
                SkipLayerConfig(channels=channels),
                SkipLayerConfig(channels=channels),
            ),
            adjacency=("A", "CA"),
        )
        for channels, stride in ((16, 1), (32, 2))
    )


PRESETS = {
    "sew_resnet18": SkipPreset(
        addition="spikes", stem="imagenet", stem_channels=64, blocks=_resnet18()
    ),
    "ms_resnet18": SkipPreset(
        addition="membrane", stem="imagenet", stem_channels=64, blocks=_resnet18()
    ),
    "mobilenetv2": SkipPreset(
        addition="membrane", stem="strided", stem_channels=32, blocks=_mobilenetv2()
    ),
    "densenet121": SkipPreset(
        addition="current", stem="imagenet", stem_channels=64, blocks=_densenet121()
    ),
    "small": SkipPreset(addition="current", stem="strided", stem_channels=16, blocks=_small()),
}
