"""From a run to a compressed run: training first, where that is still to be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

from spikeloom._budgets import hardware_budgets
from spikeloom._source import load_source
from spikeloom.boards import load_board
from spikeloom.ir import ConfigError, Progress, nearest_name
from spikeloom.model import (
    COMPRESSED,
    HARDWARE_LIMITS,
    Budget,
    Candidate,
    CompressConfig,
    Config,
    check_apart,
    check_compression,
    compress,
    load_config,
    train,
)

_TOML = ".toml"
_BUDGETS = ("connectivity", "weight_bits", "board", *HARDWARE_LIMITS)  # of the options


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
    wanted = _options(config.compress, options, budgets)
    run = Path("runs") / config.name if source.suffix == _TOML else source
    small = out or run.with_name(run.name + COMPRESSED)
    check_apart(run, small)
    if source.suffix == _TOML:
        asked = replace(config, compress=wanted)
        check_compression(asked, budgets=budgets, data_dir=data_dir)  # before anything is trained
        if wanted.board is not None:
            load_board(wanted.board)  # refuses what is none
        train(config, run=run, data_dir=data_dir, resume=True, progress=progress)
    return compress(
        run,
        wanted,
        run=small,
        budgets=budgets,
        hardware=partial(_hardware, run),
        data_dir=data_dir,
        resume=resume,
        progress=progress,
    )


def _hardware(run: Path, config: Config, least: Candidate) -> list[Budget]:
    return hardware_budgets(config, least, load_source(run).vectors)


def _options(
    own: CompressConfig, given: Mapping[str, object], budgets: Sequence[Budget]
) -> CompressConfig:
    """Those of a run, and over them what is given; budgets that are given are the only ones."""
    known = [field.name for field in fields(CompressConfig)]
    for name in given:
        if name not in known:
            near = nearest_name(name, known)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(known)}"
            raise ConfigError(f"compress has no option {name!r}; {hint}")
    if budgets or any(name in _BUDGETS for name in given):
        own = replace(own, **dict.fromkeys(_BUDGETS))  # type: ignore[arg-type]
    return replace(own, **given)  # type: ignore[arg-type]  # `compress` checks the values
