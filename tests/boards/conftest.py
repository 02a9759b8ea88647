"""A small network's output folder, around the core of standin.v."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spikeloom.codegen import Manifest, load_manifest

HERE = Path(__file__).parent

# What standin.v adds in its two layers.
HIDDEN = [(37 * n + 11) & 0xFF for n in range(512)]
OUTPUT = [3, 200, 90, 17]


def layer_of(name: str) -> dict[str, Any]:
    """A layer of which the boards want nothing but its name and instances."""
    numbers = dict.fromkeys(("neuron_lanes", "membrane_bits", "neurons"), 1)
    return {"name": name, "shape": [1], "synapses": [], "instances": [f"u_{name}"], **numbers}


def manifest_json(**changes: Any) -> dict[str, Any]:
    """The manifest of the stand-in core, with some keys changed."""
    stream = {"shape": [2, 3, 1], "bits": 5, "lanes": 2, "beats": 3, "frames": 2}
    return {
        "format": 2,
        "spikeloom": "0.1.0",
        "name": "standin",
        "top": "spikeloom_standin",
        "graph_digest": "0123456789abcdef",
        "time_steps": 2,
        "board": "icebreaker",
        "input": {"name": "input", "encoder": "spikes", **stream, "data_bits": 16},
        "output": {"classes": 3, "score_bits": 10, "class_bits": 2},
        "layers": [layer_of("hidden"), layer_of("output")],
        "memories": [{"owner": "hidden", "holds": "tables", "words": 512, "bits": 8}],
        "sources": ["rtl/standin.v"],
        "files": {},
        **changes,
    }


def write_standin(out: Path, **changes: Any) -> Path:
    """Write an output folder around standin.v."""
    (out / "mem").mkdir(parents=True)
    (out / "rtl").mkdir()
    for name, table in {"hidden": HIDDEN, "output": OUTPUT}.items():
        text = "".join(f"{entry:02x}\n" for entry in table)
        (out / "mem" / f"{name}.mem").write_text(text, encoding="utf-8")
    source = (HERE / "standin.v").read_text(encoding="utf-8")
    (out / "rtl" / "standin.v").write_text(source, encoding="utf-8")
    (out / "manifest.json").write_text(json.dumps(manifest_json(**changes)), encoding="utf-8")
    return out


@pytest.fixture
def standin(tmp_path: Path) -> Callable[..., Path]:
    """Write an output folder, with some keys of its manifest changed."""
    return lambda **changes: write_standin(tmp_path / "out", **changes)


@pytest.fixture
def manifest_with(tmp_path: Path) -> Callable[..., Manifest]:
    """Return the manifest of the stand-in core, with some keys changed."""

    def build(**changes: Any) -> Manifest:
        text = json.dumps(manifest_json(**changes))
        (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
        return load_manifest(tmp_path)

    return build


@pytest.fixture
def manifest(manifest_with: Callable[..., Manifest]) -> Manifest:
    """The manifest of the stand-in core."""
    return manifest_with()


@pytest.fixture(scope="module")
def shared_standin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder that the tests of a module share."""
    return write_standin(tmp_path_factory.mktemp("standin") / "out")
