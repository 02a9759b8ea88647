"""Spiking neurons that train in float arithmetic or on the hardware's integers.

Every neuron takes a whole sequence `[T, N, ...]` and starts it from rest.
Both usual vocabularies are understood: `beta` or `tau`, `threshold` or
`v_threshold`, `reset` or `v_reset` (None means subtract).
"""

from __future__ import annotations

import math
from typing import TypedDict, Unpack

import torch
from torch import Tensor, nn

from spikeloom.ir import ConfigError, Leak, Reset
from spikeloom.model._leak import MAX_SHIFT, MAX_TERMS, nearest_leak
from spikeloom.model._sequence import Rule, run_sequence
from spikeloom.model._ste import clamp_ste, leaked_ste, round_ste
from spikeloom.model._surrogate import Surrogate, as_surrogate

UNLIMITED = (-math.inf, math.inf)


def as_reset(reset: str | Reset) -> Reset:
    """Turn a name into a `Reset` (ConfigError if there is none of that name)."""
    if reset in set(Reset):
        return Reset(reset)
    raise ConfigError(f"reset must be one of {', '.join(Reset)}, not {reset!r}")


def _choose_reset(options: NeuronOptions) -> Reset:
    """The reset that either vocabulary asks for."""
    if "v_reset" not in options:
        return as_reset(options.get("reset", Reset.SUBTRACT))
    if options["v_reset"] is None:
        return Reset.SUBTRACT
    if options["v_reset"] == 0:
        return Reset.ZERO
    raise ConfigError(
        f"v_reset must be 0 or None (subtract), not {options['v_reset']!r}; "
        "the hardware resets to zero only"
    )


def check_membrane_bits(bits: int | None) -> tuple[int, int] | None:
    """The limits of a signed membrane of `bits` bits (None: unlimited).

    Raises:
        ConfigError: If `bits` is outside 2 to 24.
    """
    if bits is None:
        return None
    if not 2 <= bits <= 24:
        raise ConfigError(f"membrane_bits must be 2 to 24, not {bits}")
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


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
        self._limits = check_membrane_bits(membrane_bits)

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


class NeuronOptions(TypedDict, total=False):
    """What every spiking neuron takes beside its decay.

    Attributes:
        threshold: Initial threshold, in units of the current (1).
        v_threshold: Another name of `threshold`.
        reset: "subtract" (the default), "zero" or "none".
        v_reset: None for subtract, 0 for zero; overrides `reset`.
        surrogate: Name of a surrogate gradient ("atan"), or one made by its factory.
        detach_reset: Whether the reset is a constant in the backward pass (it is).
        membrane_bits: Signed width to which `u` saturates on the lattice (None: never).
        learn_threshold: Whether the threshold is a parameter (it is not).
        lattice: Whether to compute on integers, see `docs/semantics.md` (it does not).
    """

    threshold: float
    v_threshold: float
    reset: str | Reset
    v_reset: float | None
    surrogate: str | Surrogate
    detach_reset: bool
    membrane_bits: int | None
    learn_threshold: bool
    lattice: bool


class SpikingNeuron(nn.Module):
    """Base of the spiking neurons: threshold, reset and surrogate around a decay.

    Per time step, with integers only when `lattice` is set:

        u = leak(v) + I + b;   s = u >= threshold;   v = s ? reset(u) : u

    It takes the keywords of `NeuronOptions`.
    """

    def __init__(self, **options: Unpack[NeuronOptions]) -> None:
        super().__init__()
        value = options.get("v_threshold", options.get("threshold", 1.0))
        if value <= 0:
            raise ConfigError(f"threshold must be positive, not {value!r}")
        learn = options.get("learn_threshold", False)
        self.threshold = nn.Parameter(torch.tensor(value), requires_grad=learn)
        self.reset = _choose_reset(options)
        self.surrogate = as_surrogate(options.get("surrogate", "atan"))
        self.detach_reset = options.get("detach_reset", True)
        self.membrane_bits = options.get("membrane_bits")
        self.lattice = options.get("lattice", False)
        self._limits = check_membrane_bits(self.membrane_bits)

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


class IF(SpikingNeuron):
    """Integrate and fire: no leak.  Keywords: `NeuronOptions`."""

    @property
    def leak(self) -> Leak:
        """No decay."""
        return Leak.none()


def _choose_beta(beta: float | None, tau: float | None) -> float:
    """The decay factor that either vocabulary asks for; by default one half."""
    if beta is not None and tau is not None:
        raise ConfigError(f"give beta or tau, not both (beta = {beta}, tau = {tau})")
    if tau is not None and tau < 1.0:
        raise ConfigError(f"tau must be at least 1 time step, not {tau!r}")
    if tau is not None:
        return 1.0 - 1.0 / tau
    return 0.5 if beta is None else beta


class LIF(SpikingNeuron):
    """Leaky integrate and fire with a fixed decay.

    On the lattice the decay is the nearest sum of at most `leak_terms` signed
    shifts; `leak_error` tells by how much it misses.  The input current is
    not scaled by the decay (SpikingJelly's `decay_input=False`).

    Args:
        beta: Decay factor of the membrane per step, in (0, 1].
        tau: Time constant in steps, instead of `beta = 1 - 1/tau`.
        leak: The decay as shifts, instead of `beta`; an integer `k` stands
            for `v - (v >> k)`.
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
        shifts = Leak.shift(leak) if isinstance(leak, int) else leak
        self._decay = shifts.beta if shifts else _choose_beta(beta, tau)
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
        start = _choose_beta(beta, init_tau)
        if not 0.0 < start < 1.0:
            raise ConfigError(f"the initial decay must be in (0, 1), not {start!r}")
        self.decay_logit = nn.Parameter(torch.tensor(math.log(start / (1.0 - start))))
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
