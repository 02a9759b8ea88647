"""Training: results, resuming, interruption, and what the run folder holds."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from listeners import Listener, StopAt

from spikeloom._source import load_source
from spikeloom.ir import (
    BuildError,
    ConfigError,
    DataError,
    Executor,
    GraphError,
    NullProgress,
    SpikeloomError,
    VerificationError,
    load_graph,
)
from spikeloom.model import (
    AddLayer,
    Config,
    ConvLayer,
    DelayLayer,
    DenseLayer,
    Network,
    NetworkConfig,
    NeuronConfig,
    NeuronsLayer,
    PoolLayer,
    TrainConfig,
    TrainingInterruptedError,
    load_config,
    load_network,
    train,
    verify_export,
)
from spikeloom.model._run import RunFolder

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


pytestmark = pytest.mark.usefixtures("one_thread")


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
    message = r"^training stopped after epoch 3 of 6; .*; run the same command again to go on$"
    with pytest.raises(TrainingInterruptedError, match=message):
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


def test_a_finished_run_says_how_to_begin_again(run: Path) -> None:
    listener = Listener()
    train(CONFIG, run=run, resume=True, progress=listener)
    assert listener.heard == [f"the run in {run} is finished; --restart trains it anew"]


def test_other_configuration_is_not_resumed(run: Path) -> None:
    other = replace(CONFIG, seed=3)
    with pytest.raises(ConfigError, match=r"has another configuration; choose another folder"):
        train(other, run=run, resume=True)


def test_refused_resume_changes_nothing(run: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingInterruptedError):
        train(CONFIG, run=tmp_path, progress=StopAt(30))  # in the second epoch
    for folder in (tmp_path, run):
        before = {file.name: file.read_bytes() for file in folder.iterdir()}
        with pytest.raises(ConfigError, match="has another configuration"):
            train(replace(CONFIG, seed=3), run=folder, resume=True)
        assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_interrupted_restart_leaves_no_result_of_the_old_run(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    with pytest.raises(TrainingInterruptedError):
        train(replace(CONFIG, seed=3), run=folder, progress=StopAt(3))
    assert [file.name for file in folder.iterdir()] == ["config.toml"]
    with pytest.raises(DataError, match=r"is not finished \(.*metrics\.json missing\)"):
        load_source(folder)


def test_run_without_metrics_is_not_built(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    load_source(folder)
    (folder / "metrics.json").unlink()
    with pytest.raises(DataError, match=r"is not finished \(metrics\.json missing\); run `spike"):
        load_source(folder)


@pytest.mark.parametrize("lost", ["graph.json", "graph.npz", "test.npz", "model.pt"])
def test_lost_result_of_a_finished_run_is_written_again(
    run: Path, tmp_path: Path, lost: str
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    (folder / lost).unlink()
    train(CONFIG, run=folder, resume=True)
    names = {file.name for file in run.iterdir()}
    assert {file.name for file in folder.iterdir()} == names
    for name in ("graph.json", "graph.npz", "metrics.json"):
        assert (folder / name).read_bytes() == (run / name).read_bytes()
    with np.load(folder / "test.npz") as ours, np.load(run / "test.npz") as theirs:
        assert all((ours[name] == theirs[name]).all() for name in theirs)
    load_network(folder)


def test_diverged_loss_is_said_before_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = Network.logits
    monkeypatch.setattr(Network, "logits", lambda self, x: logits(self, x) * math.nan)
    message = r"^loss became nan in epoch 1; lower train\.learning_rate, then .* --restart$"
    with pytest.raises(SpikeloomError, match=message):
        train(CONFIG, run=tmp_path)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_metrics_hold_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        RunFolder(tmp_path).save_metrics({"loss": math.nan})
    assert not list(tmp_path.iterdir())


def test_refused_log_is_named(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    with pytest.raises(BuildError, match=r"^cannot write .*log: Is a directory; free some space"):
        RunFolder(tmp_path).log("line")


def test_run_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for run in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(ConfigError, match=r"^cannot make the run folder .* with --out$"):
            train(CONFIG, run=run)


def test_old_result_that_cannot_be_removed_is_named(tmp_path: Path) -> None:
    (tmp_path / "test.npz").mkdir()
    with pytest.raises(
        BuildError, match=r"^cannot remove .*test\.npz of an earlier run: .* again$"
    ):
        train(CONFIG, run=tmp_path)


def test_checkpoint_of_another_structure_is_refused(run: Path, tmp_path: Path) -> None:
    saved = torch.load(run / "checkpoint.pt", weights_only=True)
    network = dict(saved["network"])
    network.pop("log_gain")
    others: tuple[object, ...] = (
        {**saved, "network": network},
        {key: value for key, value in saved.items() if key != "history"},
        {**saved, "optimiser": {}},
        {**saved, "config": 3},
        {},
        [1, 2],
    )
    for other in others:
        torch.save(other, tmp_path / "checkpoint.pt")
        with pytest.raises(DataError, match=r"^cannot read .*checkpoint\.pt: (.|\n)*`--restart`$"):
            train(CONFIG, run=tmp_path, resume=True)


def test_checkpoint_and_model_of_another_version_are_said_to_be_such(
    run: Path, tmp_path: Path
) -> None:
    for name in ("checkpoint.pt", "model.pt"):
        saved = torch.load(run / name, weights_only=True)
        older = {key: value for key, value in saved["network"].items() if "started" not in key}
        torch.save({**saved, "network": older}, tmp_path / name)
    with pytest.raises(DataError, match=r"another version of Spikeloom .*started.*`--restart`$"):
        train(CONFIG, run=tmp_path, resume=True)
    with pytest.raises(DataError, match=r"another version of Spikeloom .*started.*`--restart`$"):
        load_network(tmp_path)


def test_configuration_of_another_version_in_a_checkpoint_is_refused(
    run: Path, tmp_path: Path
) -> None:
    saved = torch.load(run / "checkpoint.pt", weights_only=True)
    saved["config"] += "\n[later]\nkey = 1\n"
    torch.save(saved, tmp_path / "checkpoint.pt")
    with pytest.raises(DataError, match=r"unknown key 'later'(.|\n)*`--restart`$"):
        train(CONFIG, run=tmp_path, resume=True)


def test_model_of_another_structure_is_refused(run: Path, tmp_path: Path) -> None:
    saved = torch.load(run / "model.pt", weights_only=True)
    for other in ({**saved, "network": {}}, {**saved, "shape": [3]}, {}):
        torch.save(other, tmp_path / "model.pt")
        with pytest.raises(DataError, match=r"^cannot read .*model\.pt: (.|\n)*`--restart`$"):
            load_network(tmp_path)


def test_damaged_checkpoint_is_named(run: Path, tmp_path: Path) -> None:
    whole = (run / "checkpoint.pt").read_bytes()
    for damaged in (whole[:1000], b"", b"hello"):
        (tmp_path / "checkpoint.pt").write_bytes(damaged)
        with pytest.raises(DataError, match=r"^cannot read .*checkpoint\.pt: (.|\n)*`--restart`$"):
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


def test_network_that_cannot_be_exported_says_so_after_its_first_epoch(tmp_path: Path) -> None:
    wide = DenseLayer(features=12, weight_bits=8, neuron=NeuronConfig(leak=8))
    network = NetworkConfig(time_steps=60, layers=(wide, DenseLayer(features=10)))
    config = replace(CONFIG, network=network, train=replace(CONFIG.train, epochs=2))
    listener = Listener()
    with pytest.raises(GraphError, match="too wide for exact evaluation"):
        train(config, run=tmp_path, progress=listener)
    (said,) = listener.heard
    assert said.startswith(
        "the network could not be exported as it is now: layer 'dense0': membranes of "
    )


def test_network_with_a_loop_and_a_shortcut_is_trained_and_verified(tmp_path: Path) -> None:
    bare = NeuronConfig(kind="none")
    layers = (
        ConvLayer(name="stem", channels=6, padding=(1, 1), batch_norm=True, neuron=bare),
        DelayLayer(name="late", source="back", shape=(6, 8, 8)),
        AddLayer(name="stream", sources=("stem", "late")),
        NeuronsLayer(name="spikes", neuron=NeuronConfig(leak=1)),
        ConvLayer(name="back", channels=6, kernel=(1, 1), batch_norm=True, neuron=bare),
        PoolLayer(name="pool", source="spikes"),
        DenseLayer(name="last", features=10),
    )
    network = NetworkConfig(time_steps=3, layers=layers)
    config = replace(CONFIG, network=network, train=replace(CONFIG.train, epochs=3, shift=0.0))
    train(config, run=tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["accuracy"]["exported"] == metrics["accuracy"]["lattice"] > 0.6
    loaded = load_network(tmp_path)
    test = np.load(tmp_path / "test.npz")
    assert (loaded.predict(torch.from_numpy(test["inputs"])) == test["predictions"]).all()


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

    class Block(NullProgress):
        def advance(self, units: int = 1, note: str = "") -> None:
            del units, note
            blocker.mkdir(exist_ok=True)

    message = r"^cannot write .*test\.npz: .*; then run the same command again$"
    with pytest.raises(BuildError, match=message):
        train(short, run=tmp_path, progress=Block())
    assert not (tmp_path / "metrics.json").exists()
    assert not list(tmp_path.glob(".*.part"))
    blocker.rmdir()
    train(short, run=tmp_path, resume=True)
    assert (tmp_path / "metrics.json").exists()
