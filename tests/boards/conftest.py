"""A small network's output folder, around the core of standin.v."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
BEATS, FRAMES, CLASSES = 3, 2, 3


def layer_of(name: str) -> dict[str, Any]:
    """A layer of which the boards want nothing but its name and instance."""
    numbers = (
        "lanes",
        "event_ports",
        "neuron_lanes",
        "weight_bits",
        "weights",
        "current_bits",
        "membrane_bits",
        "neurons",
    )
    texts = {"synapse": "fc", "kind": "dense", "engine": "event", "instance": f"u_{name}"}
    return {"name": name, "shape": [1], **texts, **dict.fromkeys(numbers, 1)}


def manifest_of(**changes: Any) -> dict[str, Any]:
    """The manifest of the stand-in core, with some keys changed."""
    stream = {"shape": [3, 2, 1], "bits": 5, "lanes": 2, "beats": BEATS, "frames": FRAMES}
    return {
        "format": 1,
        "spikeloom": "0.1.0",
        "name": "standin",
        "top": "spikeloom_standin",
        "graph_digest": "0123456789abcdef",
        "time_steps": FRAMES,
        "board": "icebreaker",
        "input": {"name": "input", "encoder": "spikes", **stream, "data_bits": 16},
        "output": {"classes": CLASSES, "score_bits": 10, "class_bits": 2},
        "layers": [
            layer_of("hidden"),
            layer_of("output"),
        ],
        "files": {},
        "sources": ["rtl/standin.v"],
        **changes,
    }


def hidden_table() -> list[int]:
    return [(37 * n + 11) & 0xFF for n in range(512)]


def output_table() -> list[int]:
    return [3, 200, 90, 17]


def write_standin(out: Path, **changes: Any) -> Path:
    """Write an output folder around standin.v."""
    tables = {"hidden": hidden_table(), "output": output_table()}
    (out / "mem").mkdir(parents=True)
    (out / "rtl").mkdir()
    for name, table in tables.items():
        (out / "mem" / f"{name}.mem").write_text("".join(f"{entry:02x}\n" for entry in table))
    (out / "rtl" / "standin.v").write_text((HERE / "standin.v").read_text())
    (out / "manifest.json").write_text(json.dumps(manifest_of(**changes)))
    return out


@pytest.fixture
def manifest() -> dict[str, Any]:
    return manifest_of()


@pytest.fixture
def standin(tmp_path: Path) -> Callable[..., Path]:
    """Write an output folder, with some keys of its manifest changed."""
    return lambda **changes: write_standin(tmp_path / "out", **changes)
