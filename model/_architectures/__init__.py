"""Networks of the literature, written out as layers."""

from __future__ import annotations

from spikeloom.model._architectures._cell import cell_parameters
from spikeloom.model._architectures._cell_network import CellNetworkConfig
from spikeloom.model._architectures._skip_network import SkipNetworkConfig
from spikeloom.model._architectures._skip_presets import SkipBlockConfig, SkipLayerConfig
from spikeloom.model._architectures._spiking_mlp import SpikingMLPConfig
from spikeloom.model._architectures._spiking_resformer import SpikingResformerConfig

__all__ = [
    "CellNetworkConfig",
    "SkipBlockConfig",
    "SkipLayerConfig",
    "SkipNetworkConfig",
    "SpikingMLPConfig",
    "SpikingResformerConfig",
    "cell_parameters",
]
