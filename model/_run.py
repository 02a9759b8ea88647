"""The run folder: what training leaves on disk, each file whole or not at all."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from spikeloom.ir import (
    BuildError,
    ConfigError,
    DataError,
    Graph,
    IntArray,
    SpikeloomError,
    save_graph,
    write_whole,
)
from spikeloom.model._config import Config, dump_config, parse_config
from spikeloom.model._data import Images
from spikeloom.model._network import Network
from spikeloom.model._synapse import LIVE, MASK, Synapse

# What torch and its users may raise for a file that is not, or no longer, one of its own.
DAMAGES = (
    OSError,
    RuntimeError,
    EOFError,
    pickle.UnpicklingError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ConfigError,
)
AGAIN = "then run the same command again"
RESULTS = ("checkpoint.pt", "graph.json", "graph.npz", "test.npz", "model.pt", "log")


class TrainingInterruptedError(SpikeloomError):
    """Training was stopped by the user; its run folder can be resumed."""


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Turn what a damaged file, or one of another structure, raises into a DataError."""
    try:
        yield
    except DAMAGES as error:
        raise DataError(
            f"cannot read {file}: {error}; start the run over: repeat the command that wrote it "
            "with `--restart`"
        ) from error


def load_weights(network: Network, state: dict[str, Any]) -> None:
    """Load the state of a network, masks included; a ValueError if that is one of other parts."""
    for name, mask in state.items():
        place, _, last = name.rpartition(".")
        if last == MASK:
            cast("Synapse", network.get_submodule(place)).prune(mask)
        elif last == LIVE:
            cast("Synapse", network.get_submodule(place)).confine(mask)
    others = sorted(set(network.state_dict()) ^ set(state))
    if others:
        raise ValueError(
            "another version of Spikeloom wrote it, whose network of this configuration has "
            f"other parts (such as {others[0]!r})"
        )
    network.load_state_dict(state)


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
        """Accuracies and history; written last, removed first."""
        return self.path / "metrics.json"

    @property
    def is_finished(self) -> bool:
        """Whether every result is there; one that was lost can be written again."""
        needed = (name for name in (self.metrics.name, *RESULTS) if name != "log")
        return all((self.path / name).is_file() for name in needed)

    def make(self) -> None:
        """Make the folder.

        Raises:
            ConfigError: If that is not possible.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"cannot make the run folder {self.path}: {error}; give another with --out"
            ) from error

    def save_config(self, config: Config) -> None:
        """Write `config.toml`."""
        self.write("config.toml", dump_config(config).encode())

    def save_graph(self, graph: Graph) -> None:
        """Write the exported graph."""
        try:
            save_graph(graph, self.path)
        except BuildError as error:
            raise BuildError(f"{error}; {AGAIN}") from error

    def clear(self) -> None:
        """Forget an earlier run in this folder, whole: nothing old stays beside the new.

        Raises:
            BuildError: If a file cannot be removed.
        """
        for name in (self.metrics.name, *RESULTS):
            file = self.path / name
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise BuildError(
                    f"cannot remove {file} of an earlier run: {error.strerror}; "
                    f"remove it by hand, {AGAIN}"
                ) from error

    def write(self, name: str, content: bytes) -> None:
        """Write one file in a single step.

        Raises:
            BuildError: If the disk refuses; an earlier file of that name stays.
        """
        try:
            write_whole(self.path / name, content)
        except BuildError as error:
            raise BuildError(f"{error}; {AGAIN}") from error

    def log(self, line: str) -> None:
        """Add a line to the log.

        Raises:
            BuildError: If the disk refuses.
        """
        place = self.path / "log"
        try:
            with place.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise BuildError(
                f"cannot write {place}: {error.strerror}; free some space, {AGAIN}"
            ) from error

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
        with reading(file):
            return dict(torch.load(file, weights_only=True))

    def save_test(self, inputs: Images, labels: IntArray, predictions: IntArray) -> None:
        """Write the quantised test set with the predictions of PyTorch."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, inputs=inputs, labels=labels, predictions=predictions)
        self.write("test.npz", buffer.getvalue())

    def save_metrics(self, metrics: dict[str, Any]) -> None:
        """Write `metrics.json`; every number in it is finite."""
        text = json.dumps(metrics, indent=2, allow_nan=False)
        self.write("metrics.json", (text + "\n").encode())


def load_network(run: Path) -> Network:
    """The trained network of a run folder, in evaluation mode on the lattice.

    Raises:
        DataError: If the folder holds no finished run.
    """
    state = RunFolder(run).load_state("model.pt")
    with reading(run / "model.pt"):
        config = parse_config(state["config"], source=str(run / "model.pt"))
        network = Network.from_config(config, tuple(state["shape"]))
        load_weights(network, state["network"])
    return network.eval()
