"""Neurons: the fused sequence against a plain autograd loop of the same rules."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from spikeloom.ir import ConfigError, Leak, LeakTerm, Reset
from spikeloom.model import (
    IF,
    LIF,
    PLIF,
    SURROGATES,
    Integrator,
    Surrogate,
    as_surrogate,
    atan,
    fast_sigmoid,
    nearest_leak,
    rectangular,
    sigmoid,
    straight_through,
    triangular,
)
from spikeloom.model._autograd import apply
from spikeloom.model._leak import leak_table, leaked
from spikeloom.model._sequence import Rule, run_sequence

LEAKS = (Leak.none(), Leak.shift(1), Leak.shift(3), nearest_leak(0.7), Leak((LeakTerm(1, 2),)))


pytestmark = pytest.mark.usefixtures("one_thread")


class _Floor(torch.autograd.Function):
    """Shifts of the naive model, with the gradient of the exact decay."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, v: Tensor, leak: Leak) -> Tensor:
        ctx.beta = leak.beta  # type: ignore[attr-defined]  # torch's own idiom
        return sum(t.sign * torch.floor(v / 2**t.shift) for t in leak.terms)  # type: ignore[return-value]  # a sum of tensors

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0] * ctx.beta, None  # type: ignore[attr-defined]  # torch's own idiom


def naive(
    currents: Tensor, threshold: Tensor, bias: Tensor, beta: Tensor | None, rule: Rule
) -> Tensor:
    """The recurrence of docs/semantics.md, step by step, with torch's own gradients."""
    v = torch.zeros_like(currents[0])
    spikes = []
    for current in currents:
        decayed = apply(_Floor, v, rule.leak) if rule.lattice else v * rule.beta
        if beta is not None:
            decayed = decayed + (beta - beta.detach()) * v.detach()
        u = decayed + current + bias
        if rule.limits is not None:
            u = u + (u.clamp(*rule.limits) - u).detach()
        s = rule.surrogate(u / threshold - 1.0)
        s = (u >= threshold).to(u.dtype) + s - s.detach()
        r = s.detach() if rule.detach_reset else s
        match rule.reset:
            case Reset.SUBTRACT:
                v = u - r * threshold
            case Reset.ZERO:
                v = u * (1.0 - r)
            case Reset.NONE:
                v = u
        spikes.append(s)
    return torch.stack(spikes)


def _gradients(
    function: object, rule: Rule, inputs: tuple[Tensor, ...], weight: Tensor
) -> list[Tensor]:
    leaves = [x.clone().requires_grad_() for x in inputs]
    spikes = function(*leaves, rule)  # type: ignore[operator]  # one of the two above
    torch.autograd.backward((spikes * weight).sum())
    return [spikes.detach(), *(x.grad for x in leaves if x.grad is not None)]


@pytest.mark.parametrize("lattice", [True, False])
@pytest.mark.parametrize(("reset", "detach"), list(product(Reset, [True, False])))
@pytest.mark.parametrize("surrogate", [atan(), sigmoid(), triangular(2.0)], ids=lambda s: s.name)
def test_fused_sequence_equals_autograd_loop(
    reset: Reset, detach: bool, lattice: bool, surrogate: Surrogate
) -> None:
    torch.manual_seed(0)
    for leak, limits in product(LEAKS, [None, (-32.0, 31.0)]):
        rule = Rule(
            leak=leak,
            beta=leak.beta,
            lattice=lattice,
            reset=reset,
            detach_reset=detach,
            surrogate=surrogate,
            limits=limits,
        )
        currents = torch.randint(-25, 30, (6, 3, 5, 2, 2)).double()
        threshold = torch.randint(4, 25, (5, 1, 1)).double()
        bias = torch.randint(-5, 5, (5, 1, 1)).double()
        inputs = (currents, threshold, bias, torch.tensor(leak.beta).double())
        weight = torch.randn(currents.shape, dtype=torch.float64)
        fused = _gradients(run_sequence, rule, inputs, weight)
        plain = _gradients(naive, rule, inputs, weight)
        for ours, theirs in zip(fused, plain, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_sequence_needs_no_bias() -> None:
    currents = torch.randint(-5, 9, (4, 3, 7)).float().requires_grad_()
    rule = LIF(leak=1, lattice=True).rule()
    spikes = run_sequence(currents, torch.tensor(4.0), None, None, rule)
    torch.testing.assert_close(
        spikes, run_sequence(currents, torch.tensor(4.0), torch.tensor(0.0), None, rule)
    )
    torch.autograd.backward(spikes.sum())
    assert currents.grad is not None


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
def test_lattice_neuron_is_the_integer_recurrence(reset: str) -> None:
    rng = np.random.default_rng(1)
    currents = rng.integers(-60, 70, (9, 4, 6))
    leak = nearest_leak(0.8)
    neuron = LIF(leak=leak, threshold=40.3, reset=reset, membrane_bits=8, lattice=True)
    spikes = neuron(torch.from_numpy(currents).float(), bias=torch.tensor(2.6)).numpy()
    v = np.zeros((4, 6), dtype=np.int64)
    for t, current in enumerate(currents):
        u = np.clip(leak(v) + current + 3, -128, 127)
        s = u >= 40
        after = {"subtract": u - 40, "zero": np.zeros_like(u), "none": u}[reset]
        v = np.where(s, after, u)
        assert (spikes[t] == s).all()


def test_leak_of_tensors_equals_leak_of_integers() -> None:
    v = np.arange(-5000, 5000)
    for _, leak in leak_table(3, 6):
        assert (leaked(torch.from_numpy(v).float(), leak).numpy() == leak(v)).all()


def test_leaks_are_canonical_and_cover_the_range() -> None:
    table = leak_table(3, 6)
    assert all(beta == leak.beta for beta, leak in table)
    assert nearest_leak(0.5) == Leak.shift(1)
    assert nearest_leak(0.9375) == Leak.shift(4)
    assert nearest_leak(1.0) == Leak.none()
    assert max(abs(nearest_leak(b).beta - b) for b in np.linspace(0.02, 1.0, 200)) < 0.02


def test_one_half_of_one_term_is_one_shift() -> None:
    assert nearest_leak(0.5, terms=1) == Leak((LeakTerm(1, 1),))
    assert nearest_leak(0.5, terms=2) == Leak.shift(1)
    for terms in (1, 2, 3):
        assert all(len(leak.terms) <= terms for _, leak in leak_table(terms, 6))
    assert [beta for beta, _ in leak_table(1, 6)] == [2.0**-k for k in range(6, -1, -1)]


@pytest.mark.parametrize("beta", [0.0, 1.5, -0.5])
def test_impossible_decay_is_refused(beta: float) -> None:
    with pytest.raises(ConfigError, match=r"^beta must be in \(0, 1\], not "):
        nearest_leak(beta)


def test_both_vocabularies_mean_the_same() -> None:
    ours = LIF(beta=0.75, threshold=2.0, reset="subtract")
    theirs = LIF(tau=4.0, v_threshold=2.0, v_reset=None)
    assert ours.rule() == theirs.rule()
    assert float(ours.threshold) == float(theirs.threshold)
    assert LIF(v_reset=0.0).reset is Reset.ZERO
    assert LIF(reset_mechanism="zero").reset is Reset.ZERO
    assert LIF(reset_mechanism="subtract").reset is Reset.SUBTRACT
    learnt = LIF(threshold=2, learn_threshold=True).threshold  # an integer will do
    assert learnt.item() == 2.0
    assert IF().leak == Leak.none()
    assert LIF(leak=2).leak == Leak.shift(2)


def test_leak_error_is_reported() -> None:
    neuron = LIF(beta=0.9, leak_terms=2)
    assert neuron.decay == 0.9
    assert neuron.leak_error == pytest.approx(neuron.leak.beta - 0.9)
    assert abs(neuron.leak_error) < 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta": 0.5, "tau": 2.0}, r"^give only one of beta, tau, leak, not 2 \(beta = 0\.5, "),
        ({"beta": 0.5, "leak": 1}, r"^give only one of beta, tau, leak, not 2"),
        ({"tau": 2.0, "leak": Leak.shift(1)}, r"^give only one of beta, tau, leak, not 2"),
        ({"threshold": 1.0, "v_threshold": 1.0}, r"^give only one of threshold, v_threshold"),
        ({"reset": "zero", "v_reset": None}, r"^give only one of reset, reset_mechanism, v_reset"),
        ({"treshold": 2.0}, r"^a neuron has no keyword 'treshold'; did you mean 'threshold'\?"),
        ({"spike_grad": atan()}, r"no keyword 'spike_grad'; did you mean 'surrogate'\?"),
        ({"surrogate_function": "atan"}, r"did you mean 'surrogate'\?"),
        ({"bta": 0.5}, r"no keyword 'bta'; did you mean 'beta'\?"),
        ({"colour": "red"}, r"no keyword 'colour'; valid: threshold, v_threshold, .*leak_terms"),
        ({"threshold": math.nan}, r"^threshold must be a finite number, not nan"),
        ({"v_threshold": math.inf}, r"^v_threshold must be a finite number, not inf"),
        ({"threshold": "high"}, r"^threshold must be a finite number, not 'high'"),
        ({"threshold": True}, r"^threshold must be a finite number, not True"),
        ({"beta": "0.5"}, r"^beta must be a finite number, not '0\.5'"),
        ({"beta": math.nan}, r"^beta must be a finite number, not nan"),
        ({"tau": math.nan}, r"^tau must be a finite number, not nan"),
        ({"leak": 0}, r"^leak must be 1 to 8 \(an integer\) or a Leak, not 0"),
        ({"leak": 9}, r"^leak must be 1 to 8 \(an integer\) or a Leak, not 9"),
        ({"leak": 1.0}, r"^leak must be 1 to 8 \(an integer\) or a Leak, not 1\.0"),
        ({"leak": True}, r"^leak must be 1 to 8 \(an integer\) or a Leak, not True"),
        ({"leak_terms": 0}, r"^leak_terms must be an integer of at least 1, not 0"),
        ({"leak_terms": 1.5}, r"^leak_terms must be an integer of at least 1, not 1\.5"),
        ({"membrane_bits": 8.0}, r"^membrane_bits must be 2 to 24 \(an integer\), not 8\.0"),
        ({"detach_reset": 1}, r"^detach_reset must be True or False, not 1"),
        ({"lattice": "yes"}, r"^lattice must be True or False, not 'yes'"),
        ({"learn_threshold": None}, r"^learn_threshold must be True or False, not None"),
        ({"reset": 3}, r"^reset must be one of subtract, zero, none, not 3"),
        ({"reset_mechanism": "soft"}, r"^reset_mechanism must be one of subtract, zero, none, not"),
        ({"v_reset": "zero"}, r"^v_reset must be 0 or None \(subtract\), not 'zero'"),
        ({"surrogate": 3}, r"^surrogate must be a name \(atan, .*\) or a Surrogate, not 3"),
        ({"tau": 0.5}, r"^tau must be at least 1 time step, not 0\.5"),
        ({"reset": "soft"}, r"^reset must be one of subtract, zero, none, not 'soft'"),
        ({"v_reset": -0.2}, r"^v_reset must be 0 or None \(subtract\), not -0\.2"),
        ({"threshold": 0.0}, r"^threshold must be positive, not 0\.0"),
        ({"membrane_bits": 40}, r"^membrane_bits must be 2 to 24 \(an integer\), not 40"),
        ({"surrogate": "arctan"}, r"did you mean 'atan'\?"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LIF(**arguments)  # type: ignore[arg-type]  # wrong on purpose


def test_wrong_arguments_of_plif_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^give only one of beta, init_tau, not 2"):
        PLIF(beta=0.5, init_tau=2.0)
    with pytest.raises(ConfigError, match=r"^leak_terms must be an integer of at least 1, not 0"):
        PLIF(leak_terms=0)
    with pytest.raises(ConfigError, match=r"no keyword 'tau'; did you mean 'init_tau'\?"):
        PLIF(tau=2.0)  # type: ignore[call-arg]  # wrong on purpose


def test_decay_of_plif_is_learnt_and_stays_a_sum_of_shifts() -> None:
    torch.manual_seed(2)
    neuron = PLIF(init_tau=2.0, threshold=20.0, lattice=True)
    optimiser = torch.optim.SGD(neuron.parameters(), lr=0.01)
    currents = torch.randint(0, 15, (8, 16, 10)).float()
    before = neuron.decay
    for _ in range(5):
        optimiser.zero_grad()
        torch.autograd.backward(-neuron(currents).sum())
        optimiser.step()
    assert neuron.decay > before  # more spikes were asked for
    assert len(neuron.leak.terms) <= 3
    assert abs(neuron.leak_error) < 0.02


def test_learnable_threshold_receives_a_gradient() -> None:
    neuron = IF(threshold=3.0, learn_threshold=True)
    torch.autograd.backward(neuron(torch.rand(4, 5, 6)).sum())
    assert neuron.threshold.grad is not None
    assert not IF().threshold.requires_grad


def test_integrator_saturates_and_leaks_on_the_lattice() -> None:
    currents = torch.tensor([[[100.0]], [[60.0]], [[-7.0]]])
    neuron = Integrator(Leak.shift(1), membrane_bits=8, lattice=True)
    assert neuron(currents, torch.tensor(0.0)).item() == math.ceil((math.ceil(50) + 60) / 2) - 7
    clipped = Integrator(Leak.none(), membrane_bits=8, lattice=True)
    assert clipped(currents, torch.tensor(0.0)).item() == 120


X = torch.tensor([-1.5, -0.25, 0.0, 0.25, 1.5])


@pytest.mark.parametrize(
    ("surrogate", "expected"),
    [
        (atan(2.0), lambda x: 1.0 / (1.0 + (math.pi * x) ** 2)),
        (sigmoid(4.0), lambda x: 4.0 * torch.sigmoid(4 * x) * (1 - torch.sigmoid(4 * x))),
        (fast_sigmoid(25.0), lambda x: 1.0 / (1.0 + 25.0 * x.abs()) ** 2),
        (triangular(1.0), lambda x: (1.0 - x.abs()).clamp_min(0.0)),
        (rectangular(1.0), lambda x: (x.abs() < 0.5).float()),
        (straight_through(), torch.ones_like),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_surrogate_shapes(surrogate: Surrogate, expected: object) -> None:
    x = X.clone().requires_grad_()
    spikes = surrogate(x)
    assert spikes.tolist() == [0.0, 0.0, 1.0, 1.0, 1.0]
    torch.autograd.backward(spikes.sum())
    torch.testing.assert_close(x.grad, expected(X))  # type: ignore[operator]  # one of the above
    assert (x.detach() == X).all()


def test_surrogates_go_by_name() -> None:
    assert set(SURROGATES) >= {"atan", "sigmoid", "fast_sigmoid", "straight_through"}
    assert as_surrogate("atan") == atan(2.0)
    assert as_surrogate("fast_sigmoid", 10.0) == fast_sigmoid(10.0)
    assert as_surrogate(sigmoid()) == sigmoid()
    assert as_surrogate("ATan") == atan()
    assert as_surrogate("Sigmoid") == sigmoid()
    assert as_surrogate("straight_through_estimator") == straight_through()
