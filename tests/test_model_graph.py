"""Networks of any shape: evaluation in PyTorch is the exported graph, value for value."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # its usual name
from random_layers import RandomLayers

from spikeloom.ir import ConfigError, Executor, Neurons
from spikeloom.model import (
    AddLayer,
    ConcatLayer,
    ConvLayer,
    DelayLayer,
    DenseLayer,
    LayerConfig,
    MaxPoolLayer,
    MixLayer,
    Network,
    NetworkConfig,
    NeuronConfig,
    NeuronsLayer,
    PoolLayer,
    ProductLayer,
    ReadoutConfig,
    export,
    verify_export,
)
from spikeloom.model._blocks import Value
from spikeloom.model._loop import run_loop
from spikeloom.model._network import Arithmetic

SHAPE = (2, 8, 8)
CLASSES = 5
NONE = NeuronConfig(kind="none")
LIF = NeuronConfig(leak=1)
STEM = (
    ConvLayer(
        name="stem", source="input", channels=8, padding=(1, 1), batch_norm=True, neuron=NONE
    ),
    MaxPoolLayer(name="small", kernel=(3, 3), stride=(2, 2), padding=(1, 1)),
)


def _bare(name: str, source: str, kernel: int = 1, **options: object) -> ConvLayer:
    return ConvLayer(
        name=name,
        source=source,
        channels=8,
        kernel=(kernel, kernel),
        batch_norm=True,
        neuron=NONE,
        **options,  # type: ignore[arg-type]  # what a test needs
    )


def _head(source: str, side: int = 4) -> tuple[LayerConfig, ...]:
    return (
        NeuronsLayer(name="final", source=source, neuron=LIF),
        PoolLayer(name="average", kernel=(side, side)),
        DenseLayer(name="last", features=CLASSES),
    )


ATTENTION = (
    *STEM,
    NeuronsLayer(name="x", source="small", neuron=LIF),
    _bare("keys", "x", 2, stride=(2, 2)),
    _bare("values", "x", 2, stride=(2, 2), weight_bits=6),
    ProductLayer(name="map", source="x", weights="keys", heads=2, transposed=True, neuron=LIF),
    ProductLayer(name="gathered", source="map", weights="values", heads=2, neuron=LIF),
    _bare("projected", "gathered"),
    AddLayer(name="stream", sources=("projected", "small")),
    *_head("stream"),
)
CELL = (
    *STEM,
    DelayLayer(name="late", source="back", shape=(8, 4, 4)),
    AddLayer(name="node0", sources=("small", "late")),
    NeuronsLayer(name="spikes0", neuron=LIF),
    _bare("edge", "spikes0", 3, padding=(1, 1)),
    AddLayer(name="node1", sources=("edge", "node0")),
    NeuronsLayer(name="spikes1", source="node1", neuron=LIF),
    _bare("back", "spikes1"),
    *_head("node1"),
)
SHORTCUT = (
    *STEM,
    NeuronsLayer(name="a", source="small", neuron=LIF),
    ConvLayer(name="inner", channels=8, padding=(1, 1), batch_norm=True, neuron=LIF),
    _bare("outer", "inner", 3, padding=(1, 1)),
    AddLayer(name="stream", sources=("small", "outer")),
    *_head("stream"),
)
MIXING = (
    ConvLayer(name="h", channels=6, padding=(1, 1), batch_norm=True, neuron=NONE),
    NeuronsLayer(name="s", neuron=LIF),
    MixLayer(name="rows", source="s", axis="rows", batch_norm=True, neuron=LIF),
    MixLayer(name="columns", source="s", axis="columns", batch_norm=True, neuron=LIF),
    MixLayer(name="tokens", source="s", axis="tokens", neuron=LIF),
    MixLayer(name="bare", source="s", axis="rows", neuron=NONE),
    ConcatLayer(name="all", sources=("s", "rows", "columns", "tokens")),
    ConvLayer(name="fused", channels=6, kernel=(1, 1), batch_norm=True, neuron=NONE),
    AddLayer(name="stream", sources=("h", "fused", "bare")),
    *_head("stream", 8),
)
ROUTES = (
    *STEM,
    NeuronsLayer(name="a", source="small", neuron=LIF),
    PoolLayer(name="counts", source="a", kernel=(3, 3), stride=(1, 1), padding=(1, 1)),
    AddLayer(name="twice", sources=("a", "counts", "a")),
    ConvLayer(
        name="grouped",
        channels=4,
        kernel=(2, 2),
        dilation=(2, 1),
        padding=(1, 0),
        groups=2,
        neuron=LIF,
    ),
    PoolLayer(name="smooth", source="small", kernel=(3, 2), stride=(1, 2), padding=(1, 1)),
    MaxPoolLayer(name="spread", source="a", kernel=(3, 2), stride=(1, 2), padding=(2, 0)),
    DelayLayer(name="late", source="smooth"),
    ConcatLayer(name="both", sources=("smooth", "late", "smooth")),
    NeuronsLayer(name="wide", neuron=NeuronConfig(kind="plif", tau=3.0)),
    PoolLayer(name="sums", source="wide", kernel=(4, 3)),
    PoolLayer(name="ors", source="spread", kernel=(6, 2)),
    PoolLayer(name="groups", source="grouped", kernel=(4, 3)),
    ConcatLayer(name="joined", sources=("sums", "ors", "groups")),
    DenseLayer(features=CLASSES, neuron=LIF),
)
NETWORKS: dict[str, tuple[LayerConfig, ...]] = {
    "attention": ATTENTION,
    "cell": CELL,
    "shortcut": SHORTCUT,
    "mixing": MIXING,
    "routes": ROUTES,
}


pytestmark = pytest.mark.usefixtures("one_thread")


def _network(
    layers: tuple[LayerConfig, ...], *, encoder: str = "direct", seed: int = 0, **options: object
) -> Network:
    given = {"shape": SHAPE, "input_bits": 3, **options}
    return Network(
        NetworkConfig(time_steps=4, encoder=encoder, layers=layers),  # type: ignore[arg-type]  # a str
        seed=seed,
        **given,  # type: ignore[arg-type]  # what a test needs
    )


def _inputs(count: int, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 8, (count, *shape), generator=generator)


def _unsettle(network: Network, inputs: torch.Tensor) -> None:
    """Statistics, norms and biases as if the network had been trained for a while."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(3):
        network.logits(inputs)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.4 * torch.randn(parameter.shape, generator=generator))


def _spikes_that_agree(network: Network, inputs: torch.Tensor) -> int:
    """Check every score and every spike; returns how many spikes there are."""
    graph = export(network)
    network.eval()
    trace = Executor(graph).run(inputs.numpy(), record=True)
    assert (network(inputs).detach().numpy() == trace.scores).all()
    found = network.spikes(inputs)
    groups = [n for n in graph.nodes if isinstance(n, Neurons) and n.threshold is not None]
    assert list(found) == [node.name for node in groups]
    for name, ours in found.items():
        assert (ours.detach().transpose(0, 1).numpy() == trace.layers[name].spikes).all(), name
    return sum(int(spikes.sum()) for spikes in found.values())


@pytest.mark.parametrize("encoder", ["direct", "rate"])
@pytest.mark.parametrize("name", NETWORKS)
def test_evaluation_equals_executor(name: str, encoder: str) -> None:
    for seed, readout in ((0, "membrane"), (1, "spike_count")):
        network = _network(
            NETWORKS[name], encoder=encoder, seed=seed, readout=ReadoutConfig(kind=readout)
        )
        inputs = _inputs(12)
        _unsettle(network, inputs)
        assert _spikes_that_agree(network, inputs) > 100


@pytest.mark.parametrize("seed", range(24))
def test_random_networks_equal_the_executor(seed: int) -> None:
    random = RandomLayers(seed)
    layers = random.make(count=10 + seed % 8, classes=CLASSES)
    network = _network(layers, shape=random.shape, encoder=("direct", "rate")[seed % 2], seed=seed)
    inputs = _inputs(6, random.shape)
    _unsettle(network, inputs)
    assert _spikes_that_agree(network, inputs) > 10


@pytest.mark.parametrize("name", ["attention", "cell", "shortcut"])
def test_training_reduces_the_loss(name: str) -> None:
    network = _network(NETWORKS[name])
    inputs = _inputs(48)
    labels = inputs.flatten(1).sum(1) % CLASSES
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        loss = F.cross_entropy(network.logits(inputs), labels)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]
    verify_export(network.eval(), export(network), inputs)


@pytest.mark.parametrize("arithmetic", ["float", "lattice"])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_learns(name: str, arithmetic: Arithmetic) -> None:
    network = _network(NETWORKS[name])
    network.use(arithmetic)
    torch.autograd.backward(network.logits(_inputs(16)).square().sum())
    for parameter_name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, parameter_name
            assert parameter.grad.isfinite().all(), parameter_name
            assert parameter.grad.abs().sum() > 0, parameter_name


@pytest.mark.parametrize("name", NETWORKS)
def test_evaluation_under_autocast_stays_exact(name: str) -> None:
    network = _network(NETWORKS[name])
    inputs = _inputs(8)
    _unsettle(network, inputs)
    network.eval()
    expected = network(inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (network(inputs) == expected).all()


def test_copy_of_a_network_is_a_network_of_its_own() -> None:
    network = _network(CELL)
    inputs = _inputs(8)
    _unsettle(network, inputs)
    other = copy.deepcopy(network).eval()
    before = other(inputs)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert (other(inputs) == before).all()
    network.load_state_dict(other.state_dict())
    assert (network.eval()(inputs) == before).all()


def _all_at_once(network: Network, start: Value) -> dict[str, Value]:
    values = {"input": start}
    for block in network.blocks:
        values[block.name] = block(*(values[source] for source in block.sources))
    return values


def _step_by_step(network: Network, start: Value) -> dict[str, Value]:
    *blocks, last = network.blocks
    values = run_loop(blocks, {"input": start}, [block.name for block in blocks])
    return {**values, last.name: last(values[last.sources[0]])}


@pytest.mark.parametrize("name", ["attention", "mixing", "shortcut"])
def test_values_and_gradients_of_a_loop_are_those_of_all_steps_at_once(name: str) -> None:
    network = _network(NETWORKS[name])
    inputs = _inputs(6)
    _unsettle(network, inputs)
    network.double().eval()  # statistics do not move
    start = Value(network.encode(inputs).double(), network.input_unit)
    found = []
    for run in (_all_at_once, _step_by_step):
        network.zero_grad()
        values = run(network, start)
        torch.autograd.backward(values["last"].data.square().sum())
        grads = {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}
        found.append((values, grads))
    (fused, fused_grads), (looped, looped_grads) = found
    for block in network.blocks:
        both = torch.broadcast_tensors(fused[block.name].data, looped[block.name].data)
        assert (both[0] == both[1]).all(), block.name
        assert fused[block.name].unit == looped[block.name].unit
    assert fused_grads.keys() == looped_grads.keys()
    for parameter, grad in fused_grads.items():
        torch.testing.assert_close(looped_grads[parameter], grad)


def test_feedback_acts_one_step_later() -> None:
    """A loop of a sum and a delay adds up its input."""
    layers = (
        ConvLayer(name="stem", channels=2, kernel=(1, 1), neuron=NONE),
        DelayLayer(name="late", source="total", shape=SHAPE),
        AddLayer(name="total", sources=("stem", "late")),
        NeuronsLayer(name="spikes", neuron=LIF),
        DenseLayer(features=CLASSES),
    )
    network = _network(layers).eval()
    inputs = _inputs(3)
    values = network._values(inputs, frozenset({"stem", "total", "late"}))
    stem = values["stem"].data[0]
    for t in range(4):
        assert (values["total"].data[t] == (t + 1) * stem).all()
        assert (values["late"].data[t] == t * stem).all()
    assert _spikes_that_agree(network, inputs) > 0


def test_more_delays_than_time_steps_are_refused_before_training() -> None:
    layers = (
        ConvLayer(name="stem", channels=2),
        DelayLayer(name="late"),
        DelayLayer(name="later"),
        DenseLayer(name="last", features=CLASSES),
    )
    message = "'last': every way from the input to it passes at least 2 delays, which takes more"
    with pytest.raises(ConfigError, match=message):
        Network(NetworkConfig(layers=layers, time_steps=2), shape=SHAPE, classes=CLASSES)
    Network(NetworkConfig(layers=layers, time_steps=3), shape=SHAPE, classes=CLASSES)
