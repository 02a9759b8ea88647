"""Networks: evaluation in PyTorch is the exported graph's integer arithmetic."""

from __future__ import annotations

import brevitas.nn as qnn  # type: ignore[import-untyped]  # has no stubs
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # its usual name
from brevitas.quant import Int8WeightPerTensorFloat  # type: ignore[import-untyped]  # has no stubs

from spikeloom.ir import ConfigError, Conv2d, Dense, Executor, GraphError, Leak, Neurons, Reset
from spikeloom.model import (
    ConvLayer,
    ConvSynapse,
    DenseLayer,
    DenseSynapse,
    Network,
    NetworkConfig,
    NeuronConfig,
    PoolLayer,
    ReadoutConfig,
    RoundedChannelWeightQuant,
    RoundedWeightQuant,
    export,
    verify_export,
)
from spikeloom.model._blocks import Value
from spikeloom.model._network import Arithmetic
from spikeloom.model._norm import FoldedNorm
from spikeloom.model._pool import sum_pool
from spikeloom.model._synapse import Synapse

SHAPE = (2, 9, 8)
LIF1 = NeuronConfig(leak=1, membrane_bits=8)
HARD = NeuronConfig(leak=2, reset="zero")
PLIF = NeuronConfig(kind="plif", tau=3.0)
NETWORKS = {
    "dense": ((DenseLayer(features=12, neuron=LIF1), DenseLayer(features=5)), "membrane"),
    "dense with batch norm": (
        (
            DenseLayer(features=12, batch_norm=True, neuron=HARD, weight_bits=2),
            DenseLayer(features=7, batch_norm=True, neuron=LIF1, weight_bits=8),
            DenseLayer(features=5, neuron=NeuronConfig(leak=3, membrane_bits=9)),
        ),
        "membrane",
    ),
    "one layer": ((DenseLayer(features=5, neuron=NeuronConfig(kind="if")),), "membrane"),
    "convolutions": (
        (
            ConvLayer(channels=6, padding=(1, 1), batch_norm=True, neuron=LIF1),
            PoolLayer(),
            ConvLayer(channels=7, kernel=(2, 3), stride=(1, 2), batch_norm=True, neuron=PLIF),
            DenseLayer(features=5, neuron=LIF1),
        ),
        "spike_count",
    ),
    "pooled input": (
        (
            PoolLayer(kernel=(2, 3)),
            PoolLayer(kernel=(2, 1)),
            ConvLayer(channels=4, kernel=(2, 2), neuron=NeuronConfig(beta=0.8, reset="none")),
            DenseLayer(features=5, batch_norm=True, neuron=HARD),
        ),
        "spike_count",
    ),
}


pytestmark = pytest.mark.usefixtures("one_thread")


def _network(name: str, encoder: str, seed: int) -> tuple[Network, torch.Tensor]:
    """A network whose norm, biases and thresholds are as if it had been trained."""
    layers, readout = NETWORKS[name]
    network = Network(
        NetworkConfig(time_steps=5, encoder=encoder, layers=layers),  # type: ignore[arg-type]  # a str
        readout=ReadoutConfig(kind=readout),  # type: ignore[arg-type]  # a str
        shape=SHAPE,
        input_bits=3,
        seed=seed,
    )
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randint(0, 8, (40, *SHAPE), generator=generator, dtype=torch.uint8)
    for _ in range(20):
        network.logits(inputs)  # running statistics
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.7 * torch.randn(parameter.shape, generator=generator))
    return network, inputs


@pytest.mark.parametrize("encoder", ["direct", "rate"])
@pytest.mark.parametrize("name", NETWORKS)
def test_evaluation_equals_executor(name: str, encoder: str) -> None:
    spikes = 0
    for seed in range(3):
        network, inputs = _network(name, encoder, seed)
        graph = export(network)
        network.eval()
        trace = Executor(graph).run(inputs.numpy(), record=True)
        assert (network(inputs).detach().numpy() == trace.scores).all()
        assert (network.predict(inputs) == trace.predictions).all()
        assert (verify_export(network, graph, inputs) == trace.predictions).all()
        groups = [n for n in graph.nodes if isinstance(n, Neurons) and n.threshold is not None]
        found = network.spikes(inputs)
        assert list(found) == [node.name for node in groups]
        for group, ours in found.items():
            theirs = trace.layers[group].spikes
            assert (ours.detach().transpose(0, 1).numpy() == theirs).all()
            spikes += int(theirs.sum())
    assert spikes > 0 or name == "one layer"


def test_negative_gamma_flips_weights_and_stays_exact() -> None:
    network, inputs = _network("convolutions", "direct", 0)
    before = export(network)
    norm = network.layers[0].get_submodule("norm")
    assert isinstance(norm, FoldedNorm)
    with torch.no_grad():
        norm.gamma.copy_(torch.tensor([1.0, -1.0, 0.5, -0.2, -1e-6, 2.0]))
    after = export(network)
    flipped = np.sign(norm.gamma.detach().numpy())
    weights = [graph.nodes[1] for graph in (before, after)]
    old, new = (node.weight for node in weights if isinstance(node, Conv2d))
    layer = network.layers[0]
    codes = layer.synapse.integer_weight()  # type: ignore[union-attr,operator]  # a Layer
    assert (new == codes * flipped[:, None, None, None]).all()
    assert old.shape == new.shape
    verify_export(network.eval(), after, inputs)


def test_folded_norm_is_batch_norm_in_float_arithmetic() -> None:
    """Spikes and gradients are those of torch's batch norm before a threshold of 1."""
    config = NetworkConfig(
        time_steps=3,
        layers=(DenseLayer(features=6, batch_norm=True), DenseLayer(features=4)),
    )
    network = Network(config, shape=(8,), input_bits=4, seed=3).double()
    network.use("float")
    first = network.layers[0]
    norm, synapse = first.get_submodule("norm"), first.get_submodule("synapse")
    assert isinstance(norm, FoldedNorm)
    assert isinstance(synapse, Synapse)
    with torch.no_grad():
        norm.gamma.copy_(torch.tensor([1.0, -0.5, 2.0, 0.3, -1.0, 0.8]))
        norm.beta.normal_()
    inputs = torch.randint(0, 16, (32, 8)).double()
    spikes = first(Value(inputs.unsqueeze(0), 1.0 / 15.0)).data
    weight = torch.randn_like(spikes)
    torch.autograd.backward((spikes * weight).sum())
    grads = [p.grad.clone() for p in (synapse.weight, norm.gamma, norm.beta) if p.grad is not None]
    network.zero_grad()
    currents = F.batch_norm(
        inputs @ synapse.weight.T / 15.0,
        None,
        None,
        norm.gamma,
        norm.beta,
        training=True,
        eps=1e-5,
    )
    expected = first.get_submodule("neuron")(currents.expand(3, -1, -1))
    assert (spikes == expected).all()
    torch.autograd.backward((expected * weight).sum())
    for ours, p in zip(grads, (synapse.weight, norm.gamma, norm.beta), strict=True):
        torch.testing.assert_close(ours, p.grad)


def test_gamma_below_its_limit_still_learns() -> None:
    norm = FoldedNorm(3)
    with torch.no_grad():
        norm.gamma.copy_(torch.tensor([1e-3, -1e-3, 0.0]))
    ratio, _ = norm.fold(torch.randn(50, 3), torch.tensor(1.0))
    torch.autograd.backward(ratio.sum())
    assert norm.gamma.grad is not None
    assert norm.gamma.grad.sign().tolist() == [-1.0, 1.0, -1.0]  # away from zero lowers it


@pytest.mark.parametrize("name", NETWORKS)
def test_evaluation_under_autocast_stays_exact(name: str) -> None:
    network, inputs = _network(name, "direct", 0)
    network.eval()
    expected, spikes = network(inputs), network.spikes(inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores, cast_spikes = network(inputs), network.spikes(inputs)
        graph = export(network)
        assert (verify_export(network, graph, inputs) == network.predict(inputs)).all()
    assert scores.dtype == torch.float32
    assert (scores == expected).all()
    assert all((spikes[name] == cast_spikes[name]).all() for name in spikes)
    network.use("float")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert network(inputs).isfinite().all()  # float arithmetic takes what it is given


def test_running_statistics_follow_the_current() -> None:
    norm = FoldedNorm(3)
    currents = torch.randn(4000, 3) * torch.tensor([1.0, 5.0, 20.0]) + 7.0
    for _ in range(200):
        trained = norm.fold(currents, torch.tensor(0.5))
    norm.eval()
    torch.testing.assert_close(
        norm.fold(currents, torch.tensor(0.5)), trained, rtol=1e-3, atol=1e-2
    )


def test_moments_have_the_gradient_of_mean_and_variance() -> None:
    torch.manual_seed(0)
    norm = FoldedNorm(3).double()
    for shape in ((6, 3), (4, 3, 5, 2)):
        x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        unit = torch.tensor(1.0, dtype=torch.float64)
        assert torch.autograd.gradcheck(lambda x, u=unit: norm.fold(x, u), (x,))


@pytest.mark.parametrize("kernel", [(2, 2), (3, 2), (1, 4)])
def test_sum_pool_equals_average_pool(kernel: tuple[int, int]) -> None:
    x = torch.randint(0, 9, (3, 2, 9, 10)).double().requires_grad_()
    ours = sum_pool(x, kernel)
    theirs = F.avg_pool2d(x, kernel, divisor_override=1)
    assert (ours == theirs).all()
    weight = torch.randn_like(theirs)
    expected = torch.autograd.grad(theirs, x, weight)[0]
    assert (torch.autograd.grad(ours, x, weight)[0] == expected).all()


@pytest.mark.parametrize("bits", range(2, 9))
def test_codes_are_what_brevitas_states(bits: int) -> None:
    for quantiser in (RoundedWeightQuant, RoundedChannelWeightQuant):
        synapse = DenseSynapse("x", 40, 12, weight_bits=bits, quantiser=quantiser, lattice=True)
        codes, unit = synapse.codes()
        assert (codes.detach().numpy() == synapse.integer_weight()).all()
        quantised = synapse.layer.quant_weight()  # type: ignore[operator]  # a Brevitas layer
        value = codes * unit.view(-1, 1)
        torch.testing.assert_close(value, quantised.value)
        assert codes.abs().max() <= 2 ** (bits - 1) - 1  # narrow range


def test_quantiser_works_in_a_plain_brevitas_layer() -> None:
    layer = qnn.QuantConv2d(
        3, 4, 3, bias=False, weight_quant=RoundedWeightQuant, weight_bit_width=3
    )
    out = layer(torch.rand(2, 3, 6, 6))
    torch.autograd.backward(out.sum())
    assert layer.weight.grad is not None
    assert int(layer.quant_weight().int().abs().max()) <= 3


def test_any_brevitas_quantiser_serves_a_synapse() -> None:
    layer = qnn.QuantLinear(
        20, 6, bias=False, weight_quant=Int8WeightPerTensorFloat, weight_bit_width=4
    )
    synapse = Synapse("x", layer, weight_bits=4, lattice=True)
    codes, _ = synapse.codes()
    assert (codes.detach().numpy() == synapse.integer_weight()).all()
    torch.autograd.backward(codes.sum())
    assert layer.weight.grad is not None


def test_inexact_currents_are_refused() -> None:
    synapse = ConvSynapse(
        "big", 512, 1, kernel=(5, 5), weight_bits=8, input_max=255, lattice=True
    ).eval()
    with torch.no_grad():
        synapse.weight.fill_(1.0).neg_()
        synapse.weight[0, 0] = 1.0
    with pytest.raises(GraphError, match=r"^layer 'big': a current may reach \d+, but must stay"):
        synapse.codes()


def test_too_wide_membranes_are_refused() -> None:
    neuron = NeuronConfig(leak=8)
    layers = (DenseLayer(features=10, weight_bits=8, neuron=neuron), DenseLayer(features=10))
    network = Network(NetworkConfig(time_steps=60, layers=layers), shape=(900,), input_bits=2)
    with pytest.raises(GraphError, match=r"^layer 'dense0': .* set its membrane_bits to 17 "):
        export(network)


def test_only_the_lattice_is_exported() -> None:
    network, _ = _network("dense", "direct", 0)
    network.use("float")
    with pytest.raises(GraphError, match="only a network on the lattice can be exported"):
        export(network)


@pytest.mark.parametrize("arithmetic", ["float", "lattice"])
def test_every_parameter_of_a_network_learns(arithmetic: Arithmetic) -> None:
    network, inputs = _network("convolutions", "direct", 1)
    network.use(arithmetic)
    network.train()
    torch.autograd.backward(network.logits(inputs).square().sum())
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().sum() > 0, name


def test_exported_graph_has_the_described_nodes() -> None:
    network, _ = _network("convolutions", "direct", 0)
    graph = export(network)
    assert [node.name for node in graph.nodes] == [
        "input",
        "conv0_synapse",
        "conv0",
        "pool1",
        "conv2_synapse",
        "conv2",
        "dense3_synapse",
        "dense3",
        "readout",
    ]
    conv = graph.node("conv2_synapse")
    assert isinstance(conv, Conv2d)
    assert (conv.stride, conv.padding, conv.weight_bits) == ((1, 2), (0, 0), 4)
    neurons = graph.node("conv0")
    assert isinstance(neurons, Neurons)
    assert (neurons.leak, neurons.reset, neurons.membrane_bits) == (
        Leak.shift(1),
        Reset.SUBTRACT,
        8,
    )
    dense = graph.node("dense3_synapse")
    assert isinstance(dense, Dense)
    assert dense.weight.shape == (5, 21)


def test_same_seed_gives_the_same_network() -> None:
    one, _ = _network("dense", "direct", 4)
    other, _ = _network("dense", "direct", 4)
    for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        assert (a == b).all()


def test_layers_that_do_not_fit_are_all_listed() -> None:
    config = NetworkConfig(
        layers=(
            DenseLayer(name="Big", features=4, neuron=NeuronConfig(leak=1, beta=0.5)),
            PoolLayer(),
        )
    )
    with pytest.raises(ConfigError) as caught:
        Network(config, shape=(1, 8, 8))
    message = str(caught.value)
    assert "network.layers[0].name must be a lower-case letter" in message
    assert "network.layers[1] 'pool1': a pool layer needs a feature map, but gets (4,)" in message
    assert "network.layers[0].neuron: give only one of leak, beta" in message
    assert "network.layers[1]: the last layer must be of kind 'dense', not 'pool'" in message
