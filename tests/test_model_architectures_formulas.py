"""Architectures in float arithmetic against plain PyTorch, written from the papers' formulas.

The neurons below are SpikingJelly's, with inputs that decay and a threshold of 1.
All spikes have to be equal; double precision keeps ties from being rounded apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # its usual name
from torch import Tensor

from spikeloom.model import Network, NetworkConfig
from spikeloom.model._architectures import (
    CellNetworkConfig,
    SkipBlockConfig,
    SkipLayerConfig,
    SkipNetworkConfig,
    SpikingMLPConfig,
    SpikingResformerConfig,
)
from spikeloom.model._currents import CurrentLayer, ProductBlock
from spikeloom.model._network_config import Architecture

STEPS = 3
SEEDS = (0, 1, 2)
EPSILON = 1e-5


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def _double_precision() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


class Reference:
    """The weights of a network, with random norms that both sides share."""

    def __init__(self, architecture: Architecture, shape: tuple[int, ...], seed: int) -> None:
        torch.manual_seed(seed)
        config = NetworkConfig(time_steps=STEPS, architecture=architecture)
        self.network = Network(config, shape=shape, classes=5, input_bits=4, seed=seed)
        self.network.use("float")
        self.network.eval()
        self.norms: dict[str, tuple[Tensor, Tensor, Tensor, Tensor]] = {}
        self.rates: dict[str, Tensor] = {}
        for block in self.network.blocks:
            self._randomise(block)
        self.inputs = torch.randint(0, 16, (2, *shape))
        self.spikes: dict[str, Tensor] = {}

    def _randomise(self, block: Any) -> None:
        if isinstance(block, ProductBlock):
            rate = torch.empty(block.heads).uniform_(0.1, 0.6)
            block.norm.rate.copy_(rate)
            self.rates[block.name] = rate
        elif getattr(block, "norm", None) is not None:
            self._randomise_norm(block)

    @torch.no_grad()
    def _randomise_norm(self, block: Any) -> None:
        norm = block.norm
        mean = 0.05 * torch.randn_like(norm.gamma)
        variance = torch.empty_like(norm.gamma).uniform_(0.02, 0.1)
        norm.gamma.uniform_(0.5, 1.5).mul_(torch.randint(0, 2, norm.gamma.shape) * 2 - 1)
        norm.beta.normal_(0.9, 0.4)
        # A bare current keeps the mean of the current behind its scale.
        scale = norm.gamma / (variance + EPSILON).sqrt() if isinstance(block, CurrentLayer) else 1.0
        norm.running_mean.copy_(mean * scale)
        norm.running_variance.copy_(variance)
        self.norms[block.name] = (mean, variance, norm.gamma.clone(), norm.beta.clone())

    @property
    def image(self) -> Tensor:
        """The input at every step, `[T, N, C, H, W]`, from 0 to 1."""
        return (self.inputs / 15.0).expand(STEPS, *self.inputs.shape)

    def weight(self, name: str) -> Tensor:
        block = next(block for block in self.network.blocks if block.name == name)
        return cast("Any", block).synapse.weight.detach()

    def norm(self, name: str, x: Tensor) -> Tensor:
        """Batch norm of `[N, C, ...]`."""
        mean, variance, gamma, beta = self.norms[name]
        return F.batch_norm(x, mean, variance, gamma, beta, eps=EPSILON)

    def conv(self, name: str, x: Tensor, **options: Any) -> Tensor:
        """Convolution and batch norm of `[T, N, C, H, W]`, or of `[N, C, H, W]`."""
        flat = x.flatten(0, -4)
        out = self.norm(name, F.conv2d(flat, self.weight(name), **options))
        return out.unflatten(0, x.shape[:-3])

    def lif(self, name: str, x: Tensor, tau: float = 2.0) -> Tensor:
        """Spikes of `[T, ...]`, noted under `name`."""
        neuron = Lif(tau)
        self.spikes[name] = torch.stack([neuron(current) for current in x])
        return self.spikes[name]

    def check(self) -> None:
        """Every spike of the network is here, and there are some."""
        with torch.no_grad():
            found = self.network.spikes(self.inputs)
        assert set(found) - {"head"} <= set(self.spikes)
        for name, spikes in found.items():
            if name != "head":
                assert torch.equal(spikes.expand_as(self.spikes[name]), self.spikes[name]), name
                assert 0.002 < float(spikes.mean()) < 0.998, name


class Lif:
    """SpikingJelly's LIF, one step at a time."""

    def __init__(self, tau: float) -> None:
        self.tau = tau
        self.v: Tensor | float = 0.0

    def __call__(self, x: Tensor) -> Tensor:
        h = self.v + (x - self.v) / self.tau
        spike = (h >= 1.0).to(x.dtype)
        self.v = h * (1.0 - spike)
        return spike


# --- SpikingResformer -------------------------------------------------------------------


def dssa(ref: Reference, block: str, x: Tensor, *, heads: int, patch: int) -> Tensor:
    """Dual spike self-attention as published: one convolution for f1 and f2, split by head."""
    dim, height, width = x.shape[2:]
    part = dim // heads

    def by_head(first: Tensor, second: Tensor) -> Tensor:
        both = torch.stack([first.unflatten(0, (heads, part)), second.unflatten(0, (heads, part))])
        return both.transpose(0, 1).flatten(0, 2)

    f1, f2 = f"{block}_f1", f"{block}_f2"
    weight = by_head(ref.weight(f1), ref.weight(f2))
    norms = [by_head(*pair) for pair in zip(ref.norms[f1], ref.norms[f2], strict=True)]
    out = F.conv2d(x.flatten(0, 1), weight, stride=patch)
    out = F.batch_norm(out, *norms, eps=EPSILON)
    y = out.flatten(2).unflatten(1, (heads, 2 * part)).unflatten(0, x.shape[:2])
    y1, y2 = y[..., :part, :], y[..., part:, :]
    tokens = y.shape[-1]
    spikes = x.flatten(3).unflatten(2, (heads, part))
    rate1 = ref.rates[f"{block}_attention"].view(heads, 1, 1)
    scale1 = 1.0 / torch.sqrt(rate1 * part)
    attention = ref.lif("map", scale1 * (y1.transpose(-1, -2) @ spikes))
    ref.spikes[f"{block}_attention"] = (
        ref.spikes.pop("map").flatten(2, 3).unflatten(-1, (height, width))
    )
    rate2 = ref.rates[f"{block}_dssa"].view(heads, 1, 1)
    scale2 = 1.0 / torch.sqrt(rate2 * tokens)
    mixed = (scale2 * (y2 @ attention)).flatten(2, 3).unflatten(-1, (height, width))
    return ref.lif(f"{block}_dssa", mixed)


def resformer_block(
    ref: Reference, block: str, x: Tensor, *, heads: int, patch: int, groups: int
) -> Tensor:
    attended = dssa(ref, block, ref.lif(f"{block}_sn1", x), heads=heads, patch=patch)
    y = ref.conv(f"{block}_project", attended) + x
    ffl1 = ref.conv(f"{block}_ffl1", ref.lif(f"{block}_sn2", y))
    gwl = ref.conv(f"{block}_gwl", ref.lif(f"{block}_sn3", ffl1), groups=groups, padding=1) + ffl1
    return ref.conv(f"{block}_ffl2", ref.lif(f"{block}_sn4", gwl)) + y


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("stem", ["strided", "imagenet"])
def test_spiking_resformer(seed: int, stem: Any) -> None:
    network = SpikingResformerConfig(
        dims=(8, 12), heads=(2, 3), patches=(2, 1), blocks=(2, 1), group_width=4, stem=stem
    )
    side = 12 if stem == "strided" else 24
    ref = Reference(network, (2, side, side + side // 3), seed)
    x = ref.conv("stem", ref.image, stride=2, padding=1 if stem == "strided" else 3)
    if stem == "imagenet":
        x = F.max_pool2d(x.flatten(0, 1), 3, 2, 1).unflatten(0, (STEPS, -1))
    x = resformer_block(ref, "s1b1", x, heads=2, patch=2, groups=8)
    x = resformer_block(ref, "s1b2", x, heads=2, patch=2, groups=8)
    x = ref.conv("s2_down", ref.lif("s2_sn", x), stride=2, padding=1)
    x = resformer_block(ref, "s2b1", x, heads=3, patch=1, groups=12)
    ref.lif("head_sn", x)
    ref.check()


# --- spiking MLP ------------------------------------------------------------------------


def axial(ref: Reference, name: str, x: Tensor, axis: int) -> Tensor:
    """A linear map along one axis of the map, and a norm of each of its outputs."""
    out = torch.movedim(torch.movedim(x, axis, -1) @ ref.weight(name).T, -1, 2)
    normed = ref.norm(name, out.flatten(0, 1)).unflatten(0, out.shape[:2])
    return ref.lif(name, torch.movedim(normed, 2, axis))


def mlp_block(ref: Reference, block: str, x: Tensor, h: Tensor) -> Tensor:
    height, width = axial(ref, f"{block}_height", x, 3), axial(ref, f"{block}_width", x, 4)
    t = ref.conv(f"{block}_fuse", torch.cat([x, height, width], 2))
    x = ref.lif(f"{block}_token_sn", h + t)
    hidden = ref.lif(f"{block}_expand", ref.conv(f"{block}_expand", x))
    return ref.lif(f"{block}_sn", h + t + ref.conv(f"{block}_reduce", hidden))


def spike_patch_encoding(ref: Reference, name: str, x: Tensor) -> Tensor:
    n1 = ref.conv(f"{name}1", x, stride=2, padding=1)
    n2 = ref.conv(f"{name}2_down", x, stride=2, padding=1) + ref.conv(
        f"{name}2_next", ref.lif(f"{name}1_sn", n1), padding=1
    )
    n3 = (
        ref.conv(f"{name}3_down", x, stride=2, padding=1)
        + n1
        + ref.conv(f"{name}3_next", ref.lif(f"{name}2_sn", n2), padding=1)
    )
    return torch.cat([n1, n2, n3], 2)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("spe", [True, False])
def test_spiking_mlp(seed: int, spe: bool) -> None:
    ref = Reference(SpikingMLPConfig(dim=6, depths=(2, 1), spe=spe), (2, 16, 24), seed)
    h = ref.conv("s1_h", ref.image, stride=2)
    x = ref.lif("s1_sn", h)
    x = mlp_block(ref, "s1b1", x, h)
    x = mlp_block(ref, "s1b2", x, h)
    h = spike_patch_encoding(ref, "s2_h", x) if spe else ref.conv("s2_h", x, stride=2)
    mlp_block(ref, "s2b1", ref.lif("s2_sn", h), h)
    ref.check()


# --- skip networks ----------------------------------------------------------------------

BLOCK = SkipBlockConfig(
    layers=(
        SkipLayerConfig(channels=4),
        SkipLayerConfig(channels=4, kernel=5),
        SkipLayerConfig(channels=6, stride=2),
        SkipLayerConfig(channels=6, groups=2),
    ),
    adjacency=("A", "CA", "CAA"),
)
CONV: list[dict[str, int]] = [
    {"padding": 1},
    {"padding": 2},
    {"padding": 1, "stride": 2},
    {"padding": 1, "groups": 2},
]


def shortcut(ref: Reference, name: str, value: Tensor, like: Tensor) -> Tensor:
    """Q: the identity, or a 1x1 convolution with a stride and its norm."""
    if value.shape == like.shape:
        return value
    return ref.conv(name, value, stride=value.shape[-1] // like.shape[-1])


def widened(ref: Reference, name: str, spikes: list[Tensor], row: str) -> Tensor:
    """u: the spikes in front of the layer, and P of those that are concatenated."""
    parts = [spikes[-1]]
    for i, edge in enumerate(row):
        if edge == "C":
            resized = spikes[i]
            if resized.shape[3:] != spikes[-1].shape[3:]:
                stride = resized.shape[-1] // spikes[-1].shape[-1]
                resized = ref.lif(f"{name}_c{i}", ref.conv(f"{name}_c{i}", resized, stride=stride))
            parts.append(resized)
    return torch.cat(parts, 2)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("addition", ["current", "spikes", "membrane"])
def test_skip_network(seed: int, addition: Any) -> None:
    network = SkipNetworkConfig(
        addition=addition, stem="cifar", stem_channels=4, blocks=(BLOCK, BLOCK)
    )
    ref = Reference(network, (2, 12, 12), seed)
    value = ref.conv("stem", ref.image, padding=1)
    if addition != "membrane":
        value = ref.lif("stem", value)
    for block in ("b1r1", "b2r1"):
        value = skip_block(ref, block, value, addition)
    ref.check()


def skip_block(ref: Reference, block: str, value: Tensor, addition: str) -> Tensor:
    """A block by its adjacency, as section "buildable specification" has it."""
    nodes = [value]
    spikes = [value if addition != "membrane" else sn(ref, block, 0, value)]
    for j, options in enumerate(CONV):
        row = BLOCK.adjacency[j - 1] if j else ""
        name = f"{block}_{j + 1}"
        conv = f"{name}_conv" if "A" in row else name
        current = ref.conv(conv, widened(ref, name, spikes, row), **options)
        adds = [i for i, edge in enumerate(row) if edge == "A"]
        main = ref.lif(conv, current) if addition == "spikes" else current
        for k, i in enumerate(adds):
            same = nodes[i].shape == main.shape
            extra = shortcut(ref, f"{name}_a{k}", nodes[i] if same else spikes[i], main)
            if addition == "spikes" and not same:
                extra = ref.lif(f"{name}_a{k}", extra)
            main = main + extra
        nodes.append(ref.lif(name, main) if addition == "current" else main)
        spikes.append(nodes[-1] if addition != "membrane" else sn(ref, block, j + 1, main))
    return nodes[-1]


def sn(ref: Reference, block: str, node: int, value: Tensor) -> Tensor:
    """Neurons on a node of a membrane shortcut; whatever name they have there."""
    spikes = ref.lif(f"{block}_{node}_sn", value)
    before = {"b1r1": "stem_sn", "b2r1": "b1r1_4_sn"}
    for alias in (f"{block}_{node}", *([before[block]] if node == 0 else [])):
        ref.spikes[alias] = spikes
    return spikes


# --- cells ------------------------------------------------------------------------------

TAU = 4 / 3
OPERATIONS = ("zero", "identity", "conv1", "conv3", "average_pool", "conv5")


class Cell:
    """The cell as published, each convolution with neurons of its own, step by step."""

    def __init__(self, ref: Reference, name: str, rows: tuple[str, ...]) -> None:
        self.ref = ref
        self.name = name
        self.rows = rows
        self.neurons = {(i, j): Lif(TAU) for i in range(4) for j in range(4)}
        self.feedback: list[Tensor | float] = [0.0] * 4
        self.seen: dict[str, list[Tensor]] = {}

    def operation(self, i: int, j: int, x: Tensor) -> Tensor | float:
        kind = OPERATIONS[int(self.rows[i][j])]
        if kind == "zero":
            return 0.0
        if kind == "identity":
            return x
        spikes = self.neurons[i, j](x)
        self.seen.setdefault(f"{i}{j}", []).append(spikes)
        if kind == "average_pool":  # ours: of spikes, and with 1/8 for 1/9
            return F.avg_pool2d(spikes, 3, 1, 1) * (9 / 8)
        side = int(kind.removeprefix("conv"))
        return self.ref.conv(f"{self.name}_e{i}{j}", spikes, padding=side // 2)

    def __call__(self, x: Tensor) -> Tensor:
        nodes: list[Any] = [x + self.feedback[0]]
        for j in (1, 2, 3):
            forward = sum(self.operation(i, j, nodes[i]) for i in range(j))
            nodes.append(forward + self.feedback[j])
        for j in (0, 1, 2):
            self.feedback[j] = sum(self.operation(i, j, nodes[i]) for i in range(j + 1, 4))
        return cast("Tensor", nodes[3])


CELLS = {
    "one backward edge, kernels 3 and 5": ("0305", "0030", "0301", "0000"),
    "CIFAR-10": ("0303", "0030", "2002", "0200"),
    "CIFAR-100": ("0302", "0030", "3003", "0000"),
    "pools and identities": ("0143", "0034", "1005", "0300"),
    "backward pool": ("0332", "0030", "0402", "3000"),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", CELLS)
def test_cell_network(seed: int, name: str) -> None:
    network = CellNetworkConfig(
        cell=CELLS[name], operations=OPERATIONS, channels=(4, 6), votes=2, hidden=8
    )
    ref = Reference(network, (2, 12, 12), seed)
    cells = [Cell(ref, f"c{i}", CELLS[name]) for i in (1, 2)]
    outputs = [Lif(TAU), Lif(TAU)]
    for x in ref.conv("stem", ref.image, stride=2, padding=1):
        spikes = outputs[0](cells[0](x))
        cells[0].seen.setdefault("3", []).append(spikes)
        x = F.avg_pool2d(ref.conv("c2_reduce", spikes, padding=1), 2)
        cells[1].seen.setdefault("3", []).append(outputs[1](cells[1](x)))
    check_cells(ref, cells)


def check_cells(ref: Reference, cells: list[Cell]) -> None:
    """Every edge of a node has the spikes of the network's one group of neurons there."""
    with torch.no_grad():
        found = ref.network.spikes(ref.inputs)
    sources = {block.name: block.sources for block in ref.network.blocks}
    for cell, after in zip(cells, ("c2_reduce", "head_pool"), strict=True):
        for key, spikes in cell.seen.items():
            name = sources[after][0] if key == "3" else sources[f"{cell.name}_e{key}"][0]
            assert torch.equal(found[name].expand(STEPS, *spikes[0].shape), torch.stack(spikes))
            assert 0.002 < float(found[name].mean()) < 0.998, (name, key)
