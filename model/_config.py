"""What a training run is made of: frozen dataclasses, also as a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from spikeloom.ir import ConfigError
from spikeloom.model._check import config_problems
from spikeloom.model._schema import Between, Reader, to_toml

SurrogateName = Literal[
    "atan", "sigmoid", "fast_sigmoid", "triangular", "rectangular", "straight_through"
]
Side = Annotated[int, Between(1, 64)]
Padding = Annotated[int, Between(0, 32)]
Bits = Annotated[int, Between(2, 8)]
Fraction = Annotated[float, Between(0.0, 1.0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NeuronConfig:
    """The neurons of a layer.

    Attributes:
        kind: "lif", "if" (no leak) or "plif" (a learnable decay).
        leak: Decay by `v - (v >> leak)`.
        beta: Decay factor, instead of `leak`; the nearest sum of shifts is used.
        tau: Time constant in steps, instead of `leak` (`beta = 1 - 1/tau`).
        leak_terms: Most shifts that `beta` or `tau` may take.
        threshold: Threshold; batch norm makes it relative to the current's spread.
        learn_threshold: Whether the threshold is trained (without batch norm).
        reset: "subtract" (the default), "zero" or "none".
        membrane_bits: Signed width to which membranes saturate; by default
            they get the width that provably fits.
        surrogate: Name of the surrogate gradient.
        sharpness: Its parameter, by default the usual one.
        detach_reset: Whether the reset is a constant in the backward pass.
    """

    kind: Literal["lif", "if", "plif"] = "lif"
    leak: Annotated[int, Between(1, 8)] | None = None
    beta: Fraction | None = None
    tau: Annotated[float, Between(1.0, 1000.0)] | None = None
    leak_terms: Annotated[int, Between(1, 4)] = 3
    threshold: Annotated[float, Between(1e-3, 1e3)] = 1.0
    learn_threshold: bool = False
    reset: Literal["subtract", "zero", "none"] | None = None
    membrane_bits: Annotated[int, Between(4, 20)] | None = None
    surrogate: SurrogateName = "atan"
    sharpness: Annotated[float, Between(1e-3, 1e3)] | None = None
    detach_reset: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseLayer:
    """Every input to every one of `features` neurons."""

    kind: Literal["dense"] = "dense"
    name: str = ""
    features: Annotated[int, Between(1, 65536)]
    weight_bits: Bits = 4
    batch_norm: bool = False
    neuron: NeuronConfig = field(default_factory=NeuronConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvLayer:
    """A convolution; kernel, stride and padding are one number or (height, width)."""

    kind: Literal["conv"] = "conv"
    name: str = ""
    channels: Annotated[int, Between(1, 4096)]
    kernel: tuple[Side, Side] = (3, 3)
    stride: tuple[Side, Side] = (1, 1)
    padding: tuple[Padding, Padding] = (0, 0)
    weight_bits: Bits = 4
    batch_norm: bool = False
    neuron: NeuronConfig = field(default_factory=NeuronConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLayer:
    """Sum over windows that do not overlap; a remainder at the border is dropped."""

    kind: Literal["pool"] = "pool"
    name: str = ""
    kernel: tuple[Side, Side] = (2, 2)


SynapseLayer = DenseLayer | ConvLayer
LayerConfig = DenseLayer | ConvLayer | PoolLayer


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
class NetworkConfig:
    """Layers in order (a list will do), run for `time_steps` on every input."""

    time_steps: Annotated[int, Between(1, 64)] = 4
    encoder: Literal["direct", "rate"] = "direct"
    layers: tuple[LayerConfig, ...]

    def __post_init__(self) -> None:
        if isinstance(self.layers, list):  # what Python code is most likely to give
            object.__setattr__(self, "layers", tuple(self.layers))


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
    """Parallelism of one layer in hardware; None leaves the choice to the generator."""

    lanes: Annotated[int, Between(1, 65536)] | None = None
    event_ports: Annotated[int, Between(1, 64)] | None = None
    neuron_lanes: Annotated[int, Between(1, 65536)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareConfig:
    """Parallelism of the hardware; training does not look at it.

    Attributes:
        input_lanes: Input values per beat of the input stream.
        layers: Settings by name of a layer.
    """

    input_lanes: Annotated[int, Between(1, 4096)] | None = None
    layers: dict[str, LayerHardware] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole configuration file."""

    name: str
    seed: Annotated[int, Between(0, 2**31 - 1)] = 0
    data: DataConfig = field(default_factory=DataConfig)
    network: NetworkConfig
    readout: ReadoutConfig = field(default_factory=ReadoutConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
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
        raise ConfigError("\n  ".join([f"{source} has {_count(problems)}:", *problems]))
    return config


def check_config(config: Config) -> None:
    """Check a configuration made in Python as if it came from a file.

    Raises:
        ConfigError: As `load_config`.
    """
    parse_config(to_toml(config), source=f"configuration {config.name!r}")


def checked_network(network: NetworkConfig) -> NetworkConfig:
    """The same network with every value checked, and single numbers for pairs spread out.

    Raises:
        ConfigError: If a value has the wrong type or is out of range.
    """
    reader = Reader()
    read = reader.read(NetworkConfig, tomllib.loads(to_toml(network)), "")
    if read is None or reader.problems:
        raise ConfigError(
            "\n  ".join([f"the network has {_count(reader.problems)}:", *reader.problems])
        )
    return read


def dump_config(config: Config) -> str:
    """Write a configuration as TOML that `parse_config` reads back unchanged."""
    return to_toml(config)


def _count(problems: list[str]) -> str:
    return "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
