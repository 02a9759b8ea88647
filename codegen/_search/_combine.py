"""Tables of what parts cost and how long they work, and the best combinations of their rows.

Costs, clock cycles in a row and additions of a combination are the sums of those of its
parts; what takes longest is the longest of them.  That is nearly what the whole design does,
and can be searched completely: rows that another row beats in everything are dropped, part
by part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from spikeloom.codegen._options import LayerOptions

FloatArray = NDArray[np.float64]
_MOST = 400  # combinations that are kept from part to part
_STEP = 0.01  # how much alike two are of which one goes, when there are more; then twice as much


class Column(IntEnum):
    """What is known of a combination, and in which column."""

    LUT = 0
    FF = 1
    BRAM = 2
    TOTAL = 3  # clock cycles, one part after the other
    ADDITIONS = 4
    LONGEST = 5  # clock cycles of the part that works longest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """What a part may be given: `values` `[rows, 5]`, the columns but the last of `Column`."""

    part: str
    options: tuple[LayerOptions, ...]
    values: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Combinations:
    """`values` `[n, 6]` by `Column`, and the rows `[n, parts]` that each is made of.

    In each column that counts, for every possible combination there is one here that is
    at most `loss` (a ratio, such as 0.02) worse.
    """

    values: FloatArray
    rows: NDArray[np.int64]
    loss: float = 0.0


def combine(tables: Sequence[Table], columns: Sequence[Column], most: int = _MOST) -> Combinations:
    """Return the combinations that no other one beats in all of `columns`.

    Where there are more than `most` of them, some that are much alike are dropped.
    """
    found = Combinations(values=np.zeros((1, len(Column))), rows=np.zeros((1, 0), np.int64))
    for table in tables:
        found = _thinned(_best(_added(found, table), columns), columns, most)
    return found


def _added(found: Combinations, table: Table) -> Combinations:
    """Every combination with every row of one more part."""
    count, rows = len(found.values), len(table.values)
    before = found.values.repeat(rows, axis=0)
    more = np.tile(table.values, (count, 1))
    longest = np.maximum(before[:, Column.LONGEST], more[:, Column.TOTAL])
    values = np.column_stack([before[:, : Column.LONGEST] + more, longest])
    picks = np.column_stack([found.rows.repeat(rows, axis=0), np.tile(np.arange(rows), count)])
    return Combinations(values=values, rows=picks, loss=found.loss)


def _best(found: Combinations, columns: Sequence[Column]) -> Combinations:
    kept = best_rows(found.values[:, list(columns)])
    return Combinations(values=found.values[kept], rows=found.rows[kept], loss=found.loss)


def best_rows(values: FloatArray) -> NDArray[np.int64]:
    """Return the rows of `[n, m]` that no other beats, smallest first; of equal ones the first."""
    order = np.lexsort(values.T[::-1])
    kept: list[int] = []
    front = np.empty_like(values)
    for row in order:  # whatever beats a row comes before it
        if not (front[: len(kept)] <= values[row]).all(axis=1).any():
            front[len(kept)] = values[row]
            kept.append(int(row))
    return np.array(kept, np.int64)


def _thinned(found: Combinations, columns: Sequence[Column], most: int) -> Combinations:
    """Keep one of those that differ by less than a step in every column."""
    kept, step = np.arange(len(found.values)), 0.0
    while len(kept) > most:
        step = 2 * step or _STEP
        scaled = np.log1p(found.values[:, list(columns)]) / np.log1p(step)
        kept = np.sort(np.unique(np.floor(scaled), axis=0, return_index=True)[1])
    loss = (1 + found.loss) * (1 + step) - 1
    return Combinations(values=found.values[kept], rows=found.rows[kept], loss=loss)
