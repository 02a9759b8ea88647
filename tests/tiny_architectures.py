"""Tiny instances of every architecture, a little trained."""

from __future__ import annotations

import torch

from spikeloom.model import Network, NetworkConfig, ReadoutConfig
from spikeloom.model._architectures import (
    CellNetworkConfig,
    SkipBlockConfig,
    SkipLayerConfig,
    SkipNetworkConfig,
    SpikingMLPConfig,
    SpikingResformerConfig,
)
from spikeloom.model._network_config import Architecture

SHAPE = (2, 12, 12)
BLOCK = SkipBlockConfig(
    layers=(
        SkipLayerConfig(channels=4),
        SkipLayerConfig(channels=4, groups=2),
        SkipLayerConfig(channels=6, stride=2),
    ),
    adjacency=("A", "CA"),
)
POOLED = SkipBlockConfig(
    layers=(SkipLayerConfig(channels=4, kernel=1), SkipLayerConfig(channels=4)), pool="average"
)
KERNELS = ("zero", "identity", "conv1", "conv3", "average_pool", "conv5")

TINY: dict[str, Architecture] = {
    "attention with two heads and p = 2": SpikingResformerConfig(
        dims=(4, 6), heads=(2, 2), group_width=4, expansion=2
    ),
    "attention behind an ImageNet stem": SpikingResformerConfig(
        dims=(4,), heads=(2,), patches=(1,), blocks=(2,), group_width=4, stem="imagenet"
    ),
    "attention with learnt decays": SpikingResformerConfig(
        variant="dvs", dims=(4,), heads=(1,), patches=(2,), blocks=(1,), group_width=4
    ),
    "two-stage MLP with SPE": SpikingMLPConfig(dim=6, depths=(1, 1)),
    "two-stage MLP without SPE": SpikingMLPConfig(dim=5, depths=(2, 1), spe=False),
    "skips that add to currents": SkipNetworkConfig(stem_channels=4, blocks=(BLOCK, POOLED)),
    "skips that add spikes": SkipNetworkConfig(
        addition="spikes", stem_channels=4, blocks=(BLOCK, POOLED)
    ),
    "skips that add membranes": SkipNetworkConfig(
        addition="membrane", stem_channels=4, blocks=(BLOCK, POOLED)
    ),
    "cell with one backward edge": CellNetworkConfig(channels=(4, 6), hidden=8),
    "cell of CIFAR-10": CellNetworkConfig(
        variant="snasnet_cifar10", channels=(4, 6), hidden=8, votes=2, pool=3, stem="strided"
    ),
    "cell with pools and identities": CellNetworkConfig(
        cell=("0143", "0034", "1005", "0300"), operations=KERNELS, channels=(4, 6), hidden=8
    ),
    "cell with a backward pool": CellNetworkConfig(
        cell=("0332", "0030", "0402", "3000"), operations=KERNELS, channels=(4, 6), hidden=8
    ),
}


def trained_a_little(architecture: Architecture, readout: ReadoutConfig) -> Network:
    """A network whose norms have seen currents, and whose norms are not what they began with."""
    torch.manual_seed(3)
    config = NetworkConfig(time_steps=3, architecture=architecture)
    network = Network(config, readout=readout, shape=SHAPE, classes=5, input_bits=4, seed=5)
    for _ in range(2):
        inputs = torch.randint(0, 16, (8, *SHAPE))
        network.logits(inputs).square().mean().backward()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("gamma"):
                parameter.uniform_(-1.5, 1.5)
            if name.endswith("beta"):
                parameter.normal_(0.5, 0.5)
    return network.eval()
