"""Sub-sums that several outputs have in common.

Where two rows of the matrix are equal in some columns, or one is the other times plus or
minus a power of two, the sum over these columns is made once: it becomes a row of its own, and a
column that both rows read.  The best pair of rows comes first, then the best of what is left,
shared rows included, until no pair saves look-up tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spikeloom.ir import IntArray

_SHIFTS = 2  # a row may be the other one times up to 2 ** _SHIFTS
_MOST_PER_ROW = 8  # shared rows for a row of the matrix, for the sake of memory
_LEAST_GAIN = 1.0  # look-up tables; less is within the error of the estimate
_OPERAND = 4.0  # look-up tables of an operand more, beside one for each of its bits


@dataclass(slots=True)
class Shared:
    """A matrix with shared rows at the bottom and a column for each at the right.

    The column of shared row `k` is `columns + k`, and its row is `rows + k`.
    """

    matrix: IntArray
    rows: int
    columns: int


@dataclass(slots=True)
class _Search:
    """The growing matrix, and for every pair of rows and factor how much sharing saves."""

    matrix: IntArray
    used_rows: int
    used_columns: int
    cost: float  # look-up tables per weight
    factors: tuple[tuple[int, int], ...]
    gains: npt.NDArray[np.float32] = field(init=False)  # [factors, rows, rows]

    def __post_init__(self) -> None:
        size = len(self.matrix)
        self.gains = np.full((len(self.factors), size, size), -1.0, np.float32)
        for row in range(self.used_rows):
            self.update(row)

    def update(self, row: int) -> None:
        """Compare a row with all others."""
        places = np.flatnonzero(self.matrix[row])
        ours, others = self.matrix[row, places], self.matrix[: self.used_rows, places]
        sizes = np.abs(ours)
        for place, (a, b) in enumerate(self.factors):
            equal = others * a == ours * b
            gains = self._gain(equal.sum(1), (equal @ sizes) / a)
            gains[row] = -1.0
            self.gains[place, row, : self.used_rows] = gains
            opposite = self.factors.index(_opposite((a, b)))
            self.gains[opposite, : self.used_rows, row] = gains

    def best(self) -> tuple[float, int, int, int]:
        """Return the best gain: how much, the place of the factor, and the two rows."""
        used = self.gains[:, : self.used_rows, : self.used_rows]
        place, one, two = np.unravel_index(int(used.argmax()), used.shape)
        return float(used[place, one, two]), int(place), int(one), int(two)

    def _gain(
        self, counts: npt.NDArray[np.int64], sizes: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """One sum less, and its result is an operand twice."""
        operands: npt.NDArray[np.float64] = np.log2(sizes + 1.0)
        return self.cost * counts - operands - _OPERAND


def share(matrix: IntArray, cost: float) -> Shared:
    """Find shared sub-sums.

    Args:
        matrix: `[rows, columns]`, integers.
        cost: Look-up tables per weight that is not 0, as estimated without sharing.
    """
    rows, columns = matrix.shape
    most = min(int(np.count_nonzero(matrix)) // 3, _MOST_PER_ROW * rows)
    grown = np.zeros((rows + most, columns + most), np.int64)
    grown[:rows, :columns] = matrix
    search = _Search(grown, rows, columns, cost, _factors())
    for _ in range(most):
        gain, place, one, two = search.best()
        if gain < _LEAST_GAIN:
            break
        _split(search, one, two, search.factors[place])
    size_rows, size_columns = search.used_rows, search.used_columns
    return Shared(grown[:size_rows, :size_columns], rows, columns)


def _factors() -> tuple[tuple[int, int], ...]:
    """Pairs `(a, b)` for rows of which one is `a` and the other `b` times the shared row."""
    powers = [(1, 1)] + [(1 << k, 1) for k in range(1, _SHIFTS + 1)]
    powers += [(small, large) for large, small in powers[1:]]
    return tuple((a, sign * b) for sign in (1, -1) for a, b in powers)


def _opposite(factor: tuple[int, int]) -> tuple[int, int]:
    """The same for the rows in the other order."""
    a, b = factor
    return (b, a) if b > 0 else (-b, -a)


def _split(search: _Search, one: int, two: int, factor: tuple[int, int]) -> None:
    """Move what two rows have in common into a row of its own."""
    ours, theirs = factor
    matrix, row, column = search.matrix, search.used_rows, search.used_columns
    equal = (matrix[one] != 0) & (matrix[one] * theirs == matrix[two] * ours)
    matrix[row, equal] = matrix[one, equal] // ours
    matrix[one, equal] = 0
    matrix[two, equal] = 0
    matrix[one, column], matrix[two, column] = ours, theirs
    search.used_rows, search.used_columns = row + 1, column + 1
    for changed in (row, one, two):
        search.update(changed)
