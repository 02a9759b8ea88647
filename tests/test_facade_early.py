"""Early decision as users choose it: the command line, a run's [hardware] table, the report."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

import spikeloom
from spikeloom import _tables
from spikeloom._cli import app
from spikeloom._early import Decision, decided_early, measure_early, parse_early
from spikeloom._options import early_of_run, options_of_run
from spikeloom._vectors import Vectors
from spikeloom.codegen import BuildOptions
from spikeloom.ir import (
    EXACT,
    ConfigError,
    Early,
    Executor,
    Graph,
    GraphError,
    graph_digest,
    load_graph,
    readout_of,
    save_graph,
    with_early,
)
from spikeloom.model import dump_config, parse_config

INPUTS = np.random.default_rng(3).integers(0, 8, (20, 6)).astype(np.uint8)


@pytest.fixture
def run(tiny_graph: Graph, tmp_path: Path) -> Path:
    """A run folder with labels, whose [hardware] table decides by a margin of 2."""
    folder = tmp_path / "run"
    save_graph(tiny_graph, folder)
    predictions = Executor(tiny_graph).run(INPUTS).predictions
    labels = np.where(np.arange(20) < 15, predictions, (predictions + 1) % 3)
    (folder / "test.npz").write_bytes(Vectors(INPUTS, labels, predictions).to_npz())
    (folder / "config.toml").write_text("[hardware]\nearly = 2\n")
    (folder / "metrics.json").write_text("{}\n")
    return folder


@pytest.mark.parametrize("asked", ["soon", "", "0", "-3"])
def test_a_rule_in_python_is_read_as_on_the_command_line(
    asked: str, run: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="--early must be exact, a margin of 1 or more, or off"):
        spikeloom.build(run, tmp_path / "out", early=asked)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("asked", [2.7, True, 0])
def test_what_is_no_margin_is_refused(asked: Any, run: Path, tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="early of 'readout' must be 'exact', a margin"):
        spikeloom.build(run, tmp_path / "out", early=asked)


def test_the_readme_of_a_design_says_that_it_decides_early(run: Path, tmp_path: Path) -> None:
    early = (spikeloom.build(run, tmp_path / "out", early=3) / "README.md").read_text()
    assert "**Early decision** (margin 3)" in early
    assert "up to 4 time steps" in early
    plain = (spikeloom.build(run, tmp_path / "out", early="off") / "README.md").read_text()
    assert "arly decision" not in plain
    assert "up to" not in plain


def rule_of(out: Path) -> Early | None:
    """The rule of the graph that was built, which the manifest repeats."""
    rule = readout_of(load_graph(out / "graph")).early
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["output"]["early"] == rule
    assert manifest["graph_digest"] == graph_digest(load_graph(out / "graph"))
    return rule


@pytest.mark.parametrize(("asked", "rule"), [(None, 2), ("exact", EXACT), (5, 5), ("off", None)])
def test_what_is_asked_for_goes_before_the_table(
    run: Path, tmp_path: Path, asked: Early | str | None, rule: Early | None
) -> None:
    assert rule_of(spikeloom.build(run, tmp_path / "out", early=asked)) == rule


def test_a_graph_keeps_its_own_rule(tiny_graph: Graph, tmp_path: Path) -> None:
    graph = with_early(tiny_graph, 3)
    assert rule_of(spikeloom.build(graph, tmp_path / "out")) == 3
    assert rule_of(spikeloom.build(graph, tmp_path / "out", early="off")) is None
    assert decided_early(tiny_graph, None, None) is tiny_graph


@pytest.mark.parametrize(("text", "rule"), [("exact", EXACT), ("off", "off"), ("16", 16)])
def test_rules_of_the_command_line(text: str, rule: Early | str) -> None:
    assert parse_early(text) == rule


@pytest.mark.parametrize("text", ["", "0", "-3", "1.5", "Exact", "soon"])
def test_wrong_rules_of_the_command_line_are_refused(text: str) -> None:
    message = f"^--early must be exact, a margin of 1 or more, or off, not '{text}'$"
    with pytest.raises(ConfigError, match=message):
        parse_early(text)


def test_build_takes_the_rule_and_says_what_it_brings(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["build", str(run), "--out", str(out), "--early", "exact"])
    assert result.exit_code == 0, result.output
    assert rule_of(out) == EXACT
    assert "early decision (exact): " in result.stderr
    assert "100.00 % of the predictions unchanged" in result.stderr
    assert "accuracy 75.00 % (75.00 % with all time steps)" in result.stderr


def test_a_wrong_rule_is_a_user_error(run: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    result = CliRunner().invoke(app, ["build", str(run), "--out", out, "--early", "maybe"])
    assert result.exit_code == 2
    assert "--early must be exact" in result.stderr


@pytest.mark.parametrize("value", ["0", "-1", "true", "'soon'", "1.5"])
def test_a_wrong_rule_in_the_table_is_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / "config.toml").write_text(f"[hardware]\nearly = {value}\n")
    message = r'config.toml: hardware.early must be "exact" or a margin of 1 or more, not '
    with pytest.raises(ConfigError, match=message):
        early_of_run(tmp_path)
    assert options_of_run(tmp_path) == BuildOptions()


def test_a_run_without_a_rule_has_none(tmp_path: Path) -> None:
    assert early_of_run(tmp_path) is None
    (tmp_path / "config.toml").write_text("[hardware]\n")
    assert early_of_run(tmp_path) is None


_CONFIG = """name = "x"
[[network.layers]]
kind = "dense"
features = 10
[hardware]
early = {}
"""


@pytest.mark.parametrize(("value", "rule"), [('"exact"', EXACT), ("16", 16)])
def test_training_accepts_the_key(value: str, rule: Early) -> None:
    config = parse_config(_CONFIG.format(value))
    assert config.hardware.early == rule
    assert parse_config(dump_config(config)) == config


@pytest.mark.parametrize("value", ["0", '"soon"', "true", "1.5", "[1]", "{ kind = 'exact' }"])
def test_training_refuses_wrong_values(value: str) -> None:
    message = "hardware.early must be one of 'exact', or an integer of 1 to 2.14748e"
    with pytest.raises(ConfigError, match=message):
        parse_config(_CONFIG.format(value))


def test_decision_is_measured_with_and_without(tiny_graph: Graph) -> None:
    graph = with_early(tiny_graph, 1)
    full = Executor(tiny_graph).run(INPUTS).predictions
    found = measure_early(graph, Vectors(INPUTS, full, full))
    assert found is not None
    trace = Executor(graph).run(INPUTS)
    assert found.steps == trace.steps.mean() < found.time_steps == 4
    assert found.unchanged == found.accuracy == (trace.predictions == full).mean()
    assert found.full_accuracy == 1.0
    assert measure_early(tiny_graph, Vectors(INPUTS)) is None
    unlabelled = measure_early(graph, Vectors(INPUTS))
    assert unlabelled is not None
    assert unlabelled.accuracy is unlabelled.full_accuracy is None
    assert "accuracy" not in str(unlabelled)


def test_decision_in_words() -> None:
    found = Decision(
        rule=16,
        inferences=1000,
        time_steps=4,
        steps=1.4,
        unchanged=0.999,
        accuracy=0.985,
        full_accuracy=0.9864,
    )
    assert str(found) == (
        "early decision (margin 16): 1.40 of 4 time steps, 99.90 % of the predictions unchanged, "
        "accuracy 98.50 % (98.64 % with all time steps); means of 1,000 inferences"
    )


def test_report_shows_it(run: Path, tmp_path: Path) -> None:
    out = spikeloom.build(run, tmp_path / "out")
    for _ in range(2):  # measured, and then as it was kept
        report = spikeloom.report(out)
        assert report.decision is not None
        assert report.to_json()["decision"]["rule"] == 2
        assert "Early decision (margin 2): " in shown(_tables.of_report(report))
    plain = spikeloom.report(spikeloom.build(run, out, early="off"))
    assert plain.decision is None
    assert plain.to_json()["decision"] is None


def test_verification_shows_steps_and_both_accuracies() -> None:
    result = {
        "inferences": 3,
        "spikes_compared": 1,
        "membranes_compared": 1,
        "mismatches": 0,
        "predictions_equal": 3,
        "accuracy": 0.5,
        "full_accuracy": 0.75,
        "steps": {"mean": 1.25, "max": 3},
        "cycles_per_inference": {"mean": 2.0, "max": 2},
        "passed": True,
        "first_mismatches": [],
    }
    text = shown(_tables.of_verification(result))
    assert "accuracy with all time steps" in text
    assert "75.00 %" in text
    assert "1.25 mean, 3 max" in text
    assert "decision" not in shown(_tables.of_verification({**result, "steps": None}))


def shown(table: _tables.Renderable) -> str:
    target = io.StringIO()
    Console(file=target, width=200).print(table)
    return target.getvalue()
