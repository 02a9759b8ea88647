"""The loop of training: epochs, checkpoints, and what is written at the end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # its usual name
from torch import Tensor

from spikeloom.ir import ConfigError, GraphError, Progress, SpikeloomError
from spikeloom.model._augment import augment
from spikeloom.model._config import (
    CompressConfig,
    Config,
    HardwareConfig,
    TrainConfig,
    dump_config,
    parse_config,
)
from spikeloom.model._data import Dataset, Split, hold_out, quantise
from spikeloom.model._export import export, verify_export
from spikeloom.model._network import Network
from spikeloom.model._run import RunFolder, TrainingInterruptedError, load_weights, reading

WARM_UP_STEPS = 100


class Pruner(Protocol):
    """What takes weights away while a network is trained."""

    @property
    def is_settled(self) -> bool:
        """Whether what is left keeps the budgets, and stays."""

    def step(self, learning_rate: float, loss: float) -> None:
        """Go on after a step of the optimiser, which began with this loss."""

    def end_epoch(self) -> dict[str, Any]:
        """What to remember of an epoch that ends, before it is judged: plain values."""

    def summary(self) -> dict[str, Any]:
        """What to say of the whole run: plain values."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs beside the network."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint (KeyError and the like if it is another's)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a trained network is trained on: by `train` instead of its configuration's.

    `pruner` is made for a number of optimiser steps; `source` tells that network from others.
    """

    network: Network
    train: TrainConfig
    pruner: Callable[[int], Pruner]
    source: str
    accuracy: float  # of the network as it came, on the test set


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Let torch use `count` threads, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(slots=True)
class _State:
    """What a checkpoint holds beside network, optimiser and random generator."""

    epoch: int = 0
    best_epoch: int = 0
    best_score: tuple[float, float] = (-1.0, 0.0)
    best: dict[str, Tensor] = field(default_factory=dict)
    float_accuracy: float | None = None
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)

    def is_patient(self, patience: int) -> bool:
        """Whether the best epoch is recent enough to go on."""
        return patience == 0 or self.epoch - self.best_epoch < patience or not self.best


class _Batches:
    """Batches of quantised images, shuffled and augmented from one seeded generator."""

    def __init__(self, config: Config, train: TrainConfig, dataset: Dataset, split: Split) -> None:
        self._train = train
        self._step = 2.0 ** (config.data.input_bits - dataset.pixel_bits)
        self._images = torch.from_numpy(split.images.astype(np.float32))
        self._labels = torch.from_numpy(split.labels)
        self.generator = torch.Generator().manual_seed(config.seed)

    def __len__(self) -> int:
        return math.ceil(len(self._labels) / self._train.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self._labels), generator=self.generator)
        size = self._train.batch_size
        for first in range(0, len(order), size):
            index = order[first : first + size]
            images = augment(self._images[index], self._train, self.generator)
            yield images.mul(self._step).floor_(), self._labels[index]


class Trainer:
    """One run: of a new network, or (with a `plan`) of one that is compressed."""

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        folder: RunFolder,
        progress: Progress,
        plan: Plan | None = None,
    ) -> None:
        self.config = config
        self.dataset = dataset
        self.folder = folder
        self.progress = progress
        self.train = plan.train if plan else config.train
        self.plan = plan
        kept, held = hold_out(dataset.train, config.data.validation_fraction, config.seed)
        self.batches = _Batches(config, self.train, dataset, kept)
        self.validation = self._quantised(held)
        self.network = plan.network if plan else Network.from_config(config, dataset.shape)
        self.pruner = plan.pruner(self.epochs * len(self.batches)) if plan else None
        self.optimiser = _optimiser(self.network, self.train)
        self.state = _State()

    @property
    def epochs(self) -> int:
        """Epochs in both arithmetics."""
        return self.train.float_epochs + self.train.epochs

    def run(self, *, resume: bool) -> Path:
        """Do what is left of the run, and write its results.

        Raises:
            SpikeloomError: As `train` says.
        """
        folder, verb = self.folder, "compresses" if self.pruner else "trains"
        if resume and folder.is_finished:
            self._check_same(folder.load_state("checkpoint.pt"))
            folder.save_config(self.config)  # its [hardware] table may be new
            self.progress.message(f"the run in {folder.path} is finished; --restart {verb} it anew")
            return folder.path
        folder.make()
        self._start(resume=resume)
        folder.save_config(self.config)  # only now: a run that refuses to go on keeps its own
        try:
            with _threads(self.train.threads):
                self._fit()
                self._finish()
        except KeyboardInterrupt:
            raise TrainingInterruptedError(
                f"training stopped after epoch {self.state.epoch} of {self.epochs}; "
                f"its state is in {folder.path}; run the same command again to go on"
            ) from None
        return folder.path

    def _start(self, *, resume: bool) -> None:
        """Take up a checkpoint, or forget what is in the folder."""
        if not (resume and self.folder.checkpoint.is_file()):
            self.folder.clear()
            return
        saved = self.folder.load_state("checkpoint.pt")
        self._check_same(saved)
        with reading(self.folder.checkpoint):
            load_weights(self.network, saved["network"])
            if self.pruner:
                self.pruner.load_state(saved["pruner"])
            self.optimiser.load_state_dict(saved["optimiser"])
            self.batches.generator.set_state(saved["generator"])
            values = {name: saved[name] for name in _State.__slots__}
            self.state = _State(**{**values, "best_score": tuple(values["best_score"])})
        self.progress.message(f"resuming after epoch {self.state.epoch} of {self.epochs}")

    def _check_same(self, checkpoint: dict[str, Any]) -> None:
        with reading(self.folder.checkpoint):
            trained = parse_config(checkpoint["config"], source=str(self.folder.checkpoint))
        if self._looked_at(trained) != self._looked_at(self.config):
            raise ConfigError(
                f"the run in {self.folder.path} has another configuration; {self._remedy}"
            )
        if checkpoint.get("source", "") != self._source:
            raise ConfigError(
                f"the run in {self.folder.path} began with another network or with other "
                f"budgets; {self._remedy}"
            )

    @property
    def _remedy(self) -> str:
        command = f"spikeloom {self._table}"  # that of this run: `compress` may train one first
        return (
            f"choose another folder with `{command} --out`, or start it over with "
            f"`{command} --restart`"
        )

    def _looked_at(self, config: Config) -> Config:
        """What the run depends on: folding may change behind it."""
        bare = replace(config, hardware=HardwareConfig())
        return bare if self.pruner else replace(bare, compress=CompressConfig())

    def _fit(self) -> None:
        """Train all epochs that are left."""
        self.progress.start(f"training {self.config.name}", self.epochs * len(self.batches))
        self.progress.advance(self.state.epoch * len(self.batches))
        while self.state.epoch < self.epochs:
            if not self.state.is_patient(self.train.early_stopping):
                self.progress.message(f"stopped early after epoch {self.state.epoch}")
                break
            self._run_epoch()
            self._checkpoint()

    @property
    def _source(self) -> str:
        return self.plan.source if self.plan else ""

    def _run_epoch(self) -> None:
        began = time.perf_counter()
        state, train = self.state, self.train
        in_float = state.epoch < train.float_epochs
        self.network.use("float" if in_float else "lattice")
        note = _note(state.history[-1]) if state.history else ""
        loss, accuracy = self._train_batches(note)
        left = self.pruner.end_epoch() if self.pruner else {}
        state.epoch += 1
        score = self._validate()
        self._check_finite(-score[1], state.epoch)
        final = not in_float and (self.pruner is None or self.pruner.is_settled)
        if final and score > state.best_score:
            state.best_score, state.best_epoch = score, state.epoch
            state.best = {k: v.clone() for k, v in self.network.state_dict().items()}
        if in_float and state.epoch == train.float_epochs:
            state.float_accuracy = self._test_accuracy()
        if state.epoch == train.float_epochs + 1:
            self._try_export()
        seconds = time.perf_counter() - began
        state.seconds += seconds
        state.history.append(
            {
                "epoch": state.epoch,
                "arithmetic": self.network.arithmetic,
                "loss": loss,
                "accuracy": accuracy,
                "validation": score[0],
                "seconds": round(seconds, 3),
                **left,
            }
        )
        self.folder.log(_note(state.history[-1]))

    def _try_export(self) -> None:
        """Say early what would stop the export after the last epoch."""
        try:
            export(self.network)
        except GraphError as error:
            self.progress.message(f"the network could not be exported as it is now: {error}")

    def _train_batches(self, note: str) -> tuple[float, float]:
        """One pass over the training set: mean loss and accuracy on the way."""
        self.network.train()
        total, correct, count = 0.0, 0, 0
        for step, (images, labels) in enumerate(self.batches):
            for group in self.optimiser.param_groups:
                group["lr"] = self._learning_rate(step)
            logits = self.network.logits(images)
            loss = F.cross_entropy(logits, labels, label_smoothing=self.train.label_smoothing)
            self.optimiser.zero_grad()
            torch.autograd.backward(loss)
            self.optimiser.step()
            value = float(loss.detach())
            self._check_finite(value, self.state.epoch + 1)
            if self.pruner:
                self.pruner.step(self._learning_rate(step), value)
            total += value * len(labels)
            correct += int((logits.detach().argmax(1) == labels).sum())
            count += len(labels)
            self.progress.advance(1, note)
        return total / count, correct / count

    @property
    def _table(self) -> str:
        return "compress" if self.pruner else "train"

    def _check_finite(self, loss: float, epoch: int) -> None:
        """Stop before a checkpoint of a network that is lost can replace a good one."""
        if not math.isfinite(loss):
            raise SpikeloomError(
                f"loss became {loss} in epoch {epoch}; lower {self._table}.learning_rate, "
                "then start over with --restart"
            )

    def _learning_rate(self, step: int) -> float:
        """Cosine to zero within the present phase, after a linear warm-up."""
        train = self.train
        in_float = self.state.epoch < train.float_epochs
        first = 0 if in_float else train.float_epochs
        epochs = train.float_epochs if in_float else train.epochs
        done = (self.state.epoch - first) * len(self.batches) + step
        warm_up = min(1.0, (done + 1) / WARM_UP_STEPS)
        if train.schedule == "constant":
            return train.learning_rate * warm_up
        share = done / (epochs * len(self.batches))
        return train.learning_rate * warm_up * 0.5 * (1.0 + math.cos(math.pi * share))

    @torch.no_grad()
    def _validate(self) -> tuple[float, float]:
        """Accuracy and negative loss on the validation set: larger is better."""
        self.network.eval()
        images, labels = self.validation
        parts = [images[i : i + 1000] for i in range(0, len(images), 1000)]
        logits = torch.cat([self.network.logits(part) for part in parts])
        loss = float(F.cross_entropy(logits, labels))
        return float((logits.argmax(1) == labels).double().mean()), -loss

    def _test_accuracy(self) -> float:
        images, labels = self._quantised(self.dataset.test)
        return float((self.network.predict(images) == labels.numpy()).mean())

    def _quantised(self, split: Split) -> tuple[Tensor, Tensor]:
        pixels = quantise(
            split.images,
            pixel_bits=self.dataset.pixel_bits,
            input_bits=self.config.data.input_bits,
        )
        return torch.from_numpy(pixels), torch.from_numpy(split.labels)

    def _checkpoint(self) -> None:
        self.folder.save_state(
            "checkpoint.pt",
            {
                "config": dump_config(self.config),
                "network": self.network.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "generator": self.batches.generator.get_state(),
                "source": self._source,
                "pruner": self.pruner.state() if self.pruner else {},
                **{name: getattr(self.state, name) for name in _State.__slots__},
            },
        )

    def _finish(self) -> None:
        """Export the best network, check the graph on the test set, write the results."""
        self.network.load_state_dict(self.state.best)
        self.network.use("lattice")
        self.network.eval()
        graph = export(self.network)
        images, labels = self._quantised(self.dataset.test)
        predictions = self.network.predict(images)
        exported = verify_export(self.network, graph, images, progress=self.progress)
        self.folder.save_graph(graph)
        self.folder.save_test(images.numpy(), labels.numpy(), predictions)
        self.folder.save_state(
            "model.pt",
            {
                "config": dump_config(self.config),
                "shape": list(self.dataset.shape),
                "network": self.state.best,
            },
        )
        lattice = float((predictions == labels.numpy()).mean())
        self._save_metrics(lattice, float((exported == labels.numpy()).mean()), len(labels))

    def _compression(self) -> dict[str, Any]:
        if self.plan is None or self.pruner is None:
            return {}
        return {"compression": {"accuracy_before": self.plan.accuracy, **self.pruner.summary()}}

    def _save_metrics(self, lattice: float, exported: float, images: int) -> None:
        state = self.state
        metrics = {
            "name": self.config.name,
            "seed": self.config.seed,
            "accuracy": {
                "float": state.float_accuracy,
                "lattice": lattice,
                "exported": exported,
            },
            "test_images": images,
            "validation": state.best_score[0],
            "best_epoch": state.best_epoch,
            "epochs": state.epoch,
            "seconds": round(state.seconds, 1),
            "history": state.history,
            **self._compression(),
        }
        self.folder.save_metrics(metrics)
        line = f"test accuracy {exported:.2%} on {images} images (epoch {state.best_epoch})"
        self.folder.log(line)
        self.progress.message(line)


def _optimiser(network: Network, train: TrainConfig) -> torch.optim.AdamW:
    """AdamW that decays weights only, no thresholds, biases or gains."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.dim() > 1]},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, lr=train.learning_rate, weight_decay=train.weight_decay, fused=True
    )


def _note(entry: dict[str, Any]) -> str:
    return (
        f"epoch {entry['epoch']}: loss {entry['loss']:.4f}, training {entry['accuracy']:.2%}, "
        f"validation {entry['validation']:.2%}"
    )
