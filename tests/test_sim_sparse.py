"""Sparse weights in simulation: bit-exact, and in as many clock cycles as estimated."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cycle_checks import cycles_of, differences

import spikeloom
from spikeloom.codegen import BuildOptions, LayerOptions, load_manifest
from spikeloom.ir import (
    Conv2d,
    Dense,
    Early,
    Encoder,
    Graph,
    Input,
    IntArray,
    Leak,
    Neurons,
    Readout,
    SumPool2d,
)
from spikeloom.sim import lint, verify


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A convolution (without a kernel a dense layer), and a dense layer behind it, all sparse.

    `kept` is the share of words of `lanes` weights that hold any, in either layer.
    """

    outputs: int
    lanes: int
    kept: tuple[float, float] = (0.3, 0.2)
    shape: tuple[int, int, int] = (2, 6, 5)
    bits: int = 1
    encoder: Encoder = Encoder.SPIKES
    pool: tuple[int, int] = (1, 1)
    kernel: tuple[int, int] | None = None
    conv: dict[str, Any] = field(default_factory=dict)
    buffers: int | None = None
    early: Early | None = None
    silent: int = 0  # input channels without any weight

    def graph(self) -> Graph:
        rng = np.random.default_rng(7)
        channels, height, width = self.shape
        nodes: list[Any] = [
            Input(name="pixels", shape=self.shape, bits=self.bits, encoder=self.encoder)
        ]
        if self.pool != (1, 1):
            nodes.append(SumPool2d(name="pool", source="pixels", kernel=self.pool))
            height, width = height // self.pool[0], width // self.pool[1]
        groups = self.conv.get("groups", 1)
        size = (channels // groups, *self.kernel) if self.kernel else (channels, height, width)
        weight = _weights(rng, (self.outputs, *size), self.lanes, self.kept[0])
        weight[:, size[0] - self.silent :] = 0
        first: dict[str, Any] = {"name": "first", "source": nodes[-1].name, "weight_bits": 4}
        if self.kernel:
            nodes.append(Conv2d(weight=weight, **first, **self.conv))
        else:
            nodes.append(Dense(weight=weight.reshape(self.outputs, -1), **first))
        nodes.append(
            Neurons(name="hidden", source="first", threshold=np.array(4), leak=Leak.shift(2))
        )
        inputs = int(np.prod(spikeloom.ir.infer_shapes(_closed(nodes))["hidden"]))
        last = _weights(rng, (6, inputs), 2, self.kept[1])
        nodes.append(Dense(name="last", source="hidden", weight=last, weight_bits=4))
        nodes.append(Neurons(name="output", source="last", threshold=np.array(3)))
        readout = Readout(name="classes", source="output", early=self.early)
        return Graph.of("sparse", 4, [*nodes, readout])

    def options(self, *, sparse: bool | None = True) -> BuildOptions:
        first = LayerOptions(lanes=self.lanes, sparse=sparse, current_buffers=self.buffers)
        last = LayerOptions(lanes=2, sparse=sparse)
        return BuildOptions(layers={"first": first, "last": last})


def _closed(nodes: list[Any]) -> Graph:
    return Graph.of("part", 1, [*nodes, Readout(name="classes", source=nodes[-1].name)])


def _weights(rng: np.random.Generator, shape: tuple[int, ...], lanes: int, kept: float) -> IntArray:
    words = rng.random((shape[0] // lanes, *shape[1:])) < kept
    return np.asarray(rng.integers(-7, 8, shape) * words.repeat(lanes, axis=0), np.int64)


_DENSE = Network(outputs=16, lanes=2)
_CONV = Network(outputs=8, lanes=2, kernel=(3, 3), conv={"padding": (1, 1)})
NETWORKS = {
    "dense": _DENSE,
    "dense_one_word": replace(_DENSE, lanes=16),
    "dense_empty": replace(_DENSE, kept=(0.0, 0.3)),
    "dense_full": replace(_DENSE, kept=(1.0, 1.0), buffers=2),
    "dense_pixels": replace(_DENSE, encoder=Encoder.DIRECT, bits=4, lanes=4, buffers=2),
    "dense_rate": replace(_DENSE, encoder=Encoder.RATE, bits=5, kept=(0.1, 0.5)),
    "dense_pool": replace(_DENSE, pool=(2, 2)),
    "conv": _CONV,
    "conv_stride": replace(_CONV, conv={"stride": (2, 1), "padding": (1, 0)}, buffers=2),
    "conv_dilated": replace(_CONV, conv={"dilation": (2, 1), "stride": (1, 2)}, kept=(0.5, 0.1)),
    "conv_groups": replace(_CONV, conv={"groups": 2, "padding": (1, 1)}, kept=(0.6, 0.3)),
    "conv_pool": replace(_CONV, pool=(2, 1), conv={"padding": (1, 1)}, shape=(3, 7, 5)),
    "conv_pixels": replace(_CONV, encoder=Encoder.DIRECT, bits=3, lanes=1),
    "conv_empty": replace(_CONV, kept=(0.0, 0.0)),
    # The last event of a step reaches nothing: neither do the channels that come last.
    "conv_silent": replace(_CONV, shape=(4, 5, 5), silent=2, kept=(0.9, 0.9)),
    "conv_early": replace(_CONV, early=1),
}


@pytest.fixture
def tools(need: Callable[[str], None]) -> None:
    for tool in ("g++", "make", "verilator"):
        need(tool)


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("name", NETWORKS)
def test_sparse_network_is_bit_exact(name: str, tmp_path: Path) -> None:
    graph, options = NETWORKS[name].graph(), NETWORKS[name].options()
    out = spikeloom.build(graph, tmp_path / "out", options=options)
    design = load_manifest(out)
    assert all(view.words for layer in design.layers for view in layer.synapses)
    assert (out / "mem/first_sparse.mem").is_file()
    assert (out / "mem/last_sparse.mem").is_file()
    assert lint(design.sources, top=design.top, cwd=out) == []
    result = verify(out, probe=True)
    assert [str(mismatch) for mismatch in result.first_mismatches] == []
    assert result.mismatches == 0
    assert result.spikes_compared == result.membranes_compared > 0
    assert differences(cycles_of(graph, options, out), result) == []


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("damaged", ["sparse", "offsets", "weights_0"])
def test_a_wrong_entry_of_a_table_is_caught(damaged: str, tmp_path: Path) -> None:
    out = spikeloom.build(_CONV.graph(), tmp_path / "out", options=_CONV.options())
    memory = out / f"mem/first_{damaged}.mem"
    lines = memory.read_text().splitlines()
    memory.write_text("\n".join([lines[-1], *lines[:-1]]) + "\n")
    assert not verify(out, probe=True).passed


@pytest.mark.usefixtures("tools")
def test_a_loop_that_goes_on_is_caught(tmp_path: Path) -> None:
    out = spikeloom.build(_CONV.graph(), tmp_path / "out", options=_CONV.options())
    source = out / "rtl/spikeloom_sparse_rows.v"
    text = source.read_text()
    assert text.count("(left_q == 2)") == 1
    source.write_text(text.replace("(left_q == 2)", "(left_q == 1)"))
    assert not verify(out, probe=True).passed


@pytest.mark.usefixtures("tools")
def test_a_wrong_number_of_words_is_seen_in_the_cycles(tmp_path: Path) -> None:
    graph, options = _CONV.graph(), _CONV.options()
    out = spikeloom.build(graph, tmp_path / "out", options=options)
    result = verify(out, probe=True)
    others = _CONV.options(sparse=False)
    assert differences(cycles_of(graph, others, out), result) != []
    shutil.rmtree(out)
