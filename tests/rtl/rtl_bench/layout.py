"""Where a position goes, and how that lies in memories: written from docs/modules.md.

Code generation has its own; whole networks compare the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rtl_bench.library import Value
from spikeloom.codegen._literals import address_bits, memory_file, pack, text, unsigned_bits
from spikeloom.ir import IntArray

Files = dict[str, str]
Parameters = dict[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Kernels along one axis of `size` positions, which are first summed in pools."""

    size: int = 1
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    pool: int = 1

    @property
    def pooled(self) -> int:
        return self.size // self.pool

    @property
    def outputs(self) -> int:
        reach = self.dilation * (self.kernel - 1) + 1
        return (self.pooled + 2 * self.padding - reach) // self.stride + 1

    def read_at(self, output: int, tap: int) -> int:
        """Return the position, behind the pools, that a tap of an output reads."""
        return output * self.stride + tap * self.dilation - self.padding


@dataclass(frozen=True, slots=True)
class Axis:
    """The visits of every coordinate, as `(tap, output)` in the order in which they come."""

    visits: tuple[tuple[tuple[int, int], ...], ...]
    outputs: int

    @property
    def counts(self) -> list[int]:
        return [len(visits) for visits in self.visits]

    @property
    def steps(self) -> tuple[int, int]:
        """From one visit to the next: how much the tap grows and the output falls."""
        found = {
            (after[0] - before[0], before[1] - after[1])
            for visits in self.visits
            for before, after in pairwise(visits)
        }
        assert len(found) <= 1, f"an address rule takes steps of one length, not {found}"
        return found.pop() if found else (0, 0)


def sliding(window: Window) -> Axis:
    """The axis of a convolution or a pooling."""
    return Axis(
        tuple(_taps(window, coordinate // window.pool) for coordinate in range(window.size)),
        window.outputs,
    )


def _taps(window: Window, position: int) -> tuple[tuple[int, int], ...]:
    if position >= window.pooled:  # the remainder that pools drop
        return ()
    return tuple(
        (tap, output)
        for tap in range(window.kernel)
        for output in reversed(range(window.outputs))
        if window.read_at(output, tap) == position
    )


def mixing(size: int, block: int = 0) -> Axis:
    """The axis along which every position reaches all, the last output first.

    Tap `i * block + k` leads from input `i` to output `size - 1 - k`; without
    `block` it is `size`.
    """
    first = [i * (block or size) for i in range(size)]
    return Axis(tuple(tuple((tap + k, size - 1 - k) for k in range(size)) for tap in first), size)


def taps_of(rows: Axis, columns: Axis) -> list[int]:
    """Return for every position how many it reaches."""
    return [row * column for row in rows.counts for column in columns.counts]


def cost(visits: Sequence[int], events: int) -> tuple[int, int]:
    """Return the visits of a step, and the clocks that they take, with `events` everywhere.

    `visits` are those of one event at every position.  The last event ends the
    step, which shows as a visit even where it reaches nothing; other events
    that reach nothing take a clock unseen.
    """
    seen = events * sum(visits) + (visits[-1] == 0)
    return seen, events * sum(max(1, count) for count in visits)


def windows(values: IntArray, rows: Window, columns: Window, *, outside: int = 0) -> IntArray:
    """Return what the kernels see of `[rows, columns, channels]`, as `[y, x, ky, kx, channels]`."""
    pooled = _pool(values, rows.pool, columns.pool)
    pads = [(rows.padding,) * 2, (columns.padding,) * 2, (0, 0)]
    padded = np.pad(pooled, pads, constant_values=outside)
    ys, xs = (
        np.add.outer(np.arange(w.outputs) * w.stride, np.arange(w.kernel) * w.dilation)
        for w in (rows, columns)
    )
    return np.asarray(padded[ys[:, None, :, None], xs[None, :, None, :]])


def _pool(values: IntArray, rows: int, columns: int) -> IntArray:
    height, width = values.shape[0] // rows, values.shape[1] // columns
    cut = values[: height * rows, : width * columns]
    return np.asarray(cut.reshape(height, rows, width, columns, -1).sum(axis=(1, 3)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What a tap and an output of each axis are worth in words, and how many words there are."""

    row_tap: int
    column_tap: int
    row_output: int
    column_output: int
    weight_depth: int
    depth: int


def address_tables(name: str, rows: Axis, columns: Axis, steps: Steps) -> tuple[Files, Parameters]:
    """Return the files of the row and the column table, and the parameters that go with them."""
    tap_bits = unsigned_bits(max(*rows.counts, *columns.counts))
    widths = (tap_bits, address_bits(steps.depth), address_bits(steps.weight_depth))
    files: Files = {}
    parameters: Parameters = {"TapBits": tap_bits}
    for axis, short, tap, output in (
        (rows, "Row", steps.row_tap, steps.row_output),
        (columns, "Column", steps.column_tap, steps.column_output),
    ):
        path = f"mem/{name}_{short.lower()}s.mem"
        words = []
        for visits in axis.visits:
            first_tap, first_output = visits[0] if visits else (0, 0)
            fields = (len(visits), first_output * output, first_tap * tap)
            words.append(pack(zip(fields, widths, strict=True)))
        files[path] = memory_file(words, sum(widths))
        parameters |= {
            f"{short}File": text(path),
            f"{short}TapStep": axis.steps[0] * tap,
            f"{short}OutputStep": axis.steps[1] * output,
        }
    return files, parameters


def channel_table(name: str, offsets: Sequence[int], depth: int) -> tuple[Files, Parameters]:
    """Return the file of the channel table, and its parameter."""
    path = f"mem/{name}_channels.mem"
    return {path: memory_file(offsets, address_bits(depth))}, {"ChannelFile": text(path)}
