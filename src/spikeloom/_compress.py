"""From a run to a compressed run: training first, where that is still to be done."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

from spikeloom._budgets import hardware_budgets
from spikeloom._course import course_of
from spikeloom._source import load_source
from spikeloom.ir import ConfigError, Progress, nearest_name, write_whole
from spikeloom.model import (
    Budget,
    CompressConfig,
    Config,
    check_config,
    compress,
    load_config,
    train,
)

_TOML = ".toml"
_SUFFIX = "_compressed"


def compress_run(
    source: Path,
    out: Path | None,
    *,
    data_dir: Path | None,
    budgets: Sequence[Budget],
    resume: bool,
    plot: Path | None,
    progress: Progress,
    options: Mapping[str, object],
) -> Path:
    """See `spikeloom.compress`."""
    if plot is not None and plot.is_dir():
        raise ConfigError(f"--plot must be a file to write, but {plot} is a folder; add a name")
    place = source if source.suffix == _TOML else source / "config.toml"
    config = load_config(place)
    wanted = _options(config.compress, options)
    check_config(replace(config, compress=wanted))  # before anything is trained
    run = source
    if source.suffix == _TOML:
        run = Path("runs") / config.name
        train(config, run=run, data_dir=data_dir, resume=True, progress=progress)
    found = compress(
        run,
        wanted,
        run=out or run.with_name(run.name + _SUFFIX),
        budgets=budgets,
        hardware=partial(_hardware, run),
        data_dir=data_dir,
        resume=resume,
        progress=progress,
    )
    if plot is not None:
        metrics = json.loads((found / "metrics.json").read_text(encoding="utf-8"))
        write_whole(plot, course_of(metrics).encode())
    return found


def _hardware(run: Path, config: Config) -> list[Budget]:
    return hardware_budgets(config, load_source(run).vectors)


def _options(own: CompressConfig, given: Mapping[str, object]) -> CompressConfig:
    """Those of a run, and over them what is given."""
    known = [field.name for field in fields(CompressConfig)]
    for name in given:
        if name not in known:
            near = nearest_name(name, known)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(known)}"
            raise ConfigError(f"compress has no option {name!r}; {hint}")
    return replace(own, **given)  # type: ignore[arg-type]  # `compress` checks the values
