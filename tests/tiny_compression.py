"""A tiny run to compress, and what all units of compression have to show of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from listeners import StopAt

from spikeloom.model import (
    CompressConfig,
    Config,
    ConvLayer,
    DenseLayer,
    NetworkConfig,
    NeuronConfig,
    PoolLayer,
    TrainConfig,
    TrainingInterruptedError,
    compress,
)

CONFIG = Config(
    name="tiny",
    seed=3,
    network=NetworkConfig(
        time_steps=2,
        layers=(
            ConvLayer(
                name="conv",
                channels=8,
                kernel=(3, 3),
                batch_norm=True,
                neuron=NeuronConfig(leak=1, membrane_bits=10),
            ),
            PoolLayer(name="pool", kernel=(2, 2)),
            DenseLayer(name="hidden", features=12, batch_norm=True, neuron=NeuronConfig(leak=1)),
            DenseLayer(name="output", features=10, neuron=NeuronConfig(kind="if")),
        ),
    ),
    train=TrainConfig(epochs=3, batch_size=64, learning_rate=0.01, threads=1),
)
# Two dense layers as a file, for the command line and the facade.
TOML = """
name = "tiny"
seed = 1

[network]
time_steps = 2

[[network.layers]]
kind = "dense"
name = "hidden"
features = 16
batch_norm = true
neuron = { kind = "lif", leak = 1, membrane_bits = 10 }

[[network.layers]]
kind = "dense"
name = "output"
features = 10
neuron = { kind = "if" }

[train]
epochs = 2
batch_size = 64
threads = 1

[compress]
epochs = 4
"""


def metrics_of(folder: Path) -> dict[str, Any]:
    """What a run has measured."""
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return found


def check_resumed(run: Path, options: CompressConfig, folder: Path, *, stop: int) -> None:
    """Interrupt a compression after some steps, go on, and compare with one in one piece."""
    whole = compress(run, options, run=folder / "whole")
    with pytest.raises(TrainingInterruptedError, match="run the same command again"):
        compress(run, options, run=folder / "parts", progress=StopAt(stop))
    parts = compress(run, options, run=folder / "parts", resume=True)
    assert (whole / "graph.npz").read_bytes() == (parts / "graph.npz").read_bytes()
    one, other = metrics_of(whole), metrics_of(parts)
    assert one["compression"] == other["compression"]
    assert one["accuracy"] == other["accuracy"]
