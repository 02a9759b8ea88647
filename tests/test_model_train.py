"""Training: results, resuming, interruption, and what the run folder holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from spikeloom.ir import (
    ConfigError,
    DataError,
    Executor,
    NullProgress,
    SpikeloomError,
    VerificationError,
    load_graph,
)
from spikeloom.model import (
    Config,
    DenseLayer,
    Network,
    NetworkConfig,
    NeuronConfig,
    TrainConfig,
    TrainingInterruptedError,
    load_config,
    load_network,
    train,
    verify_export,
)

CONFIG = Config(
    name="tiny",
    seed=2,
    network=NetworkConfig(
        time_steps=3,
        layers=(
            DenseLayer(features=48, batch_norm=True, neuron=NeuronConfig(leak=1, membrane_bits=10)),
            DenseLayer(features=10, neuron=NeuronConfig(kind="if")),
        ),
    ),
    train=TrainConfig(epochs=6, batch_size=64, learning_rate=0.01, shift=0.3, threads=1),
)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Tensors are tiny here, and more threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class StopAt(NullProgress):
    """Presses Ctrl-C after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def advance(self, units: int = 1, note: str = "") -> None:
        """Count down."""
        del note
        self.left -= units
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(CONFIG, run=tmp_path_factory.mktemp("runs") / "tiny")


def test_digits_are_learnt(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["accuracy"]["exported"] >= 0.9
    assert metrics["accuracy"]["exported"] == metrics["accuracy"]["lattice"]
    assert metrics["accuracy"]["float"] is None
    assert metrics["test_images"] == 360
    assert [entry["epoch"] for entry in metrics["history"]] == [1, 2, 3, 4, 5, 6]


def test_run_folder_is_complete_and_consistent(run: Path) -> None:
    names = {file.name for file in run.iterdir()}
    assert names == {
        "checkpoint.pt",
        "config.toml",
        "graph.json",
        "graph.npz",
        "log",
        "metrics.json",
        "model.pt",
        "test.npz",
    }
    assert load_config(run / "config.toml") == CONFIG
    test = np.load(run / "test.npz")
    assert test["inputs"].dtype == np.uint8
    assert test["inputs"].shape == (360, 1, 8, 8)
    predictions = Executor(load_graph(run)).run(test["inputs"]).predictions
    assert (predictions == test["predictions"]).all()
    network = load_network(run)
    assert (network.predict(torch.from_numpy(test["inputs"])) == predictions).all()


def test_resumed_run_gives_the_identical_result(run: Path, tmp_path: Path) -> None:
    steps = 3 * 21 + 5  # in the fourth epoch
    with pytest.raises(
        TrainingInterruptedError, match=r"^training stopped after epoch 3 of 6; .* --resume$"
    ):
        train(CONFIG, run=tmp_path, progress=StopAt(steps))
    assert not (tmp_path / "metrics.json").exists()
    train(CONFIG, run=tmp_path, resume=True)
    ours, theirs = (
        torch.load(folder / "model.pt", weights_only=True)["network"] for folder in (tmp_path, run)
    )
    assert all((ours[name] == theirs[name]).all() for name in theirs)
    assert (tmp_path / "graph.npz").read_bytes() == (run / "graph.npz").read_bytes()


def test_finished_run_is_not_trained_again(run: Path) -> None:
    before = (run / "metrics.json").read_bytes()
    assert train(CONFIG, run=run, resume=True, progress=StopAt(0)) == run
    assert (run / "metrics.json").read_bytes() == before


def test_other_configuration_is_not_resumed(run: Path) -> None:
    other = replace(CONFIG, seed=3)
    with pytest.raises(ConfigError, match=r"has another configuration; train into another folder"):
        train(other, run=run, resume=True)


def test_damaged_checkpoint_is_named(run: Path, tmp_path: Path) -> None:
    whole = (run / "checkpoint.pt").read_bytes()
    for damaged in (whole[:1000], b"", b"hello"):
        (tmp_path / "checkpoint.pt").write_bytes(damaged)
        with pytest.raises(DataError, match=r"^cannot read .*checkpoint\.pt: "):
            train(CONFIG, run=tmp_path, resume=True)


def test_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^cannot read .*model\.pt: "):
        load_network(tmp_path)


def test_float_pretraining_is_reported_and_comes_first(tmp_path: Path) -> None:
    short = replace(CONFIG.train, float_epochs=2, epochs=2, schedule="constant")
    train(replace(CONFIG, train=short), run=tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["accuracy"]["float"] > 0.8
    kinds = [entry["arithmetic"] for entry in metrics["history"]]
    assert kinds == ["float", "float", "lattice", "lattice"]
    assert metrics["best_epoch"] > 2


def test_training_stops_early(tmp_path: Path) -> None:
    hopeless = replace(
        CONFIG.train, epochs=50, early_stopping=2, learning_rate=1e-7, schedule="constant"
    )
    train(replace(CONFIG, train=hopeless), run=tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["epochs"] < 50
    assert metrics["epochs"] - metrics["best_epoch"] == 2


def test_wrong_export_is_noticed(run: Path) -> None:
    network, graph = load_network(run), load_graph(run)
    other = Network.from_config(replace(CONFIG, seed=9), (1, 8, 8)).eval()
    inputs = torch.from_numpy(np.load(run / "test.npz")["inputs"])
    verify_export(network, graph, inputs)
    with pytest.raises(VerificationError, match="the exported graph and PyTorch differ on input 0"):
        verify_export(other, graph, inputs)


def test_refused_write_leaves_a_run_that_can_be_resumed(tmp_path: Path) -> None:
    short = replace(CONFIG, train=replace(CONFIG.train, epochs=1))
    blocker = tmp_path / "test.npz"
    blocker.mkdir()
    with pytest.raises(SpikeloomError, match=r"^cannot write .*test\.npz: .* with --resume$"):
        train(short, run=tmp_path)
    assert not (tmp_path / "metrics.json").exists()
    assert not list(tmp_path.glob(".*.part"))
    blocker.rmdir()
    train(short, run=tmp_path, resume=True)
    assert (tmp_path / "metrics.json").exists()
