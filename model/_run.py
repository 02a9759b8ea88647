"""The run folder: what training leaves on disk, each file whole or not at all."""

from __future__ import annotations

import io
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spikeloom.ir import ConfigError, DataError, IntArray, SpikeloomError, write_whole
from spikeloom.model._config import Config, dump_config, parse_config
from spikeloom.model._data import Images
from spikeloom.model._network import Network

# What torch may raise for a file that is not, or no longer, one of its own.
DAMAGES = (OSError, RuntimeError, EOFError, pickle.UnpicklingError, ValueError, LookupError)


class TrainingInterruptedError(SpikeloomError):
    """Training was stopped by the user; its run folder can be resumed."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one training run."""

    path: Path

    @property
    def checkpoint(self) -> Path:
        """State after the last whole epoch, to resume from."""
        return self.path / "checkpoint.pt"

    @property
    def metrics(self) -> Path:
        """Accuracies and history; written last, so that a run that has it is finished."""
        return self.path / "metrics.json"

    def prepare(self, config: Config) -> None:
        """Make the folder and write its configuration."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot make the run folder {self.path}: {error}") from error
        self.write("config.toml", dump_config(config).encode())

    def clear(self) -> None:
        """Forget an earlier run in this folder."""
        for file in (self.metrics, self.checkpoint, self.path / "log"):
            file.unlink(missing_ok=True)

    def write(self, name: str, content: bytes) -> None:
        """Write one file in a single step.

        Raises:
            BuildError: If the disk refuses; an earlier file of that name stays.
        """
        write_whole(self.path / name, content)

    def log(self, line: str) -> None:
        """Add a line to the log."""
        with (self.path / "log").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def save_state(self, name: str, state: dict[str, Any]) -> None:
        """Write tensors and plain values, readable without executing code."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        self.write(name, buffer.getvalue())

    def load_state(self, name: str) -> dict[str, Any]:
        """Read what `save_state` wrote.

        Raises:
            DataError: If the file is missing or damaged.
        """
        file = self.path / name
        try:
            state: dict[str, Any] = torch.load(file, weights_only=True)
        except DAMAGES as error:
            raise DataError(f"cannot read {file}: {error}; train again without --resume") from error
        return state

    def save_test(self, inputs: Images, labels: IntArray, predictions: IntArray) -> None:
        """Write the quantised test set with the predictions of PyTorch."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, inputs=inputs, labels=labels, predictions=predictions)
        self.write("test.npz", buffer.getvalue())

    def save_metrics(self, metrics: dict[str, Any]) -> None:
        """Write `metrics.json`."""
        self.write("metrics.json", (json.dumps(metrics, indent=2) + "\n").encode())


def load_network(run: Path) -> Network:
    """The trained network of a run folder, in evaluation mode on the lattice.

    Raises:
        DataError: If the folder holds no finished run.
    """
    state = RunFolder(run).load_state("model.pt")
    config = parse_config(state["config"], source=str(run / "model.pt"))
    network = Network.from_config(config, tuple(state["shape"]))
    network.load_state_dict(state["network"])
    return network.eval()
