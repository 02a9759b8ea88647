"""Output folders: complete, repeatable, written as a whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import spikeloom
from spikeloom._vectors import Vectors
from spikeloom.codegen import BuildOptions, LayerOptions
from spikeloom.ir import (
    BuildError,
    ConfigError,
    DataError,
    Executor,
    Graph,
    graph_digest,
    load_graph,
    save_graph,
)


def contents(folder: Path) -> dict[str, bytes]:
    """Content by path of every file below `folder`."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(files)}


@pytest.fixture
def run(tiny_graph: Graph, tmp_path: Path) -> Path:
    """A run folder as training leaves it."""
    folder = tmp_path / "runs" / "tiny"
    save_graph(tiny_graph, folder)
    inputs = np.random.default_rng(3).integers(0, 8, (20, 6)).astype(np.uint8)
    predictions = Executor(tiny_graph).run(inputs).predictions
    (folder / "test.npz").write_bytes(Vectors(inputs, predictions, predictions).to_npz())
    (folder / "config.toml").write_text("[hardware.layers.hidden]\nlanes = 1\n")
    (folder / "metrics.json").write_text("{}\n")
    return folder


def test_manifest_has_the_digest_of_every_file(run: Path, tmp_path: Path) -> None:
    out = spikeloom.build(run, tmp_path / "out", board="ulx3s")
    files = contents(out)
    manifest = json.loads(files.pop("manifest.json"))
    digests = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    assert manifest["files"] == digests
    assert manifest["board"] == "ulx3s"
    assert manifest["graph_digest"] == graph_digest(load_graph(run))
    assert set(manifest["sources"]) <= set(files)
    for path in ("Makefile", "README.md", "graph/graph.json", "vectors/test.npz"):
        assert path in files


def test_test_set_of_the_run_is_taken_along(run: Path, tmp_path: Path) -> None:
    out = spikeloom.build(run, tmp_path / "out")
    assert (out / "vectors" / "test.npz").read_bytes() == (run / "test.npz").read_bytes()


def test_hardware_table_of_the_run_is_the_default(run: Path, tmp_path: Path) -> None:
    def hidden_lanes(options: BuildOptions | None) -> int:
        out = spikeloom.build(run, tmp_path / "out", options=options)
        lanes = json.loads((out / "manifest.json").read_text())["layers"][0]["synapses"][0]["lanes"]
        assert isinstance(lanes, int)
        return lanes

    assert hidden_lanes(None) == 1
    assert hidden_lanes(BuildOptions(layers={"hidden": LayerOptions(lanes=5)})) == 5


def test_build_that_changes_nothing_keeps_the_results(run: Path, tmp_path: Path) -> None:
    out = spikeloom.build(run, tmp_path / "out")
    (out / "verify.json").write_text("{}")
    spikeloom.build(run, out)
    assert (out / "verify.json").is_file()
    (out / "mem").rename(out / "memory")
    spikeloom.build(run, out)
    assert (out / "mem").is_dir()
    assert not (out / "verify.json").exists()


@pytest.mark.parametrize("form", ["memory", "folder", "json"])
def test_graph_alone_is_built(tiny_graph: Graph, tmp_path: Path, form: str) -> None:
    folder = tmp_path / "graph"
    save_graph(tiny_graph, folder)
    sources: dict[str, Path | Graph] = {
        "memory": tiny_graph,
        "folder": folder,
        "json": folder / "graph.json",
    }
    out = spikeloom.build(sources[form], tmp_path / "out")
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["board"] is None
    with np.load(out / "vectors" / "test.npz") as archive:
        assert archive.files == ["inputs"]


def test_default_folder_is_named_after_the_graph(
    tiny_graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert spikeloom.build(tiny_graph) == Path("out/tiny")
    assert (tmp_path / "out" / "tiny" / "manifest.json").is_file()


def test_generated_texts_name_no_place_and_no_time(run: Path, tmp_path: Path) -> None:
    out = spikeloom.build(run, tmp_path / "out", board="icebreaker")
    for path, content in contents(out).items():
        assert str(tmp_path).encode() not in content, path
        assert sys.prefix.encode() not in content, path


BUILD_SCRIPT = """
import sys
from pathlib import Path
import spikeloom
spikeloom.build(Path(sys.argv[1]), Path(sys.argv[2]), board="ulx3s")
heavy = sorted({"torch", "brevitas", "sklearn"} & set(sys.modules))
assert not heavy, heavy
"""


def test_builds_under_two_hash_seeds_are_the_same_bytes(run: Path, tmp_path: Path) -> None:
    built = []
    for seed in ("1", "2"):
        out = tmp_path / f"out{seed}"
        command = [sys.executable, "-c", BUILD_SCRIPT, str(run), str(out)]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run(command, env=environment, check=True)
        built.append(contents(out))
    assert built[0] == built[1]


@pytest.mark.parametrize("at", [1, 5])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_failed_build_leaves_the_old_output(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException
) -> None:
    out = spikeloom.build(run, tmp_path / "outs" / "a")
    before = contents(out)
    real, calls = Path.write_bytes, 0

    def write(path: Path, data: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls == at:
            raise error
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", write)
    expected = BuildError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        spikeloom.build(run, out, board="ulx3s")
    assert contents(out) == before
    assert list(out.parent.iterdir()) == [out]


def test_source_that_does_not_exist_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing does not exist; it must be a run of"):
        spikeloom.build(tmp_path / "nothing", tmp_path / "out")


@pytest.mark.parametrize("missing", ["graph.json", "test.npz", "metrics.json"])
def test_unfinished_run_is_said(run: Path, tmp_path: Path, missing: str) -> None:
    (run / missing).unlink()
    with pytest.raises(DataError, match=rf"is not finished \({missing} missing\); run `spikeloom"):
        spikeloom.build(run, tmp_path / "out")


def test_truncated_graph_is_said(run: Path, tmp_path: Path) -> None:
    path = run / "graph.json"
    path.write_text(path.read_text()[:100])
    with pytest.raises(DataError, match=r"graph\.json must be a JSON file, but is truncated"):
        spikeloom.build(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_unknown_board_is_said_with_the_nearest(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"not 'ulx3'; did you mean 'ulx3s'\?$"):
        spikeloom.build(run, tmp_path / "out", board="ulx3")


def test_unknown_layer_is_said_with_the_nearest(run: Path, tmp_path: Path) -> None:
    options = BuildOptions(layers={"hiden": LayerOptions(lanes=1)})
    with pytest.raises(
        ConfigError, match=r"^layer or synapse 'hiden' is unknown; did you mean 'hidden'\?$"
    ):
        spikeloom.build(run, tmp_path / "out", options=options)


def test_folder_of_somebody_else_is_kept(run: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "a.tex").write_text("text")
    with pytest.raises(BuildError, match="exists and is not a Spikeloom output"):
        spikeloom.build(run, tmp_path / "thesis")
    assert contents(tmp_path / "thesis") == {"a.tex": b"text"}
