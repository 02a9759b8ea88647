"""Goals, limits and exploration as users see them: files, tables, JSON, a picture."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import spikeloom
from spikeloom._cli import app
from spikeloom._folding import BRIDGE_BRAM, SHARE, Wish, clock_of, family_of, find_folding
from spikeloom._plot import Axis, Box, _labels
from spikeloom._source import load_source
from spikeloom._vectors import Vectors
from spikeloom.boards import load_board
from spikeloom.codegen import BuildOptions, Goal, LayerOptions, Limits
from spikeloom.ir import (
    ConfigError,
    Dense,
    Encoder,
    Executor,
    Graph,
    Input,
    Neurons,
    NullProgress,
    Readout,
    ResourceError,
    save_graph,
)


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def run(tiny_graph: Graph, tmp_path: Path) -> Path:
    """A run folder as training leaves it, with a folding of its own."""
    folder = tmp_path / "runs" / "tiny"
    save_graph(tiny_graph, folder)
    inputs = np.random.default_rng(3).integers(0, 8, (20, 6)).astype(np.uint8)
    predictions = Executor(tiny_graph).run(inputs).predictions
    (folder / "test.npz").write_bytes(Vectors(inputs, predictions, predictions).to_npz())
    (folder / "config.toml").write_text("[hardware.layers.hidden]\nlanes = 1\n")
    (folder / "metrics.json").write_text("{}\n")
    return folder


def estimate_of(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "estimate.json").read_text())
    return found


def test_every_build_has_an_estimate(run: Path, tmp_path: Path) -> None:
    out = spikeloom.build(run, tmp_path / "out")
    known = estimate_of(out)
    assert known["search"] is None
    assert known["values"] == "recorded"
    estimate = known["estimate"]
    assert estimate["family"] == "ecp5"
    assert estimate["inferences"] == 16
    assert [layer["name"] for layer in estimate["layers"]] == ["hidden", "output"]
    assert sum(layer["lut"] for layer in estimate["layers"]) < estimate["lut"]
    assert estimate["energy_pj"] == pytest.approx(0.9 * estimate["additions"], abs=0.2)
    seconds = estimate["interval_cycles"] / (estimate["clock_mhz"] * 1e6)
    assert estimate["fps"] == pytest.approx(1 / seconds, rel=0.01)


def test_a_build_says_what_the_board_has_too_little_of(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    nodes = (
        Input(name="pixels", shape=(8,), bits=1, encoder=Encoder.SPIKES),
        Dense(name="wide", source="pixels", weight=rng.integers(-8, 8, (600, 8)), weight_bits=4),
        Neurons(name="hidden", source="wide", threshold=np.array(9)),
        Dense(name="narrow", source="hidden", weight=rng.integers(-8, 8, (2, 600)), weight_bits=4),
        Neurons(name="last", source="narrow", threshold=np.array(9)),
        Readout(name="scores", source="last"),
    )
    graph = tmp_path / "graph"
    save_graph(Graph.of("wide", 2, nodes), graph)
    arguments = ("--board", "icebreaker", "--lanes", "wide=600")
    shown = call("build", graph, "--out", tmp_path / "out", *arguments)
    assert shown.exit_code == 0
    excess = estimate_of(tmp_path / "out")["excess"]
    assert excess["lut"]["available"] == load_board("icebreaker").resources.lut
    assert excess["lut"]["estimated"] > excess["lut"]["available"]
    text = " ".join(shown.output.split())
    assert (
        f"too large for the board by this estimate: {excess['lut']['estimated']:,} LUT of" in text
    )
    small = call("build", graph, "--out", tmp_path / "small", "--board", "ulx3s")
    assert "too large" not in small.output
    assert estimate_of(tmp_path / "small")["excess"] == {}


def test_a_goal_chooses_what_is_open_and_says_so(run: Path, tmp_path: Path) -> None:
    usual = estimate_of(spikeloom.build(run, tmp_path / "usual"))["estimate"]
    out = tmp_path / "fast"
    shown = call("build", run, "--out", out, "--goal", "throughput", "--lanes", "output=3")
    assert shown.exit_code == 0, shown.stderr
    known = estimate_of(out)
    assert known["estimate"]["interval_cycles"] < usual["interval_cycles"]
    assert known["search"]["goal"] == "throughput"
    assert known["search"]["options"]["layers"]["output"]["lanes"] == 3
    assert known["search"]["options"]["layers"]["hidden"].get("lanes") != 1  # that of the run
    assert "the [hardware] table of the run is left aside" in shown.stderr
    assert "Chosen for throughput" in shown.stdout
    flat = " ".join(shown.stdout.split())
    assert " limits: " in flat
    assert "; next: " in flat
    assert "estimated: " in flat


def test_the_same_goal_builds_the_same_bytes(run: Path, tmp_path: Path) -> None:
    folders = [spikeloom.build(run, tmp_path / name, goal="area") for name in ("a", "b")]
    files = [
        {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        for out in folders
    ]
    assert files[0] == files[1]


def test_json_of_a_build_holds_estimate_and_search(run: Path, tmp_path: Path) -> None:
    shown = call("build", run, "--out", tmp_path / "out", "--goal", "area", "--json")
    value = json.loads(shown.stdout)
    search = value["search"]
    assert set(search) == {"goal", "limits", "options", "limiting", "designs_tried"}
    assert set(search["limiting"]) == {
        *("layer", "part", "role", "cycles", "interval", "reasons", "next", "text"),
    }
    assert value["estimate"] == estimate_of(tmp_path / "out")["estimate"]


def test_a_board_gives_clock_family_and_limits(run: Path, tmp_path: Path) -> None:
    out = spikeloom.build(run, tmp_path / "out", board="icebreaker", goal="throughput")
    board = load_board("icebreaker")
    known = estimate_of(out)
    assert known["estimate"]["family"] == family_of(board) == "ice40"
    assert known["estimate"]["clock_mhz"] == clock_of(board, BuildOptions()) == 12.0
    assert known["search"]["limits"] == {
        "lut": int(SHARE * board.resources.lut),
        "ff": int(SHARE * board.resources.ff),
        "bram": board.resources.bram - BRIDGE_BRAM,
    }
    assert clock_of(board, BuildOptions(clock_mhz=48.0)) == 48.0
    assert clock_of(None, BuildOptions()) == 100.0


def test_a_rate_takes_the_place_of_recorded_inputs(run: Path, tmp_path: Path) -> None:
    still, busy = (spikeloom.build(run, tmp_path / str(rate), rate=rate) for rate in (0.0, 1.0))
    assert estimate_of(still)["values"] == "random at rate 0"
    assert estimate_of(still)["estimate"]["additions"] == 0
    assert estimate_of(busy)["estimate"]["additions"] > 0
    with pytest.raises(ConfigError, match="1\\.5"):
        spikeloom.build(run, tmp_path / "wrong", rate=1.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--goal", "fast"], "--goal must be latency, throughput, area or energy, not 'fast'"),
        (["--min-fps", "5"], "limits are kept by a search, which needs a goal; add --goal"),
        (["--goal", "area", "--max-lut", "0"], "--max-lut must be a number above 0, not 0"),
        (["--goal", "area", "--lanes", "hiden=2"], "layer or synapse 'hiden' is unknown"),
        (["--goal", "area", "--max-lut", "9"], "no folding that was found keeps --max-lut 9:"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(
    run: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    shown = call("build", run, "--out", tmp_path / "out", *arguments)
    assert shown.exit_code == 2
    assert f"error: {message}" in shown.stderr
    assert shown.stdout == ""
    assert not (tmp_path / "out").exists()


def test_limits_need_a_goal_in_python_too() -> None:
    with pytest.raises(ConfigError, match="needs a goal"):
        Wish.of(None, Limits(lut=5), None)
    assert Wish.of("area", None, None).goal is Goal.AREA


def test_report_shows_the_estimate_until_more_is_known(run: Path, tmp_path: Path) -> None:
    out = spikeloom.build(run, tmp_path / "out")
    result = spikeloom.report(out)
    assert result.estimate == estimate_of(out)["estimate"]
    shown = " ".join(call("report", out).stdout.split())
    assert f"Estimated for ecp5, the core alone: {result.estimate['lut']:,} LUT" in shown
    assert "Estimated: " in shown
    (out / "estimate.json").unlink()  # as from an earlier version
    assert spikeloom.report(out).estimate == {}


def test_exploring_shows_a_table_and_json(run: Path) -> None:
    pinned = ("--board", "ulx3s", "--engine", "hidden=event", "--engine", "output=event")
    shown = call("explore", run, *pinned, "--json")
    assert shown.exit_code == 0, shown.stderr
    value = json.loads(shown.stdout)
    assert (value["name"], value["board"], value["clock_mhz"]) == ("tiny", "ulx3s", 25.0)
    designs = value["designs"]
    assert len(designs) > 1
    assert set(designs[0]) == {"options", "limits", "estimate"}
    assert call("explore", run, *pinned, "--json").stdout == shown.stdout
    table = call("explore", run, *pinned).stdout
    assert "tiny on ulx3s at 25 MHz" in table
    assert f"{designs[0]['estimate']['lut']:,}" in table


def test_a_design_of_an_exploration_can_be_built(run: Path, tmp_path: Path) -> None:
    first = spikeloom.explore(run).choices[0]
    out = spikeloom.build(run, tmp_path / "out", options=first.options)
    assert estimate_of(out)["estimate"] == first.estimate.to_json()


def test_exploring_keeps_pins_and_limits(run: Path) -> None:
    pinned = BuildOptions(layers={"output": LayerOptions(lanes=3)})
    found = spikeloom.explore(run, options=pinned)
    assert {choice.options.layers["output"].lanes for choice in found.choices} == {3}
    with pytest.raises(ResourceError, match="the nearest misses --max-lut 2: estimated"):
        spikeloom.explore(run, limits=Limits(lut=2))


def test_the_picture_is_the_same_every_time_and_shows_every_design(
    run: Path, tmp_path: Path
) -> None:
    one, other = tmp_path / "one.svg", tmp_path / "new" / "other.svg"
    found = spikeloom.explore(run, plot=one)
    spikeloom.explore(run, plot=other)
    assert one.read_bytes() == other.read_bytes()
    dots = ET.fromstring(one.read_text()).findall(".//{*}circle")
    assert len(dots) == len(found.choices)


def test_limits_beyond_the_board_are_those_of_the_board(run: Path, tmp_path: Path) -> None:
    limits = Limits(lut=100_000, ff=5000, bram=1000)
    out = spikeloom.build(run, tmp_path / "out", board="icebreaker", goal="area", limits=limits)
    assert estimate_of(out)["search"]["limits"] == {"lut": 5280, "ff": 5000, "bram": 30}


@pytest.mark.parametrize("rate", ["-0.1", "2", "nan"])
@pytest.mark.parametrize("command", ["build", "explore"])
def test_a_rate_is_a_share(run: Path, command: str, rate: str) -> None:
    shown = call(command, run, "--rate", rate)
    assert shown.exit_code == 2
    assert "--rate must be 0 to 1" in " ".join(shown.output.split())


def test_a_picture_needs_a_file_before_anything_is_searched(run: Path, tmp_path: Path) -> None:
    shown = call("explore", run, "--plot", tmp_path)
    assert shown.exit_code == 2
    assert "--plot must be a file to write" in " ".join(shown.output.split())
    assert "estimating" not in shown.output


def test_exploring_finds_what_the_fastest_goals_find(run: Path) -> None:
    found = spikeloom.explore(run, board="ulx3s").choices
    for goal, figure in (("throughput", "interval"), ("latency", "latency")):
        source = load_source(run)
        wish = Wish.of(goal, None, None)
        best = find_folding(
            source, BuildOptions(), load_board("ulx3s"), wish, NullProgress()
        ).estimate
        assert min(getattr(c.estimate, figure) for c in found) <= 1.01 * getattr(best, figure)


def test_an_area_goal_reaches_as_far_as_the_fast_goals(run: Path, tmp_path: Path) -> None:
    fast = estimate_of(spikeloom.build(run, tmp_path / "fast", goal="throughput"))
    wanted = Limits(min_fps=0.99 * fast["estimate"]["fps"])
    small = estimate_of(spikeloom.build(run, tmp_path / "small", goal="area", limits=wanted))
    assert small["estimate"]["lut"] <= fast["estimate"]["lut"]


def test_numbers_of_dots_meet_nothing() -> None:
    places = [(100.0 + 9 * n % 40, 100.0 + 7 * n % 40) for n in range(40)] + [(300.0, 300.0)]
    labels = _labels(places)
    shown = [label for label in labels if label]
    assert labels[-1] is not None  # a dot by itself
    assert None in labels  # in a crowd not all find room
    assert not any(a.meets(b) for a, b in combinations(shown, 2))
    dots = [Box(x - 4, y - 4, x + 4, y + 4) for x, y in places]
    assert not any(label.meets(dot) for label in shown for dot in dots)


def test_an_axis_goes_from_tick_to_tick() -> None:
    axis = Axis.over([130.0, 900.0], 0.0, 100.0)
    assert (axis.low, axis.high) == (100.0, 1000.0)
    assert [tick.label for tick in axis.ticks()] == ["100", "200", "500", "1,000"]
    assert (axis.place(100.0), axis.place(1000.0)) == (0.0, 100.0)
    same = Axis.over([50.0], 0.0, 1.0)
    assert same.low < 50.0 < same.high
