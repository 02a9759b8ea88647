"""What a training run is made of: frozen dataclasses, also as a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from spikeloom.ir import ConfigError
from spikeloom.model._check import config_problems
from spikeloom.model._network_config import NetworkConfig, count_problems
from spikeloom.model._schema import Between, Reader, to_toml


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """The data set.

    Attributes:
        set: "digits" is built in; the others are read from idx files.
        input_bits: Bits of an input value; the highest bits of a pixel are kept.
        test_fraction: Part of the digits held out for the test (others have a test set).
        validation_fraction: Part of the training set that only chooses the best epoch.
    """

    set: Literal["digits", "mnist", "fashion_mnist"] = "digits"
    input_bits: Annotated[int, Between(1, 8)] = 4
    test_fraction: Annotated[float, Between(0.05, 0.5)] = 0.2
    validation_fraction: Annotated[float, Between(0.01, 0.5)] = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadoutConfig:
    """Scores of the classes: last membranes, or counts of spikes."""

    kind: Literal["membrane", "spike_count"] = "membrane"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """How to train.

    Attributes:
        epochs: Epochs on the integer lattice.
        float_epochs: Epochs in float arithmetic before them.
        batch_size: Images per step.
        learning_rate: Peak of the schedule.
        weight_decay: As in AdamW.
        schedule: "cosine" to zero in each phase after a short warm-up, or "constant".
        early_stopping: Epochs without improvement after which to stop; 0: never.
        label_smoothing: As in `torch.nn.functional.cross_entropy`.
        shift: Largest random shift of a training image, in pixels.
        rotation: Largest random rotation, in degrees.
        zoom: Largest random change of size, as a fraction.
        threads: CPU threads; by default torch's choice.  Small networks are
            fastest with one, and only an equal number repeats a run exactly.
    """

    epochs: Annotated[int, Between(1, 10000)] = 20
    float_epochs: Annotated[int, Between(0, 10000)] = 0
    batch_size: Annotated[int, Between(1, 65536)] = 128
    learning_rate: Annotated[float, Between(1e-7, 10.0)] = 2e-3
    weight_decay: Annotated[float, Between(0.0, 10.0)] = 0.0
    schedule: Literal["cosine", "constant"] = "cosine"
    early_stopping: Annotated[int, Between(0, 10000)] = 0
    label_smoothing: Annotated[float, Between(0.0, 0.5)] = 0.0
    shift: Annotated[float, Between(0.0, 8.0)] = 0.0
    rotation: Annotated[float, Between(0.0, 180.0)] = 0.0
    zoom: Annotated[float, Between(0.0, 0.5)] = 0.0
    threads: Annotated[int, Between(1, 256)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerHardware:
    """Engine and parallelism of one layer in hardware; None leaves the choice to the generator."""

    engine: Literal["event", "unrolled"] | None = None
    lanes: Annotated[int, Between(1, 65536)] | None = None
    event_ports: Annotated[int, Between(1, 64)] | None = None
    event_field: Annotated[int, Between(1, 64)] | None = None
    weight_banks: Annotated[int, Between(1, 64)] | None = None
    current_buffers: Annotated[int, Between(1, 2)] | None = None
    neuron_lanes: Annotated[int, Between(1, 65536)] | None = None
    sparse: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareConfig:
    """Parallelism of the hardware; training does not look at it.

    Attributes:
        input_lanes: Input values per beat of the input stream.
        clock_mhz: Clock that the pipelines of unrolled layers are cut for.
        early: When an inference ends before its last time step: see `spikeloom.build`.
        layers: Settings by name of a layer.
    """

    input_lanes: Annotated[int, Between(1, 4096)] | None = None
    clock_mhz: Annotated[float, Between(1.0, 2000.0)] | None = None
    early: Literal["exact"] | Annotated[int, Between(1, 2**31 - 1)] | None = None
    layers: dict[str, LayerHardware] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressConfig:
    """How `spikeloom compress` takes weights away; training does not look at it.

    Attributes:
        method: "minimax", or a baseline: "magnitude" takes the smallest away at once, "gradual"
            step by step, and what is gone stays gone.
        course: Whether its budgets fall "gradual"ly to their limits, or are there "direct"ly.
        scope: Whether "minimax" counts weights of the whole "network", or of each "layer".
        score: What a unit is worth: its "magnitude" in the scale of its layer, or that "relative"
            to all that is not smaller in the layer.  None: the method's own, which is "relative"
            for "minimax" and "magnitude" for the baselines.
        epochs: Epochs in all.
        share: Part of them in which weights go; in the others the rest is trained on.
        learning_rate: Peak of the cosine.
        unit: What goes or stays: a "word" of weights, or a "neuron" (of a convolution a channel)
            with all its weights.
        lanes: Of a word: neighbouring outputs whose weights of an input go or stay together; 1:
            any weight.  Of neurons: those left in a layer are a multiple of it.
        keep: Names of layers that keep all their weights, or neurons.
        connectivity: Budget: share of the weights (or words of `lanes` weights) that are left.
        weight_bits: Budget: bits of the weights that are left.
        board: Board whose look-up tables, flip-flops and block RAMs are budgets.
        max_lut: Budget: look-up tables, as estimated.
        max_ff: Budget: flip-flops, as estimated.
        max_bram: Budget: block RAMs.
        max_cycles: Budget: clock cycles of an inference, on average.
        max_additions: Budget: additions of weights in an inference as built, on average.
        max_energy_nj: Budget: their energy, in nJ.
    """

    method: Literal["minimax", "magnitude", "gradual"] = "minimax"
    course: Literal["gradual", "direct"] = "gradual"
    scope: Literal["network", "layer"] = "network"
    score: Literal["magnitude", "relative"] | None = None
    epochs: Annotated[int, Between(2, 10000)] = 20
    share: Annotated[float, Between(0.05, 0.95)] = 0.6
    learning_rate: Annotated[float, Between(1e-7, 10.0)] = 3e-3
    unit: Literal["word", "neuron"] = "word"
    lanes: Annotated[int, Between(1, 65536)] = 1
    keep: tuple[str, ...] = ()
    connectivity: Annotated[float, Between(0.0, 1.0)] | None = None
    weight_bits: Annotated[int, Between(0, 2**53)] | None = None
    board: str | None = None
    max_lut: Annotated[int, Between(1, 2**31)] | None = None
    max_ff: Annotated[int, Between(1, 2**31)] | None = None
    max_bram: Annotated[int, Between(0, 2**31)] | None = None
    max_cycles: Annotated[float, Between(0.0, 1e12)] | None = None
    max_additions: Annotated[float, Between(0.0, 1e15)] | None = None
    max_energy_nj: Annotated[float, Between(0.0, 1e12)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole configuration file."""

    name: str
    seed: Annotated[int, Between(0, 2**31 - 1)] = 0
    data: DataConfig = field(default_factory=DataConfig)
    network: NetworkConfig
    readout: ReadoutConfig = field(default_factory=ReadoutConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    compress: CompressConfig = field(default_factory=CompressConfig)
    hardware: HardwareConfig = field(default_factory=HardwareConfig)


def load_config(path: Path) -> Config:
    """Read a TOML file.

    Raises:
        ConfigError: If the file cannot be read, is not TOML, or has a wrong
            key, type or value; the message lists every problem.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors put a mark first
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the configuration {path}: {error}") from error
    return parse_config(text, source=str(path))


def parse_config(text: str, *, source: str = "configuration") -> Config:
    """Read TOML text; `source` names it in errors (see `load_config`)."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} is not valid TOML: {error}") from error
    reader = Reader()
    config = reader.read(Config, raw)
    problems = reader.problems or (config_problems(config) if config else [])
    if config is None or problems:
        raise ConfigError("\n  ".join([f"{source} has {count_problems(problems)}:", *problems]))
    return config


def check_config(config: Config) -> None:
    """Check a configuration made in Python as if it came from a file.

    Raises:
        ConfigError: As `load_config`.
    """
    parse_config(to_toml(config), source=f"configuration {config.name!r}")


def dump_config(config: Config) -> str:
    """Write a configuration as TOML that `parse_config` reads back unchanged."""
    return to_toml(config)
