"""Build options from the command line and from the [hardware] table of a run."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from spikeloom._early import early_of_table
from spikeloom.codegen import ENGINES, EVENT, BuildOptions, LayerOptions, foldable
from spikeloom.ir import ConfigError, Early, Graph, nearest_name

_Found = TypeVar("_Found")
_KEYS = ("input_lanes", "clock_mhz", "early", "layers")  # of the [hardware] table

KNOBS = tuple(field.name for field in fields(LayerOptions))
ENGINE = "engine"  # the knob that is a word
SPARSE = "sparse"  # the knob that is on or off; all others are numbers
_SWITCH = {"on": True, "off": False}


def unknown_name(what: str, name: str, valid: Iterable[str]) -> str:
    """Say that `name` is no `what`, with the nearest valid name or all of them."""
    names = sorted(valid)
    near = nearest_name(name, names)
    hint = f"did you mean {near!r}?" if near else "valid are " + ", ".join(names)
    return f"{what} {name!r} is unknown; {hint}"


def merge_options(options: BuildOptions, defaults: BuildOptions) -> BuildOptions:
    """Return `options`, with `defaults` for what they leave open."""
    names = {**defaults.layers, **options.layers}
    layers = {
        name: _merge_layer(options.layers.get(name), defaults.layers.get(name)) for name in names
    }
    lanes, clock = options.input_lanes, options.clock_mhz
    return BuildOptions(
        layers=layers,
        input_lanes=defaults.input_lanes if lanes is None else lanes,
        clock_mhz=defaults.clock_mhz if clock is None else clock,
    )


def _merge_layer(options: LayerOptions | None, defaults: LayerOptions | None) -> LayerOptions:
    if options is None or defaults is None:
        return options or defaults or LayerOptions()
    if options.engine not in (None, defaults.engine or EVENT):
        return options  # a folding is that of the engine that it was given for
    values: dict[str, Any] = {}
    for knob in KNOBS:
        pinned = getattr(options, knob)
        values[knob] = getattr(defaults, knob) if pinned is None else pinned
    return LayerOptions(**values)


def check_layers(options: BuildOptions, graph: Graph) -> None:
    """Check that all options are for neurons, synapses, their currents or products of `graph`.

    Raises:
        ConfigError: If one is not; the message names the nearest.
    """
    names = [node.name for node in graph.nodes if foldable(node)]
    for name in options.layers:
        if name not in names:
            raise ConfigError(unknown_name("layer or synapse", name, names))


def parse_options(
    knobs: Mapping[str, Iterable[str]],
    input_lanes: int | None = None,
    clock_mhz: float | None = None,
) -> BuildOptions:
    """Read the repeated `LAYER=N` of the command line, given by knob of `LayerOptions`.

    Raises:
        ConfigError: If a text is not of that form, or names a layer twice.
    """
    layers: dict[str, dict[str, Any]] = {}
    for knob, texts in knobs.items():
        for text in texts:
            layer, value = _assignment(knob, text)
            if knob in layers.setdefault(layer, {}):
                raise ConfigError(f"{_flag(knob)} names layer {layer!r} twice; give it once")
            layers[layer][knob] = value
    options = {name: LayerOptions(**values) for name, values in layers.items()}
    return BuildOptions(layers=options, input_lanes=input_lanes, clock_mhz=clock_mhz)


def _assignment(knob: str, text: str) -> tuple[str, bool | int | str]:
    layer, _, number = text.partition("=")
    if knob == ENGINE:
        if layer and number in ENGINES:
            return layer, number
        raise ConfigError(
            f"{_flag(knob)} must be LAYER=ENGINE with {' or '.join(ENGINES)}, such as "
            f"hidden=unrolled, not {text!r}"
        )
    if knob == SPARSE:
        if layer and number in _SWITCH:
            return layer, _SWITCH[number]
        raise ConfigError(
            f"{_flag(knob)} must be LAYER=on or LAYER=off, such as hidden=on, not {text!r}"
        )
    if not (layer and number.isdecimal() and int(number)):
        raise ConfigError(f"{_flag(knob)} must be LAYER=NUMBER such as hidden=16, not {text!r}")
    return layer, int(number)


def _flag(knob: str) -> str:
    return "--" + knob.replace("_", "-")


def options_of_run(run: Path) -> BuildOptions:
    """Read the [hardware] table of `run`/config.toml (nothing pinned without one).

    Raises:
        ConfigError: If the file is no TOML or the table has a wrong key or value.
    """
    return _from_run(run, _from_table)


def early_of_run(run: Path) -> Early | None:
    """Read the rule of early decision in the [hardware] table of `run`/config.toml.

    Raises:
        ConfigError: If the file is no TOML or the rule is wrong.
    """
    return _from_run(run, early_of_table)


def _from_run(run: Path, read: Callable[[Mapping[str, Any]], _Found]) -> _Found:
    """Return what `read` finds in the [hardware] table of a run, which may be missing."""
    path = run / "config.toml"
    try:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        table = tomllib.loads(text).get("hardware", {})
        _check_table("hardware", table, _KEYS)
        return read(table)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _from_table(table: Mapping[str, Any]) -> BuildOptions:
    layers = table.get("layers", {})
    _check_table("hardware.layers", layers, layers)
    for name, knobs in layers.items():
        _check_table(f"hardware.layers.{name}", knobs, KNOBS)
        for knob, value in knobs.items():
            check = _CHECKS.get(knob, _check_positive)
            check(f"hardware.layers.{name}.{knob}", value)
    lanes, clock = table.get("input_lanes"), table.get("clock_mhz")
    if lanes is not None:
        _check_positive("hardware.input_lanes", lanes)
    if clock is not None:
        _check_clock("hardware.clock_mhz", clock)
    options = {name: LayerOptions(**knobs) for name, knobs in layers.items()}
    return BuildOptions(layers=options, input_lanes=lanes, clock_mhz=clock)


def _check_table(where: str, table: object, keys: Iterable[str]) -> None:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} must be a table, not {table!r}")
    for key in table:
        if key not in keys:
            raise ConfigError(unknown_name(f"key of [{where}]", key, keys))


def _check_engine(where: str, value: object) -> None:
    if value not in ENGINES:
        raise ConfigError(f"{where} must be {' or '.join(ENGINES)}, not {value!r}")


def _check_switch(where: str, value: object) -> None:
    if not isinstance(value, bool):
        raise ConfigError(f"{where} must be true or false, not {value!r}")


def _check_clock(where: str, value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        raise ConfigError(f"{where} must be a number of MHz above 0, not {value!r}")


def _check_positive(where: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{where} must be a positive integer, not {value!r}")


_CHECKS = {ENGINE: _check_engine, SPARSE: _check_switch}
