"""The report: what is known so far, from the results that earlier steps left."""

from __future__ import annotations

import errno
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

import spikeloom
from spikeloom import _activity, _report
from spikeloom._tables import of_report
from spikeloom.boards import REST, Resources
from spikeloom.ir import BuildError, ConfigError, DataError, Graph, load_graph, measure_activity


def used(lut: int) -> Resources:
    return Resources(lut=lut, ff=2 * lut, bram=1, dsp=0, spram=0)


@pytest.fixture
def out(tiny_graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build whose layers are as large as the test says."""
    logic = {"hidden": used(100), "output": used(50), REST: used(10)}
    monkeypatch.setattr(_report, "layer_resources", lambda *_args, **_options: logic)
    return spikeloom.build(tiny_graph, tmp_path / "out", board="ulx3s")


def synthesised(out: Path, board: str, lut: int = 500) -> None:
    """Leave a synthesis result as `synth` does."""
    result = {"board": board, "lut": lut, "ff": 700, "bram": 4}
    (out / f"synth-{board}.json").write_text(json.dumps(result))


def test_build_alone_knows_weights_memory_and_activity(out: Path, tiny_graph: Graph) -> None:
    report = spikeloom.report(out)
    assert report.board is None
    assert report.rest is None
    hidden, output = report.layers
    assert (hidden.name, hidden.kind, hidden.engine) == ("hidden", "dense", "event")
    assert (hidden.weights, hidden.weight_bits) == (30, 4)
    manifest = json.loads((out / "manifest.json").read_text())
    membranes = [layer["membrane_bits"] for layer in manifest["layers"]]
    assert hidden.weight_and_membrane_bits == 30 * 4 + 5 * membranes[0]
    assert output.weight_and_membrane_bits == 15 * 3 + 3 * membranes[1]
    both = hidden.weight_and_membrane_bits + output.weight_and_membrane_bits
    assert report.total.weight_and_membrane_bits == both
    assert (hidden.lut, report.total.lut, hidden.cycles, report.total.cycles) == (None,) * 4

    from spikeloom._vectors import read_vectors

    vectors = read_vectors(out / "vectors" / "test.npz", load_graph(out / "graph"))
    expected = measure_activity(tiny_graph, vectors.inputs)
    assert hidden.spikes == expected["hidden"].spikes
    assert output.synops == expected["output"].synops
    assert hidden.energy_pj == 0.9 * hidden.synops
    assert report.total.energy_pj == 0.9 * (hidden.synops + output.synops)


def test_notes_say_what_memory_and_energy_leave_out(out: Path) -> None:
    report = spikeloom.report(out)
    assert report.to_json()["energy_note"].endswith("neuron updates are not counted.")
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(of_report(report))
    shown = console.export_text()
    assert "neuron updates are not counted" in shown
    assert "Memory bits: weights and membranes; queues, tables and weights that are" in shown


def test_verification_adds_cycles(out: Path) -> None:
    cycles = {"mean": 59.5, "max": 75}
    (out / "verify.json").write_text(json.dumps({"cycles_per_inference": cycles}))
    report = spikeloom.report(out)
    assert report.total.cycles == 59.5
    assert report.layers[0].cycles is None


def test_cycles_of_each_layer_are_shown_where_they_were_counted(out: Path) -> None:
    result = {"cycles_per_inference": {"mean": 59.5}, "layer_cycles": {"hidden": 40.0}}
    (out / "verify.json").write_text(json.dumps(result))
    assert [layer.cycles for layer in spikeloom.report(out).layers] == [40.0, None]


def test_synthesis_adds_logic(out: Path) -> None:
    synthesised(out, "ulx3s")
    report = spikeloom.report(out)
    assert report.board == "ulx3s"
    assert [(layer.lut, layer.ff, layer.bram) for layer in report.layers] == [
        (100, 200, 1),
        (50, 100, 1),
    ]
    assert report.rest == used(10)
    assert (report.total.lut, report.total.ff, report.total.bram) == (500, 700, 4)
    assert report.to_json()["rest"]["lut"] == 10


def test_board_of_the_build_comes_first_then_any_that_is_there(out: Path) -> None:
    synthesised(out, "icebreaker", lut=300)
    synthesised(out, "ulx3s-core", lut=1)
    assert spikeloom.report(out).board == "icebreaker"
    synthesised(out, "ulx3s")
    assert spikeloom.report(out).board == "ulx3s"
    assert spikeloom.report(out, board="icebreaker").total.lut == 300


def test_board_that_was_not_synthesised_is_said(out: Path) -> None:
    message = (
        r"was synthesised for \(none yet\), not 'hx8k'; run `spikeloom synth .* --board hx8k`$"
    )
    with pytest.raises(ConfigError, match=message):
        spikeloom.report(out, board="hx8k")


def test_activity_is_measured_once(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = spikeloom.report(out)
    monkeypatch.setattr(_activity, "measure_activity", None)
    assert spikeloom.report(out) == first


def test_activity_of_another_build_is_measured_again(out: Path) -> None:
    first = spikeloom.report(out)
    stale = json.loads((out / "activity.json").read_text())
    stale["key"] = "another graph:other vectors"
    stale["layers"]["hidden"]["synops"] = 0.0
    (out / "activity.json").write_text(json.dumps(stale))
    assert spikeloom.report(out) == first


def test_full_disk_is_said(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    before = sorted(out.iterdir())
    with pytest.raises(
        BuildError, match=r"activity\.json: No space left on device; free some space, "
    ):
        spikeloom.report(out)
    assert sorted(out.iterdir()) == before


@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_damaged_result_is_said(out: Path, text: str) -> None:
    (out / "verify.json").write_text(text)
    with pytest.raises(DataError, match=r"verify\.json .*; remove it and run again$"):
        spikeloom.report(out)


def test_cycles_of_a_design_that_failed_are_marked(out: Path) -> None:
    failed = {"cycles_per_inference": {"mean": 59.5}, "passed": False}
    (out / "verify.json").write_text(json.dumps(failed))
    report = spikeloom.report(out)
    assert report.to_json()["verified"] is False
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(of_report(report))
    assert "The last `spikeloom verify` failed" in console.export_text()
