"""Products of spikes and currents, and maps over positions."""

from __future__ import annotations

import math

import numpy as np
import torch

from spikeloom.ir import Graph, Neurons, Product, TokenMix
from spikeloom.model import (
    ConcatLayer,
    ConvLayer,
    DenseLayer,
    LayerConfig,
    MixLayer,
    Network,
    NetworkConfig,
    NeuronConfig,
    ProductLayer,
    export,
)
from spikeloom.model._blocks import Value
from spikeloom.model._currents import SMALLEST_RATE, ProductBlock
from spikeloom.model._flow import Flow
from spikeloom.model._neuron import IF
from spikeloom.model._synapse import MixSynapse

LIF = NeuronConfig(leak=1)


def _exported(*layers: LayerConfig) -> Graph:
    config = NetworkConfig(layers=layers, time_steps=3)
    network = Network(config, shape=(2, 6, 6), input_bits=4)
    generator = torch.Generator().manual_seed(0)
    network.logits(torch.randint(0, 16, (8, 2, 6, 6), generator=generator))
    return export(network)


def _product(heads: int, *, transposed: bool) -> ProductBlock:
    channels = 4 if transposed else heads * 3
    return ProductBlock(
        name="gate",
        sources=("x", "f"),
        flow=Flow((heads * 3 if transposed else 4, 2, 2)),
        time_steps=2,
        neuron=IF(lattice=True),
        heads=heads,
        terms=channels // heads,
        transposed=transposed,
    )


def test_products_are_the_sums_of_the_document() -> None:
    """Every sum written out, for weights `[B, 1, 3]` of three positions."""
    torch.manual_seed(0)
    for heads, transposed in ((1, False), (2, False), (1, True), (2, True)):
        block = _product(heads, transposed=transposed)
        x = torch.randint(0, 2, (5, 4 if transposed else 3 * heads, 2, 2)).float()
        f = torch.randint(-7, 8, (5, 4, 1, 3)).float()
        found = block._gate(x, f)
        part = 4 // heads
        for head in range(heads):
            own = f[:, head * part : (head + 1) * part].flatten(2)
            if transposed:
                expected = torch.einsum(
                    "nkj,nkyx->njyx", own, x[:, head * part : (head + 1) * part]
                )
                assert (found[:, head * 3 : (head + 1) * 3] == expected).all()
            else:
                expected = torch.einsum("nkj,njyx->nkyx", own, x[:, head * 3 : (head + 1) * 3])
                assert (found[:, head * part : (head + 1) * part] == expected).all()


def test_rates_are_tracked_by_head_and_silent_heads_have_a_floor() -> None:
    block = _product(2, transposed=True)
    x = torch.zeros(2, 5, 4, 2, 2)
    x[:, :, :2, 0] = 1.0  # the first head fires at one half, the second never
    f = torch.randint(-7, 8, (2, 5, 4, 1, 3)).float()
    block(Value(x, 1.0), Value(f, 0.25))
    assert block.norm.rate.tolist() == [0.5, 0.0]
    thresholds = block.threshold([1.0, 0.25])
    expected = [math.sqrt(rate * 2) / 0.25 for rate in (0.5, SMALLEST_RATE)]
    assert thresholds.tolist() == [max(round(e), 1) for e in expected for _ in range(3)]
    block(Value(torch.ones_like(x), 1.0), Value(f, 0.25))
    torch.testing.assert_close(block.norm.rate, torch.tensor([0.5005, 0.001]))
    block.eval()(Value(x, 1.0), Value(f, 0.25))
    torch.testing.assert_close(block.norm.rate, torch.tensor([0.5005, 0.001]))
    counts = _product(1, transposed=True)
    counts(Value(2.0 * torch.ones_like(x), 0.5), Value(f, 0.25))
    assert counts.norm.rate.tolist() == [1.0]  # the mean square of real values


def test_attention_is_exported_as_products() -> None:
    graph = _exported(
        ConvLayer(name="x", channels=4, kernel=(1, 1), neuron=LIF),
        ConvLayer(
            name="keys",
            channels=4,
            stride=(3, 3),
            batch_norm=True,
            neuron=NeuronConfig(kind="none"),
        ),
        ProductLayer(name="map", source="x", weights="keys", heads=2, transposed=True, neuron=LIF),
        DenseLayer(features=3),
    )
    product, neurons = graph.node("map_synapse"), graph.node("map")
    assert isinstance(product, Product)
    assert (product.source, product.weights, product.heads, product.transposed) == (
        "x",
        "keys",
        2,
        True,
    )
    assert isinstance(neurons, Neurons)
    assert neurons.threshold is not None
    assert neurons.threshold.shape == (8,)
    assert (neurons.threshold[:4] == neurons.threshold[0]).all()


def test_thresholds_of_a_mixing_vary_by_position() -> None:
    graph = _exported(
        ConvLayer(name="a", channels=4, kernel=(1, 1), batch_norm=True, neuron=LIF),
        MixLayer(name="rows", source="a", axis="rows", weight_bits=8, batch_norm=True, neuron=LIF),
        MixLayer(name="columns", source="a", axis="columns", batch_norm=True, neuron=LIF),
        MixLayer(name="tokens", source="a", axis="tokens", neuron=LIF),
        ConcatLayer(name="all", sources=("rows", "columns", "tokens")),
        DenseLayer(features=3),
    )
    rows, columns, tokens = (graph.node(name) for name in ("rows", "columns", "tokens"))
    assert isinstance(rows, Neurons)
    assert isinstance(columns, Neurons)
    assert isinstance(tokens, Neurons)
    assert rows.threshold is not None
    assert columns.threshold is not None
    assert tokens.threshold is not None
    assert rows.threshold.shape == columns.threshold.shape == tokens.bias.shape == (4, 6, 6)
    assert (rows.threshold == rows.threshold[:1, :, :1]).all()
    assert (columns.threshold == columns.threshold[:1, :1]).all()
    assert len(np.unique(rows.threshold)) > 1
    assert tokens.threshold.shape == ()
    assert isinstance(graph.node("tokens_synapse"), TokenMix)


def test_mix_synapses_run_along_their_axis() -> None:
    x = torch.randint(0, 2, (3, 2, 4, 5)).float()
    for axis, equation, count in (("rows", "yj,ncjx->ncyx", 4), ("columns", "xj,ncyj->ncyx", 5)):
        synapse = MixSynapse("m", axis, (4, 5), weight_bits=4)  # type: ignore[arg-type]  # a str
        weight = torch.randint(-7, 8, (count, count)).float()
        assert (synapse(x, weight) == torch.einsum(equation, weight, x)).all()
    synapse = MixSynapse("m", "tokens", (4, 5), weight_bits=4)  # type: ignore[arg-type]  # a str
    weight = torch.randint(-7, 8, (20, 20)).float()
    expected = torch.einsum("yj,ncj->ncy", weight, x.flatten(2)).view_as(x)
    assert (synapse(x, weight) == expected).all()
