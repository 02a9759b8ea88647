"""Spiking networks in PyTorch and Brevitas, trained on the hardware's integers.

Importing this package imports torch; nothing else in Spikeloom does.
"""

from __future__ import annotations

from spikeloom.model._config import (
    Config,
    ConvLayer,
    DataConfig,
    DenseLayer,
    HardwareConfig,
    LayerHardware,
    NetworkConfig,
    NeuronConfig,
    PoolLayer,
    ReadoutConfig,
    TrainConfig,
    check_config,
    dump_config,
    load_config,
    parse_config,
)
from spikeloom.model._data import Dataset, Split, load_dataset, quantise
from spikeloom.model._export import export, verify_export
from spikeloom.model._leak import nearest_leak
from spikeloom.model._network import Network, make_neuron
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
from spikeloom.model._synapse import ConvSynapse, DenseSynapse, Synapse
from spikeloom.model._train import train

__all__ = [
    "IF",
    "LIF",
    "PLIF",
    "SURROGATES",
    "Config",
    "ConvLayer",
    "ConvSynapse",
    "DataConfig",
    "Dataset",
    "DenseLayer",
    "DenseSynapse",
    "HardwareConfig",
    "Integrator",
    "LayerHardware",
    "Network",
    "NetworkConfig",
    "NeuronConfig",
    "PoolLayer",
    "ReadoutConfig",
    "RoundedChannelWeightQuant",
    "RoundedWeightQuant",
    "SpikingNeuron",
    "Split",
    "Surrogate",
    "Synapse",
    "TrainConfig",
    "TrainingInterruptedError",
    "as_surrogate",
    "atan",
    "check_config",
    "dump_config",
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
    "train",
    "triangular",
    "verify_export",
]
