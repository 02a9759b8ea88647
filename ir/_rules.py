"""The rules of single nodes: weights, neuron parameters, biases."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spikeloom.ir._graph import (
    Add,
    Conv2d,
    Dense,
    Encoder,
    Input,
    IntArray,
    Leak,
    Neurons,
    Node,
    Readout,
    Shape,
    Synapse,
    TokenMix,
)
from spikeloom.ir._intervals import Interval, signed_interval

MAX_INPUT_BITS = 16
MAX_WEIGHT_BITS = 16
MIN_WIDTH, MAX_WIDTH = 2, 32  # bits of membranes; thresholds, biases and currents too
MAX_LEAK_TERMS = 8
MAX_SHIFT = 31
MAX_SEED = 65_535

_SIGNED = signed_interval(MAX_WIDTH)


def value_problems(node: Node) -> Iterator[str]:
    """Yield every value of `node` that is out of range by itself."""
    match node:
        case Input():
            yield from _input(node)
        case Dense() | Conv2d() | TokenMix():
            yield from _weights(node)
        case Add():
            yield from _range(node.name, "bias", node.bias, _SIGNED.lo, _SIGNED.hi)
        case Neurons():
            yield from _leak(node.name, node.leak)
            yield from _parameters(node)
        case Readout():
            yield from _early(node)
        case _:
            pass


def group_problems(node: Neurons, shape: Shape) -> Iterator[str]:
    """Yield parameters of a group that do not have its `shape`."""
    allowed = {(), (shape[0],), shape}
    words = " or ".join(str(list(item)) for item in sorted(allowed, key=len))
    for what, values in (("threshold", node.threshold), ("bias", node.bias)):
        if values is not None and values.shape not in allowed:
            yield (
                f"{what} of {node.name!r} must have shape {words}, not {list(values.shape)}; "
                "give one value, one per channel or one per neuron"
            )


def _input(node: Input) -> Iterator[str]:
    if not 1 <= node.bits <= MAX_INPUT_BITS:
        yield (
            f"bits of {node.name!r} must be 1 to {MAX_INPUT_BITS}, not {node.bits}; "
            "quantise the input to fewer"
        )
    elif node.encoder is Encoder.SPIKES and node.bits != 1:
        yield (
            f"bits of {node.name!r} must be 1 with the encoder spikes, not {node.bits}; "
            "set bits=1, or use the encoder direct or rate"
        )
    if node.encoder is Encoder.RATE and not 1 <= node.seed <= MAX_SEED:
        yield (
            f"seed of {node.name!r} must be 1 to {MAX_SEED}, not {node.seed}: "
            "an LFSR of 16 bits never leaves 0; choose another"
        )


def _weights(synapse: Synapse) -> Iterator[str]:
    bits = synapse.weight_bits
    if not 1 <= bits <= MAX_WEIGHT_BITS:
        yield f"weight_bits of {synapse.name!r} must be 1 to {MAX_WEIGHT_BITS}, not {bits}"
        return
    limit = signed_interval(bits)
    weight = synapse.weight
    outside = weight[(weight < limit.lo) | (weight > limit.hi)]
    if outside.size:
        worst = int(outside[np.abs(outside).argmax()])
        needed = signed_interval_bits(weight)
        yield (
            f"weights of {synapse.name!r} must be {limit.lo} to {limit.hi} ({bits} bits), but "
            f"{outside.size} of {weight.size} are not, the largest {worst}; "
            f"set weight_bits to {needed} or scale the weights down"
        )


def signed_interval_bits(values: IntArray) -> int:
    """Return the signed bits that hold all of `values`."""
    return Interval(int(values.min()), int(values.max())).bits


def _leak(name: str, leak: Leak) -> Iterator[str]:
    if not 1 <= len(leak.terms) <= MAX_LEAK_TERMS:
        yield f"leak of {name!r} must have 1 to {MAX_LEAK_TERMS} terms, not {len(leak.terms)}"
    bad_signs = [term.sign for term in leak.terms if term.sign not in (-1, 1)]
    bad_shifts = [term.shift for term in leak.terms if not 0 <= term.shift <= MAX_SHIFT]
    if bad_signs:
        yield f"leak signs of {name!r} must be +1 or -1, not {bad_signs[0]}"
    if bad_shifts:
        yield f"leak shifts of {name!r} must be 0 to {MAX_SHIFT}, not {bad_shifts[0]}"
    if leak.terms and not bad_signs and not bad_shifts and not 0 <= leak.beta <= 1:
        yield (
            f"decay of {name!r} must be 0 to 1, not {leak.beta:g}; "
            "choose shifts whose signed sum of 2**-shift is in that range"
        )


def _parameters(node: Neurons) -> Iterator[str]:
    yield from _range(node.name, "bias", node.bias, _SIGNED.lo, _SIGNED.hi)
    if node.threshold is not None:
        yield from _range(node.name, "threshold", node.threshold, 1, _SIGNED.hi)
    bits = node.membrane_bits
    if bits is None:
        return
    if not MIN_WIDTH <= bits <= MAX_WIDTH:
        yield (
            f"membrane_bits of {node.name!r} must be {MIN_WIDTH} to {MAX_WIDTH}, or None "
            f"to infer a width, not {bits}"
        )
    elif node.threshold is not None and node.threshold.size:
        yield from _reachable(node.name, int(node.threshold.max()), bits)


def _early(node: Readout) -> Iterator[str]:
    rule = node.early
    if rule is None or rule == "exact":
        return
    if isinstance(rule, bool) or not isinstance(rule, int) or not 1 <= rule <= _SIGNED.hi:
        yield (
            f"early of {node.name!r} must be 'exact', a margin of 1 to {_SIGNED.hi}, or None for "
            f"no early decision, not {rule!r}"
        )


def _range(name: str, what: str, values: IntArray, least: int, most: int) -> Iterator[str]:
    outside = values[(values < least) | (values > most)]
    if outside.size:
        yield (
            f"{what} of {name!r} must be {least} to {most}, but {outside.size} of {values.size} "
            f"are not, for example {int(outside[0])}; change them, or scale the layer"
        )


def _reachable(name: str, threshold: int, bits: int) -> Iterator[str]:
    """A threshold beyond the saturated membrane would silence its neuron unnoticed."""
    largest = signed_interval(bits).hi
    if threshold > largest:
        yield (
            f"membrane_bits of {name!r} must hold the largest threshold {threshold}, but {bits} "
            f"bits end at {largest}; use at least {threshold.bit_length() + 1} bits"
        )
