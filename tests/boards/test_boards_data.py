"""The boards' data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spikeloom.boards import Board, Family, Support, list_boards, load_board
from spikeloom.ir import ConfigError

NAMES = ["artya7", "hx8k", "icebreaker", "tangnano9k", "ulx3s"]


def test_supported_boards() -> None:
    assert [board.name for board in list_boards()] == NAMES


def test_only_arty_is_area_only() -> None:
    area = [board.name for board in list_boards() if board.support is Support.AREA]
    assert area == ["artya7"]
    assert load_board("artya7").family is Family.XC7


@pytest.mark.parametrize("name", NAMES)
def test_sites_and_ports_are_used_once(name: str) -> None:
    pins = load_board(name).pins
    assert len({pin.site for pin in pins}) == len(pins)
    assert len({pin.port for pin in pins}) == len(pins)


@pytest.mark.parametrize("name", NAMES)
def test_pins_look_like_sites_of_the_package(name: str) -> None:
    board = load_board(name)
    # Balls are a row letter and a column, leads are numbers.
    ball = name in ("ulx3s", "hx8k", "artya7")
    pattern = r"[A-Z]\d{1,2}" if ball else r"\d{1,2}"
    assert all(re.fullmatch(pattern, pin.site) for pin in board.pins)
    assert all(pin.pull in ("up", "down", "none") for pin in board.pins)


@pytest.mark.parametrize("name", NAMES)
def test_resources_are_plausible(name: str) -> None:
    board = load_board(name)
    assert board.resources.lut >= 5000
    assert board.resources.ff >= 5000
    assert board.resources.bram * board.bram_bits >= 2**16
    assert 10 <= board.clock_mhz <= 100
    assert board.target_mhz >= board.clock_mhz


def test_idle_button_level_is_the_pulled_one() -> None:
    # Or a board without a finger on it would stay in reset.
    for board in list_boards():
        if board.button and board.button.pin.pull != "none":
            assert (board.button.pin.pull == "up") == board.button.active_low


def test_unknown_board_names_the_nearest() -> None:
    message = (
        r"^board must be one of artya7, hx8k, icebreaker, tangnano9k, ulx3s, not 'icebraker'; "
        r"did you mean 'icebreaker'\?$"
    )
    with pytest.raises(ConfigError, match=message):
        load_board("icebraker")


def test_unknown_board_unlike_any() -> None:
    with pytest.raises(ConfigError, match=r"ulx3s, not 'zzz'$"):
        load_board("zzz")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('name = "hx8k"', 'title = "t"', "Cannot overwrite a value"),
        ('support = "bitstream"', 'support = "perhaps"', "'perhaps' is not a valid Support"),
        ("target_mhz = 80.0", "target = 80.0", "unexpected keyword argument 'target'"),
        ("bram_bits = 4096", "", "'bram_bits'"),
    ],
)
def test_wrong_board_file_is_named(tmp_path: Path, old: str, new: str, reason: str) -> None:
    data = Path(__file__).parents[2] / "boards" / "data" / "hx8k.toml"
    text = data.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"^board file mine\.toml must follow .*{reason}"):
        Board.from_toml(path)
