"""Networks: any acyclic graph of layers, and one-step delays, described by dataclasses."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from spikeloom.ir import ConfigError, Encoder, Input, IntArray, Shape, rate_noise
from spikeloom.model._blocks import Block, Value
from spikeloom.model._build import Builder
from spikeloom.model._check import CLASSES, network_problems
from spikeloom.model._config import Config, ReadoutConfig
from spikeloom.model._flow import Stage, input_flow, stages
from spikeloom.model._layers import Spiking, set_lattice
from spikeloom.model._loop import run_loop
from spikeloom.model._network_config import NetworkConfig, expand

Arithmetic = Literal["float", "lattice"]


class Network(nn.Module):
    """A spiking network that trains on the hardware's integers.

    In evaluation mode on the lattice, `forward` is the arithmetic of
    `docs/semantics.md` itself: its scores are the integers that the exported
    graph and the hardware compute.

    Args:
        config: The layers (or what `expand` makes layers of) and the number of time steps.
        readout: Scores from membranes or from spike counts.
        shape: Shape of an input, `(C, H, W)` or `(N,)`.
        classes: Number of classes, for an architecture.
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
        classes: int | None = None,
        input_bits: int = 1,
        name: str = "network",
        seed: int = 0,
    ) -> None:
        super().__init__()
        config = expand(config, shape, classes)
        readout = readout or ReadoutConfig()
        problems = network_problems(
            config, readout.kind, shape=shape, input_bits=input_bits, classes=classes
        )
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
            self.layers = nn.ModuleList(Builder.of(config, readout, self.input).blocks())
        self._stages = stages(config.layers)
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
            classes=CLASSES,
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

    @property
    def input_unit(self) -> float:
        """The real number that an input value of 1 stands for."""
        node = self.input
        return 1.0 / input_flow(node.shape, node.bits, node.encoder).steps

    @property
    def blocks(self) -> list[Block]:
        """The blocks, one for each layer of `config`."""
        return [cast("Block", layer) for layer in self.layers]

    def spikes(self, inputs: Tensor) -> dict[str, Tensor]:
        """Spikes `[T, N, ...]` of every spiking layer, by name."""
        names = frozenset(block.name for block in self.blocks if isinstance(block, Spiking))
        with self._exact(inputs):
            found = self._values(inputs, names)
        return {block.name: found[block.name].data for block in self.blocks if block.name in names}

    def _run(self, inputs: Tensor) -> tuple[Tensor, float]:
        """Scores and the unit that makes real numbers of them."""
        with self._exact(inputs):
            return self._scores(inputs)

    def _exact(self, inputs: Tensor) -> AbstractContextManager[object]:
        """No autocast on the lattice: half-precision floats hold no integers above 2^11."""
        kind = inputs.device.type
        if self.arithmetic == "float" or not torch.is_autocast_enabled(kind):
            return nullcontext()
        return torch.autocast(kind, enabled=False)

    def _scores(self, inputs: Tensor) -> tuple[Tensor, float]:
        last = self.blocks[-1].name
        value = self._values(inputs, frozenset({last}))[last]
        return value.data.sum(0), value.unit

    def _values(self, inputs: Tensor, wanted: frozenset[str]) -> dict[str, Value]:
        """The outputs of the layers that are wanted; others are dropped once all have read them."""
        values = {"input": Value(self.encode(inputs), self.input_unit)}
        blocks = {block.name: block for block in self.blocks}
        found: dict[str, Value] = {}
        for stage in self._stages:
            made = _run(stage, blocks, values, wanted)
            values |= made
            found |= {name: value for name, value in made.items() if name in wanted}
            for name in stage.read_last:
                values.pop(name, None)
        return found


def _run(
    stage: Stage, blocks: dict[str, Block], values: dict[str, Value], wanted: frozenset[str]
) -> dict[str, Value]:
    """What a stage puts out: of a loop what others read, and what is wanted."""
    if len(stage.names) > 1:
        names = wanted.intersection(stage.names).union(stage.read_outside)
        return run_loop([blocks[name] for name in stage.names], values, names)
    block = blocks[stage.names[0]]
    return {block.name: block(*(values[name] for name in block.sources))}


def _noise(node: Input, time_steps: int) -> Tensor | None:
    if node.encoder is not Encoder.RATE:
        return None
    return torch.from_numpy(rate_noise(node, time_steps)).to(torch.get_default_dtype())
