"""Compression of a trained network to a budget."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from spikeloom.ir import ConfigError, DataError, NullProgress, Progress
from spikeloom.model._compress._methods import Gradual, Magnitude, Method
from spikeloom.model._compress._minimax import Minimax
from spikeloom.model._compress._neurons import neurons_of
from spikeloom.model._compress._pruning import Pruning
from spikeloom.model._compress._resources import Budget, Candidate, connectivity, weight_bits
from spikeloom.model._compress._slim import slimmed
from spikeloom.model._compress._units import Units
from spikeloom.model._compress._words import words_of
from spikeloom.model._config import (
    CompressConfig,
    Config,
    HardwareConfig,
    LayerHardware,
    TrainConfig,
    check_config,
    load_config,
)
from spikeloom.model._data import load_dataset
from spikeloom.model._network import Network
from spikeloom.model._run import RunFolder, load_network
from spikeloom.model._trainer import Plan, Trainer

COMPRESSED = "_compressed"  # behind the name of a network, and of its run folder
# Limits of the hardware, and the resources that they are about.
HARDWARE_LIMITS = {
    "max_lut": "lut",
    "max_ff": "ff",
    "max_bram": "bram",
    "max_cycles": "cycles",
    "max_additions": "additions",
    "max_energy_nj": "energy",
}
_SCORES = {"minimax": "relative", "gradual": "magnitude", "magnitude": "magnitude"}
RESERVED = frozenset(
    [
        "epoch",
        "arithmetic",
        "loss",
        "accuracy",
        "validation",
        "seconds",
        "settled",
        "step",
        "left",
        "s",
        "y",
    ]
)


def compress(
    source: Path,
    options: CompressConfig,
    *,
    run: Path,
    budgets: Sequence[Budget] = (),
    hardware: Callable[[Config, Candidate], Sequence[Budget]] | None = None,
    data_dir: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Take weights of a trained network away until it keeps its budgets, and train the rest on.

    The run folder gets what `train` writes; `metrics.json` also has budgets, what the network
    takes of them, the multipliers, and their course.  What it takes is never more than a budget.

    Args:
        source: The folder of a finished run.
        options: Method, schedule, units and budgets.
        run: The run folder that is written; a run that is in it is replaced, unless resumed.
        budgets: More budgets, of any resource.
        hardware: What makes budgets of the hardware that is built with the configuration of `run`,
            and refuses one of which the least that may be left cannot be built.
        data_dir: See `load_dataset`.
        resume: Go on after the last whole epoch of the run in that folder.
        progress: Who is told how far it is.

    Returns:
        The run folder.

    Raises:
        ConfigError: If an option is wrong, there is no budget, or the run to resume is another.
        ResourceError: If a budget cannot be reached; the message says how far one comes.
        DataError: If the run or the data set cannot be read.
        SpikeloomError: As `train` says.
    """
    options = replace(options, keep=tuple(options.keep))
    loaded = load_config(source / "config.toml")
    check_config(replace(loaded, compress=options))
    check_apart(source, run)
    network, loaded = slimmed(load_network(source), loaded)
    layers = _units(network, options)
    config = _config(loaded, options, layers)
    network.train()
    network.name = config.name
    least = Pruning(network, layers, ()).least()
    of_hardware = hardware(config, least) if hardware else ()
    all_budgets = [*_budgets(options), *budgets, *of_hardware]
    _check_names([budget.resource.name for budget in all_budgets])
    _check_measured(options, all_budgets)
    pruning = Pruning(network, layers, all_budgets)
    pruning.check_reachable()
    trainer = Trainer(
        config,
        load_dataset(config.data, data_dir),
        RunFolder(run),
        progress or NullProgress(),
        Plan(
            network=network,
            train=_train_config(config),
            pruner=_method(options, pruning),
            source=_digest(source, pruning.budgets, config.hardware if of_hardware else None),
            accuracy=_accuracy(source),
        ),
    )
    return trainer.run(resume=resume)


def check_apart(source: Path, run: Path) -> None:
    """Refuse to write a compressed network over the one it is made of.

    Raises:
        ConfigError: If it would be.
    """
    if run.resolve() == source.resolve():
        raise ConfigError(f"{run} is the network to compress; give another folder with --out")


def check_compression(
    config: Config, *, budgets: Sequence[Budget] = (), data_dir: Path | None = None
) -> None:
    """Refuse a compression of a network that is not trained yet, if it can be told already.

    Args:
        config: The configuration of the network; its `compress` is what is asked for.
        budgets: More budgets.
        data_dir: See `load_dataset`.

    Raises:
        ConfigError: If an option is wrong, or there is no budget.
        ResourceError: If a budget of the options cannot be reached whatever is trained.
        DataError: If the data set cannot be read.
    """
    check_config(config)
    options = replace(config.compress, keep=tuple(config.compress.keep))
    network = Network.from_config(config, load_dataset(config.data, data_dir).shape)
    layers = _units(network, options)
    _config(config, options, layers)
    own = _budgets(options)
    names = [budget.resource.name for budget in (*own, *budgets)]
    _check_names([*names, *_limited(options)])
    Pruning(network, layers, own).check_reachable()


def _units(network: Network, options: CompressConfig) -> Sequence[Units]:
    choose = neurons_of if options.unit == "neuron" else words_of
    return choose(network, options.lanes, options.keep)


def _config(config: Config, options: CompressConfig, layers: Sequence[Units]) -> Config:
    """That of a run, with a name of its own, and lanes that suit the units where none are set."""
    wanted = dict(config.hardware.layers)
    former = config.compress.lanes if config.name.endswith(COMPRESSED) else None
    for layer in layers:
        own = wanted.get(layer.name, LayerHardware())
        if layer.lanes > 1 and own == replace(own, engine=None, lanes=None):
            wanted[layer.name] = replace(own, lanes=layer.lanes)
        elif own.lanes and layer.lanes % own.lanes and not layer.suits_any_lanes:
            if own.engine is None and own.lanes == former:  # given by a compression, not by hand
                wanted[layer.name] = replace(own, lanes=layer.lanes if layer.lanes > 1 else None)
                continue
            what = "words of" if layer.unit == "word" else "multiples of"
            raise ConfigError(
                f"{what} {layer.lanes} outputs (compress.lanes) do not go with "
                f"hardware.layers.{layer.name}.lanes = {own.lanes}; give both the same "
                "number, or leave that of the hardware out"
            )
    return replace(
        config,
        name=config.name if config.name.endswith(COMPRESSED) else config.name + COMPRESSED,
        compress=options,
        hardware=replace(config.hardware, layers=wanted),
    )


def _limited(options: CompressConfig) -> list[str]:
    """The resources of the hardware that options limit, without looking at a board."""
    of_board = {"lut", "ff", "bram"} if options.board is not None else set()
    given = {name for key, name in HARDWARE_LIMITS.items() if getattr(options, key) is not None}
    return sorted(of_board | given)


def _check_names(names: Sequence[str]) -> None:
    """Refuse no budget at all, and names of resources that something else has."""
    if not names:
        raise ConfigError(
            "nothing is limited: give --connectivity, --weight-bits, --board or another budget"
        )
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"there are two budgets of {name!r}; give one, or other names")
        if name in RESERVED or name.startswith(("s ", "z ")):
            raise ConfigError(
                f"no resource can be named {name!r}, as metrics.json has that for something else"
            )


def _check_measured(options: CompressConfig, budgets: Sequence[Budget]) -> None:
    """Refuse limits of hardware that nobody measures here."""
    names = [budget.resource.name for budget in budgets]
    for name, resource in HARDWARE_LIMITS.items():
        if getattr(options, name) is not None and resource not in names:
            raise ConfigError(
                f"compress.{name} limits hardware, of which `spikeloom.model` knows nothing; "
                "call `spikeloom.compress`"
            )


def _budgets(options: CompressConfig) -> list[Budget]:
    found = []
    if options.connectivity is not None:
        found.append(Budget(connectivity(), options.connectivity))
    if options.weight_bits is not None:
        found.append(Budget(weight_bits(), options.weight_bits))
    return found


def _method(options: CompressConfig, pruning: Pruning) -> Callable[[int], Method]:
    def make(steps: int) -> Method:
        removing = max(1, round(options.share * steps))
        relative = (options.score or _SCORES[options.method]) == "relative"
        match options.method:
            case "magnitude":
                return Magnitude(pruning, removing, relative)
            case "gradual":
                return Gradual(pruning, removing, relative)
            case "minimax":
                return Minimax(
                    pruning,
                    removing,
                    relative,
                    by_layer=options.scope == "layer",
                    direct=options.course == "direct",
                )

    return make


def _train_config(config: Config) -> TrainConfig:
    return replace(
        config.train,
        epochs=config.compress.epochs,
        float_epochs=0,
        learning_rate=config.compress.learning_rate,
        schedule="cosine",
        early_stopping=0,
    )


def _digest(source: Path, budgets: Sequence[Budget], hardware: HardwareConfig | None) -> str:
    """Tell the network of a run, and budgets, from others; of hardware with what they are of."""
    limits = [(budget.resource.name, budget.resource.unit, budget.limit) for budget in budgets]
    text = repr(limits) + (repr(hardware) if hardware else "")
    return hashlib.sha256((source / "model.pt").read_bytes() + text.encode()).hexdigest()


def _accuracy(source: Path) -> float:
    """Accuracy of the exported network of a run on the test set."""
    place = source / "metrics.json"
    try:
        return float(json.loads(place.read_text(encoding="utf-8"))["accuracy"]["exported"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(
            f"cannot read {place}: {error}; finish the run with `spikeloom train`"
        ) from error
