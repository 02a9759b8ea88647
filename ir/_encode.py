"""Encoders: how the values of an inference become operands and spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloom.ir._errors import DataError
from spikeloom.ir._graph import Encoder, Input, IntArray, Shape

UIntArray = NDArray[np.unsignedinteger[Any]]

LFSR_BITS = 16
LFSR_MASK = 0xB400  # x^16 + x^14 + x^13 + x^11 + 1: all 65,535 states but 0
LFSR_STEPS = 16  # steps per value, so that the values of one LFSR share no bit


def encode(input_node: Input, time_steps: int, inputs: ArrayLike) -> UIntArray:
    """Encode a batch of inferences.

    Args:
        input_node: The input with its encoder.
        time_steps: T of the graph.
        inputs: Integers `[N, *shape]` of 0 to `2**bits - 1`; for
            `Encoder.SPIKES` zeros and ones `[N, T, *shape]`.

    Returns:
        `[N, F, *shape]`: what the first synapse or pool reads.  For
        `Encoder.DIRECT` F is 1 (the values, the same at every step), else it
        is T (spikes of 0 and 1, uint8).

    Raises:
        DataError: If shape, type or range of `inputs` is not that.
    """
    values = check_inputs(input_node, time_steps, inputs)
    match input_node.encoder:
        case Encoder.DIRECT:
            return values[:, None]
        case Encoder.SPIKES:
            return values
        case Encoder.RATE:
            noise = rate_noise(input_node, time_steps)
            return (values[:, None] > noise).astype(np.uint8)


def largest_operand(input_node: Input) -> int:
    """Return the largest value that the first synapse or pool reads from the input."""
    return (1 << input_node.bits) - 1 if input_node.encoder is Encoder.DIRECT else 1


def check_inputs(input_node: Input, time_steps: int, inputs: ArrayLike) -> UIntArray:
    """Return `inputs` as uint8 (or uint16 above 8 bits).

    Raises:
        DataError: If shape, type or range do not fit the input node.
    """
    values = np.asarray(inputs)
    _check_shape(input_node, time_steps, values.shape)
    if values.dtype.kind not in "uib":
        raise DataError(
            f"inputs of {input_node.name!r} must be unsigned integers of {input_node.bits} bits, "
            f"not {values.dtype}; quantise them first"
        )
    largest = (1 << input_node.bits) - 1
    if values.size and (values.min() < 0 or values.max() > largest):
        raise DataError(
            f"inputs of {input_node.name!r} must be 0 to {largest} ({input_node.bits} bits), "
            f"not {values.min()} to {values.max()}; scale them to that range"
        )
    return values.astype(np.uint8 if input_node.bits <= 8 else np.uint16, copy=False)


def _check_shape(input_node: Input, time_steps: int, shape: Shape) -> None:
    is_stepwise = input_node.encoder is Encoder.SPIKES
    expected = (time_steps, *input_node.shape) if is_stepwise else input_node.shape
    if len(shape) == len(expected) + 1 and shape[1:] == expected:
        return
    wanted = ", ".join(map(str, ("N", *expected)))
    what = "N inferences of T time steps" if is_stepwise else "N inferences"
    raise DataError(
        f"inputs of {input_node.name!r} must have shape [{wanted}] ({what}), "
        f"not {list(shape)}; reshape them (a single inference needs its axis of 1 too)"
    )


def rate_noise(input_node: Input, time_steps: int) -> IntArray:
    """Return the numbers `r` that a rate encoder compares with, `[T, *shape]`.

    They depend on seed, bits and shape alone, not on the data: every inference
    starts from the seed and visits the values in stream order, channel fastest.
    """
    shape = input_node.shape
    stream = (*shape[1:], shape[0]) if len(shape) == 3 else shape
    states = lfsr_states(input_node.seed, time_steps * int(np.prod(shape)))
    noise = (states & ((1 << input_node.bits) - 1)).reshape(time_steps, *stream)
    return np.ascontiguousarray(np.moveaxis(noise, -1, 1)) if len(shape) == 3 else noise


def lfsr_states(seed: int, count: int) -> IntArray:
    """Return the states of the LFSR after 16, 32, ... `16 * count` steps from `seed`."""
    jump = _lfsr_jump()
    states = jump[seed : seed + 1]
    while states.size < count:
        # `jump` goes ahead by as many values as there are, so each round doubles them.
        states = np.concatenate([states, jump[states]])
        jump = jump[jump]
    return states[:count]


def _lfsr_jump() -> IntArray:
    """Return, for every state, the state 16 steps later."""
    state = np.arange(1 << LFSR_BITS, dtype=np.int64)
    for _ in range(LFSR_STEPS):
        state = (state >> 1) ^ (LFSR_MASK * (state & 1))
    return state
