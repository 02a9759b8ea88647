"""Spiking neurons that train in float arithmetic or on the hardware's integers.

Every neuron takes a whole sequence `[T, N, ...]` and starts it from rest.
The usual vocabularies are understood: `beta` or `tau`, `threshold` or
`v_threshold`, `reset`, `reset_mechanism` or `v_reset` (None means subtract).
"""

from __future__ import annotations

import inspect
import math
from typing import Unpack

import torch
from torch import Tensor, nn

from spikeloom.ir import ConfigError, Leak
from spikeloom.model._leak import MAX_SHIFT, MAX_TERMS, check_terms, nearest_leak
from spikeloom.model._options import (
    NeuronOptions,
    as_leak,
    check_options,
    choose_beta,
    membrane_limits,
    only_one,
)
from spikeloom.model._sequence import Rule, run_sequence
from spikeloom.model._ste import clamp_ste, leaked_ste, round_ste
from spikeloom.model._stepwise import StepwiseNeurons

UNLIMITED = (-math.inf, math.inf)


class Integrator(nn.Module):
    """Neurons that never spike: `v[t] = leak(v[t-1]) + I[t] + b`, for a membrane readout.

    Args:
        leak: Decay of the membrane; `Leak.none()` sums the currents.
        membrane_bits: Signed width to which `v` saturates, or None.
        lattice: Whether membranes are integers.
    """

    def __init__(
        self, leak: Leak, *, membrane_bits: int | None = None, lattice: bool = False
    ) -> None:
        super().__init__()
        self.leak = leak
        self.membrane_bits = membrane_bits
        self.lattice = lattice
        self._limits = membrane_limits(membrane_bits)

    def forward(self, currents: Tensor, bias: Tensor) -> Tensor:
        """Membranes `[N, ...]` after the last of the currents `[T, N, ...]`."""
        v = currents[0] + bias
        for current in currents[1:]:
            v = self._decay(self._clamp(v)) + current + bias
        return self._clamp(v)

    @property
    def limits(self) -> tuple[float, float]:
        """Smallest and largest membrane."""
        return self._limits or UNLIMITED

    def _decay(self, v: Tensor) -> Tensor:
        return leaked_ste(v, self.leak) if self.lattice else v * self.leak.beta

    def _clamp(self, v: Tensor) -> Tensor:
        if self._limits is None or not self.lattice:
            return v
        return clamp_ste(v, *self._limits)


class SpikingNeuron(nn.Module):
    """Base of the spiking neurons: threshold, reset and surrogate around a decay.

    Per time step, with integers only when `lattice` is set:

        u = leak(v) + I + b;   s = u >= threshold;   v = s ? reset(u) : u

    It takes the keywords of `NeuronOptions`; one that is unknown, given twice
    under two names, or of a wrong type or value is a ConfigError.
    """

    def __init__(self, **options: Unpack[NeuronOptions]) -> None:
        super().__init__()
        checked = check_options(options, _own_keywords(type(self)))
        self.threshold = nn.Parameter(
            torch.tensor(checked.threshold), requires_grad=checked.learn_threshold
        )
        self.reset = checked.reset
        self.surrogate = checked.surrogate
        self.detach_reset = checked.detach_reset
        self.membrane_bits = checked.membrane_bits
        self.lattice = checked.lattice
        self._limits = membrane_limits(checked.membrane_bits)

    @property
    def leak(self) -> Leak:
        """The decay as hardware does it."""
        raise NotImplementedError

    @property
    def decay(self) -> float:
        """The decay factor asked for, which `leak.beta` may miss by a little."""
        return self.leak.beta

    def learned_decay(self) -> Tensor | None:
        """The decay as a scalar that takes a gradient, or None if it is fixed."""
        return None

    def snap(self, threshold: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Round threshold and bias to the lattice (at least 1, within the membrane).

        In float arithmetic they pass unchanged.  Gradients pass through.
        """
        if not self.lattice:
            return threshold, bias
        low, high = self._limits or UNLIMITED
        snapped = clamp_ste(round_ste(threshold), 1.0, high)
        return snapped, None if bias is None else clamp_ste(round_ste(bias), low, high)

    def rule(self) -> Rule:
        """What a step does, in the present arithmetic."""
        leak = self.leak
        return Rule(
            leak=leak,
            beta=leak.beta if self.lattice else self.decay,
            lattice=self.lattice,
            reset=self.reset,
            detach_reset=self.detach_reset,
            surrogate=self.surrogate,
            limits=self._limits if self.lattice else None,
        )

    def forward(
        self,
        currents: Tensor,
        threshold: Tensor | None = None,
        bias: Tensor | None = None,
        *,
        time_steps: int | None = None,
    ) -> Tensor:
        """Spikes (0 or 1) `[T, N, ...]` of `currents` `[T, N, ...]`.

        Currents `[1, N, ...]` with `time_steps` are static: they drive every
        step.  `threshold` replaces the neuron's own; both it and `bias`
        broadcast against one sample `[...]`.
        """
        threshold, bias = self.snap(self.threshold if threshold is None else threshold, bias)
        return run_sequence(
            currents, threshold, bias, self.learned_decay(), self.rule(), time_steps=time_steps
        )

    def begin(self, threshold: Tensor, bias: Tensor | None = None) -> StepwiseNeurons:
        """The same neurons to be run step by step, from rest."""
        threshold, bias = self.snap(threshold, bias)
        return StepwiseNeurons(threshold, bias, self.learned_decay(), self.rule())


def _own_keywords(neuron: type[SpikingNeuron]) -> list[str]:
    """What a kind of neuron takes beside `NeuronOptions`."""
    parameters = inspect.signature(neuron).parameters.values()
    return [p.name for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD]


class IF(SpikingNeuron):
    """Integrate and fire: no leak.  Keywords: `NeuronOptions`."""

    @property
    def leak(self) -> Leak:
        """No decay."""
        return Leak.none()


class LIF(SpikingNeuron):
    """Leaky integrate and fire with a fixed decay.

    On the lattice the decay is the nearest sum of at most `leak_terms` signed
    shifts; `leak_error` tells by how much it misses.  The input current is
    not scaled by the decay (SpikingJelly's `decay_input=False`).

    Args:
        beta: Decay factor of the membrane per step, in (0, 1].
        tau: Time constant in steps, instead of `beta = 1 - 1/tau`.
        leak: The decay as shifts, instead of `beta`; an integer `k` (1 to 8)
            stands for `v - (v >> k)`.
        leak_terms: Most shifts that `beta` may take.
        **options: See `NeuronOptions`.
    """

    def __init__(
        self,
        beta: float | None = None,
        *,
        tau: float | None = None,
        leak: Leak | int | None = None,
        leak_terms: int = MAX_TERMS,
        **options: Unpack[NeuronOptions],
    ) -> None:
        super().__init__(**options)
        only_one(beta=beta, tau=tau, leak=leak)
        shifts = as_leak(leak)
        self._decay = shifts.beta if shifts else choose_beta(beta, tau)
        check_terms(leak_terms)
        self._leak = shifts or nearest_leak(self._decay, terms=leak_terms)

    @property
    def leak(self) -> Leak:
        """The decay as shifts."""
        return self._leak

    @property
    def decay(self) -> float:
        """The decay factor asked for."""
        return self._decay

    @property
    def leak_error(self) -> float:
        """By how much the decay of the shifts exceeds the one asked for."""
        return self._leak.beta - self._decay


class PLIF(SpikingNeuron):
    """Leaky integrate and fire with one learnable decay, `sigmoid(decay_logit)`.

    On the lattice the decay is rounded to the nearest sum of at most
    `leak_terms` signed shifts, anew at every forward pass; its gradient
    passes the rounding.

    Args:
        beta: Initial decay factor, in (0, 1).
        init_tau: Initial time constant in steps, instead of `beta`.
        leak_terms: Most shifts that the decay may take.
        **options: See `NeuronOptions`.
    """

    def __init__(
        self,
        beta: float | None = None,
        *,
        init_tau: float | None = None,
        leak_terms: int = MAX_TERMS,
        **options: Unpack[NeuronOptions],
    ) -> None:
        super().__init__(**options)
        start = choose_beta(beta, init_tau, "init_tau")
        if not 0.0 < start < 1.0:
            raise ConfigError(f"the initial decay must be in (0, 1), not {start!r}")
        self.decay_logit = nn.Parameter(torch.tensor(math.log(start / (1.0 - start))))
        check_terms(leak_terms)
        self._leak_terms = leak_terms

    @property
    def leak(self) -> Leak:
        """The shifts nearest to the present decay."""
        return nearest_leak(max(self.decay, 2.0**-MAX_SHIFT), terms=self._leak_terms)

    @property
    def decay(self) -> float:
        """The present decay factor."""
        return float(self.decay_logit.detach().sigmoid())

    @property
    def leak_error(self) -> float:
        """By how much the decay of the shifts exceeds the learned one."""
        return self.leak.beta - self.decay

    def learned_decay(self) -> Tensor:
        """The decay as a scalar that takes a gradient."""
        return self.decay_logit.sigmoid()
