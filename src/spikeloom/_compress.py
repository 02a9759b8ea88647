"""From a run to a compressed run: training first, where that is still to be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

from spikeloom._budgets import hardware_budgets
from spikeloom._source import load_source
from spikeloom.ir import ConfigError, Progress, nearest_name
from spikeloom.model import (
    COMPRESSED,
    Budget,
    Candidate,
    CompressConfig,
    Config,
    check_config,
    compress,
    load_config,
    train,
)

_TOML = ".toml"


def compress_run(
    source: Path,
    out: Path | None,
    *,
    data_dir: Path | None,
    budgets: Sequence[Budget],
    resume: bool,
    progress: Progress,
    options: Mapping[str, object],
) -> Path:
    """See `spikeloom.compress`."""
    place = source if source.suffix == _TOML else source / "config.toml"
    config = load_config(place)
    wanted = _options(config.compress, options)
    check_config(replace(config, compress=wanted))  # before anything is trained
    run = source
    if source.suffix == _TOML:
        run = Path("runs") / config.name
        train(config, run=run, data_dir=data_dir, resume=True, progress=progress)
    return compress(
        run,
        wanted,
        run=out or run.with_name(run.name + COMPRESSED),
        budgets=budgets,
        hardware=partial(_hardware, run),
        data_dir=data_dir,
        resume=resume,
        progress=progress,
    )


def _hardware(run: Path, config: Config, least: Candidate) -> list[Budget]:
    return hardware_budgets(config, least, load_source(run).vectors)


def _options(own: CompressConfig, given: Mapping[str, object]) -> CompressConfig:
    """Those of a run, and over them what is given."""
    known = [field.name for field in fields(CompressConfig)]
    for name in given:
        if name not in known:
            near = nearest_name(name, known)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(known)}"
            raise ConfigError(f"compress has no option {name!r}; {hint}")
    return replace(own, **given)  # type: ignore[arg-type]  # `compress` checks the values
