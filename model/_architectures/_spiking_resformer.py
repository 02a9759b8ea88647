"""SpikingResformer (arXiv 2403.14302): stages of spiking self-attention and feed-forward blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from spikeloom.ir import ConfigError, Shape
from spikeloom.model._architectures._layer_list import LIF, LayerList, Stem
from spikeloom.model._layer_config import Bits, LayerConfig, NeuronConfig
from spikeloom.model._schema import Between

Count = Annotated[int, Between(1, 4096)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variant:
    dims: tuple[int, ...]
    heads: tuple[int, ...]
    patches: tuple[int, ...] = (4, 2, 1)
    blocks: tuple[int, ...] = (1, 2, 3)
    expansion: int = 4
    group_width: int = 64
    stem: Stem = "imagenet"
    neuron: NeuronConfig = LIF


_VARIANTS = {
    "ti": _Variant(dims=(64, 192, 384), heads=(1, 3, 6)),
    "s": _Variant(dims=(64, 256, 512), heads=(1, 4, 8)),
    "m": _Variant(dims=(64, 384, 768), heads=(1, 6, 12)),
    "l": _Variant(dims=(128, 512, 1024), heads=(2, 8, 16)),
    "cifar": _Variant(dims=(64, 192, 384), heads=(1, 3, 6), stem="cifar"),
    "dvs": _Variant(
        dims=(32, 96, 192),
        heads=(1, 3, 6),
        group_width=32,
        stem="cifar",
        neuron=replace(LIF, kind="plif"),
    ),
    "small": _Variant(
        dims=(16, 32),
        heads=(2, 2),
        patches=(2, 1),
        blocks=(1, 1),
        group_width=8,
        stem="strided",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpikingResformerConfig:
    """SpikingResformer with a spike-driven head.

    What is not given is the variant's.  Lists have one entry per stage.

    Attributes:
        variant: "ti", "s", "m" or "l" of the paper's ImageNet models, its small
            models "cifar" and "dvs", or "small": two stages that train in minutes.
        dims: Channels of each stage.
        heads: Attention heads; they divide the channels.
        patches: Side of the patches that attention is reduced to; it divides the map.
        blocks: Blocks, each an attention and a feed-forward part.
        expansion: Width of the feed-forward part, relative to the stage's.
        group_width: Channels per group of its 3x3 convolution.
        stem: "imagenet" (7x7 with stride 2, then 3x3 max pooling with stride 2),
            "cifar" (3x3) or "strided" (3x3 with stride 2).
        weight_bits: Bits of all weights but those of stem and head.
        stem_bits: Bits of the stem's weights.
        head_bits: Bits of the last layer's weights.
        neuron: Neurons of all layers but the last.
    """

    kind: Literal["spiking_resformer"] = "spiking_resformer"
    variant: Literal["ti", "s", "m", "l", "cifar", "dvs", "small"] = "small"
    dims: tuple[Count, ...] = ()
    heads: tuple[Count, ...] = ()
    patches: tuple[Count, ...] = ()
    blocks: tuple[Count, ...] = ()
    expansion: Annotated[int, Between(1, 16)] | None = None
    group_width: Count | None = None
    stem: Stem | None = None
    weight_bits: Bits = 4
    stem_bits: Bits = 4
    head_bits: Bits = 4
    neuron: NeuronConfig | None = None

    def layers(self, shape: Shape, classes: int) -> tuple[LayerConfig, ...]:
        """The layers for inputs of `shape` (C, H, W).

        Raises:
            ConfigError: If the options do not fit each other or the input.
        """
        made = self._resolved()
        net = LayerList(shape, self.weight_bits, made.neuron)
        x = net.stem(made.stem, made.dims[0], weight_bits=self.stem_bits)
        for i in range(len(made.dims)):
            x = _stage(net, made, i, x)
        spikes = net.neurons("head_sn", x)
        net.head(net.average_pool("head_pool", spikes), classes, weight_bits=self.head_bits)
        return net.done()

    def _resolved(self) -> _Variant:
        """The variant with what is given in its place."""
        names = ("dims", "heads", "patches", "blocks", "expansion", "group_width", "stem", "neuron")
        given = {name: getattr(self, name) for name in names if getattr(self, name)}
        made = replace(_VARIANTS[self.variant], **given)
        problems = _problems(made)
        if problems:
            raise ConfigError("\n  ".join(["spiking_resformer does not fit together:", *problems]))
        return made


def _problems(made: _Variant) -> list[str]:
    counts = {name: len(getattr(made, name)) for name in ("dims", "heads", "patches", "blocks")}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{name} has {count}" for name, count in counts.items())
        return [f"dims, heads, patches and blocks must have one entry per stage, but {found}"]
    problems = []
    for i, (dim, heads) in enumerate(zip(made.dims, made.heads, strict=True)):
        if dim % heads:
            problems.append(f"heads[{i}] must divide dims[{i}] = {dim}, not be {heads}")
        if made.expansion * dim % made.group_width:
            problems.append(
                f"group_width must divide expansion * dims[{i}] = {made.expansion * dim}, "
                f"not be {made.group_width}"
            )
    return problems


def _stage(net: LayerList, made: _Variant, i: int, x: str) -> str:
    stage = f"s{i + 1}"
    if i:
        spikes = net.neurons(f"{stage}_sn", x)
        x = net.conv(f"{stage}_down", spikes, made.dims[i], kernel=3, stride=2)
    _require_patches(net.shapes[x], stage, made.patches[i])
    for j in range(made.blocks[i]):
        block = f"{stage}b{j + 1}"
        y = _attention(net, block, x, heads=made.heads[i], patch=made.patches[i])
        x = _feed_forward(net, block, y, made)
    return x


def _require_patches(shape: Shape, stage: str, patch: int) -> None:
    if shape[1] % patch or shape[2] % patch:
        raise ConfigError(
            f"patches of stage {stage[1:]} must divide its map of {shape[1]}x{shape[2]}, "
            f"not be {patch}; choose other patches, another stem or another size of the input"
        )


def _attention(net: LayerList, block: str, x: str, *, heads: int, patch: int) -> str:
    """MHDSSA(X) + X, on currents; the two products are those of section "Dual spike attention"."""
    dim = net.shapes[x][0]
    spikes = net.neurons(f"{block}_sn1", x)
    f1, f2 = (
        net.conv(f"{block}_{name}", spikes, dim, kernel=patch, stride=patch, padding=0)
        for name in ("f1", "f2")
    )
    attention = net.product(f"{block}_attention", spikes, f1, heads, transposed=True)
    dssa = net.product(f"{block}_dssa", attention, f2, heads, transposed=False)
    return net.add(f"{block}_mid", x, net.conv(f"{block}_project", dssa, dim))


def _feed_forward(net: LayerList, block: str, y: str, made: _Variant) -> str:
    """GWSFFN(Y) + Y, on currents."""
    dim = net.shapes[y][0]
    wide = made.expansion * dim
    ffl1 = net.conv(f"{block}_ffl1", net.neurons(f"{block}_sn2", y), wide)
    spikes = net.neurons(f"{block}_sn3", ffl1)
    group = net.conv(f"{block}_gwl", spikes, wide, kernel=3, groups=wide // made.group_width)
    inner = net.add(f"{block}_inner", group, ffl1)
    ffl2 = net.conv(f"{block}_ffl2", net.neurons(f"{block}_sn4", inner), dim)
    return net.add(f"{block}_out", ffl2, y)
