"""The command line: exit codes, messages, and JSON alone on standard output."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import spikeloom
from spikeloom import _api
from spikeloom._cli import app
from spikeloom.ir import (
    BuildError,
    ConfigError,
    Dense,
    Graph,
    SpikeloomError,
    VerificationError,
    graph_files,
    save_graph,
)


def call(*arguments: str | Path) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def out(tiny_graph: Graph, tmp_path: Path) -> Path:
    """A built output folder."""
    return spikeloom.build(tiny_graph, tmp_path / "out", board="icebreaker")


def test_version_and_help() -> None:
    assert call("--version").stdout == f"spikeloom {spikeloom.__version__}\n"
    shown = call("--help")
    assert shown.exit_code == 0
    for command in ("train", "build", "verify", "synth", "report", "boards"):
        assert command in shown.stdout


LIGHT = """
import sys
sys.argv = ["spikeloom", *{arguments!r}]
from spikeloom._cli import main
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
heavy = sorted({{"torch", "brevitas", "sklearn"}} & set(sys.modules))
assert not heavy, heavy
"""


@pytest.mark.parametrize("arguments", [["--help"], ["boards", "--json"], ["train", "--help"]])
def test_light_commands_do_not_import_torch(arguments: list[str]) -> None:
    script = LIGHT.format(arguments=arguments)
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_parts_below_training_do_not_import_torch() -> None:
    parts = "spikeloom, spikeloom.ir, spikeloom.codegen, spikeloom.sim, spikeloom.boards"
    script = f"import sys, {parts}; assert not {{'torch', 'brevitas'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_unknown_command_names_the_nearest() -> None:
    result = call("biuld")
    assert result.exit_code == 2
    assert "build" in result.stderr
    assert result.stdout == ""


def test_boards_as_json_and_as_table() -> None:
    boards = json.loads(call("boards", "--json").stdout)
    assert {"ulx3s", "icebreaker"} <= {board["name"] for board in boards}
    assert set(boards[0]) >= {"name", "title", "family", "device", "support", "lut"}
    assert "ulx3s" in call("boards").stdout


def test_build_prints_json_alone(tiny_graph: Graph, tmp_path: Path) -> None:
    save_graph(tiny_graph, tmp_path / "graph")
    out = tmp_path / "out"
    result = call(
        "build",
        tmp_path / "graph",
        "--out",
        out,
        "--board",
        "ulx3s",
        "--lanes",
        "hidden=1",
        "--json",
    )
    assert result.exit_code == 0, result.stderr
    value = json.loads(result.stdout)
    assert value["out"] == str(out)
    assert value["board"] == "ulx3s"
    assert value["layers"][0]["synapses"][0]["lanes"] == 1
    assert [fit["board"] for fit in value["fits"]] == ["ulx3s"]
    assert value["fits"][0]["fits"] is True
    assert "generating files ..." in result.stderr


def test_build_shows_a_table(tiny_graph: Graph, tmp_path: Path) -> None:
    save_graph(tiny_graph, tmp_path / "graph")
    result = call("build", tmp_path / "graph", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert "hidden" in result.stdout
    assert result.stdout.count("memories fit") == len(spikeloom.list_boards())
    assert "next: spikeloom verify" in result.stdout


def test_build_takes_an_engine_and_its_clock(tiny_graph: Graph, tmp_path: Path) -> None:
    save_graph(tiny_graph, tmp_path / "graph")
    choice = ("--engine", "hidden=unrolled", "--clock-mhz", "250")
    result = call("build", tmp_path / "graph", "--out", tmp_path / "out", *choice)
    assert result.exit_code == 0, result.stderr
    assert "dense, unrolled" in result.stdout
    assert "for 250 MHz" in result.stderr
    top = (tmp_path / "out" / "rtl" / "spikeloom_tiny.v").read_text()
    assert "spikeloom_neuron_array" in top
    wrong = call("build", tmp_path / "graph", "--out", tmp_path / "no", "--engine", "hidden=fast")
    check_user_error(wrong, "--engine must be LAYER=ENGINE with event or unrolled")


def check_user_error(result: Result, message: str) -> None:
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_wrong_key_in_the_configuration_is_said(tmp_path: Path) -> None:
    config = tmp_path / "a.toml"
    config.write_text("name = 'a'\n[network]\ntime_stepps = 4\nlayers = []\n")
    result = call("train", config, "--out", tmp_path / "run", "--json")
    check_user_error(result, "unknown key 'time_stepps' in table [network]; did you mean")
    assert not (tmp_path / "run").exists()


def test_missing_configuration_is_said(tmp_path: Path) -> None:
    check_user_error(call("train", tmp_path / "no.toml"), "cannot read the configuration")


def test_missing_data_files_are_said(tmp_path: Path) -> None:
    config = tmp_path / "a.toml"
    config.write_text(
        "name = 'a'\n[data]\nset = 'mnist'\n[[network.layers]]\nkind = 'dense'\nfeatures = 10\n"
    )
    result = call("train", config, "--data-dir", tmp_path, "--out", tmp_path / "run")
    check_user_error(result, str(tmp_path))
    assert "idx" in result.stderr


def test_wrong_output_folder_is_said(tmp_path: Path) -> None:
    for command in ("verify", "synth", "report"):
        check_user_error(call(command, tmp_path, "--json"), "manifest.json")


def test_unknown_board_is_said(out: Path) -> None:
    check_user_error(call("synth", out, "--board", "icebraker"), "did you mean 'icebreaker'?")


def test_unknown_layer_is_said(tiny_graph: Graph, tmp_path: Path) -> None:
    save_graph(tiny_graph, tmp_path / "graph")
    result = call("build", tmp_path / "graph", "--out", tmp_path / "o", "--lanes", "hidde=1")
    check_user_error(result, "layer or synapse 'hidde' is unknown; did you mean 'hidden'?")


def test_truncated_graph_is_said(tiny_graph: Graph, tmp_path: Path) -> None:
    save_graph(tiny_graph, tmp_path)
    arrays = tmp_path / "graph.npz"
    arrays.write_bytes(arrays.read_bytes()[:200])
    result = call("build", tmp_path, "--out", tmp_path / "out", "--json")
    check_user_error(result, "is truncated or damaged")
    assert not (tmp_path / "out").exists()


def test_weight_that_does_not_fit_is_said(tiny_graph: Graph, tmp_path: Path) -> None:
    nodes = [
        replace(node, weight_bits=2) if isinstance(node, Dense) else node
        for node in tiny_graph.nodes
    ]
    for name, content in graph_files(replace(tiny_graph, nodes=tuple(nodes))).items():
        (tmp_path / name).write_bytes(content)
    result = call("build", tmp_path, "--out", tmp_path / "out")
    check_user_error(result, "graph 'tiny' has 2 problems:")
    assert "fc1" in result.stderr
    assert "fc2" in result.stderr


def test_synthesis_without_a_board_lists_the_boards(tiny_graph: Graph, tmp_path: Path) -> None:
    out = spikeloom.build(tiny_graph, tmp_path / "out")
    check_user_error(call("synth", out), "was built for no board; choose one with --board: ")


def fake_verification(*, passed: bool) -> SimpleNamespace:
    value = {
        "inferences": 3,
        "spikes_compared": 60,
        "membranes_compared": 60,
        "mismatches": 0 if passed else 1,
        "predictions_equal": 3,
        "accuracy": None,
        "full_accuracy": None,
        "steps": None,
        "cycles_per_inference": {"mean": 40.5, "max": 44},
        "passed": passed,
        "first_mismatches": [] if passed else ["spike of neuron 3 must be 1, not 0"],
    }
    return SimpleNamespace(passed=passed, to_json=lambda: value)


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_exit_code_of_verify_says_whether_it_is_exact(
    out: Path, monkeypatch: pytest.MonkeyPatch, passed: bool, code: int
) -> None:
    result = fake_verification(passed=passed)
    monkeypatch.setattr(_api, "verify", lambda *_args, **_options: result)
    as_json = call("verify", out, "--json")
    assert as_json.exit_code == code
    assert json.loads(as_json.stdout) == result.to_json()
    assert ("check failed" in as_json.stderr) is not passed
    as_table = call("verify", out)
    assert as_table.exit_code == code
    assert ("bit-exact" if passed else "DIFFERENT") in as_table.stdout
    assert ("spike of neuron 3" in as_table.stdout) is not passed


def test_comparison_that_could_not_be_made_is_a_failed_check(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise VerificationError("the simulation died")

    monkeypatch.setattr(_api, "verify", fail)
    result = call("verify", out)
    assert result.exit_code == 1
    assert result.stderr.endswith("check failed: the simulation died\n")


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        ("train", "the last checkpoint is kept; run the same command again"),
        ("build", "nothing was written, an earlier output is untouched"),
        ("verify", "was changed; run the same command again"),
        ("synth", "the boards already finished are kept; run again for the others"),
    ],
)
def test_interruption_says_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, kept: str
) -> None:
    def interrupt(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_api, command, interrupt)
    result = call(command, tmp_path)
    assert result.exit_code == 130
    assert result.stdout == ""
    assert result.stderr.startswith("interrupted: ")
    assert kept in result.stderr


def test_interruption_that_a_part_explains_keeps_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_args: object, **_options: object) -> None:
        error = SpikeloomError("training stopped after epoch 3")
        error.__context__ = KeyboardInterrupt()
        raise error

    monkeypatch.setattr(_api, "train", interrupt)
    result = call("train", tmp_path)
    assert result.exit_code == 130
    assert result.stderr == "interrupted: training stopped after epoch 3\n"


def test_report_before_verification_and_synthesis(out: Path) -> None:
    result = call("report", out, "--json")
    assert result.exit_code == 0, result.stderr
    value = json.loads(result.stdout)
    keys = "name kind engine lanes weight_bits weights lut ff bram cycles spikes synops energy_pj"
    for layer in (*value["layers"], value["total"]):
        assert set(keys.split()) <= set(layer)
        assert layer["lut"] is None
        assert layer["cycles"] is None
        assert layer["energy_pj"] == 0.9 * layer["synops"]
    assert [layer["name"] for layer in value["layers"]] == ["hidden", "output"]
    assert np.isfinite(value["total"]["energy_pj"])
    shown = call("report", out).stdout
    assert "not a measured power" in shown


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "out/a"), "Permission denied: out/a"),
        (OSError("cannot rename"), "cannot rename"),
    ],
)
def test_what_the_system_refuses_is_said_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(_api, "synth", refuse)
    result = call("synth", tmp_path, "--json")
    check_user_error(result, f"error: {said}\n")


def test_number_that_json_has_not_never_reaches_standard_output(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_api, "describe_board", lambda _board: {"clock_mhz": float("nan")})
    result = call("boards", "--json")
    assert result.exit_code != 0
    assert result.stdout == ""
    (out / "verify.json").write_text('{"accuracy": NaN}')
    check_user_error(call("report", out, "--json"), "NaN is no number of JSON); remove it")


def test_synth_prints_an_object_for_one_board_and_a_list_for_several(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def synthesise(_out: Path, *, boards: list[str], **_options: object) -> list[SimpleNamespace]:
        keys = ("lut", "ff", "bram", "dsp", "fmax_mhz", "bitstream", "note")
        values = [{"board": board, **dict.fromkeys(keys)} for board in boards]
        return [SimpleNamespace(to_json=lambda value=value: value) for value in values]

    monkeypatch.setattr(_api, "synth", synthesise)
    one = json.loads(call("synth", out, "--board", "hx8k", "--json").stdout)
    two = json.loads(call("synth", out, "--board", "hx8k", "--board", "ulx3s", "--json").stdout)
    assert one["board"] == "hx8k"
    assert [result["board"] for result in two] == ["hx8k", "ulx3s"]
    assert "a list of objects for several" in " ".join(call("synth", "--help").stdout.split())


def test_help_shows_the_defaults() -> None:
    shown = {name: call(name, "--help").stdout for name in ("train", "build", "synth", "report")}
    defaults = ("runs/NAME", "out/NAME", "that of the", "that of the")
    for name, default in zip(shown, defaults, strict=True):
        assert f"[default: ({default}" in " ".join(shown[name].replace("│", " ").split()), name


def test_python_functions_take_paths_as_text(tiny_graph: Graph, tmp_path: Path) -> None:
    save_graph(tiny_graph, tmp_path / "graph")
    folder = str(tmp_path / "out")
    assert spikeloom.build(str(tmp_path / "graph"), folder) == Path(folder)
    assert spikeloom.report(folder).name == "tiny"
    assert _api.read_manifest(folder).name == "tiny"
    assert _api.read_metrics(folder) == {}
    missing = str(tmp_path / "none")
    for step in (spikeloom.verify, spikeloom.synth, spikeloom.bench, spikeloom.report):
        with pytest.raises(BuildError, match=r"manifest\.json"):
            step(missing)
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        spikeloom.train(missing, out=folder, data_dir=missing)
