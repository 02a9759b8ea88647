"""Emission of what a board adds to a network: top, pins, scripts, Makefile."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import cache

from jinja2 import Environment

from spikeloom.boards._board import Board, Support
from spikeloom.boards._flow import (
    MULTIPLIERS,
    Paths,
    pack_arguments,
    paths_of,
    place_arguments,
    routes,
)
from spikeloom.boards._protocol import MessageSizes
from spikeloom.boards._tools import MINIMUM
from spikeloom.codegen import FileSet, Manifest
from spikeloom.hdl_templates import environment, library_modules
from spikeloom.ir import ConfigError

BAUD = 115200
IDLE_SECONDS = 0.02  # silence after which an unfinished inference is dropped
_BAUD_TOLERANCE = 0.02
_BOARD_TOP = "spikeloom_board_top"
_LIBRARY = ("spikeloom_uart_rx", "spikeloom_uart_tx", "spikeloom_uart_bridge")


def clocks_per_bit(clock_mhz: float, baud: int = BAUD) -> int:
    """Return the divisor that makes `baud` of a clock.

    Raises:
        ConfigError: If no whole divisor comes within 2 %, or it would be
            smaller than the 4 that the receiver needs.
    """
    divisor = max(round(clock_mhz * 1e6 / baud), 1)
    error = abs(clock_mhz * 1e6 / divisor - baud) / baud
    if error > _BAUD_TOLERANCE or divisor < 4:
        raise ConfigError(
            f"baud rate must be within 2 % of {clock_mhz:g} MHz divided by 4 or more, and {baud} "
            f"is {100 * error:.1f} % from its divisor {divisor}; choose a lower rate, as 115200"
        )
    return divisor


def emit_board(
    manifest: Manifest, board: Board, *, core_only: bool = False, baud: int = BAUD
) -> FileSet:
    """Return the files under `syn/` that take a network to a board.

    Args:
        manifest: The network, as built.
        board: Where it is to run.
        core_only: Leave the serial port and the pins out, to measure the
            network alone; the files are then under `syn/<board>-core`.
        baud: Rate of the serial port.

    Raises:
        ConfigError: If the board's clock cannot make `baud`.
    """
    paths = paths_of(manifest, board, core_only=core_only)
    files = FileSet()
    _add_scripts(files, manifest, board, paths)
    if not core_only:
        _add_top(files, manifest, board, paths, baud)
    return files


def _add_scripts(files: FileSet, manifest: Manifest, board: Board, paths: Paths) -> None:
    view = _script_view(manifest, board, paths)
    files.add(paths.script, _render("synth.ys.j2", view))
    files.add(paths.layers_script, _render("layers.ys.j2", view))
    if paths.flow.own_carries:
        files.add(paths.carries, _render("spikeloom_carry.v.j2", view))
    files.add(f"{paths.folder}/Makefile", _render("Makefile.j2", view | _make_view(board, paths)))


def _add_top(files: FileSet, manifest: Manifest, board: Board, paths: Paths, baud: int) -> None:
    for name, content in library_modules(_LIBRARY).items():
        files.add(f"{paths.folder}/{name}", content)
    view = _top_view(manifest, board, baud)
    files.add(f"{paths.folder}/{_BOARD_TOP}.v", _render("board_top.v.j2", view))
    if board.support is Support.BITSTREAM:
        template = f"{board.family}{paths.flow.constraints}.j2"
        files.add(paths.constraints, _render(template, view))


def _render(template: str, view: Mapping[str, object]) -> str:
    return _environment().get_template(template).render(view)


@cache
def _environment() -> Environment:
    return environment("spikeloom.boards", "templates")


def _top_view(manifest: Manifest, board: Board, baud: int) -> dict[str, object]:
    leds, class_bits = len(board.leds.pins), manifest.output.class_bits
    shown = min(leds, class_bits)
    return {
        "version": manifest.spikeloom,
        "manifest": manifest,
        "board": board,
        "baud": baud,
        "clocks_per_bit": clocks_per_bit(board.clock_mhz, baud),
        "idle_clocks": round(board.clock_mhz * 1e6 * IDLE_SECONDS),
        "sizes": MessageSizes.of(manifest),
        "leds": leds,
        "led_text": f"bit 0 to {shown - 1} on LED 0 to {shown - 1}",
        "led_value": ("~" if board.leds.active_low else "") + _led_bits(class_bits, leds),
        "hidden_bits": f"class_shown[{class_bits - 1}:{leds}]" * (class_bits > leds),
    }


def _led_bits(class_bits: int, leds: int) -> str:
    if class_bits >= leds:
        return f"class_shown[{leds - 1}:0]"
    return f"{{{leds - class_bits}'d0, class_shown}}"


def _script_view(manifest: Manifest, board: Board, paths: Paths) -> dict[str, object]:
    board_sources = () if paths.core_only else (*_LIBRARY, _BOARD_TOP)
    return {
        "version": manifest.spikeloom,
        "manifest": manifest,
        "board": board,
        "flow": paths.flow,
        "paths": paths,
        "top": manifest.top if paths.core_only else _BOARD_TOP,
        "options": "".join(f" {option}" for option in board.synth_options),
        "sources": (*manifest.sources, *(f"{paths.folder}/{name}.v" for name in board_sources)),
        "multipliers": " ".join(f"t:{cell}" for cell in MULTIPLIERS),
        "dsp_cells": " ".join(f"t:{cell}" for cell in paths.flow.dsp_cells),
    }


def _make_view(board: Board, paths: Paths) -> dict[str, object]:
    places = routes(board, core_only=paths.core_only)
    packs = places and not paths.core_only
    place = shlex.join(place_arguments(board, paths, seed="$(SEED)")) if places else ""
    return {
        "place": place.replace("'$(SEED)'", "$(SEED)"),  # which make is to expand
        "pack": shlex.join(pack_arguments(board, paths)) if packs else "",
        "goal": paths.bitstream if packs else paths.routed if places else paths.netlist,
        "program": board.program if packs else "",
        "minimum": MINIMUM,
        "yowasp": _yowasp_settings(paths, places=places, packs=packs),
    }


def _yowasp_settings(paths: Paths, *, places: bool, packs: bool) -> str:
    text = f" NEXTPNR=yowasp-{paths.flow.place_tools[0]}" if places else ""
    if packs and paths.flow.pack_package.startswith("yowasp"):
        text += f" PACK=yowasp-{paths.flow.pack_tool}"
    return text
