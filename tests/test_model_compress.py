"""Compression: masks, words, budgets that are kept, the course, resuming, and bad input."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_compression import CONFIG, check_resumed, metrics_of
from torch import Tensor

from spikeloom.ir import (
    ConfigError,
    Conv2d,
    DataError,
    Dense,
    Executor,
    IntArray,
    ResourceError,
    load_graph,
)
from spikeloom.model import (
    Budget,
    Candidate,
    CompressConfig,
    ConvLayer,
    ConvSynapse,
    DenseLayer,
    DenseSynapse,
    MixSynapse,
    Network,
    NetworkConfig,
    NeuronConfig,
    Resource,
    RoundedChannelWeightQuant,
    compress,
    connectivity,
    export,
    load_config,
    load_network,
    train,
    weight_bits,
)
from spikeloom.model._compress._cut import cut, fewest
from spikeloom.model._compress._methods import Gradual
from spikeloom.model._compress._minimax import Minimax
from spikeloom.model._compress._pruning import Pruning
from spikeloom.model._compress._words import Words, relative_squares, words_of
from spikeloom.model._step_size import step_of_kept

pytestmark = pytest.mark.usefixtures("one_thread")

QUICK = CompressConfig(epochs=4, share=0.5)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(CONFIG, run=tmp_path_factory.mktemp("runs") / "tiny")


def weights_of(folder: Path) -> dict[str, IntArray]:
    nodes = load_graph(folder).nodes
    return {
        node.name.removesuffix("_synapse"): node.weight
        for node in nodes
        if isinstance(node, Dense | Conv2d)
    }


def words(weight: IntArray, lanes: int) -> IntArray:
    """Words of an exported weight `[words, lanes]`, written down again."""
    flat = weight.reshape(len(weight), -1)
    found = [
        flat[first : first + lanes, place]
        for first in range(0, len(flat), lanes)
        for place in range(flat.shape[1])
    ]
    return np.stack(found)


# --- Masks ----------------------------------------------------------------------------------------


def synapse(**options: Any) -> DenseSynapse:
    torch.manual_seed(1)
    return DenseSynapse("fc", 6, 4, weight_bits=4, lattice=True, **options)


def half_mask(weight: Tensor) -> Tensor:
    return (torch.arange(weight.numel()) % 2 == 0).to(weight.dtype).view_as(weight)


@pytest.mark.parametrize("lattice", [True, False])
def test_pruned_weights_are_0_in_both_arithmetics(lattice: bool) -> None:
    fc = synapse()
    fc.lattice = lattice
    mask = half_mask(fc.weight)
    fc.prune(mask)
    codes, _ = fc.codes()
    assert bool((codes[mask == 0] == 0).all())
    assert bool((codes[mask > 0] != 0).any())
    assert not fc.integer_weight()[mask.numpy() == 0].any()
    shared, _ = fc.shared_codes(torch.full((4,), 0.5))
    assert bool((shared[mask == 0] == 0).all())
    fc.prune(None)
    assert bool((fc.codes()[0][mask == 0] != 0).any())


@pytest.mark.parametrize("regrows", [True, False])
def test_pruned_weights_have_a_gradient_if_they_may_come_back(regrows: bool) -> None:
    fc = synapse()
    mask = half_mask(fc.weight)
    fc.prune(mask, regrows=regrows)
    torch.autograd.backward(fc(torch.ones(1, 6), fc.codes()[0]).sum())
    grad = fc.weight.grad
    assert grad is not None
    assert bool((grad[mask > 0] != 0).all())
    assert bool((grad[mask == 0] != 0).all()) == regrows
    assert bool((grad[mask == 0] == 0).all()) != regrows


def test_the_scale_is_that_of_the_weights_that_are_left() -> None:
    torch.manual_seed(0)
    fc = DenseSynapse("fc", 100, 40, weight_bits=4, lattice=True)
    with torch.no_grad():
        fc.weight.normal_()
    dense = float(fc.codes()[1].detach())
    size = fc.weight.detach().abs()
    fc.prune((size >= size.flatten().quantile(0.9)).to(size.dtype))
    codes, unit = (value.detach() for value in fc.codes())
    kept = codes[fc.pruned_weight.detach() != 0].abs()
    values, wanted = codes * unit, fc.pruned_weight.detach()
    assert float((values - wanted).square().mean()) < 0.6 * float(
        ((wanted / dense).round().clamp(-7, 7) * dense - wanted).square().mean()
    )
    assert int(kept.min()) > 1  # no code is spent between zero and the smallest
    assert int(kept.max()) == 7


def test_each_channel_has_the_scale_of_what_is_left_of_it() -> None:
    fc = synapse(quantiser=RoundedChannelWeightQuant)
    mask = torch.ones_like(fc.weight)
    mask[1, 1:] = 0
    mask[2] = 0
    fc.prune(mask)
    codes, unit = (value.detach() for value in fc.codes())
    fc.prune(None)
    whole, units = (value.detach() for value in fc.codes())
    assert torch.equal(codes[0], whole[0])
    assert float(unit[0]) == float(units[0])
    assert not bool(codes[2].any())
    assert bool(torch.isfinite(unit).all())
    assert float(codes[1, 0].abs() * unit[1]) == pytest.approx(
        float(fc.weight[1, 0].detach().abs()), rel=0.3
    )


def test_steps_of_what_is_left() -> None:
    for bits in range(2, 9):
        assert step_of_kept(bits, 1.0) == 1.0
        steps = [step_of_kept(bits, density) for density in (0.5, 0.1, 0.01, 1e-4, 0.0)]
        assert all(0.3 < step < 1.0 for step in steps)
        assert steps[-1] == steps[-2]


# --- Words ----------------------------------------------------------------------------------------


def test_a_word_is_neighbouring_outputs_of_one_input() -> None:
    conv = ConvSynapse("conv", 2, 4, kernel=(1, 3), weight_bits=4)
    layer = Words("conv", conv, 2)
    numbered = torch.arange(24.0).view(4, 2, 1, 3)
    by_word = layer.by_word(numbered)
    assert layer.count == len(by_word) == 12
    assert by_word[0].tolist() == [numbered[0, 0, 0, 0], numbered[1, 0, 0, 0]]
    assert by_word[7].tolist() == [numbered[2, 0, 0, 1], numbered[3, 0, 0, 1]]
    kept = torch.arange(12) % 3 == 0
    mask = layer.by_weight(kept)
    assert torch.equal(layer.by_word(mask)[:, 0], kept)
    assert torch.equal(layer.by_word(mask)[:, 1], kept)


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_relative_to_all_that_is_not_smaller(seed: int) -> None:
    rng = np.random.default_rng(seed)
    squares = rng.random(50).astype(np.float32)
    wanted = [x / squares[squares >= x].sum() for x in squares]
    found = relative_squares(torch.from_numpy(squares))
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-5)
    assert float(found.max()) == 1.0


def test_channels_that_stay_apart_have_words_of_one_weight() -> None:
    network = Network(
        NetworkConfig(
            time_steps=1,
            layers=(
                ConvLayer(name="depth", channels=4, kernel=(3, 3), groups=4),
                ConvLayer(name="point", channels=8, kernel=(1, 1)),
                DenseLayer(name="out", features=10, neuron=NeuronConfig(kind="if")),
            ),
        ),
        shape=(4, 4, 4),
        classes=10,
    )
    lanes = {layer.name: layer.lanes for layer in words_of(network, 2, ())}
    assert lanes == {"depth": 1, "point": 2, "out": 2}
    assert not any(isinstance(layer.synapse, MixSynapse) for layer in words_of(network, 1, ()))


# --- Budgets --------------------------------------------------------------------------------------


METHODS = ["minimax", "gradual", "magnitude"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("share", "lanes"), [(0.3, 1), (0.05, 1), (0.2, 2)])
def test_what_is_exported_keeps_the_budget(
    run: Path, tmp_path: Path, method: str, share: float, lanes: int
) -> None:
    options = replace(QUICK, method=method, connectivity=share, lanes=lanes)  # type: ignore[arg-type]
    folder = compress(run, options, run=tmp_path / "small")
    found = [words(weight, lanes).any(axis=1) for weight in weights_of(folder).values()]
    left, count = sum(int(w.sum()) for w in found), sum(len(w) for w in found)
    assert 0 < left <= share * count
    metrics = metrics_of(folder)
    (budget,) = metrics["compression"]["budgets"]
    assert budget["use"] <= budget["limit"] == share
    assert budget["use"] * count > share * count - 1  # nothing is given away
    assert left <= round(budget["use"] * count)
    assert metrics["accuracy"]["exported"] == metrics["accuracy"]["lattice"]
    assert metrics["compression"]["accuracy_before"] == metrics_of(run)["accuracy"]["exported"]


def network_of(layers: tuple[int, ...], seed: int) -> Network:
    return Network(
        NetworkConfig(
            time_steps=1,
            layers=tuple(
                DenseLayer(features=size, neuron=NeuronConfig(kind="if")) for size in (*layers, 10)
            ),
        ),
        shape=(7,),
        classes=10,
        seed=seed,
    ).train()


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(2, 12), min_size=1, max_size=3),
    share=st.floats(0.0, 1.0),
    bits=st.floats(0.0, 1.0),
    jump=st.integers(1, 40),
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
    steps: int,
    by_layer: bool,
    direct: bool,
    seed: int,
) -> None:
    """Several budgets at once, one of a resource that comes in blocks of `jump` weights."""

    def blocks(candidate: Candidate) -> float:
        return float(
            sum(-(-int((layer.codes != 0).sum()) // jump) for layer in candidate.layers.values())
        )

    network = network_of(tuple(sizes), seed)
    layers = words_of(network, 1, ())
    free = Pruning(network, layers, [Budget(r, 0.0) for r in (connectivity(), weight_bits())])
    all_blocks = Resource("blocks", "", blocks)
    most = Pruning(network, layers, [Budget(all_blocks, 0.0)]).use()[0]
    budgets = [
        Budget(connectivity(), share),
        Budget(weight_bits(), bits * free.use()[1]),
        Budget(all_blocks, most * max(share, bits)),
    ]
    pruning = Pruning(network, layers, budgets)
    try:
        pruning.check_reachable()
    except ResourceError:
        order = pruning.order([layer.squares() for layer in layers])
        least = pruning.smallest(order)
        assert any(use > budget.limit for use, budget in zip(least, budgets, strict=True))
        return
    solver = Minimax(pruning, steps, relative=True, by_layer=by_layer, direct=direct)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        with torch.no_grad():
            for layer in layers:
                noise = torch.randn(layer.synapse.weight.shape, generator=generator)
                layer.synapse.weight.add_(noise, alpha=0.02)
        solver.step(0.01, 1.0)
        if not solver.is_settled:
            assert pruning.removed <= pruning.most
    solver.end_epoch()
    assert solver.is_settled
    assert pruning.keeps()
    assert all(bool(layer.kept().any()) for layer in layers)
    graph = export(network.eval())
    nodes = [node for node in graph.nodes if isinstance(node, Dense)]
    left = sum(int((node.weight != 0).sum()) for node in nodes)
    assert left <= share * pruning.count


def costs_of(measure: Callable[[Candidate], float], left: list[int]) -> list[float]:
    """What a word of each of three layers costs, where they have so many left."""
    network = network_of((12, 9), 1)
    layers = words_of(network, 1, ())
    pruning = Pruning(network, layers, [Budget(Resource("memory", "", measure), 1.0)])
    scores = [layer.squares() for layer in layers]
    gone = [
        torch.argsort(score)[: layer.count - count] + first
        for layer, score, count, first in zip(layers, scores, left, (0, 84, 192), strict=True)
    ]
    pruning.leave(torch.cat(gone), regrows=True)
    (costs,) = pruning.costs(scores, pruning.use())
    return costs


def test_what_a_word_costs_is_seen_beyond_half_of_a_layer() -> None:
    """The memory of an event engine is that of all words, unless only half of them are left."""

    def memory(candidate: Candidate) -> float:
        layers = candidate.layers.values()
        return float(
            sum(w.kept.size if 2 * w.kept.sum() > w.kept.size else w.kept.sum() for w in layers)
        )

    first, second, third = costs_of(memory, [70, 40, 90])  # of 84, 108 and 90
    assert second == pytest.approx(1.0)
    assert 0.5 < first < 2.0
    assert 0.5 < third < 2.0


def test_the_last_word_of_a_layer_is_never_tried_away() -> None:
    """A layer without weights is nothing that can be exported."""

    def memory(candidate: Candidate) -> float:
        assert all(layer.kept.any() for layer in candidate.layers.values())
        return float(sum(layer.kept.sum() for layer in candidate.layers.values()))

    assert costs_of(memory, [1, 40, 2]) == [0.0, 1.0, 1.0]


def pruning_of(size: int, seed: int, *budgets: Budget) -> Pruning:
    """Single weights of two layers, the first of which has so many outputs."""
    network = network_of((size,), seed)
    return Pruning(network, words_of(network, 1, ()), budgets)


def first_weights(limit: float) -> Budget:
    """A budget of the weights of the first layer alone."""
    return Budget(Resource("first", "", lambda c: float(c.layers["dense0"].kept.sum())), limit)


def the_slower(candidate: Candidate) -> float:
    """Clock cycles of two layers that work side by side."""
    return float(max(layer.kept.sum() for layer in candidate.layers.values()))


def test_layers_that_bind_by_turns_are_both_compressed() -> None:
    """Whichever is the slower had all the costs, and was emptied until the other one was."""
    slower = Budget(Resource("slower", "", the_slower), 40.0)
    pruning = pruning_of(40, 2, slower, Budget(connectivity(), 0.9))
    layers = pruning.layers
    solver = Minimax(pruning, 400, relative=True)
    shares = []
    while not solver.is_settled:
        shares.append([float(layer.kept().double().mean()) for layer in layers])
        solver.step(0.01, 1.0)
    assert min(map(min, shares)) > 0.05
    assert [int(layer.kept().sum()) for layer in layers] == [40, 40]


def test_what_there_is_room_for_stays() -> None:
    """The order has all of the second layer before the first, of which alone a resource is."""
    pruning = pruning_of(12, 1, first_weights(10.0), Budget(connectivity(), 0.5))
    first, second = (layer.squares() for layer in pruning.layers)
    order = pruning.order([first + 100.0, second])
    assert fewest(pruning, order) == pruning.count - 10 - 1  # the best of the second comes last
    pruning.leave(cut(pruning, order, refill=True), regrows=False)
    left = [int(layer.kept().sum()) for layer in pruning.layers]
    assert left == [10, pruning.count // 2 - 10]
    best = second.argsort(descending=True)[: left[1]]
    assert bool(pruning.layers[1].kept()[best].all())


def test_what_is_gone_for_good_takes_no_room_again() -> None:
    """Weights that are 0 are not left although a budget would have room for them."""
    pruning = pruning_of(12, 1, Budget(connectivity(), 0.5))
    order = pruning.order([layer.squares() for layer in pruning.layers])
    pruning.leave(order[: int(0.8 * pruning.count)], regrows=False)
    gone = torch.cat([~layer.kept() for layer in pruning.layers])
    again = cut(pruning, pruning.order([layer.squares() for layer in pruning.layers]), refill=True)
    assert sorted(again.tolist()) == gone.nonzero().flatten().tolist()


def test_what_gradual_took_away_does_not_come_back() -> None:
    """Not even where its momentum moved it, and there is room for it."""
    pruning = pruning_of(12, 1, first_weights(10.0))
    layers = pruning.layers
    solver = Gradual(pruning, 40, relative=False)
    gone = torch.zeros(pruning.count, dtype=torch.bool)
    while not solver.is_settled:
        with torch.no_grad():
            for layer in layers:
                layer.synapse.weight.add_(0.01)
        solver.step(0.01, 1.0)
        now = torch.cat([~layer.kept() for layer in layers])
        assert bool(now[gone].all())
        gone = now
    assert int(gone.sum()) > 74


@pytest.mark.parametrize("by_layer", [True, False])
@pytest.mark.parametrize("limit", [0.12, 0.5])
def test_what_is_left_is_what_the_s_say(by_layer: bool, limit: float) -> None:
    """The first layer is sparse when it begins, and the limit tighter or looser than that."""
    pruning = pruning_of(40, 3, Budget(connectivity(), limit))
    layers = pruning.layers
    sparse = torch.argsort(layers[0].squares())[: int(0.9 * layers[0].count)]
    pruning.leave(sparse, regrows=True)
    solver = Minimax(pruning, 200, relative=True, by_layer=by_layer)
    before: list[int] = []
    while not solver.is_settled:
        before = [int(layer.kept().sum()) for layer in layers]
        solver.step(0.01, 1.0)
    left = [int(layer.kept().sum()) for layer in layers]
    gone = [layer.count - count for layer, count in zip(layers, left, strict=True)]
    most = [layer.count - 1 for layer in layers]
    if by_layer:
        assert solver.s == [g / m for g, m in zip(gone, most, strict=True)]
        factors = [now / then for now, then in zip(left, before, strict=True)]
        assert factors[0] == pytest.approx(factors[1], rel=0.1)
    else:
        assert solver.s == [sum(gone) / sum(most)]


def test_costs_are_known_from_the_first_look() -> None:
    pruning = pruning_of(40, 3, first_weights(28.0))
    layers = pruning.layers
    solver = Minimax(pruning, 40, relative=True)
    solver.step(0.01, 1.0)
    assert solver.costs == [pytest.approx(pruning.count / layers[0].count), 1e-3]


def test_a_layer_with_its_least_keeps_its_costs() -> None:
    """Nothing can be tried there; it is not one that costs nothing."""
    pruning = pruning_of(40, 3, Budget(connectivity(), 0.2))
    layers = pruning.layers
    pruning.leave(torch.argsort(layers[0].squares())[: layers[0].count - 1], regrows=True)
    solver = Minimax(pruning, 200, relative=True)
    solver.step(0.01, 1.0)
    assert solver.costs[0] == 1.0


def test_budgets_are_seen_to_after_every_epoch() -> None:
    """Integers change while weights are trained on: a resource that looks at them may grow."""
    network, each = network_of((12,), 1), [1.0]

    def weights(candidate: Candidate) -> float:
        return each[0] * sum(int((layer.codes != 0).sum()) for layer in candidate.layers.values())

    pruning = Pruning(
        network, words_of(network, 1, ()), [Budget(Resource("weights", "", weights), 60.0)]
    )
    solver = Minimax(pruning, 8, relative=True)
    for _ in range(8):
        solver.step(0.01, 1.0)
    assert pruning.use() == [60.0]
    each[0] = 1.5
    assert not pruning.keeps()
    solver.end_epoch()
    assert pruning.use() == [60.0]
    assert pruning.count - pruning.removed == 40


def test_a_budget_that_gets_out_of_reach_is_an_error() -> None:
    """It was in reach when compression began; what is returned never exceeds a budget."""
    network, rest = network_of((12,), 1), [0.0]

    def weights(candidate: Candidate) -> float:
        return rest[0] + sum(int(layer.kept.sum()) for layer in candidate.layers.values())

    pruning = Pruning(
        network, words_of(network, 1, ()), [Budget(Resource("weights", "", weights), 60.0)]
    )
    pruning.check_reachable()
    solver = Minimax(pruning, 1, relative=True)
    rest[0] = 100.0
    with pytest.raises(ResourceError, match=r"weights cannot be brought down to 60: .* it is 102;"):
        solver.step(0.01, 1.0)


def test_own_resource_and_several_budgets(run: Path, tmp_path: Path) -> None:
    """The inputs that are read at all, as a user might count them."""

    def rows(candidate: Candidate) -> float:
        return float(candidate.layers["hidden"].codes.any(axis=0).sum())

    resource = Resource("rows read", "rows", rows)
    folder = compress(
        run,
        replace(QUICK, connectivity=0.5),
        run=tmp_path / "small",
        budgets=[Budget(resource, 30.0)],
    )
    hidden = weights_of(folder)["hidden"]
    assert 0 < int(hidden.any(axis=0).sum()) <= 30
    names = [budget["resource"] for budget in metrics_of(folder)["compression"]["budgets"]]
    assert names == ["connectivity", "rows read"]
    assert metrics_of(folder)["compression"]["multipliers"].keys() == {
        "s",
        "y",
        "z connectivity",
        "z rows read",
    }


def test_weight_bits_and_layers_that_are_kept(run: Path, tmp_path: Path) -> None:
    folder = compress(run, replace(QUICK, weight_bits=2000, keep=("conv",)), run=tmp_path / "small")
    before, after = weights_of(run), weights_of(folder)
    assert 4 * sum(int((after[name] != 0).sum()) for name in ("hidden", "output")) <= 2000
    assert int((after["conv"] != 0).sum()) > 0.7 * int((before["conv"] != 0).sum())
    assert metrics_of(folder)["compression"]["words"].keys() == {"hidden", "output"}


# --- The course -----------------------------------------------------------------------------------


def masks_while(
    run: Path, folder: Path, options: CompressConfig, monkeypatch: pytest.MonkeyPatch
) -> list[Tensor]:
    seen: list[Tensor] = []
    leave = Pruning.leave

    def watched(self: Pruning, gone: Tensor, *, regrows: bool) -> None:
        leave(self, gone, regrows=regrows)
        seen.append(torch.cat([layer.kept() for layer in self.layers]))

    monkeypatch.setattr(Pruning, "leave", watched)
    compress(run, options, run=folder)
    return seen


def test_words_come_back_under_minimax_only(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = replace(QUICK, epochs=6, learning_rate=0.02, connectivity=0.1)
    came_back = {}
    for method in ("minimax", "gradual"):
        with monkeypatch.context() as patch:
            masks = masks_while(
                run,
                tmp_path / method,
                replace(options, method=method),  # type: ignore[arg-type]
                patch,
            )
        assert len(masks) > 10
        came_back[method] = any(bool((later & ~now).any()) for now, later in pairwise(masks))
    assert came_back == {"minimax": True, "gradual": False}


def test_magnitude_takes_the_smallest_at_once(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = replace(QUICK, method="magnitude", connectivity=0.25)
    masks = masks_while(run, tmp_path / "small", options, monkeypatch)
    assert len(masks) == 1
    assert int(masks[0].sum()) == int(0.25 * len(masks[0]))


@pytest.mark.parametrize("method", METHODS)
def test_a_score_may_be_that_of_another_method(run: Path, tmp_path: Path, method: str) -> None:
    left = {}
    for score in ("magnitude", "relative"):
        options = replace(QUICK, method=method, connectivity=0.01, score=score)  # type: ignore[arg-type]
        folder = compress(run, options, run=tmp_path / score)
        left[score] = metrics_of(folder)["compression"]["words"]
    assert left["magnitude"] != left["relative"]
    own = compress(
        run,
        replace(QUICK, method=method, connectivity=0.01),  # type: ignore[arg-type]
        run=tmp_path / "own",
    )
    wanted = "relative" if method == "minimax" else "magnitude"
    assert metrics_of(own)["compression"]["words"] == left[wanted]


@pytest.mark.parametrize("course", ["gradual", "direct"])
@pytest.mark.parametrize("scope", ["network", "layer"])
def test_the_course_leads_to_the_budget(run: Path, tmp_path: Path, course: str, scope: str) -> None:
    options = CompressConfig(
        epochs=10,
        share=0.8,
        connectivity=0.2,
        course=course,  # type: ignore[arg-type]
        scope=scope,  # type: ignore[arg-type]
    )
    folder = compress(run, options, run=tmp_path / "small")
    compression = metrics_of(folder)["compression"]
    course_of = compression["trajectory"]
    uses = [entry["connectivity"] for entry in course_of]
    last = course_of[-1]["step"]
    before = [entry["connectivity"] for entry in course_of if entry["step"] < 0.79 * last]
    assert uses[0] > 0.8  # not within an epoch, as with the published rates
    assert 0.15 < before[-1] < (0.3 if course == "gradual" else 0.5)
    assert uses[-1] <= 0.2
    assert all(entry["y"] >= 1.0 and entry["z connectivity"] >= 0.0 for entry in course_of)
    names = [name for name in compression["multipliers"] if name.startswith("s")]
    assert names == (["s"] if scope == "network" else ["s conv", "s hidden", "s output"])
    history = metrics_of(folder)["history"]
    assert [entry["settled"] for entry in history] == [False] * 7 + [True] * 3
    assert metrics_of(folder)["best_epoch"] > 7


# --- Runs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stop", [30, 70])
def test_resumed_compression_gives_the_identical_result(
    run: Path, tmp_path: Path, method: str, stop: int
) -> None:
    options = replace(QUICK, method=method, connectivity=0.1)  # type: ignore[arg-type]
    check_resumed(run, options, tmp_path, stop=stop)


def test_the_network_of_a_compressed_run_is_loaded_with_its_masks(
    run: Path, tmp_path: Path
) -> None:
    folder = compress(run, replace(QUICK, connectivity=0.1), run=tmp_path / "small")
    network = load_network(folder)
    with np.load(folder / "test.npz") as tests:
        inputs, predictions = tests["inputs"][:50], tests["predictions"][:50]
    assert network.predict(torch.from_numpy(inputs)).tolist() == predictions.tolist()
    trace = Executor(load_graph(folder)).run(inputs)
    assert trace.predictions.tolist() == predictions.tolist()


def test_a_compressed_run_can_be_compressed_further(run: Path, tmp_path: Path) -> None:
    first = compress(run, replace(QUICK, connectivity=0.3), run=tmp_path / "first")
    second = compress(first, replace(QUICK, connectivity=0.1), run=tmp_path / "second")
    left = [sum(int((w != 0).sum()) for w in weights_of(f).values()) for f in (first, second)]
    assert left[1] < left[0]
    for method in METHODS:
        again = replace(QUICK, connectivity=0.1, method=method)  # type: ignore[arg-type]
        folder = compress(first, again, run=tmp_path / method)
        course = [entry["left"] for entry in metrics_of(folder)["compression"]["trajectory"]]
        assert max(course) < 0.36  # from where it is
    assert metrics_of(second)["name"] == "tiny_compressed"


def test_single_weights_first_and_words_behind_that(run: Path, tmp_path: Path) -> None:
    """Words are those of which any weight is left, wherever in them it is."""
    first = compress(run, replace(QUICK, connectivity=0.2), run=tmp_path / "first")
    masks = [layer.synapse.mask for layer in words_of(load_network(first), 1, ())]
    wide = words_of(load_network(first), 2, ())
    for layer, mask in zip(wide, masks, strict=True):
        assert mask is not None
        pairs = words(mask.numpy().astype(int), 2)
        assert layer.kept().tolist() == pairs.any(axis=1).tolist()
        assert 0 < int(layer.kept().sum()) < layer.count
    share = sum(int(layer.kept().sum()) for layer in wide) / sum(layer.count for layer in wide)
    for method in METHODS:
        options = replace(QUICK, connectivity=0.1, lanes=2, method=method)  # type: ignore[arg-type]
        folder = compress(first, options, run=tmp_path / method)
        compression = metrics_of(folder)["compression"]
        start = compression["trajectory"][0]
        assert start["left"] == start["connectivity"] == pytest.approx(share)
        assert compression["budgets"][0]["use"] <= 0.1


def test_lanes_of_the_hardware_follow_the_words(run: Path, tmp_path: Path) -> None:
    folder = compress(
        run, replace(QUICK, connectivity=0.3, lanes=2, keep=("conv",)), run=tmp_path / "small"
    )
    layers = load_config(folder / "config.toml").hardware.layers
    assert {name: layer.lanes for name, layer in layers.items()} == {"hidden": 2, "output": 2}


def test_words_that_are_none_to_the_hardware_are_refused(run: Path, tmp_path: Path) -> None:
    text = (run / "config.toml").read_text()
    other = damaged(
        run,
        tmp_path / "wide",
        lambda folder: (folder / "config.toml").write_text(
            text + "\n[hardware.layers.hidden]\nlanes = 4\n"
        ),
    )
    options = replace(QUICK, connectivity=0.3, keep=("conv",))
    with pytest.raises(ConfigError, match=r"go with hardware\.layers\.hidden\.lanes = 4; give"):
        compress(other, replace(options, lanes=2), run=tmp_path / "small")
    compress(other, replace(options, lanes=1), run=tmp_path / "small")


def test_another_compression_is_not_resumed(run: Path, tmp_path: Path) -> None:
    folder = compress(run, replace(QUICK, connectivity=0.3), run=tmp_path / "small")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ConfigError, match="another configuration"):
        compress(run, replace(QUICK, connectivity=0.2), run=folder, resume=True)
    other = train(replace(CONFIG, seed=4), run=tmp_path / "other")
    with pytest.raises(ConfigError, match=r"another network|another configuration"):
        compress(other, replace(QUICK, connectivity=0.3), run=folder, resume=True)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_other_budgets_are_not_resumed(run: Path, tmp_path: Path) -> None:
    rows = Resource("rows", "", lambda c: float(c.layers["hidden"].codes.any(axis=0).sum()))
    folder = compress(run, QUICK, run=tmp_path / "small", budgets=[Budget(rows, 40.0)])
    with pytest.raises(ConfigError, match="with other budgets"):
        compress(run, QUICK, run=folder, budgets=[Budget(rows, 10.0)], resume=True)
    same = compress(run, QUICK, run=folder, budgets=[Budget(rows, 40.0)], resume=True)
    assert same == folder


@pytest.mark.parametrize("limit", [float("nan"), float("inf")])
def test_a_budget_is_a_finite_number(limit: float) -> None:
    with pytest.raises(ConfigError, match="budget of connectivity must be a finite number"):
        Budget(connectivity(), limit)


@pytest.mark.parametrize(
    ("name", "message"),
    [("loss", "no resource"), ("z connectivity", "no resource"), ("connectivity", "two")],
)
def test_names_of_resources_are_their_own(
    run: Path, tmp_path: Path, name: str, message: str
) -> None:
    taken = Budget(Resource(name, "", connectivity().measure), 0.5)
    options = replace(QUICK, connectivity=0.5)
    with pytest.raises(ConfigError, match=message):
        compress(run, options, run=tmp_path / "small", budgets=[taken])


def test_what_is_measured_may_be_a_number_of_numpy(run: Path, tmp_path: Path) -> None:
    kept = Resource("kept", "", lambda c: np.float64(c.layers["hidden"].kept.sum()))
    folder = compress(run, QUICK, run=tmp_path / "small", budgets=[Budget(kept, 100.0)])
    assert compress(run, QUICK, run=folder, budgets=[Budget(kept, 100.0)], resume=True) == folder
    lost = Resource("lost", "", lambda _: float("nan"))
    with pytest.raises(ResourceError, match="lost was measured as nan; its function has to"):
        compress(run, QUICK, run=tmp_path / "nan", budgets=[Budget(lost, 1.0)])


def test_what_is_gone_stays_0_when_its_momentum_does_not(run: Path, tmp_path: Path) -> None:
    options = replace(QUICK, connectivity=0.1, learning_rate=0.05)
    network = load_network(compress(run, options, run=tmp_path / "small"))
    for layer in words_of(network, 1, ()):
        assert not bool(layer.synapse.weight[layer.synapse.mask == 0].any())


def test_layers_whose_engine_is_set_get_no_lanes(run: Path, tmp_path: Path) -> None:
    text = (run / "config.toml").read_text() + '\n[hardware.layers.hidden]\nengine = "unrolled"\n'
    other = damaged(
        run, tmp_path / "logic", lambda folder: (folder / "config.toml").write_text(text)
    )
    options = replace(QUICK, connectivity=0.3, lanes=2)
    folder = compress(other, options, run=tmp_path / "small")
    layers = load_config(folder / "config.toml").hardware.layers
    assert {name: layer.lanes for name, layer in layers.items()} == {
        "conv": 2,
        "hidden": None,
        "output": 2,
    }


def test_training_does_not_look_at_the_compress_table(run: Path) -> None:
    train(replace(CONFIG, compress=replace(QUICK, connectivity=0.5)), run=run, resume=True)
    train(CONFIG, run=run, resume=True)


# --- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({}, ConfigError, "nothing is limited: give --connectivity"),
        (
            {"connectivity": 1e-5},
            ResourceError,
            r"connectivity cannot be .* with only the l.* 0\.00",
        ),
        ({"weight_bits": 11}, ResourceError, r"cannot be .* to 11 bits: .* it is 12 bits; raise"),
        ({"connectivity": 1.5}, ConfigError, r"compress\.connectivity must be 0 to 1"),
        ({"connectivity": 0.5, "lanes": 5}, ConfigError, "does not divide the 8 outputs of layer"),
        ({"connectivity": 0.5, "keep": ("conf",)}, ConfigError, "no layer with weights is named"),
        (
            {"connectivity": 0.5, "keep": ("conv", "hidden", "output")},
            ConfigError,
            "nothing can be compressed",
        ),
    ],
)
def test_bad_options_are_refused_and_nothing_is_written(
    run: Path, tmp_path: Path, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        compress(run, replace(QUICK, **change), run=tmp_path / "small")
    assert not (tmp_path / "small").exists()


def damaged(run: Path, folder: Path, damage: Callable[[Path], object]) -> Path:
    shutil.copytree(run, folder)
    damage(folder)
    return folder


def test_runs_that_are_not_there_or_not_finished_are_refused(run: Path, tmp_path: Path) -> None:
    options = replace(QUICK, connectivity=0.5)
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        compress(tmp_path / "nowhere", options, run=tmp_path / "small")
    lost = damaged(run, tmp_path / "lost", lambda folder: (folder / "model.pt").unlink())
    with pytest.raises(DataError, match=r"model\.pt"):
        compress(lost, options, run=tmp_path / "small")
    no_metrics = damaged(run, tmp_path / "m", lambda folder: (folder / "metrics.json").unlink())
    with pytest.raises(DataError, match="finish the run with `spikeloom train`"):
        compress(no_metrics, options, run=tmp_path / "small")
    with pytest.raises(ConfigError, match="is the network to compress; give another folder"):
        compress(run, options, run=run)
    assert not (tmp_path / "small").exists()
