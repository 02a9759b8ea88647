"""Budgets of hardware for `spikeloom compress`: what is kept is what `build` estimates."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from listeners import StopAt
from tiny_compression import TOML

import spikeloom
from spikeloom._folding import BRIDGE_BRAM, SHARE
from spikeloom.boards import load_board
from spikeloom.codegen import RoughUnroller, Unroller
from spikeloom.codegen._unrolled import FABRICS
from spikeloom.ir import ConfigError, ResourceError
from spikeloom.model import TrainingInterruptedError

pytestmark = pytest.mark.usefixtures("one_thread")

WORDS = f'{TOML}lanes = 2\nkeep = ["output"]\n'
TWO_LANES = """
[hardware.layers.hidden]
lanes = 2
"""
IN_LOGIC = """
[data]
input_bits = 1

[hardware.layers.hidden]
engine = "unrolled"
"""


def trained(folder: Path, text: str) -> Path:
    (folder / "tiny.toml").write_text(text)
    return spikeloom.train(folder / "tiny.toml", out=folder / "tiny")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("budgets"), WORDS + TWO_LANES)


@pytest.fixture(scope="module")
def in_logic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    text = (
        WORDS.replace("lanes = 2", "lanes = 1").replace("features = 16", "features = 6") + IN_LOGIC
    )
    return trained(tmp_path_factory.mktemp("budgets_in_logic"), text)


def budgets_of(run: Path) -> dict[str, dict[str, Any]]:
    metrics = json.loads((run / "metrics.json").read_text())
    return {budget["resource"]: budget for budget in metrics["compression"]["budgets"]}


def estimated(run: Path, out: Path, board: str | None = None, **options: Any) -> dict[str, Any]:
    folder = spikeloom.build(run, out, board=board, **options)
    value: dict[str, Any] = json.loads((folder / "estimate.json").read_text())["estimate"]
    return value


def test_a_board_is_a_budget_of_all_that_it_has(run: Path, tmp_path: Path) -> None:
    small = spikeloom.compress(run, out=tmp_path / "small", board="icebreaker")
    has = load_board("icebreaker").resources
    budgets = budgets_of(small)
    assert {name: budget["limit"] for name, budget in budgets.items()} == {
        "lut": int(SHARE * has.lut),
        "ff": int(SHARE * has.ff),
        "bram": has.bram - BRIDGE_BRAM,
    }
    known = estimated(small, tmp_path / "out", "icebreaker")
    assert {name: budget["use"] for name, budget in budgets.items()} == {
        name: known[name] for name in budgets
    }


def test_a_number_takes_the_place_of_the_share(run: Path, tmp_path: Path) -> None:
    options = {"board": "icebreaker", "max_lut": 5200, "max_bram": 99}
    small = spikeloom.compress(run, out=tmp_path / "small", **options)
    limits = {name: budget["limit"] for name, budget in budgets_of(small).items()}
    assert (limits["lut"], limits["bram"]) == (5200, 30)


@pytest.mark.parametrize(
    ("option", "resource", "estimate", "scale"),
    [
        ("max_cycles", "cycles", "latency_cycles", 1.0),
        ("max_additions", "additions", "additions", 1.0),
        ("max_energy_nj", "energy", "energy_pj", 1e-3),
    ],
)
def test_what_is_kept_is_what_build_estimates(
    run: Path, tmp_path: Path, option: str, resource: str, estimate: str, scale: float
) -> None:
    limit = 0.7 * scale * estimated(run, tmp_path / "dense")[estimate]
    small = spikeloom.compress(run, out=tmp_path / "small", **{option: limit})
    (budget,) = budgets_of(small).values()
    assert budget["resource"] == resource
    assert budget["use"] <= limit
    known = estimated(small, tmp_path / "out")[estimate] * scale
    assert budget["use"] == pytest.approx(known, abs=0.051 * scale)  # shown with one decimal
    assert spikeloom.verify(tmp_path / "out", probe=True, limit=10).passed


def test_logic_is_measured_exactly_in_the_end(in_logic: Path, tmp_path: Path) -> None:
    dense = estimated(in_logic, tmp_path / "dense")["lut"]
    limit = round(dense * 0.6)
    small = spikeloom.compress(in_logic, out=tmp_path / "small", max_lut=limit)
    (budget,) = budgets_of(small).values()
    assert budget["use"] == estimated(small, tmp_path / "out")["lut"]
    assert 0.9 * limit < budget["use"] <= limit


def test_matrices_of_about_as_many_weights_are_unrolled_once() -> None:
    rng = np.random.default_rng(3)
    weights = rng.integers(-7, 8, (16, 64))
    rough, exact = RoughUnroller(), Unroller()
    options: dict[str, Any] = {"input_bits": 1, "fabric": FABRICS["ecp5"], "period_ns": 10.0}
    first = rough.netlist(weights, **options)
    assert first.luts == exact.netlist(weights, **options).luts
    fewer = weights * (rng.random(weights.shape) < 0.7)
    about = rough.netlist(fewer, **options)
    assert about.nodes is first.nodes
    assert about.zero_weights == np.count_nonzero(fewer == 0)
    assert about.luts == pytest.approx(exact.netlist(fewer, **options).luts, rel=0.15)
    few = weights * (rng.random(weights.shape) < 0.2)
    assert rough.netlist(few, **options).luts == exact.netlist(few, **options).luts


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_cycles": 20}, "cycles cannot be brought down to 20 clock cycles: with only"),
        ({"max_lut": 50}, "lut cannot be brought down to 50: with only"),
    ],
)
def test_what_is_out_of_reach_is_refused(
    run: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ResourceError, match=message):
        spikeloom.compress(run, out=tmp_path / "small", **options)
    assert not (tmp_path / "small").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"board": "icebraker"}, "icebreaker"),
        ({"max_lut": 0}, "max_lut must be 1 to"),
        ({"max_cycles": -1}, "max_cycles"),
    ],
)
def test_limits_that_are_none_are_refused(
    run: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        spikeloom.compress(run, out=tmp_path / "small", **options)
    assert not (tmp_path / "small").exists()


def test_early_decisions_are_part_of_what_is_measured(run: Path, tmp_path: Path) -> None:
    early = shutil.copytree(run, tmp_path / "early")
    config = early / "config.toml"
    config.write_text(config.read_text().replace("[hardware]", '[hardware]\nearly = "exact"'))
    small = spikeloom.compress(early, out=tmp_path / "small", max_lut=5000, max_cycles=900)
    known = estimated(small, tmp_path / "out")
    budgets = budgets_of(small)
    assert budgets["lut"]["use"] == known["lut"]
    assert budgets["cycles"]["use"] == pytest.approx(known["latency_cycles"], abs=0.051)
    assert known["lut"] > estimated(small, tmp_path / "all", early="off")["lut"]


def test_a_finished_compression_is_of_its_folding(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "copy")
    spikeloom.compress(copy, out=tmp_path / "small", max_cycles=900)
    config = copy / "config.toml"
    assert "lanes = 2" in config.read_text()
    config.write_text(config.read_text().replace("lanes = 2", "lanes = 1"))
    with pytest.raises(ConfigError, match="--restart"):
        spikeloom.compress(copy, out=tmp_path / "small", max_cycles=900)


@pytest.mark.parametrize(("method", "stop"), [("minimax", 75), ("gradual", 50)])
def test_resumed_compression_of_logic_gives_the_identical_result(
    in_logic: Path, tmp_path: Path, method: str, stop: int
) -> None:
    """Rough measures know former candidates, and those of an interrupted run are forgotten."""
    options: dict[str, Any] = {"max_lut": 700, "method": method}
    whole = spikeloom.compress(in_logic, out=tmp_path / "whole", **options)
    with pytest.raises(TrainingInterruptedError):
        spikeloom.compress(in_logic, out=tmp_path / "parts", progress=StopAt(stop), **options)
    parts = spikeloom.compress(in_logic, out=tmp_path / "parts", **options)
    for name in ("graph.json", "graph.npz", "test.npz"):
        assert (whole / name).read_bytes() == (parts / name).read_bytes(), name
    assert budgets_of(whole) == budgets_of(parts)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ("hidden]\nneuron_lanes = 4", {"lanes": 2}, "compress.lanes = 2 .* neuron_lanes must"),
        ("hidden_synapse]\nlanes = 8", {"lanes": 2}, "8 for 'hidden_synapse' and 2 for 'hidden'"),
        (
            "output]\nevent_ports = 4\nweight_banks = 4",
            {"lanes": 2, "unit": "neuron", "keep": ()},
            "weight_banks must divide the 2 channels",
        ),
    ],
)
def test_lanes_that_could_not_be_built_are_refused_at_once(
    run: Path, tmp_path: Path, table: str, options: dict[str, Any], message: str
) -> None:
    copy = shutil.copytree(run, tmp_path / "copy")
    config = copy / "config.toml"
    text = config.read_text()
    start = text.index("[hardware.layers.hidden]")
    config.write_text(f"{text[:start]}[hardware.layers.{table}\n")
    with pytest.raises(ConfigError, match=message):
        spikeloom.compress(copy, out=tmp_path / "small", connectivity=0.5, **options)
    assert not (tmp_path / "small").exists()


def test_other_lanes_take_the_place_of_those_of_a_compression(run: Path, tmp_path: Path) -> None:
    first = spikeloom.compress(
        run, out=tmp_path / "first", connectivity=0.6, unit="neuron", lanes=2, epochs=2
    )
    spikeloom.compress(first, out=tmp_path / "odd", connectivity=0.5, unit="neuron", lanes=3)
    assert "lanes = 3" in (tmp_path / "odd" / "config.toml").read_text()
