"""The early estimate: from the memories of a build alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import spikeloom
from spikeloom._cli import app
from spikeloom.ir import ConfigError, Dense, Graph, Input, Neurons, Readout, ResourceError

BOARDS = ["artya7", "hx8k", "icebreaker", "tangnano9k", "ulx3s"]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build with 1.6 Mbit of weights."""
    weight = np.random.default_rng(1).integers(-7, 8, (400, 1000))
    nodes = (
        Input(name="pixels", shape=(1000,)),
        Dense(name="fc1", source="pixels", weight=weight, weight_bits=4),
        Neurons(name="hidden", source="fc1", threshold=np.array(20)),
        Dense(name="fc2", source="hidden", weight=weight[:3, :400], weight_bits=4),
        Neurons(name="output", source="fc2", threshold=np.array(2)),
        Readout(name="readout", source="output"),
    )
    return spikeloom.build(Graph.of("large", 2, nodes), tmp_path_factory.mktemp("large") / "out")


def test_a_build_without_a_board_is_compared_with_all(large: Path) -> None:
    found = spikeloom.fit(large)
    assert [one.board for one in found] == BOARDS
    assert {one.board for one in found if not one.fits} == {"hx8k", "icebreaker", "tangnano9k"}
    assert {one.needed["weights"] for one in found} == {400 * 1000 * 4 + 3 * 400 * 4}


def test_a_board_may_be_named(large: Path) -> None:
    (found,) = spikeloom.fit(large, "ulx3s")
    assert (found.board, found.fits) == ("ulx3s", True)
    with pytest.raises(ConfigError, match="not 'ulx3'; did you mean 'ulx3s'"):
        spikeloom.fit(large, "ulx3")


def test_a_build_for_a_board_is_compared_with_that(tiny_graph: Graph, tmp_path: Path) -> None:
    out = spikeloom.build(tiny_graph, tmp_path / "out", board="hx8k")
    assert [found.board for found in spikeloom.fit(out)] == ["hx8k"]
    assert [found.board for found in spikeloom.report(out).fits] == ["hx8k"]


def test_the_report_tells_of_all_boards(large: Path) -> None:
    report = CliRunner().invoke(app, ["report", str(large)])
    assert report.stdout.count("does not fit") == 3
    assert report.stdout.count("memories fit") == 2
    value = json.loads(CliRunner().invoke(app, ["report", str(large), "--json"]).stdout)
    assert [found["board"] for found in value["fits"]] == BOARDS


def test_synthesis_for_several_boards_is_refused_before_the_first(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spikeloom.boards.synthesise", None)
    with pytest.raises(ResourceError, match=r"^large does not fit hx8k: .*; use fewer weight bits"):
        spikeloom.synth(large, boards=["ulx3s", "hx8k"])


def test_refused_synthesis_is_a_user_error(large: Path) -> None:
    result = CliRunner().invoke(app, ["synth", str(large), "--board", "hx8k", "--json"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "error: large does not fit hx8k: memories 1.6 Mbit" in result.stderr
