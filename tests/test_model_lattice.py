"""Currents that several layers share: powers of two, batch norm in the weights, exact sums."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # its usual name

from spikeloom.ir import (
    Add,
    Concat,
    Conv2d,
    Dense,
    Encoder,
    Graph,
    GraphError,
    Input,
    Neurons,
    Readout,
    as_integers,
)
from spikeloom.model import (
    AddLayer,
    ConcatLayer,
    ConvLayer,
    DelayLayer,
    DenseLayer,
    LayerConfig,
    Network,
    NetworkConfig,
    NeuronConfig,
    NeuronsLayer,
    PoolLayer,
    export,
)
from spikeloom.model._blocks import Value
from spikeloom.model._currents import CurrentLayer
from spikeloom.model._exact import check_exact
from spikeloom.model._flow import aligned
from spikeloom.model._quantiser import FINEST_UNIT, LatticeWeights, RoundedWeights
from spikeloom.model._synapse import DenseSynapse

SHAPE = (2, 6, 6)
NONE = NeuronConfig(kind="none")
LIF = NeuronConfig(leak=1)


def _bare(name: str, source: str, **options: object) -> ConvLayer:
    given = {"channels": 4, "kernel": (1, 1), "neuron": NONE, "batch_norm": True, **options}
    return ConvLayer(name=name, source=source, **given)  # type: ignore[arg-type]  # what a test needs


def _network(*layers: LayerConfig) -> Network:
    config = NetworkConfig(layers=layers, time_steps=3)
    return Network(config, shape=SHAPE, input_bits=4)


def _inputs(count: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 16, (count, *SHAPE), generator=generator)


def _current_layer(network: Network, name: str) -> CurrentLayer:
    (block,) = (block for block in network.blocks if block.name == name)
    assert isinstance(block, CurrentLayer)
    return block


@pytest.mark.parametrize("bits", range(2, 9))
def test_scales_are_the_nearest_powers_of_two(bits: int) -> None:
    torch.manual_seed(bits)
    for size in (3e-3, 0.1, 1.0, 7.0):
        weight = size * torch.randn(20, 30)
        codes, scale = LatticeWeights(bits, False).codes(weight)
        free = RoundedWeights(bits, False).scale(weight)
        assert float(scale) == 2.0 ** max(round(math.log2(float(free))), -12)
        assert (
            codes == (weight / scale).round().clamp(1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1)
        ).all()
    assert float(LatticeWeights(bits, False).scale(torch.zeros(3, 3))) == FINEST_UNIT


def test_folded_codes_are_what_brevitas_states() -> None:
    network = _network(_bare("bare", "input"), NeuronsLayer(neuron=LIF), DenseLayer(features=3))
    network.logits(_inputs())
    network.eval()
    layer = _current_layer(network, "bare")
    assert layer.norm is not None
    with torch.no_grad():
        layer.norm.gamma.copy_(torch.tensor([1.0, -0.5, 0.01, 2.0]))
    node = export(network).node("bare_synapse")
    assert isinstance(node, Conv2d)
    assert (
        layer.synapse.integer_weight(layer.synapse.scaled(layer.norm.factor())) == node.weight
    ).all()
    assert (np.sign(node.weight[1]) == -np.sign(layer.synapse.weight[1].detach().numpy())).any()


def test_first_batch_is_batch_norm_in_float_arithmetic() -> None:
    network = _network(
        _bare("bare", "input"), NeuronsLayer(neuron=LIF), DenseLayer(features=3)
    ).double()
    network.use("float")
    layer = _current_layer(network, "bare")
    assert layer.norm is not None
    with torch.no_grad():
        layer.norm.gamma.uniform_(-2.0, 2.0)
        layer.norm.beta.normal_()
    x = _inputs().double()
    expected = F.batch_norm(
        F.conv2d(x / 15.0, layer.synapse.weight),
        None,
        None,
        layer.norm.gamma,
        layer.norm.beta,
        training=True,
        eps=1e-5,
    )
    value = layer(Value(x.unsqueeze(0), 1.0 / 15.0))
    torch.testing.assert_close(value.data[0], expected)
    assert value.unit == 1.0
    torch.testing.assert_close(layer.eval()(Value(x.unsqueeze(0), 1.0 / 15.0)).data[0], expected)


def test_statistics_follow_before_they_are_used_and_take_no_gradient() -> None:
    network = _network(_bare("bare", "input"), NeuronsLayer(neuron=LIF), DenseLayer(features=3))
    layer = _current_layer(network, "bare")
    assert layer.norm is not None
    assert layer.norm.is_fresh
    weight = layer.synapse.scaled(None).detach()
    variances = []
    for seed in range(2):
        x = _inputs(6 + seed).float()
        variances.append(F.conv2d(x, weight).var((0, 2, 3), correction=0))
        value = layer(Value(x.unsqueeze(0), 1.0 / 15.0))
    expected = variances[0].lerp(variances[1], 0.1)
    torch.testing.assert_close(layer.norm.running_variance, expected)
    assert not layer.norm.is_fresh
    (grad,) = torch.autograd.grad(value.data.square().sum(), layer.norm.gamma)
    assert grad.abs().min() > 0
    integers = value.data.detach()
    assert (integers == integers.round()).all()


def _ends(*layers: LayerConfig) -> tuple[LayerConfig, ...]:
    return (*layers, NeuronsLayer(name="end", neuron=LIF), DenseLayer(name="last", features=3))


def _exported(*layers: LayerConfig) -> Graph:
    network = _network(*layers)
    for _ in range(2):
        network.logits(_inputs())
    return export(network)


def test_bias_joins_the_only_sum_that_reads_the_current() -> None:
    graph = _exported(
        *_ends(
            _bare("stem", "input", kernel=(3, 3), padding=(1, 1)),
            NeuronsLayer(name="a", neuron=LIF),
            _bare("merged", "a"),
            _bare("plain", "a", batch_norm=False),
            AddLayer(name="sum", sources=("merged", "plain", "stem")),
        )
    )
    names = [node.name for node in graph.nodes]
    assert names[1:8] == ["stem_synapse", "stem", "a", "merged", "plain", "sum", "end"]
    stem, total = graph.node("stem"), graph.node("sum")
    assert isinstance(stem, Add)
    assert isinstance(total, Add)
    assert stem.sources == ("stem_synapse",)
    assert stem.bias.shape == total.bias.shape == (4,)
    assert (total.bias != 0).any()
    assert min(total.shifts) == 0


def test_bias_that_is_added_twice_counts_twice() -> None:
    layers = _ends(
        _bare("stem", "input", kernel=(3, 3), padding=(1, 1)),
        AddLayer(name="sum", sources=("stem", "stem")),
    )
    graph = _exported(*layers)
    assert graph.nodes[2].name == "stem"  # a node of its own, as two read it
    total = graph.node("sum")
    assert isinstance(total, Add)
    assert not total.bias.any()


def test_concatenation_shifts_the_coarser_sources() -> None:
    graph = _exported(
        *_ends(
            _bare("coarse", "input", weight_bits=2),
            _bare("fine", "input", weight_bits=8),
            ConcatLayer(name="both", sources=("coarse", "fine")),
        )
    )
    shifted, both = graph.node("both_source0"), graph.node("both")
    assert isinstance(shifted, Add)
    assert isinstance(both, Concat)
    assert both.sources == ("both_source0", "fine")
    assert shifted.sources == ("coarse",)
    assert shifted.shifts[0] >= 4
    assert aligned([2.0**-3, 2.0**-6, 1.0 / 9.0]) == ([3, 0, 3], 2.0**-6)
    assert aligned([1.0 / 9.0, 1.0 / 9.0]) == ([0, 0], 1.0 / 9.0)


def test_neurons_on_a_shared_current_have_a_threshold_of_at_least_one() -> None:
    network = _network(
        _bare("stem", "input"),
        NeuronsLayer(name="low", source="stem", neuron=NeuronConfig(threshold=0.001)),
        NeuronsLayer(name="high", source="stem", neuron=NeuronConfig(threshold=2.0)),
        AddLayer(name="both", sources=("low", "high")),
        DenseLayer(features=3),
    )
    network.logits(_inputs())
    graph = export(network)
    unit = _current_layer(network, "stem").unit([])
    low, high = graph.node("low"), graph.node("high")
    assert isinstance(low, Neurons)
    assert isinstance(high, Neurons)
    assert low.threshold is not None
    assert high.threshold is not None
    assert (int(low.threshold), int(high.threshold)) == (1, 2.0 / unit)


def test_statistics_of_a_loop_start_with_the_first_batch() -> None:
    """Trial runs find statistics in a loop; then they follow, one run late."""
    network = _network(
        _bare("stem", "input", kernel=(3, 3), padding=(1, 1)),
        DelayLayer(name="late", source="back", shape=(4, 6, 6)),
        AddLayer(name="sum", sources=("stem", "late")),
        NeuronsLayer(name="spikes", source="sum", neuron=LIF),
        ConvLayer(name="inner", channels=4, kernel=(1, 1), batch_norm=True, neuron=LIF),
        _bare("back", "inner"),
        DenseLayer(name="last", source="spikes", features=3),
    )
    back = _current_layer(network, "back")
    assert back.norm is not None
    inputs = _inputs()
    network.logits(inputs)
    assert not back.norm.is_fresh
    first = back.norm.running_variance.clone()
    assert (first != 1.0).all()
    network.logits(inputs)  # the same inputs and weights again: nothing to follow
    torch.testing.assert_close(back.norm.running_variance, first, rtol=0.2, atol=1e-6)
    values = network._values(inputs, frozenset({"inner", "back"}))
    real = values["back"].data.detach() * values["back"].unit
    spread = real.std((0, 1, 3, 4))
    assert (spread[first > 1e-4] > 0.3).all()
    assert (spread < 3.0).all()


def test_sums_too_large_for_float32_are_refused() -> None:
    """Each value is below 2^24, but what is added up to it may not be."""
    weight = as_integers([[100]])
    nodes = (
        Input(name="input", shape=(1,), encoder=Encoder.RATE),
        Dense(name="plus", source="input", weight=weight, weight_bits=8),
        Dense(name="minus", source="input", weight=-weight, weight_bits=8),
        Add(name="many", sources=("plus", "minus"), shifts=(17, 17)),
        Neurons(name="end", source="many", threshold=as_integers(5)),
        Readout(name="readout", source="end"),
    )
    with pytest.raises(GraphError, match=r"^layer 'many': a current may reach 26214400, but must"):
        check_exact(Graph.of("wide", 1, nodes))
    wide = replace(nodes[1], weight=as_integers([[127]] * 1), weight_bits=8)
    shifted = Add(name="many", sources=("plus", "minus"), shifts=(18, 0))
    with pytest.raises(GraphError, match=r"^layer 'many': a current may reach \d+, but must stay"):
        check_exact(Graph.of("wide", 1, (nodes[0], wide, nodes[2], shifted, *nodes[4:])))


def test_weights_beyond_float32_are_refused_in_evaluation() -> None:
    synapse = DenseSynapse("big", 70000, 1, weight_bits=8, input_max=255, lattice=True).eval()
    with torch.no_grad():
        synapse.weight.fill_(1.0)
    with pytest.raises(GraphError, match=r"^layer 'big': a current may reach \d+, but must stay"):
        synapse.shared_codes(None)


def test_average_of_currents_counts_as_the_nearest_power_of_two() -> None:
    network = _network(
        *_ends(
            _bare("stem", "input"),
            PoolLayer(name="nine", source="stem", kernel=(3, 3)),
            PoolLayer(name="four", source="nine", kernel=(2, 2)),
        )
    )
    network.logits(_inputs())
    values = network._values(_inputs(), frozenset({"stem", "nine", "four"}))
    units = [values[name].unit for name in ("stem", "nine", "four")]
    assert units == [units[0], units[0] / 8, units[0] / 32]


def test_silent_channel_leaves_the_weights_of_the_others() -> None:
    deep = ConvLayer(name="deep", channels=8, groups=8, neuron=NONE, batch_norm=True)
    layers = (deep, NeuronsLayer(), DenseLayer(features=3, neuron=NeuronConfig(kind="if")))
    config = NetworkConfig(layers=layers, time_steps=2, encoder="rate")
    network = Network(config, shape=(8, 6, 6), input_bits=4, seed=1)
    inputs = torch.randint(0, 16, (16, 8, 6, 6), generator=torch.Generator().manual_seed(0))
    inputs[:, :2] = 0
    for _ in range(3):
        network(inputs)  # the variance of the first channels is 0 from the first batch on
    layer = network.eval().blocks[0]
    assert isinstance(layer, CurrentLayer)
    codes, _ = layer.folded()
    assert (codes[2:].abs().amax((1, 2, 3)) > 0).all()
    assert network.spikes(inputs)["neurons1"][:, :, 2:].any()


def test_long_row_is_cut_only_where_it_is_far_from_the_others() -> None:
    quantiser = LatticeWeights(4, False)
    weight = torch.randn(8, 16, generator=torch.Generator().manual_seed(0))
    plain = RoundedWeights(4, False).scale(weight)
    assert 0.7 < float(quantiser.scale(weight) / plain) < 1.42
    weight[0] *= 1000.0
    assert float(quantiser.scale(weight)) <= 4.0 * float(plain)
    assert float(quantiser.scale(torch.zeros(8, 16))) == FINEST_UNIT
