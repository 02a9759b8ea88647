"""Compression by neurons and channels: what goes, what it takes, and the smaller graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_compression import CONFIG, check_resumed, metrics_of

import spikeloom
from spikeloom.ir import (
    ConfigError,
    Conv2d,
    Dense,
    Executor,
    Graph,
    GraphError,
    Neurons,
    ResourceError,
    infer_shapes,
    load_graph,
    without_neurons,
)
from spikeloom.model import (
    AddLayer,
    Budget,
    Candidate,
    CompressConfig,
    ConcatLayer,
    ConvLayer,
    DelayLayer,
    DenseLayer,
    MaxPoolLayer,
    MixLayer,
    Network,
    NetworkConfig,
    NeuronConfig,
    PoolLayer,
    ReadoutConfig,
    Resource,
    compress,
    connectivity,
    export,
    load_config,
    load_network,
    train,
    verify_export,
    weight_bits,
)
from spikeloom.model._compress._minimax import Minimax
from spikeloom.model._compress._neurons import neurons_of
from spikeloom.model._compress._pruning import Pruning
from spikeloom.model._compress._slim import slimmed
from spikeloom.model._compress._units import synapses_of
from spikeloom.model._quantiser import RoundedWeights
from spikeloom.sim import verify

pytestmark = pytest.mark.usefixtures("one_thread")

SPIKING = NeuronConfig(leak=1)
LAST = DenseLayer(name="output", features=10, neuron=NeuronConfig(kind="if"))
QUICK = CompressConfig(epochs=4, share=0.5, unit="neuron")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(CONFIG, run=tmp_path_factory.mktemp("runs") / "tiny")


def weights_in(graph: Graph) -> int:
    return sum(node.weight.size for node in graph.nodes if isinstance(node, Dense | Conv2d))


def network_of(*layers: Any, seed: int = 0, readout: str = "membrane", **options: Any) -> Network:
    given: dict[str, Any] = {"shape": (2, 6, 5), "input_bits": 3, "classes": 10, **options}
    network = Network(
        NetworkConfig(time_steps=3, layers=layers, encoder=given.pop("encoder", "direct")),
        readout=ReadoutConfig(kind=readout),  # type: ignore[arg-type]  # a str
        seed=seed,
        **given,
    )
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randint(0, 8, (40, *given["shape"]), generator=generator)
    for _ in range(3):
        network.logits(inputs)  # running statistics
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() == 1:  # as if it had been trained
                parameter.add_(0.5 * torch.randn(parameter.shape, generator=generator))
    return network


def inputs_of(network: Network, count: int = 30) -> torch.Tensor:
    generator = torch.Generator().manual_seed(9)
    return torch.randint(0, 8, (count, *network.input.shape), generator=generator)


NETWORKS: dict[str, tuple[Any, ...]] = {
    "dense": (
        DenseLayer(name="a", features=12, neuron=SPIKING),
        DenseLayer(name="b", features=9, batch_norm=True, neuron=NeuronConfig(membrane_bits=8)),
        LAST,
    ),
    "conv": (
        ConvLayer(name="a", channels=8, batch_norm=True, padding=(1, 1), neuron=SPIKING),
        MaxPoolLayer(kernel=(2, 2)),
        ConvLayer(name="b", channels=6, kernel=(2, 2), neuron=SPIKING),
        PoolLayer(kernel=(1, 1)),
        DenseLayer(name="c", features=8, batch_norm=True, neuron=SPIKING),
        LAST,
    ),
    "flattened maps": (
        ConvLayer(name="a", channels=6, kernel=(3, 2), stride=(2, 1), neuron=SPIKING),
        DenseLayer(name="b", features=6, neuron=SPIKING),
        LAST,
    ),
    "two readers": (
        ConvLayer(name="a", channels=6, padding=(1, 1), neuron=SPIKING),
        ConvLayer(name="b", source="a", channels=4, padding=(1, 1), neuron=SPIKING),
        ConvLayer(name="c", source="a", channels=4, padding=(1, 1), neuron=SPIKING),
        AddLayer(name="sum", sources=("b", "c")),
        LAST,
    ),
}


def pruned(network: Network, gone: int, seed: int, lanes: int = 1) -> Pruning:
    """Take `gone` random neurons out of a network, for good."""
    layers = neurons_of(network, lanes, ())
    pruning = Pruning(network, layers, [Budget(connectivity(), 1.0)])
    generator = torch.Generator().manual_seed(seed)
    scores = [torch.rand(layer.count, generator=generator) for layer in layers]
    pruning.leave(pruning.order(scores)[: min(gone, pruning.most)], regrows=False)
    return pruning


# --- The smaller graph ----------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(list(NETWORKS)),
    gone=st.integers(0, 24),
    lanes=st.integers(1, 3),
    readout=st.sampled_from(["membrane", "spike_count"]),
    encoder=st.sampled_from(["direct", "rate"]),
    seed=st.integers(0, 1000),
)
def test_the_smaller_graph_does_what_the_network_does(
    name: str, gone: int, lanes: int, readout: str, encoder: str, seed: int
) -> None:
    network = network_of(*NETWORKS[name], seed=seed, readout=readout, encoder=encoder)
    pruning = pruned(network, gone, seed, lanes)
    graph = export(network)
    left = {layer.name: layer.kept() for layer in pruning.layers}
    shapes = infer_shapes(graph)
    assert all(shapes[layer][0] == int(kept.sum()) for layer, kept in left.items())
    assert all(int(kept.sum()) % lanes == 0 for kept in left.values()) or gone == 0
    inputs = inputs_of(network)
    trace = Executor(graph).run(inputs.numpy(), record=True)
    network.eval()
    assert (network(inputs).detach().numpy() == trace.scores).all()
    assert (verify_export(network, graph, inputs) == trace.predictions).all()
    for layer, spikes in network.spikes(inputs).items():
        if layer in left:
            spikes = spikes[:, :, left[layer]]
        assert (spikes.detach().transpose(0, 1).numpy() == trace.layers[layer].spikes).all()


def test_a_neuron_that_is_read_cannot_be_left_out() -> None:
    network = network_of(*NETWORKS["conv"])
    graph = export(network)
    gone = np.arange(8) == 3
    with pytest.raises(GraphError, match="channel 3 of 'a' cannot be left out: 'b_synapse' reads"):
        without_neurons(graph, {"a": gone})
    # What the check is for: results would be others, which the check on the test set sees too.
    inputs = inputs_of(network)
    nodes = {node.name: node for node in graph.nodes}
    reader = nodes["b_synapse"]
    assert isinstance(reader, Conv2d)
    weight = reader.weight.copy()
    weight[:, gone] = 0
    nodes["b_synapse"] = replace(reader, weight=weight)
    blind = Graph.of(graph.name, graph.time_steps, list(nodes.values()))
    smaller = without_neurons(blind, {"a": gone})
    scores = [Executor(each).run(inputs.numpy()).scores for each in (graph, blind, smaller)]
    assert (scores[1] == scores[2]).all()
    assert (scores[0] != scores[1]).any()
    with pytest.raises(spikeloom.ir.VerificationError, match="differ on input"):
        verify_export(network.eval(), smaller, inputs)


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ({"a": np.ones(8, bool)}, "must be some of its 8 channels, not 8 of 8; keep at least one"),
        ({"a": np.zeros(7, bool)}, "must be some of its 8 channels, not 0 of 7"),
        ({"d": np.zeros(8, bool)}, "'d' must be neurons with a Dense, or a Conv2d without groups"),
        ({"output": np.zeros(10, bool)}, "as the Readout 'readout' reads them"),
    ],
)
def test_bad_neurons_to_leave_out_are_refused(gone: dict[str, Any], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        without_neurons(export(network_of(*NETWORKS["conv"])), gone)


def test_values_of_whole_groups_shrink_too() -> None:
    graph = export(network_of(*NETWORKS["conv"]))
    nodes = {node.name: node for node in graph.nodes}
    shape, one = infer_shapes(graph)["a"], np.arange(8) == 2
    group, reader = nodes["a"], nodes["b_synapse"]
    assert isinstance(group, Neurons)
    assert isinstance(reader, Conv2d)
    thresholds = np.arange(1, 1 + int(np.prod(shape))).reshape(shape)
    nodes["a"] = replace(group, threshold=thresholds, bias=np.array(2))
    nodes["b_synapse"] = replace(reader, weight=reader.weight * ~one.reshape(1, 8, 1, 1))
    whole = Graph.of("whole", 3, list(nodes.values()))
    smaller = without_neurons(whole, {"a": one})
    left = smaller.node("a")
    assert isinstance(left, Neurons)
    assert left.threshold is not None
    assert (left.threshold == thresholds[~one]).all()
    inputs = inputs_of(network_of(*NETWORKS["conv"])).numpy()
    traces = [Executor(each).run(inputs, record=True) for each in (whole, smaller)]
    assert (traces[0].scores == traces[1].scores).all()
    assert (traces[0].layers["a"].membranes[:, :, ~one] == traces[1].layers["a"].membranes).all()


def test_the_quantiser_sees_the_smaller_layer() -> None:
    """Half of the neurons gone is not as if the smaller half of all weights were."""
    network = network_of(*NETWORKS["dense"])
    for synapse in pruned(network, 12, 1).synapses:
        kept = synapse.kept
        assert kept is not None
        rows, columns = kept.any(1), kept.any(0)
        assert int(rows.sum()) * int(columns.sum()) < kept.numel()
        with torch.no_grad():
            unit = synapse.codes()[1] * synapse.input_steps
            alone = RoundedWeights(4, unit.dim() > 0).scale(synapse.weight[rows][:, columns])
        assert torch.allclose(unit[rows] if unit.dim() else unit, alone.flatten())


# --- What goes ------------------------------------------------------------------------------------


def test_the_weights_that_read_a_neuron_are_its_worth() -> None:
    network = network_of(*NETWORKS["conv"])
    layers = {layer.name: layer for layer in neurons_of(network, 1, ())}
    weight = layers["c"].synapse.weight
    with torch.no_grad():
        weight.view(8, 6, -1)[:, 2] = 0.0
        weight.view(8, 6, -1)[:, 4] *= 10.0
    squares = layers["b"].squares()
    assert float(squares[2]) == 0.0
    assert int(squares.argmax()) == 4
    assert float(squares.mean()) == pytest.approx(1.0)


def test_neurons_that_may_come_back_keep_their_inputs() -> None:
    network = network_of(*NETWORKS["dense"])
    layers = neurons_of(network, 1, ())
    pruning = Pruning(network, layers, [Budget(connectivity(), 1.0)])
    first, second = (layer.synapse for layer in layers)
    gone = torch.tensor([3, 5])
    pruning.leave(gone, regrows=True)
    assert pruning.removed == 2
    assert first.live is not None
    assert bool(first.live.all())
    torch.autograd.backward(network.logits(inputs_of(network)).square().sum())
    assert second.weight.grad is not None
    assert bool(second.weight.grad[:, gone].any())
    pruning.leave(gone, regrows=False)
    assert not bool(first.weight[gone].any())
    assert not bool(second.weight[:, gone].any())
    assert first.left is not None
    assert (~first.left).nonzero().flatten().tolist() == gone.tolist()


INELIGIBLE: dict[str, tuple[Any, ...]] = {
    "'hidden' reads it": (
        ConvLayer(name="a", channels=4, neuron=SPIKING),
        ConvLayer(name="hidden", channels=4, groups=2, neuron=SPIKING),
        LAST,
    ),
    "'a': 'sum' reads it": (
        ConvLayer(name="a", channels=4, neuron=SPIKING),
        ConvLayer(name="b", source="a", channels=4, padding=(1, 1), neuron=SPIKING),
        AddLayer(name="sum", sources=("a", "b")),
        LAST,
    ),
    "'a': 'both' reads it": (
        DenseLayer(name="a", source="input", features=4, neuron=SPIKING),
        DenseLayer(name="b", source="input", features=4, neuron=SPIKING),
        ConcatLayer(name="both", sources=("a", "b")),
        LAST,
    ),
    "'a': 'late' reads it": (
        DenseLayer(name="a", features=4, neuron=SPIKING),
        DelayLayer(name="late"),
        LAST,
    ),
    "'mix': its outputs do not read all inputs": (
        ConvLayer(name="a", channels=4, neuron=SPIKING),
        MixLayer(name="mix", axis="tokens", neuron=SPIKING),
        LAST,
    ),
    "'output': it is the last layer": (LAST,),
}


@pytest.mark.parametrize("reason", INELIGIBLE)
def test_networks_without_neurons_that_can_go_are_refused(reason: str) -> None:
    network = network_of(*INELIGIBLE[reason])
    with pytest.raises(
        ConfigError, match=r"no neurons can go: .*; compress with unit = 'word'"
    ) as e:
        neurons_of(network, 1, ())
    assert reason in str(e.value)


def test_layers_in_joins_keep_their_neurons() -> None:
    network = network_of(*NETWORKS["two readers"])
    (layer,) = neurons_of(network, 1, ())
    assert layer.name == "a"
    assert [reader.synapse.name for reader in layer.readers] == ["b", "c"]


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(4, 12), min_size=1, max_size=3),
    share=st.floats(0.0, 1.0),
    bits=st.floats(0.0, 1.0),
    jump=st.integers(1, 40),
    lanes=st.integers(1, 4),
    steps=st.integers(1, 60),
    by_layer=st.booleans(),
    direct=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_no_budget_is_ever_exceeded(
    sizes: list[int],
    share: float,
    bits: float,
    jump: int,
    lanes: int,
    steps: int,
    by_layer: bool,
    direct: bool,
    seed: int,
) -> None:
    """Several budgets at once: of weights, of the graph, and of blocks of `jump` weights."""

    def blocks(candidate: Candidate) -> float:
        return float(-(-weights_in(candidate.graph()) // jump))

    hidden = (DenseLayer(features=size, neuron=NeuronConfig(kind="if")) for size in sizes)
    network = network_of(*hidden, LAST, shape=(7,), seed=seed).train()
    layers = neurons_of(network, lanes, ())
    resources = [connectivity(), weight_bits(), Resource("blocks", "", blocks)]
    most = Pruning(network, layers, [Budget(r, 0.0) for r in resources]).use()
    limits = [share, bits * most[1], most[2] * max(share, bits)]
    budgets = [Budget(r, limit) for r, limit in zip(resources, limits, strict=True)]
    pruning = Pruning(network, layers, budgets)
    order = pruning.order([layer.squares() for layer in layers])
    try:
        pruning.check_reachable()
    except ResourceError:
        least = pruning.smallest(order)
        assert any(use > limit for use, limit in zip(least, limits, strict=True))
        return
    solver = Minimax(pruning, steps, relative=True, by_layer=by_layer, direct=direct)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        with torch.no_grad():
            for synapse in pruning.synapses:
                synapse.weight.add_(
                    torch.randn(synapse.weight.shape, generator=generator), alpha=0.02
                )
        solver.step(0.01, 1.0)
        assert all(int(layer.kept().sum()) >= lanes for layer in layers)
    solver.end_epoch()
    assert solver.is_settled
    assert pruning.keeps()
    left = [int(layer.kept().sum()) for layer in layers]
    assert all(count >= lanes and count % lanes == 0 for count in left)
    graph = export(network.eval())
    shapes = infer_shapes(graph)
    assert [shapes[layer.name] for layer in layers] == [(count,) for count in left]
    whole = sum(synapse.weight.numel() for synapse in pruning.synapses)
    assert weights_in(graph) <= share * whole
    assert -(-weights_in(graph) // jump) <= limits[2]
    verify_export(network, graph, inputs_of(network))


# --- Runs -----------------------------------------------------------------------------------------


METHODS = ["minimax", "gradual", "magnitude"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("share", "lanes"), [(0.5, 1), (0.2, 2), (0.3, 4)])
def test_what_is_exported_keeps_the_budget(
    run: Path, tmp_path: Path, method: str, share: float, lanes: int
) -> None:
    options = replace(QUICK, method=method, connectivity=share, lanes=lanes)  # type: ignore[arg-type]
    folder = compress(run, options, run=tmp_path / "small")
    before, graph = load_graph(run), load_graph(folder)
    assert weights_in(graph) <= share * weights_in(before)
    shapes = infer_shapes(graph)
    left = {name: shapes[name][0] for name in ("conv", "hidden")}
    assert all(count % lanes == 0 for count in left.values())
    metrics = metrics_of(folder)
    assert metrics["compression"]["neurons"] == {
        name: {"lanes": lanes, "all": size, "left": left[name]}
        for name, size in (("conv", 8), ("hidden", 12))
    }
    (budget,) = metrics["compression"]["budgets"]
    assert budget["use"] == weights_in(graph) / weights_in(before) <= budget["limit"] == share
    assert metrics["accuracy"]["exported"] == metrics["accuracy"]["lattice"]
    lanes_of = {
        name: layer.lanes
        for name, layer in load_config(folder / "config.toml").hardware.layers.items()
    }
    assert lanes_of == ({} if lanes == 1 else {"conv": lanes, "hidden": lanes})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stop", [30, 70])
def test_resumed_compression_gives_the_identical_result(
    run: Path, tmp_path: Path, method: str, stop: int
) -> None:
    options = replace(QUICK, method=method, connectivity=0.3)  # type: ignore[arg-type]
    check_resumed(run, options, tmp_path, stop=stop)


def test_the_network_of_a_compressed_run_is_loaded_without_its_neurons(
    run: Path, tmp_path: Path
) -> None:
    folder = compress(run, replace(QUICK, connectivity=0.3), run=tmp_path / "small")
    network, graph = load_network(folder), load_graph(folder)
    again = export(network)
    assert infer_shapes(again) == infer_shapes(graph)
    with np.load(folder / "test.npz") as tests:
        inputs, predictions = tests["inputs"][:50], tests["predictions"][:50]
    assert network.predict(torch.from_numpy(inputs)).tolist() == predictions.tolist()
    assert Executor(graph).run(inputs).predictions.tolist() == predictions.tolist()


def test_a_run_goes_on_from_the_neurons_that_are_left(run: Path, tmp_path: Path) -> None:
    """By neurons or by words: those that are gone are no part of the network any more."""
    first = compress(run, replace(QUICK, connectivity=0.4), run=tmp_path / "first")
    graph = load_graph(first)
    size, shapes = weights_in(graph), infer_shapes(graph)
    network, config = slimmed(load_network(first), load_config(first / "config.toml"))
    inputs = torch.from_numpy(np.load(first / "test.npz")["inputs"][:100])
    assert verify_export(network.eval(), graph, inputs).shape == (100,)
    assert [len(part.weight) for part in synapses_of(network).values()] == [
        shapes[name][0] for name in ("conv", "hidden", "output")
    ]
    assert slimmed(network, config)[1] == config
    for unit in ("neuron", "word"):
        options = replace(QUICK, connectivity=0.5, unit=unit)  # type: ignore[arg-type]
        second = compress(first, options, run=tmp_path / unit)
        weights = [n.weight for n in load_graph(second).nodes if isinstance(n, Dense | Conv2d)]
        assert sum(int((weight != 0).sum()) for weight in weights) <= 0.5 * size
        assert (sum(weight.size for weight in weights) == size) == (unit == "word")
        assert metrics_of(second)["compression"]["trajectory"][0]["left"] == 1.0
        load_network(second)


def test_layers_that_are_kept_and_an_own_resource(run: Path, tmp_path: Path) -> None:
    def taps(candidate: Candidate) -> float:
        assert candidate.layers.keys() == {"conv", "hidden"}
        return float(candidate.layers["hidden"].codes.any(axis=0).sum())

    folder = compress(
        run,
        replace(QUICK, keep=("hidden",)),
        run=tmp_path / "small",
        budgets=[Budget(Resource("inputs", "", taps), 40.0)],
    )
    shapes = infer_shapes(load_graph(folder))
    assert shapes["hidden"] == (12,)
    assert shapes["conv"][0] <= 4  # of 9 positions each
    with pytest.raises(ConfigError, match=r"'hidden': it is kept"):
        compress(
            run,
            replace(QUICK, connectivity=0.5, keep=("conv", "hidden")),
            run=tmp_path / "none",
        )


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"connectivity": 0.001},
            ResourceError,
            r"with only the largest neuron left in each of 'conv', 'hidden' it is 0.0265152; raise",
        ),
        ({"connectivity": 0.01, "lanes": 4}, ResourceError, r"with only 4 neurons left in each"),
        ({"connectivity": 0.5, "lanes": 9}, ConfigError, "layer 'conv' has no more than 8"),
        ({"connectivity": 0.5, "keep": ("conf",)}, ConfigError, "no layer with weights is named"),
        ({"connectivity": 0.5, "unit": "channel"}, ConfigError, r"compress\.unit must be"),
    ],
)
def test_bad_options_are_refused_and_nothing_is_written(
    run: Path, tmp_path: Path, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        compress(run, replace(QUICK, **change), run=tmp_path / "small")
    assert not (tmp_path / "small").exists()


def test_lanes_of_the_hardware_must_divide_what_is_left(run: Path, tmp_path: Path) -> None:
    config = load_config(run / "config.toml")
    wide = tmp_path / "wide"
    wide.mkdir()
    for file in run.iterdir():
        (wide / file.name).write_bytes(file.read_bytes())
    text = (run / "config.toml").read_text()
    (wide / "config.toml").write_text(text + "\n[hardware.layers.hidden]\nlanes = 4\n")
    assert config.hardware.layers == {}
    for lanes in (1, 2):
        options = replace(QUICK, connectivity=0.5, lanes=lanes)
        with pytest.raises(
            ConfigError, match=r"do not go with hardware\.layers\.hidden\.lanes = 4; give"
        ):
            compress(wide, options, run=tmp_path / "small")
    folder = compress(wide, replace(QUICK, connectivity=0.5, lanes=4), run=tmp_path / "small")
    assert load_config(folder / "config.toml").hardware.layers["hidden"].lanes == 4


def test_the_smaller_design_equals_the_smaller_graph(
    run: Path, tmp_path: Path, need: Callable[[str], None]
) -> None:
    for tool in ("g++", "make", "verilator"):
        need(tool)
    options = replace(QUICK, connectivity=0.3, lanes=2)
    folder = compress(run, options, run=tmp_path / "small")
    out = spikeloom.build(folder, tmp_path / "out")
    result = verify(out, probe=True, limit=20)
    assert [str(mismatch) for mismatch in result.first_mismatches] == []
    assert result.passed
    shapes = infer_shapes(load_graph(folder))
    neurons = sum(int(np.prod(shapes[name])) for name in ("conv", "hidden", "output"))
    assert result.membranes_compared == 20 * 2 * neurons
