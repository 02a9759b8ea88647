from __future__ import annotations

import itertools

import numpy as np
import pytest

from spikeloom.codegen._geometry import Geometry
from spikeloom.codegen._rule import Axis, Reach, reaches


def brute_force(axis: Axis) -> list[set[tuple[int, int]]]:
    """(tap, output) pairs of every coordinate, straight from the definition of a convolution."""
    pooled_size = axis.size // axis.pool
    pairs: list[set[tuple[int, int]]] = [set() for _ in range(axis.size)]
    for coordinate, tap, output in itertools.product(
        range(axis.size), range(axis.kernel), range(axis.outputs)
    ):
        pooled = coordinate // axis.pool
        if pooled < pooled_size and output * axis.stride - axis.padding + tap == pooled:
            pairs[coordinate].add((tap, output))
    return pairs


def unroll(reach: Reach, stride: int) -> set[tuple[int, int]]:
    return {(reach.tap + j * stride, reach.output - j) for j in range(reach.count)}


def every_axis() -> list[Axis]:
    found = []
    for size, pool, kernel, stride, padding in itertools.product(
        range(1, 9), range(1, 4), range(1, 6), range(1, 4), range(3)
    ):
        outputs = (size // pool + 2 * padding - kernel) // stride + 1
        if padding < kernel and outputs >= 1:
            found.append(
                Axis(
                    size=size,
                    pool=pool,
                    kernel=kernel,
                    stride=stride,
                    padding=padding,
                    outputs=outputs,
                )
            )
    return found


def test_reach_is_the_definition_of_a_convolution_for_every_small_axis() -> None:
    axes = every_axis()
    assert len(axes) > 400
    for axis in axes:
        found = [unroll(reach, axis.stride) for reach in reaches(axis)]
        assert found == brute_force(axis), axis


def test_a_coordinate_that_pooling_drops_reaches_nothing() -> None:
    axis = Axis(size=5, pool=2, kernel=1, stride=1, padding=0, outputs=2)
    assert reaches(axis)[4] == Reach(0, 0, 0)


@pytest.mark.parametrize("ports", [1, 2, 4])
def test_every_weight_stands_in_one_word_of_its_port(ports: int) -> None:
    rng = np.random.default_rng(ports)
    weight = rng.permutation(6 * 8 * 3 * 2).reshape(6, 8, 3, 2)
    rows, columns = (
        Axis(size=5, pool=1, kernel=kernel, stride=1, padding=0, outputs=6 - kernel)
        for kernel in (3, 2)
    )
    geometry = Geometry(
        spatial=True,
        rows=rows,
        columns=columns,
        weight=weight.astype(np.int64),
        in_lanes=4,
        ports=ports,
        lanes=3,
    )
    words = [geometry.port_weights(port) for port in range(ports)]
    assert all(word.shape == (geometry.weight_depth, 3) for word in words)
    for out, channel, row, column in np.ndindex(*weight.shape):
        group, lane = divmod(out, 3)
        address = row * geometry.row_tap + column * geometry.column_tap
        address += group * geometry.port_channels + channel // ports
        assert words[channel % ports][address, lane] == weight[out, channel, row, column]
