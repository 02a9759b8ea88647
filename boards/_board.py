"""Boards as data: one TOML file each, read into frozen classes."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Self

from spikeloom.ir import ConfigError, nearest_name

_DATA = Path(__file__).parent / "data"


class Family(StrEnum):
    """What synthesis flow a device needs."""

    ECP5 = "ecp5"
    ICE40 = "ice40"
    GOWIN = "gowin"
    XC7 = "xc7"


class Support(StrEnum):
    """How far the open tools take a board."""

    BITSTREAM = "bitstream"  # synthesised, placed, routed and packed
    AREA = "area"  # synthesised and counted, no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a device has, or what a design takes.

    `lut` is counted in the device's own unit (`TRELLIS_COMB`, `ICESTORM_LC`,
    `LUT4`, `LUT6`), `bram` in blocks of `Board.bram_bits`.
    """

    lut: int
    ff: int
    bram: int
    dsp: int
    spram: int

    def to_json(self) -> dict[str, int]:
        """Return the counts by name."""
        names = ("lut", "ff", "bram", "dsp", "spram")
        return {name: getattr(self, name) for name in names}

    def __add__(self, other: Resources) -> Resources:
        mine, theirs = self.to_json(), other.to_json()
        return Resources(**{name: mine[name] + theirs[name] for name in mine})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A port of the board's top module on one site of the package."""

    port: str
    site: str
    standard: str  # I/O standard, in the vendor's words
    pull: str = "none"  # "up", "down" or "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A button that resets the design."""

    pin: Pin
    active_low: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Leds:
    """LEDs that show the class, the lowest bit first."""

    pins: tuple[Pin, ...]
    active_low: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tied:
    """An output that the board needs at a constant level."""

    pin: Pin
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A board: its device, its pins and how the tools are called for it."""

    name: str
    title: str
    family: Family
    device: str
    support: Support
    clock_mhz: float  # of the oscillator, which clocks the design
    target_mhz: float  # what place and route aims for
    resources: Resources
    lut_bits: int  # what one look-up table holds as memory, at most
    bram_bits: int
    spram_bits: int
    clock: Pin
    button: Button | None
    uart_rx: Pin
    uart_tx: Pin
    leds: Leds
    tied: tuple[Tied, ...]
    synth_options: tuple[str, ...]
    place_options: tuple[str, ...]
    pack_options: tuple[str, ...]
    program: str  # command that loads a bitstream; empty where there is none

    @property
    def pins(self) -> tuple[Pin, ...]:
        """Every pin of the board's top module, in the order of its ports."""
        button = (self.button.pin,) if self.button else ()
        ends = (self.uart_rx, self.uart_tx, *self.leds.pins)
        return (self.clock, *button, *ends, *(tied.pin for tied in self.tied))

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read a board file.

        Raises:
            ConfigError: If a key is missing, unknown or of the wrong kind.
        """
        try:
            return cls(**_fields(tomllib.loads(path.read_text(encoding="utf-8"))))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(f"board file {path.name} must follow docs/boards.md: {error}") from (
                error
            )


def _fields(data: dict[str, Any]) -> dict[str, Any]:
    """Turn the tables of a board file into the fields of `Board`."""
    resources, leds, clock = data.pop("resources"), data.pop("leds"), data.pop("clock")
    return {
        **data,
        "family": Family(data["family"]),
        "support": Support(data["support"]),
        "lut_bits": resources.pop("lut_bits"),
        "bram_bits": resources.pop("bram_bits"),
        "spram_bits": resources.pop("spram_bits"),
        "resources": Resources(**resources),
        "clock_mhz": clock.pop("mhz"),
        "clock": Pin(port="clk_i", **clock),
        "button": _button(data.get("button")),
        "uart_rx": Pin(port="uart_rx_i", **data["uart_rx"]),
        "uart_tx": Pin(port="uart_tx_o", **data["uart_tx"]),
        "leds": _leds(**leds),
        "tied": tuple(_tied(**tied) for tied in data.get("tied", ())),
        **{key: tuple(data[key]) for key in ("synth_options", "place_options", "pack_options")},
    }


def _button(table: dict[str, Any] | None) -> Button | None:
    if table is None:
        return None
    return Button(active_low=table.pop("active_low"), pin=Pin(port="button_i", **table))


def _leds(sites: list[str], standard: str, *, active_low: bool) -> Leds:
    pins = (
        Pin(port=f"led_o[{index}]", site=site, standard=standard)
        for index, site in enumerate(sites)
    )
    return Leds(pins=tuple(pins), active_low=active_low)


def _tied(name: str, site: str, standard: str, value: int) -> Tied:
    return Tied(pin=Pin(port=name, site=site, standard=standard), value=value)


@cache
def list_boards() -> tuple[Board, ...]:
    """Return every supported board, by name."""
    return tuple(Board.from_toml(path) for path in sorted(_DATA.glob("*.toml")))


def load_board(name: str) -> Board:
    """Return the board called `name`.

    Raises:
        ConfigError: If there is none; the message names the nearest.
    """
    boards = {board.name: board for board in list_boards()}
    if name in boards:
        return boards[name]
    near = nearest_name(name, boards)
    hint = f"did you mean {near!r}?" if near else ""
    raise ConfigError(
        f"board must be one of {', '.join(boards)}, not {name!r}; {hint}".rstrip("; ")
    )
