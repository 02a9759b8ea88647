"""Combinations of rows: complete, and where they are thinned, within the stated loss."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from spikeloom.codegen import LayerOptions
from spikeloom.codegen._search._combine import (
    Column,
    Combinations,
    FloatArray,
    Table,
    best_rows,
    combine,
)

COLUMNS = [
    (Column.LUT, Column.BRAM),
    (Column.LUT, Column.BRAM, Column.LONGEST),
    (Column.LUT, Column.TOTAL, Column.LONGEST),
    (Column.ADDITIONS, Column.LUT),
]


def tables(seed: int, rows: tuple[int, ...] = (4, 1, 5, 3)) -> list[Table]:
    rng = np.random.default_rng(seed)
    return [
        Table(
            part=f"part{place}",
            options=tuple(LayerOptions(lanes=row + 1) for row in range(count)),
            values=rng.integers(0, 20, (count, 5)).astype(np.float64),
        )
        for place, count in enumerate(rows)
    ]


def every_combination(parts: list[Table]) -> FloatArray:
    """Values by `Column` of every choice of rows, added up by hand."""
    found = []
    for rows in itertools.product(*(range(len(part.values)) for part in parts)):
        chosen = [part.values[row] for part, row in zip(parts, rows, strict=True)]
        found.append([*np.sum(chosen, axis=0), max(row[Column.TOTAL] for row in chosen)])
    return np.array(found)


def beats(one: FloatArray, other: FloatArray) -> bool:
    return bool((one <= other).all() and (one < other).any())


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("seed", range(4))
def test_nothing_that_is_best_is_missing(seed: int, columns: tuple[Column, ...]) -> None:
    parts = tables(seed)
    everything = np.unique(every_combination(parts)[:, list(columns)], axis=0)
    best = {tuple(row) for row in everything if not any(beats(other, row) for other in everything)}
    found = combine(parts, columns)
    assert found.loss == 0
    assert {tuple(row) for row in found.values[:, list(columns)]} == best


@pytest.mark.parametrize("columns", COLUMNS)
def test_rows_are_those_that_the_values_are_made_of(columns: tuple[Column, ...]) -> None:
    parts = tables(7)
    found = combine(parts, columns)
    for values, rows in zip(found.values, found.rows, strict=True):
        chosen = [part.values[row] for part, row in zip(parts, rows, strict=True)]
        assert values[: Column.LONGEST].tolist() == np.sum(chosen, axis=0).tolist()
        assert values[Column.LONGEST] == max(row[Column.TOTAL] for row in chosen)


def within(found: Combinations, columns: tuple[Column, ...], everything: FloatArray) -> bool:
    """Whether there is one for everything that is at most the stated loss worse."""
    kept = 1 + found.values[:, list(columns)]
    most = (1 + everything[:, list(columns)]) * (1 + found.loss) * (1 + 1e-9)
    return all((kept <= row).all(axis=1).any() for row in most)


@pytest.mark.parametrize("seed", range(3))
def test_a_thinned_front_is_within_its_loss(seed: int) -> None:
    parts, columns = tables(seed, (9, 8, 9)), COLUMNS[2]
    everything = every_combination(parts)
    found = combine(parts, columns, most=6)
    assert len(found.values) <= 6
    assert found.loss > 0
    assert within(found, columns, everything)
    halved = Combinations(values=found.values, rows=found.rows, loss=0.0)
    assert not within(halved, columns, everything)  # the loss is what makes it true


def test_of_equal_rows_the_first_is_kept() -> None:
    values = np.array([[2.0, 1.0], [1.0, 2.0], [2.0, 1.0], [3.0, 3.0]])
    assert best_rows(values).tolist() == [1, 0]
