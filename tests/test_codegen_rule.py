from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from spikeloom.codegen._geometry import (
    Tables,
    channel_weights,
    convolution_axes,
    field_sums,
    in_bank,
    kept_axes,
    mixing_tables,
    mixing_weights,
    weight_rows,
)
from spikeloom.codegen._rule import Axis, Reach, Window, kept_axis, mixing_axis, sliding_axis
from spikeloom.ir import Conv2d, MixAxis, TokenMix


def brute_force(window: Window) -> list[set[tuple[int, int]]]:
    """(tap, output) pairs of every coordinate, straight from the definition of a convolution."""
    pooled_size = window.size // window.pool
    pairs: list[set[tuple[int, int]]] = [set() for _ in range(window.size)]
    for coordinate, tap, output in itertools.product(
        range(window.size), range(window.kernel), range(window.outputs)
    ):
        pooled = coordinate // window.pool
        place = output * window.stride - window.padding + tap * window.dilation
        if pooled < pooled_size and place == pooled:
            pairs[coordinate].add((tap, output))
    return pairs


def unroll(axis: Axis, reach: Reach) -> list[tuple[int, int]]:
    return [
        (reach.tap + j * axis.tap_step, reach.output - j * axis.output_step)
        for j in range(reach.count)
    ]


def every_window() -> Iterator[Window]:
    for size, pool, kernel, stride, padding, dilation in itertools.product(
        range(1, 9), range(1, 4), range(1, 5), range(1, 4), range(3), range(1, 4)
    ):
        outputs = (size // pool + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        if padding <= dilation * (kernel - 1) and outputs >= 1 and size // pool >= 1:
            yield Window(
                size=size,
                pool=pool,
                kernel=kernel,
                stride=stride,
                padding=padding,
                dilation=dilation,
                outputs=outputs,
            )


def test_reach_is_the_definition_of_a_convolution_for_every_small_axis() -> None:
    windows = list(every_window())
    assert len(windows) > 1000
    for window in windows:
        axis = sliding_axis(window)
        assert [set(unroll(axis, reach)) for reach in axis.reaches] == brute_force(window), window


def test_a_stride_that_is_never_taken_may_be_any_number() -> None:
    axis = sliding_axis(Window(size=4, kernel=3, outputs=1, padding=1, stride=2**40))
    assert [reach.count for reach in axis.reaches] == [1, 1, 0, 0]
    assert (axis.tap_step, axis.output_step) == (0, 0)  # parameters of 32 bits


def test_a_coordinate_that_pooling_drops_reaches_nothing() -> None:
    window = Window(size=5, pool=2, kernel=1, outputs=2)
    assert sliding_axis(window).reaches[4] == Reach(0, 0, 0)
    assert kept_axis(5, 2).reaches == (*(Reach(0, p, 1) for p in (0, 0, 1, 1)), Reach(0, 0, 0))
    assert mixing_axis(5, 2, block=2).reaches[4] == Reach(0, 0, 0)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("ports", [1, 2, 4])
def test_every_weight_stands_in_one_word_of_its_port(ports: int, groups: int) -> None:
    rng = np.random.default_rng(ports)
    inputs, lanes, words = 8 // groups, 3, 6 // groups // 3
    weight = rng.permutation(6 * inputs * 3 * 2).reshape(6, inputs, 3, 2)
    rows = weight_rows(weight, groups=groups, lanes=lanes)
    memories = [in_bank(rows, banks=ports, bank=port) for port in range(ports)]
    assert all(memory.shape == (3 * 2 * words * 8 // ports, lanes) for memory in memories)
    for out, channel, row, column in np.ndindex(*weight.shape):
        group, output = divmod(out, 6 // groups)
        word, lane = divmod(output, lanes)
        source = group * inputs + channel
        address = ((row * 2 + column) * words + word) * (8 // ports) + source // ports
        assert memories[source % ports][address, lane] == weight[out, channel, row, column]


@pytest.mark.parametrize(("values", "value_bits", "banks"), [(2, 1, 1), (4, 1, 2), (2, 3, 3)])
def test_a_word_of_a_field_is_what_its_bits_select(
    values: int, value_bits: int, banks: int
) -> None:
    rng = np.random.default_rng(values)
    channels, lanes = values * banks * 2, 3
    rows = rng.integers(-8, 8, (5, channels, lanes))
    codes = 1 << (values * value_bits)
    sums = field_sums(rows, values=values, value_bits=value_bits)
    memories = [in_bank(sums, banks=banks, bank=bank, codes=codes) for bank in range(banks)]
    for _ in range(200):
        held = rng.integers(0, 1 << value_bits, values)
        row, field = rng.integers(5), rng.integers(2 * banks)
        code = sum(int(value) << (place * value_bits) for place, value in enumerate(held))
        word = memories[field % banks][(row * 2 + field // banks) * codes + code]
        assert (word == held @ rows[row, field * values : (field + 1) * values]).all()


def visits(tables: Tables, y: int, x: int) -> Iterator[tuple[int, int]]:
    """(weight word, result word) of every visit of an event, as the hardware counts them."""
    row, column = tables.rows.reaches[y], tables.columns.reaches[x]
    for i, j in itertools.product(range(row.count), range(column.count)):
        taps = (row.tap + i * tables.rows.tap_step) * tables.row_taps
        taps += column.tap + j * tables.columns.tap_step
        place = (row.output - i * tables.rows.output_step) * tables.columns.outputs
        place += column.output - j * tables.columns.output_step
        yield taps * tables.tap_words, place * tables.position_words


@pytest.mark.parametrize("axis", list(MixAxis))
def test_a_token_mixing_visits_every_output_with_its_own_weight(axis: MixAxis) -> None:
    height, width = 3, 4
    size = {MixAxis.ROWS: 3, MixAxis.COLUMNS: 4, MixAxis.TOKENS: 12}[axis]
    weight = np.arange(size * size).reshape(size, size)
    mix = TokenMix(name="mix", source="x", weight=weight, weight_bits=9, axis=axis)
    tables = mixing_tables(mix, (height, width), (1, 1), position_words=2)
    words = mixing_weights(mix, height, width)
    assert words.shape == (tables.weight_depth, 1)
    for y, x in itertools.product(range(height), range(width)):
        found = {place // 2: int(words[tap, 0]) for tap, place in visits(tables, y, x)}
        places, source = {
            MixAxis.ROWS: ([q * width + x for q in range(height)], y),
            MixAxis.COLUMNS: ([y * width + q for q in range(width)], x),
            MixAxis.TOKENS: (list(range(height * width)), y * width + x),
        }[axis]
        assert found == {place: weight[q, source] for q, place in enumerate(places)}


def test_a_depthwise_kernel_has_the_weights_of_a_word_of_channels_side_by_side() -> None:
    weight = np.arange(6 * 3 * 2).reshape(6, 1, 3, 2)
    words = channel_weights(weight, lanes=3)
    for channel, row, column in np.ndindex(6, 3, 2):
        word, lane = divmod(channel, 3)
        assert words[(row * 2 + column) * 2 + word, lane] == weight[channel, 0, row, column]


def test_the_files_of_a_rule_hold_count_output_and_tap_of_every_coordinate() -> None:
    conv = Conv2d(
        name="conv", source="x", weight=np.ones((4, 1, 3, 2), int), weight_bits=2, stride=(2, 1)
    )
    rows, columns = convolution_axes(conv, (5, 4), (1, 1), (2, 3))
    tables = Tables(rows=rows, columns=columns, taps=6, row_taps=2, tap_words=2, position_words=2)
    assert (tables.depth, tables.weight_depth) == (12, 12)
    assert (tables.row_tap_step, tables.column_tap_step) == (2 * 2 * 2, 2)
    assert (tables.row_output_step, tables.column_output_step) == (3 * 2, 2)
    assert tables.entry_bits == 2 + 4 + 4
    words = [int(line, 16) for line in tables.row_file().split()]
    # row 2: taps 0 and 2, outputs 1 and 0
    assert words[2] == 2 | (1 * 6) << 2 | 0 << 6
    assert words[4] == 1 | (1 * 6) << 2 | (2 * 4) << 6


def test_a_rule_that_keeps_positions_reaches_only_them() -> None:
    rows, columns = kept_axes((2, 3))
    tables = Tables(rows=rows, columns=columns, taps=1, row_taps=1, tap_words=1, position_words=5)
    for y, x in itertools.product(range(2), range(3)):
        assert list(visits(tables, y, x)) == [(0, (y * 3 + x) * 5)]
