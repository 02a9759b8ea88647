"""`spikeloom compress`: from a run or a configuration to a smaller run; table and picture."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from tiny_compression import TOML
from typer.testing import CliRunner

import spikeloom
from spikeloom._cli import app
from spikeloom._course import course_of
from spikeloom.codegen import BuildOptions, LayerOptions, load_manifest
from spikeloom.ir import ConfigError, Dense, load_graph
from spikeloom.model import Budget, Resource

pytestmark = pytest.mark.usefixtures("one_thread")

WORDS = f"{TOML}connectivity = 0.5\n"
JOINED = """
name = "joined"
seed = 1

[network]
time_steps = 2
layers = [
    { kind = "conv", name = "stem", channels = 8, batch_norm = true, neuron = { kind = "none" } },
    { kind = "neurons", name = "first" },
    { kind = "conv", name = "inner", channels = 8, padding = 1, neuron = { kind = "none" } },
    { kind = "add", name = "sum", sources = ["stem", "inner"] },
    { kind = "neurons", name = "second" },
    { kind = "dense", name = "output", features = 10, neuron = { kind = "if" } },
]

[train]
epochs = 1
batch_size = 256
threads = 1

[compress]
epochs = 2
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compress")
    (folder / "tiny.toml").write_text(WORDS)
    return spikeloom.train(folder / "tiny.toml", out=folder / "tiny")


def left(run: Path) -> float:
    weights = [node.weight for node in load_graph(run).nodes if isinstance(node, Dense)]
    return sum(int((w != 0).sum()) for w in weights) / sum(w.size for w in weights)


def test_options_go_over_the_table_of_the_run(run: Path, tmp_path: Path) -> None:
    own = spikeloom.compress(run, out=tmp_path / "own")
    given = spikeloom.compress(run, out=tmp_path / "given", connectivity=0.2, method="gradual")
    assert left(given) <= 0.2 < left(own) <= 0.5
    text = (given / "config.toml").read_text()
    assert 'method = "gradual"' in text
    assert "connectivity = 0.2" in text


def test_a_compressed_run_is_built_and_verified(run: Path, tmp_path: Path) -> None:
    small = spikeloom.compress(run, out=tmp_path / "small", connectivity=0.1)
    out = spikeloom.build(small, tmp_path / "out")
    result = spikeloom.verify(out, probe=True, limit=20)
    assert result.passed
    assert result.mismatches == 0


def test_shared_currents_get_the_lanes_of_their_words(tmp_path: Path) -> None:
    (tmp_path / "joined.toml").write_text(JOINED)
    dense = spikeloom.train(tmp_path / "joined.toml", out=tmp_path / "dense")
    small = spikeloom.compress(dense, out=tmp_path / "small", connectivity=0.3, lanes=2)
    out = spikeloom.build(small, tmp_path / "out")
    manifest = load_manifest(out)
    synapses = [synapse for layer in manifest.layers for synapse in layer.synapses]
    assert {s.name: s.lanes for s in synapses} == {
        "stem_synapse": 2,
        "inner": 2,
        "output_synapse": 2,
    }
    assert synapses[-1].sparse
    assert spikeloom.verify(out, probe=True, limit=10).passed


def test_the_command_prints_json_or_a_table(run: Path, tmp_path: Path) -> None:
    command = ["compress", str(run), "--out", str(tmp_path / "small"), "--connectivity", "0.25"]
    told = CliRunner().invoke(app, [*command, "--json"])
    assert told.exit_code == 0
    value = json.loads(told.stdout)
    (budget,) = value["compression"]["budgets"]
    assert budget["resource"] == "connectivity"
    assert budget["use"] <= 0.25
    again = CliRunner().invoke(app, command)  # finished: shown again, not done again
    assert again.exit_code == 0
    assert "connectivity: 0.25" in again.stdout
    assert "hidden" in again.stdout
    assert "before," in again.stdout


def latency_of(out: Path) -> float:
    return float(json.loads((out / "estimate.json").read_text())["estimate"]["latency_cycles"])


def test_neurons_go_for_a_budget_of_the_hardware(run: Path, tmp_path: Path) -> None:
    """The design is smaller by them, and its lanes divide what is left."""
    options = BuildOptions(layers={"hidden": LayerOptions(lanes=4)})
    before = spikeloom.build(run, tmp_path / "before", options=options)
    limit = round(0.8 * latency_of(before))
    command = ["compress", str(run), "--out", str(tmp_path / "small"), "--unit", "neuron"]
    plot = tmp_path / "course.svg"
    told = CliRunner().invoke(
        app, [*command, "--lanes", "4", "--max-cycles", str(limit), "--plot", str(plot)]
    )
    assert told.exit_code == 0
    assert "neurons" in told.stdout
    assert "neurons that are left" in plot.read_text()
    small = tmp_path / "small"
    metrics = json.loads((small / "metrics.json").read_text())
    left = metrics["compression"]["neurons"]["hidden"]["left"]
    assert left in {4, 8, 12}
    after = spikeloom.build(small, tmp_path / "after")
    sizes = [
        {layer.name: layer.neurons for layer in load_manifest(f).layers} for f in (before, after)
    ]
    assert sizes == [{"hidden": 16, "output": 10}, {"hidden": left, "output": 10}]
    assert latency_of(after) <= limit
    assert spikeloom.verify(after, probe=True, limit=20).passed


def test_a_configuration_is_trained_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(WORDS)
    plot = Path("course.svg")
    small = spikeloom.compress("tiny.toml", plot=plot)
    assert small == Path("runs/tiny_compressed")
    assert Path("runs/tiny/metrics.json").is_file()
    metrics = json.loads((small / "metrics.json").read_text())
    assert plot.read_text() == course_of(metrics)
    lines = ET.fromstring(plot.read_text()).findall(".//{http://www.w3.org/2000/svg}polyline")
    points = metrics["compression"]["trajectory"]
    assert [len(line.attrib["points"].split()) for line in lines] == [len(points)] * 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--connectivity", "0.00001"], "connectivity cannot be brought down"),
        (["--connectivity", "2"], "compress.connectivity must be 0 to 1"),
        (["--method", "magic"], "compress.method must be"),
        (["--keep", "hiden"], "no layer with weights is named 'hiden'"),
    ],
)
def test_bad_options_end_with_exit_code_2(
    run: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    out = tmp_path / "small"
    told = CliRunner().invoke(app, ["compress", str(run), "--out", str(out), *arguments])
    assert told.exit_code == 2
    assert message in " ".join(told.stderr.split())
    assert not out.exists()


@pytest.mark.parametrize(
    ("table", "arguments", "message"),
    [
        ("", [], "nothing is limited"),
        ("", ["--board", "icebraker"], "icebraker"),
        ("", ["--connectivity", "0.5", "--keep", "hiden"], "no layer with weights is named"),
        ("", ["--connectivity", "0.5", "--lanes", "3"], "does not divide the 16 outputs"),
        ("", ["--connectivity", "0.00001"], "connectivity cannot be brought down"),
        ("", ["--connectivity", "0.5", "--out", "runs/tiny"], "is the network to compress"),
        (
            "[hardware.layers.hidden]\nlanes = 4\nevent_ports = 2\n",
            ["--lanes", "2", "--connectivity", "0.5"],
            "do not go with hardware.layers.hidden.lanes = 4",
        ),
    ],
)
def test_what_cannot_be_compressed_is_not_trained_first(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(TOML + table)
    told = CliRunner().invoke(app, ["compress", "tiny.toml", *arguments])
    assert told.exit_code == 2
    assert message in " ".join(told.stderr.split())
    assert not Path("runs").exists()


def test_a_run_of_another_configuration_is_started_over_by_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--out` and `--restart` of compress are about its own run, not about the one it trains."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(WORDS)
    spikeloom.train("tiny.toml")
    Path("tiny.toml").write_text(WORDS.replace("seed = 1", "seed = 2"))
    with pytest.raises(ConfigError, match="start it over with `spikeloom train --restart`"):
        spikeloom.compress("tiny.toml", resume=False)
    spikeloom.train("tiny.toml", resume=False)
    spikeloom.compress("tiny.toml")


def test_budgets_that_are_given_are_the_only_ones(run: Path, tmp_path: Path) -> None:
    first = spikeloom.compress(run, out=tmp_path / "first", connectivity=0.3)
    second = spikeloom.compress(first, out=tmp_path / "second", weight_bits=300, keep=("output",))
    assert budgets_of(second) == ["weight_bits"]
    kept = Resource("kept", "", lambda c: float(c.layers["hidden"].kept.sum()))
    third = spikeloom.compress(first, out=tmp_path / "third", budgets=[Budget(kept, 100.0)])
    assert budgets_of(third) == ["kept"]
    again = spikeloom.compress(first, out=tmp_path / "again", epochs=3)
    assert budgets_of(again) == ["connectivity"]


def budgets_of(run: Path) -> list[str]:
    metrics = json.loads((run / "metrics.json").read_text())
    return [budget["resource"] for budget in metrics["compression"]["budgets"]]


def test_an_unknown_option_is_refused(run: Path) -> None:
    with pytest.raises(ConfigError, match="no option 'conectivity'; did you mean connectivity"):
        spikeloom.compress(run, conectivity=0.1)
    with pytest.raises(ConfigError, match="--plot must be a file"):
        spikeloom.compress(run, connectivity=0.1, plot=run)
