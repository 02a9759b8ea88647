"""Keywords of the neurons, in the vocabularies people come with, all checked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TypedDict

from spikeloom.ir import ConfigError, Leak, Reset
from spikeloom.model._schema import nearest_hint
from spikeloom.model._surrogate import Surrogate, as_surrogate

MAX_LEAK = 8
# What other libraries, or other neurons, call something that spelling does not lead to.
ELSEWHERE = {
    "spike_grad": "surrogate",
    "surrogate_function": "surrogate",
    "tau": "init_tau",
}


class NeuronOptions(TypedDict, total=False):
    """What every spiking neuron takes beside its decay.

    Attributes:
        threshold: Initial threshold, in units of the current (1).
        v_threshold: Another name of `threshold`.
        reset: "subtract" (the default), "zero" or "none".
        reset_mechanism: Another name of `reset`.
        v_reset: None for subtract, 0 for zero, instead of `reset`.
        surrogate: Name of a surrogate gradient ("atan"), or one made by its factory.
        detach_reset: Whether the reset is a constant in the backward pass (it is).
        membrane_bits: Signed width to which `u` saturates on the lattice (None: never).
        learn_threshold: Whether the threshold is a parameter (it is not).
        lattice: Whether to compute on integers, see `docs/semantics.md` (it does not).
    """

    threshold: float
    v_threshold: float
    reset: str | Reset
    reset_mechanism: str
    v_reset: float | None
    surrogate: str | Surrogate
    detach_reset: bool
    membrane_bits: int | None
    learn_threshold: bool
    lattice: bool


@dataclass(frozen=True, slots=True)
class CheckedOptions:
    """`NeuronOptions` in one vocabulary, with every value checked."""

    threshold: float
    reset: Reset
    surrogate: Surrogate
    detach_reset: bool
    membrane_bits: int | None
    learn_threshold: bool
    lattice: bool


def check_options(options: NeuronOptions, others: Iterable[str] = ()) -> CheckedOptions:
    """Check the keywords of a neuron that has also the keywords `others`.

    Raises:
        ConfigError: If a keyword is unknown, given under two names, or has a
            wrong type or value.
    """
    _check_names(options, others)
    bits = options.get("membrane_bits")
    membrane_limits(bits)
    return CheckedOptions(
        threshold=_threshold(options),
        reset=_reset(options),
        surrogate=as_surrogate(options.get("surrogate", "atan")),
        detach_reset=_flag(options, "detach_reset", default=True),
        membrane_bits=bits,
        learn_threshold=_flag(options, "learn_threshold", default=False),
        lattice=_flag(options, "lattice", default=False),
    )


def _check_names(options: NeuronOptions, others: Iterable[str]) -> None:
    known = [*NeuronOptions.__annotations__, *others]
    for name in options:
        if name not in known:
            meant = ELSEWHERE.get(name)
            hint = nearest_hint(meant if meant in known else name, known)
            raise ConfigError(f"a neuron has no keyword {name!r}; {hint}")


def only_one(**given: object) -> None:
    """Refuse two names for one thing; None counts as not given (ConfigError)."""
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        found = ", ".join(f"{name} = {given[name]!r}" for name in names)
        raise ConfigError(f"give only one of {', '.join(given)}, not {len(names)} ({found})")


def number(name: str, value: object) -> float:
    """A finite number (ConfigError if it is none)."""
    if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
        raise ConfigError(f"{name} must be a finite number, not {value!r}")
    return float(value)


def _threshold(options: NeuronOptions) -> float:
    only_one(threshold=options.get("threshold"), v_threshold=options.get("v_threshold"))
    name = "v_threshold" if "v_threshold" in options else "threshold"
    value = number(name, options.get(name, 1.0))
    if value <= 0:
        raise ConfigError(f"{name} must be positive, not {value!r}")
    return value


def as_reset(reset: object, name: str = "reset") -> Reset:
    """Turn a name into a `Reset` (ConfigError if there is none of that name)."""
    if isinstance(reset, str) and reset in set(Reset):
        return Reset(reset)
    raise ConfigError(f"{name} must be one of {', '.join(Reset)}, not {reset!r}")


def _reset(options: NeuronOptions) -> Reset:
    """The reset that any of the vocabularies asks for."""
    names = [name for name in ("reset", "reset_mechanism", "v_reset") if name in options]
    if len(names) > 1:
        raise ConfigError(f"give only one of reset, reset_mechanism, v_reset, not {names}")
    if "v_reset" in options:
        return _reset_to(options["v_reset"])
    name = names[0] if names else "reset"
    return as_reset(options.get(name, Reset.SUBTRACT), name)


def _reset_to(value: object) -> Reset:
    """SpikingJelly's way to say it."""
    if value is None:
        return Reset.SUBTRACT
    if isinstance(value, Real) and not isinstance(value, bool) and value == 0:
        return Reset.ZERO
    raise ConfigError(
        f"v_reset must be 0 or None (subtract), not {value!r}; the hardware resets to zero only"
    )


def _flag(options: Mapping[str, object], name: str, *, default: bool) -> bool:
    value = options.get(name, default)
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be True or False, not {value!r}")
    return value


def membrane_limits(bits: int | None) -> tuple[int, int] | None:
    """The limits of a signed membrane of `bits` bits (None: unlimited).

    Raises:
        ConfigError: If `bits` is not an integer from 2 to 24.
    """
    if bits is None:
        return None
    if type(bits) is not int or not 2 <= bits <= 24:
        raise ConfigError(f"membrane_bits must be 2 to 24 (an integer), not {bits!r}")
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def choose_beta(beta: float | None, tau: float | None, name: str = "tau") -> float:
    """The decay factor that either vocabulary asks for; by default one half.

    Raises:
        ConfigError: If both are given, or one is no number or out of range.
    """
    only_one(**{"beta": beta, name: tau})
    if tau is None:
        return 0.5 if beta is None else number("beta", beta)
    if number(name, tau) < 1.0:
        raise ConfigError(f"{name} must be at least 1 time step, not {tau!r}")
    return 1.0 - 1.0 / float(tau)


def as_leak(leak: object) -> Leak | None:
    """The leak that is given as shifts, or as the `k` of `v - (v >> k)`.

    Raises:
        ConfigError: If it is neither.
    """
    if leak is None or isinstance(leak, Leak):
        return leak
    if type(leak) is not int or not 1 <= leak <= MAX_LEAK:
        raise ConfigError(f"leak must be 1 to {MAX_LEAK} (an integer) or a Leak, not {leak!r}")
    return Leak.shift(leak)
