from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from spikeloom.ir import DataError, Encoder, Input, encode, lfsr_states, rate_noise

FIRST_STATES = [0xEB62, 0x330D, 0x8777, 0x1BBF, 0xED3A, 0xDA3A]  # the table of docs/semantics.md


def test_the_lfsr_gives_the_documented_states(root: Any) -> None:
    assert lfsr_states(0xACE1, 6).tolist() == FIRST_STATES
    rows = (root / "docs" / "semantics.md").read_text().splitlines()
    for number, state in enumerate(FIRST_STATES, start=1):
        r = state % 16
        assert f"| {number} | `0x{state:04X}` | {r} | {int(r < 8)} |" in rows


def test_the_lfsr_follows_its_definition() -> None:
    state, expected = 0xACE1, []
    for step in range(1, 16 * 500 + 1):
        state = state >> 1 ^ (0xB400 if state & 1 else 0)
        if step % 16 == 0:
            expected.append(state)
    assert lfsr_states(0xACE1, 500).tolist() == expected


@pytest.mark.parametrize("seed", [1, 0xACE1, 65_535])
def test_the_lfsr_visits_every_state_but_zero(seed: int) -> None:
    states = lfsr_states(seed, 65_535)
    assert np.unique(states).tolist() == list(range(1, 65_536))
    assert states[-1] == seed


@pytest.mark.parametrize("count", [1, 2, 3, 64, 65, 1000])
def test_any_number_of_states_is_a_prefix_of_the_same_sequence(count: int) -> None:
    assert lfsr_states(77, count).tolist() == lfsr_states(77, 1000)[:count].tolist()


def test_rate_noise_visits_feature_maps_channel_fastest() -> None:
    node = Input(name="x", shape=(2, 1, 3), bits=4, encoder=Encoder.RATE)
    stream = [state % 16 for state in lfsr_states(node.seed, 12).tolist()]
    noise = rate_noise(node, 2)
    assert noise.shape == (2, 2, 1, 3)
    assert [noise[0, 0, 0, 0], noise[0, 1, 0, 0], noise[0, 0, 0, 1]] == stream[:3]
    assert noise[1, 1, 0, 2] == stream[11]


@pytest.mark.parametrize(("bits", "value"), [(8, 0), (8, 1), (8, 200), (8, 255), (3, 5), (16, 9)])
def test_rate_spikes_come_as_often_as_the_value_says(bits: int, value: int) -> None:
    node = Input(name="x", shape=(1,), bits=bits, encoder=Encoder.RATE)
    spikes = encode(node, 65_535, [[value]])  # once around the LFSR
    assert spikes.shape == (1, 65_535, 1)
    assert spikes.dtype == np.uint8
    assert spikes.sum() == max(0, value * 2 ** (16 - bits) - 1)


def test_every_inference_meets_the_same_noise() -> None:
    node = Input(name="x", shape=(3, 2, 2), bits=3, encoder=Encoder.RATE, seed=5)
    values = np.random.default_rng(0).integers(0, 8, (1, 3, 2, 2))
    twice = encode(node, 4, np.concatenate([values, values]))
    np.testing.assert_array_equal(twice[0], twice[1])


def test_direct_values_are_one_static_frame() -> None:
    node = Input(name="x", shape=(4,), bits=3)
    frames = encode(node, 9, [[0, 1, 2, 7]])
    assert frames.tolist() == [[[0, 1, 2, 7]]]


def test_spikes_pass_through() -> None:
    node = Input(name="x", shape=(2,), encoder=Encoder.SPIKES)
    data = [[[0, 1], [1, 1], [0, 0]]]
    assert encode(node, 3, data).tolist() == data
    assert encode(node, 3, np.array(data, dtype=bool)).tolist() == data


def test_sixteen_bits_stay_whole() -> None:
    node = Input(name="x", shape=(1,), bits=16)
    assert encode(node, 1, [[65_535]]).tolist() == [[[65_535]]]


DIRECT = Input(name="x", shape=(4,), bits=3)
SPIKES = Input(name="x", shape=(4,), encoder=Encoder.SPIKES)


@pytest.mark.parametrize(
    ("node", "data", "message"),
    [
        (
            DIRECT,
            np.zeros((2, 5), int),
            "inputs of 'x' must have shape [N, 4] (N inferences), not [2, 5]; "
            "reshape them (a single inference needs its axis of 1 too)",
        ),
        (DIRECT, np.zeros(4, int), "must have shape [N, 4] (N inferences), not [4]"),
        (
            SPIKES,
            np.zeros((2, 4), int),
            "must have shape [N, 3, 4] (N inferences of T time steps), not [2, 4]",
        ),
        (
            DIRECT,
            np.zeros((1, 4)),
            "inputs of 'x' must be unsigned integers of 3 bits, not float64; quantise them first",
        ),
        (
            DIRECT,
            np.array([[0, 1, 2, 8]]),
            "inputs of 'x' must be 0 to 7 (3 bits), not 0 to 8; scale them to that range",
        ),
        (DIRECT, np.array([[-1, 1, 2, 7]]), "must be 0 to 7 (3 bits), not -1 to 7"),
        (SPIKES, np.full((1, 3, 4), 2), "must be 0 to 1 (1 bits), not 2 to 2"),
    ],
)
def test_inputs_that_do_not_fit_say_what_is_expected(
    node: Input, data: np.ndarray[Any, Any], message: str
) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        encode(node, 3, data)
