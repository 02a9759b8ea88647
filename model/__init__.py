"""Spiking networks in PyTorch and Brevitas, trained on the hardware's integers.

Importing this package imports torch; nothing else in Spikeloom does.
"""

from __future__ import annotations

from spikeloom.model._architectures import (
    CellNetworkConfig,
    SkipBlockConfig,
    SkipLayerConfig,
    SkipNetworkConfig,
    SpikingMLPConfig,
    SpikingResformerConfig,
)
from spikeloom.model._build import make_neuron
from spikeloom.model._compress import (
    COMPRESSED,
    HARDWARE_LIMITS,
    Budget,
    Candidate,
    LayerWeights,
    Resource,
    check_apart,
    check_compression,
    compress,
    connectivity,
    weight_bits,
)
from spikeloom.model._config import (
    CompressConfig,
    Config,
    DataConfig,
    HardwareConfig,
    LayerHardware,
    ReadoutConfig,
    TrainConfig,
    check_config,
    dump_config,
    load_config,
    parse_config,
)
from spikeloom.model._count import LayerCount, count, total
from spikeloom.model._data import Dataset, Split, load_dataset, quantise
from spikeloom.model._export import export, verify_export
from spikeloom.model._layer_config import (
    AddLayer,
    ConcatLayer,
    ConvLayer,
    DelayLayer,
    DenseLayer,
    LayerConfig,
    MaxPoolLayer,
    MixLayer,
    NeuronConfig,
    NeuronsLayer,
    PoolLayer,
    ProductLayer,
)
from spikeloom.model._leak import nearest_leak
from spikeloom.model._network import Network
from spikeloom.model._network_config import Architecture, NetworkConfig, expand
from spikeloom.model._neuron import IF, LIF, PLIF, Integrator, SpikingNeuron
from spikeloom.model._quantiser import RoundedChannelWeightQuant, RoundedWeightQuant
from spikeloom.model._run import TrainingInterruptedError, load_network
from spikeloom.model._surrogate import (
    SURROGATES,
    Surrogate,
    as_surrogate,
    atan,
    fast_sigmoid,
    rectangular,
    sigmoid,
    straight_through,
    triangular,
)
from spikeloom.model._synapse import ConvSynapse, DenseSynapse, MixSynapse, Synapse
from spikeloom.model._train import train

__all__ = [
    "COMPRESSED",
    "HARDWARE_LIMITS",
    "IF",
    "LIF",
    "PLIF",
    "SURROGATES",
    "AddLayer",
    "Architecture",
    "Budget",
    "Candidate",
    "CellNetworkConfig",
    "CompressConfig",
    "ConcatLayer",
    "Config",
    "ConvLayer",
    "ConvSynapse",
    "DataConfig",
    "Dataset",
    "DelayLayer",
    "DenseLayer",
    "DenseSynapse",
    "HardwareConfig",
    "Integrator",
    "LayerConfig",
    "LayerCount",
    "LayerHardware",
    "LayerWeights",
    "MaxPoolLayer",
    "MixLayer",
    "MixSynapse",
    "Network",
    "NetworkConfig",
    "NeuronConfig",
    "NeuronsLayer",
    "PoolLayer",
    "ProductLayer",
    "ReadoutConfig",
    "Resource",
    "RoundedChannelWeightQuant",
    "RoundedWeightQuant",
    "SkipBlockConfig",
    "SkipLayerConfig",
    "SkipNetworkConfig",
    "SpikingMLPConfig",
    "SpikingNeuron",
    "SpikingResformerConfig",
    "Split",
    "Surrogate",
    "Synapse",
    "TrainConfig",
    "TrainingInterruptedError",
    "as_surrogate",
    "atan",
    "check_apart",
    "check_compression",
    "check_config",
    "compress",
    "connectivity",
    "count",
    "dump_config",
    "expand",
    "export",
    "fast_sigmoid",
    "load_config",
    "load_dataset",
    "load_network",
    "make_neuron",
    "nearest_leak",
    "parse_config",
    "quantise",
    "rectangular",
    "sigmoid",
    "straight_through",
    "total",
    "train",
    "triangular",
    "verify_export",
    "weight_bits",
]
