"""Spiking MLP (arXiv 2306.12465): token and channel mixing, and no attention."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from spikeloom.ir import ConfigError, Shape
from spikeloom.model._architectures._layer_list import LIF, LayerList
from spikeloom.model._layer_config import Bits, LayerConfig, MixLayer, NeuronConfig
from spikeloom.model._schema import Between
from spikeloom.model._shapes import layer_shapes

SPE_NODES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variant:
    dim: int
    depths: tuple[int, ...] = (2, 8, 14, 2)
    expansion: int = 3
    patch: int = 4


_VARIANTS = {
    "t": _Variant(dim=78),
    "s": _Variant(dim=96),
    "b": _Variant(dim=108, depths=(2, 10, 24, 2)),
    "small": _Variant(dim=24, depths=(1, 1), patch=2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpikingMLPConfig:
    """A pyramid of stages that mix tokens and channels by static weights.

    What is not given is the variant's.

    Attributes:
        variant: "t" and "s" of the paper (its MLP-SPE-T and MLP-SPE-S), "b" (a guess
            at its MLP-SPE-B, which is not published), or "small": two stages that
            train in minutes.
        dim: Channels of the first stage; each stage doubles them.
        depths: Blocks of each stage.
        expansion: Width of the channel block, relative to the stage's.
        patch: Side and stride of the first convolution; it divides the input.
        spe: Whether later stages begin with spiking patch encoding, whose three
            convolutions make a third of the channels each, or with one 2x2 convolution.
        weight_bits: Bits of all weights but those of stem and head.
        stem_bits: Bits of the first convolution's weights.
        head_bits: Bits of the last layer's weights.
        neuron: Neurons of all layers but the last.
    """

    kind: Literal["spiking_mlp"] = "spiking_mlp"
    variant: Literal["t", "s", "b", "small"] = "small"
    dim: Annotated[int, Between(1, 4096)] | None = None
    depths: tuple[Annotated[int, Between(1, 256)], ...] = ()
    expansion: Annotated[int, Between(1, 16)] | None = None
    patch: Annotated[int, Between(1, 64)] | None = None
    spe: bool = True
    weight_bits: Bits = 4
    stem_bits: Bits = 4
    head_bits: Bits = 4
    neuron: NeuronConfig | None = None

    def layers(self, shape: Shape, classes: int) -> tuple[LayerConfig, ...]:
        """The layers for inputs of `shape` (C, H, W), the only size that they then fit.

        Raises:
            ConfigError: If the options do not fit each other or the input.
        """
        made = self._resolved()
        net = LayerList(shape, self.weight_bits, self.neuron or replace(LIF, surrogate="sigmoid"))
        x = "input"
        for i, depth in enumerate(made.depths):
            h = self._encode(net, made, i, x)
            x = net.neurons(f"s{i + 1}_sn", h)
            for j in range(depth):
                x = _block(net, f"s{i + 1}b{j + 1}", x, h=h, expansion=made.expansion)
        net.head(net.average_pool("head_pool", x), classes, weight_bits=self.head_bits)
        return net.done()

    def published_parameters(self, shape: Shape, classes: int) -> int:
        """Weights, norms and offsets that the authors' code has for this configuration.

        It differs from what `count` finds: that code has offsets in its linear maps and
        the last layer, which a norm behind them makes void, norms of channel blocks
        by token instead of by channel, and a norm in front of the last pooling.

        Raises:
            ConfigError: As `layers`.
        """
        made = self._resolved()
        shapes = layer_shapes(self.layers(shape, classes), shape)
        total = 0
        for i, depth in enumerate(made.depths):
            dim, height, width = shapes[f"s{i + 1}_h"]
            token = sum(n * n + 3 * n for n in (height, width)) + 3 * dim * dim + 2 * dim
            hidden = made.expansion * dim
            channel = 2 * dim * hidden + dim + hidden + 4 * height * width
            total += self._encoding_parameters(made, i, shape[0]) + depth * (token + channel)
        last = made.dim << (len(made.depths) - 1)
        return total + 2 * last + (last + 1) * classes

    def _encoding_parameters(self, made: _Variant, i: int, inputs: int) -> int:
        dim = made.dim << i
        if i == 0:
            return made.patch**2 * inputs * dim + 2 * dim
        if not self.spe:
            return 4 * (dim // 2) * dim + 2 * dim
        part = dim // SPE_NODES
        return 9 * part * (3 * (dim // 2) + 2 * part) + 5 * 2 * part

    def _resolved(self) -> _Variant:
        """The variant with what is given in its place."""
        names = ("dim", "depths", "expansion", "patch")
        given = {name: getattr(self, name) for name in names if getattr(self, name)}
        return replace(_VARIANTS[self.variant], **given)

    def _encode(self, net: LayerList, made: _Variant, i: int, x: str) -> str:
        """The current that a stage begins with, and that all its blocks read again."""
        name, dim = f"s{i + 1}_h", made.dim << i
        if i == 0:
            return self._first(net, name, dim, made.patch)
        if self.spe:
            return _spike_patch_encoding(net, name, dim, x)
        _require_multiple(net.shapes[x], f"the map before stage {i + 1}", 2)
        return net.conv(name, x, dim, kernel=2, stride=2, padding=0)

    def _first(self, net: LayerList, name: str, dim: int, patch: int) -> str:
        _require_multiple(net.input, "the input", patch)
        return net.conv(
            name,
            "input",
            dim,
            kernel=patch,
            stride=patch,
            padding=0,
            weight_bits=self.stem_bits,
        )


def _require_multiple(shape: Shape, what: str, side: int) -> None:
    if shape[1] % side or shape[2] % side:
        raise ConfigError(
            f"spiking_mlp: {what} must have sides that are multiples of {side}, "
            f"not {shape[1]}x{shape[2]}; change patch, spe or the size of the input"
        )


def _spike_patch_encoding(net: LayerList, name: str, dim: int, x: str) -> str:
    """Three currents, each a third of the channels, of which two read the spikes of another."""
    if dim % SPE_NODES:
        raise ConfigError(
            f"spiking_mlp: spiking patch encoding makes three equal parts of {dim} channels "
            f"({name!r}); choose a dim that is a multiple of 3, or spe = false"
        )
    part = dim // SPE_NODES
    n1, down2, down3 = (
        net.conv(f"{name}{tail}", x, part, kernel=3, stride=2) for tail in ("1", "2_down", "3_down")
    )
    after1 = net.conv(f"{name}2_next", net.neurons(f"{name}1_sn", n1), part, kernel=3)
    n2 = net.add(f"{name}2", down2, after1)
    after2 = net.conv(f"{name}3_next", net.neurons(f"{name}2_sn", n2), part, kernel=3)
    n3 = net.add(f"{name}3", down3, n1, after2)
    return net.concat(name, n1, n2, n3)


def _block(net: LayerList, block: str, x: str, *, h: str, expansion: int) -> str:
    """A token and a channel block, both on top of the stage's current `h`."""
    dim = net.shapes[h][0]
    token = net.add(f"{block}_token", h, _token_mix(net, block, x))
    hidden = net.conv(
        f"{block}_expand",
        net.neurons(f"{block}_token_sn", token),
        expansion * dim,
        neuron=net.neuron,
    )
    channel = net.add(f"{block}_channel", token, net.conv(f"{block}_reduce", hidden, dim))
    return net.neurons(f"{block}_sn", channel)


def _token_mix(net: LayerList, block: str, x: str) -> str:
    """Spikes as they are, mixed along y and mixed along x, fused into one current."""
    height = _mix(net, f"{block}_height", x, "rows")
    width = _mix(net, f"{block}_width", x, "columns")
    mixed = net.concat(f"{block}_mixed", x, height, width)
    return net.conv(f"{block}_fuse", mixed, net.shapes[x][0])


def _mix(net: LayerList, name: str, x: str, axis: Literal["rows", "columns"]) -> str:
    return net.append(
        MixLayer(
            name=name,
            source=x,
            axis=axis,
            weight_bits=net.weight_bits,
            batch_norm=True,
            neuron=net.neuron,
        )
    )
