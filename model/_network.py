"""Networks: a chain of layers, described by dataclasses."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from spikeloom.ir import ConfigError, Encoder, Input, IntArray, Leak, Shape, rate_noise
from spikeloom.model._check import layer_names, layer_shape, network_problems
from spikeloom.model._config import (
    Config,
    DenseLayer,
    NetworkConfig,
    NeuronConfig,
    PoolLayer,
    ReadoutConfig,
    SynapseLayer,
    checked_network,
)
from spikeloom.model._layers import IntegratorLayer, Pool, SpikingLayer, set_lattice
from spikeloom.model._neuron import IF, LIF, PLIF, Integrator, SpikingNeuron
from spikeloom.model._options import NeuronOptions
from spikeloom.model._surrogate import as_surrogate
from spikeloom.model._synapse import ConvSynapse, DenseSynapse, Synapse

Arithmetic = Literal["float", "lattice"]


class Network(nn.Module):
    """A spiking network that trains on the hardware's integers.

    In evaluation mode on the lattice, `forward` is the arithmetic of
    `docs/semantics.md` itself: its scores are the integers that the exported
    graph and the hardware compute.

    Args:
        config: The layers and the number of time steps.
        readout: Scores from membranes or from spike counts.
        shape: Shape of an input, `(C, H, W)` or `(N,)`.
        input_bits: Bits of an input value.
        name: Name of the graph.
        seed: Seed of the initial weights.

    Raises:
        ConfigError: If the layers do not fit together; all problems are listed.
    """

    def __init__(
        self,
        config: NetworkConfig,
        *,
        readout: ReadoutConfig | None = None,
        shape: Shape,
        input_bits: int = 1,
        name: str = "network",
        seed: int = 0,
    ) -> None:
        super().__init__()
        config = checked_network(config)
        readout = readout or ReadoutConfig()
        problems = network_problems(config, readout.kind, shape=shape)
        if problems:
            raise ConfigError("\n  ".join(["the network does not fit together:", *problems]))
        self.name = name
        self.config = config
        self.readout = readout
        self.input = Input(
            name="input", shape=shape, bits=input_bits, encoder=Encoder(config.encoder)
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.ModuleList(_Builder(config, readout, self.input).layers())
        self.log_gain = nn.Parameter(torch.tensor(0.0))
        self.register_buffer("_noise", _noise(self.input, config.time_steps), persistent=False)
        self.use("lattice")

    @classmethod
    def from_config(cls, config: Config, shape: Shape) -> Network:
        """The network of a configuration file."""
        return cls(
            config.network,
            readout=config.readout,
            shape=shape,
            input_bits=config.data.input_bits,
            name=config.name,
            seed=config.seed,
        )

    @property
    def arithmetic(self) -> Arithmetic:
        """The arithmetic in use."""
        return self._arithmetic

    def use(self, arithmetic: Arithmetic) -> None:
        """Switch between float arithmetic and the integer lattice."""
        self._arithmetic: Arithmetic = arithmetic
        set_lattice(self, arithmetic == "lattice")

    def forward(self, inputs: Tensor) -> Tensor:
        """Scores `[N, K]` of integer inputs `[N, *shape]` (any dtype)."""
        return self._run(inputs)[0]

    def logits(self, inputs: Tensor) -> Tensor:
        """Scores times a learnt positive gain, for a cross-entropy loss."""
        scores, unit = self._run(inputs)
        return scores * (unit * self.log_gain.exp())

    @torch.no_grad()
    def predict(self, inputs: Tensor, *, batch: int = 1000) -> IntArray:
        """Classes `[N]`: the first index of the largest score, in evaluation mode."""
        was_training = self.training
        self.eval()
        try:
            parts = [inputs[i : i + batch] for i in range(0, len(inputs), batch)]
            scores = np.concatenate([self(part).cpu().numpy() for part in parts])
        finally:
            self.train(was_training)
        predictions: IntArray = scores.argmax(axis=1).astype(np.int64)
        return predictions

    def encode(self, inputs: Tensor) -> Tensor:
        """Inputs as the first layer reads them: `[1, N, *shape]` if static, else `[T, N, ...]`."""
        values = inputs.to(torch.get_default_dtype())
        if self.input.encoder is Encoder.DIRECT:
            return values.unsqueeze(0)
        noise = self.get_buffer("_noise").unsqueeze(1)
        return (values > noise).to(values.dtype)

    def spikes(self, inputs: Tensor) -> list[Tensor]:
        """Spikes `[T, N, ...]` of every spiking layer, in order."""
        found = []
        with self._exact(inputs):
            x = self.encode(inputs)
            for layer in self.layers:
                if isinstance(layer, SpikingLayer):
                    x = layer(x, self.config.time_steps)
                    found.append(x)
        return found

    def _run(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and the unit that makes real numbers of them."""
        with self._exact(inputs):
            return self._scores(inputs)

    def _exact(self, inputs: Tensor) -> AbstractContextManager[object]:
        """No autocast on the lattice: half-precision floats hold no integers above 2^11."""
        kind = inputs.device.type
        if self.arithmetic == "float" or not torch.is_autocast_enabled(kind):
            return nullcontext()
        return torch.autocast(kind, enabled=False)

    def _scores(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        x = self.encode(inputs)
        for layer in self.layers:
            if isinstance(layer, IntegratorLayer):
                return layer(x, self.config.time_steps)  # type: ignore[no-any-return]  # Module.__call__ is Any
            x = layer(x, self.config.time_steps)
        return x.sum(0), torch.ones((), dtype=x.dtype)


def _noise(node: Input, time_steps: int) -> Tensor | None:
    if node.encoder is not Encoder.RATE:
        return None
    return torch.from_numpy(rate_noise(node, time_steps)).to(torch.get_default_dtype())


@dataclass(slots=True)
class _Builder:
    """Makes the modules of a chain, following the shape and range of what flows in it."""

    config: NetworkConfig
    readout: ReadoutConfig
    input: Input

    def layers(self) -> list[nn.Module]:
        shape = self.input.shape
        largest = (1 << self.input.bits) - 1 if self.input.encoder is Encoder.DIRECT else 1
        pools: list[Pool] = []
        made: list[nn.Module] = []
        for name, layer in zip(layer_names(self.config), self.config.layers, strict=True):
            if isinstance(layer, PoolLayer):
                pools.append(Pool(name, layer.kernel))
                largest *= math.prod(layer.kernel)
            else:
                synapse = self._synapse(name, layer, shape, largest)
                made.append(self._layer(name, layer, pools, synapse))
                pools, largest = [], 1
            shape = layer_shape(layer, shape)
        return made

    def _layer(
        self, name: str, layer: SynapseLayer, pools: list[Pool], synapse: Synapse
    ) -> nn.Module:
        outputs = layer.features if isinstance(layer, DenseLayer) else layer.channels
        if layer is self.config.layers[-1] and self.readout.kind == "membrane":
            integrator = Integrator(_leak(layer.neuron), membrane_bits=layer.neuron.membrane_bits)
            return IntegratorLayer(name, pools, synapse, outputs, neuron=integrator)
        return SpikingLayer(
            name,
            pools,
            synapse,
            outputs,
            neuron=make_neuron(layer.neuron),
            batch_norm=layer.batch_norm,
        )

    def _synapse(self, name: str, layer: SynapseLayer, shape: Shape, largest: int) -> Synapse:
        # A scale per channel is free where thresholds are per channel anyway.
        if isinstance(layer, DenseLayer):
            return DenseSynapse(
                name,
                math.prod(shape),
                layer.features,
                weight_bits=layer.weight_bits,
                per_channel=layer.batch_norm,
                input_max=largest,
            )
        return ConvSynapse(
            name,
            shape[0],
            layer.channels,
            kernel=layer.kernel,
            stride=layer.stride,
            padding=layer.padding,
            weight_bits=layer.weight_bits,
            per_channel=layer.batch_norm,
            input_max=largest,
        )


def _leak(config: NeuronConfig) -> Leak:
    """The fixed leak of an integrator."""
    if config.kind == "if" or (config.leak is config.beta is config.tau is None):
        return Leak.none()
    return LIF(config.beta, tau=config.tau, leak=config.leak, leak_terms=config.leak_terms).leak


def make_neuron(config: NeuronConfig) -> SpikingNeuron:
    """The neuron module that a configuration describes."""
    options: NeuronOptions = {
        "threshold": config.threshold,
        "learn_threshold": config.learn_threshold,
        "reset": config.reset or "subtract",
        "membrane_bits": config.membrane_bits,
        "surrogate": as_surrogate(config.surrogate, config.sharpness),
        "detach_reset": config.detach_reset,
    }
    return _make(config, **options)


def _make(config: NeuronConfig, **options: Unpack[NeuronOptions]) -> SpikingNeuron:
    match config.kind:
        case "if":
            return IF(**options)
        case "lif":
            return LIF(
                config.beta,
                tau=config.tau,
                leak=config.leak,
                leak_terms=config.leak_terms,
                **options,
            )
        case "plif":
            return PLIF(config.beta, init_tau=config.tau, leak_terms=config.leak_terms, **options)
