"""Training: seeded, resumable, and checked against the exported graph."""

from __future__ import annotations

from pathlib import Path

from spikeloom.ir import NullProgress, Progress
from spikeloom.model._config import Config, check_config
from spikeloom.model._data import load_dataset
from spikeloom.model._run import RunFolder
from spikeloom.model._trainer import Trainer


def train(
    config: Config,
    *,
    run: Path,
    data_dir: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Train a network and write its run folder.

    The folder gets `config.toml`, `model.pt`, the exported graph,
    `test.npz`, `metrics.json` and a log; `checkpoint.pt` follows every epoch.
    The exported graph is run on every test image and must give the scores of
    PyTorch.

    Args:
        config: What to train.
        run: The run folder; a run that is in it is replaced, unless resumed.
        data_dir: See `load_dataset`.
        resume: Go on after the last whole epoch of the run in that folder; the
            result is that of a run without the interruption.
        progress: Who is told how far it is.

    Returns:
        The run folder.

    Raises:
        ConfigError: If the configuration is wrong, or not that of the run to resume.
        DataError: If the data set cannot be read.
        SpikeloomError: If the loss is no longer finite.
        BuildError: If the disk refuses a file.
        TrainingInterruptedError: After Ctrl-C; the run can be resumed.
        VerificationError: If the exported graph disagrees with PyTorch.
    """
    check_config(config)
    dataset = load_dataset(config.data, data_dir)
    trainer = Trainer(config, dataset, RunFolder(run), progress or NullProgress())
    return trainer.run(resume=resume)
