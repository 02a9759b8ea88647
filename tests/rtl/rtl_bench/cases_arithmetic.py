"""Parameter sets of accumulator and synapse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtl_bench.agents import pack
from rtl_bench.layout import (
    Files,
    Parameters,
    Steps,
    Window,
    address_tables,
    channel_table,
    sliding,
)
from rtl_bench.suite import Case
from rtl_bench.synapse import Convolution
from spikeloom.codegen._literals import memory_file, text
from spikeloom.ir import Interval

# Lanes, OutLanes, CurrentBits, AddendBits, Depth, Repeats, Maximum, Buffers
_SLOW_ACCUMULATORS = (
    (1, 1, 1, 1, 1, 2, 0, 1),
    (8, 1, 9, 4, 2, 1, 0, 1),
    (5, 5, 20, 8, 7, 3, 0, 1),
    (12, 4, 11, 11, 9, 2, 0, 1),
    (32, 8, 12, 6, 40, 1, 0, 1),
    (6, 2, 9, 9, 11, 2, 1, 1),
    (1, 1, 1, 1, 1, 2, 0, 2),
    (6, 2, 7, 7, 1, 1, 1, 2),
    (24, 3, 12, 6, 1, 3, 0, 2),
    (8, 1, 9, 4, 2, 1, 0, 2),
    (5, 5, 20, 8, 7, 3, 0, 2),
    (32, 8, 12, 6, 40, 1, 0, 2),
    (6, 2, 9, 9, 11, 2, 1, 2),
)
_ACCUMULATORS = (
    (1, 1, 4, 4, 1, 1, 0, 1),
    (4, 2, 8, 5, 1, 3, 0, 1),
    (2, 2, 6, 6, 2, 1, 0, 1),
    (3, 1, 10, 4, 3, 2, 0, 1),
    (4, 4, 9, 9, 4, 1, 0, 1),
    (6, 3, 12, 7, 5, 4, 0, 1),
    (16, 4, 14, 6, 12, 1, 0, 1),
    (2, 1, 5, 3, 16, 2, 0, 1),
    (1, 1, 1, 1, 6, 1, 1, 1),
    (4, 2, 5, 3, 1, 1, 1, 1),
    (3, 3, 6, 6, 4, 2, 1, 1),
    (2, 2, 4, 4, 1, 1, 0, 2),
    (6, 2, 8, 5, 1, 2, 0, 2),
    (8, 1, 9, 4, 1, 1, 1, 2),
    (2, 2, 6, 6, 2, 1, 0, 2),
    (3, 1, 10, 4, 3, 2, 0, 2),
    (4, 4, 9, 9, 4, 1, 0, 2),
    (8, 2, 12, 6, 13, 1, 0, 2),
    (3, 3, 6, 6, 4, 2, 1, 2),
)


def _accumulator(*values: int, slow: bool) -> Case:
    names = (
        *("Lanes", "OutLanes", "CurrentBits", "AddendBits", "Depth", "Repeats", "Maximum"),
        "Buffers",
    )
    return Case(
        name="_".join(["accumulator", *map(str, values)]),
        module="spikeloom_accumulator",
        parameters=dict(zip(names, values, strict=True)),
        slow=slow,
    )


_POINT = Window()


def synapse(
    name: str,
    *,
    channels: tuple[int, int],
    rows: Window = _POINT,
    columns: Window = _POINT,
    groups: int = 1,
    in_lanes: int = 1,
    field: int = 0,
    banks: int | None = None,
    ports: int = 1,
    lanes: int,
    out_lanes: int,
    value_bits: int = 1,
    weight_bits: int = 4,
    current_bits: int | None = None,
    repeats: int = 1,
    queue: int = 4,
    most_negative: bool = False,
    silent: int | None = None,
    kept: float | None = None,
    slow: bool = False,
) -> Case:
    """Return a case; with `silent` channels that have no weight, rows are looked up.

    With `kept`, the chance of a lane word to hold weights, the address rule asks for rows of all
    output channels.
    """
    rng = np.random.default_rng(list(name.encode()))
    inputs, outputs = channels
    half = 1 << (weight_bits - 1)
    shape = (outputs, inputs // groups, rows.kernel, columns.kernel)
    weight = np.full(shape, -half) if most_negative else rng.integers(-half, half, shape)
    if silent:
        weight[:, rng.permutation(inputs)[:silent]] = 0
    if kept is not None:
        weight *= (rng.random((outputs // lanes, *shape[1:])) < kept).repeat(lanes, axis=0)
    words = outputs // groups // lanes  # of a group
    banks = banks or ports
    tap_rows = inputs if kept is not None else words * inputs // (field or 1) // banks
    layout = _Layout(lanes=lanes, banks=banks, field=field, value_bits=value_bits)
    steps = Steps(
        row_tap=columns.kernel * tap_rows,
        column_tap=tap_rows,
        row_output=columns.outputs * outputs // lanes,
        column_output=outputs // lanes,
        weight_depth=rows.kernel * columns.kernel * tap_rows,
        depth=rows.outputs * columns.outputs * outputs // lanes,
    )
    convolution = Convolution(rows=rows, columns=columns, weight=weight, groups=groups)
    weight_bits += layout.sum_bits
    rows_of = [_weight_rows(convolution, layout, bank) for bank in range(banks)]
    lookups, rows_of, stored = _stored_once(name, rows_of) if silent else ({}, rows_of, 0)
    files, parameters = _memories(name, rows_of, layout, weight_bits)
    files |= lookups
    if silent:
        parameters |= {"Lookups": steps.weight_depth, "LookupPrefix": text(f"mem/{name}_lookup_")}
    if rows is not _POINT or columns is not _POINT:
        tables, more = address_tables(name, sliding(rows), sliding(columns), steps)
        files, parameters = files | tables, parameters | more | {"Spatial": 1}
    if groups > 1:
        offsets = [channel // (inputs // groups) * words for channel in range(inputs)]
        table, more = channel_table(name, offsets, steps.depth)
        files, parameters = files | table, parameters | more | {"ChannelTable": 1}
    return Case(
        name=name,
        module="spikeloom_synapse",
        parameters={
            "InLanes": in_lanes,
            "ValueBits": value_bits,
            "FieldValues": field,
            "Banks": banks,
            "Ports": ports,
            "InGroups": inputs // in_lanes,
            "Columns": columns.size,
            "Rows": rows.size,
            "QueueDepth": queue,
            "WeightBits": weight_bits,
            "WeightDepth": (stored or steps.weight_depth) << layout.code_bits,
            "Lanes": lanes,
            "OutLanes": out_lanes,
            "Groups": words,
            "Depth": steps.depth,
            "CurrentBits": current_bits or _current_bits(convolution, value_bits),
            "Repeats": repeats,
            **parameters,
        },
        files=files,
        facts=convolution,
        slow=slow,
    )


def _current_bits(convolution: Convolution, value_bits: int) -> int:
    weight = convolution.weight
    largest = ((1 << value_bits) - 1) * convolution.rows.pool * convolution.columns.pool
    low = int(np.minimum(weight, 0).sum(axis=(1, 2, 3)).min()) * largest
    high = int(np.maximum(weight, 0).sum(axis=(1, 2, 3)).max()) * largest
    return Interval(low, high).bits


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """How weights lie in the memories of a synapse."""

    lanes: int
    banks: int
    field: int  # channels of a field, or 0
    value_bits: int

    @property
    def code_bits(self) -> int:
        """Bits that select a word of a row."""
        return self.field * self.value_bits

    @property
    def sum_bits(self) -> int:
        """Bits that a word's numbers have more than a weight has."""
        return (self.field * ((1 << self.value_bits) - 1)).bit_length() if self.field else 0


Row = list[list[int]]  # weights [channel][lane] of a channel or of a field


def _memories(
    name: str, rows_of: list[list[Row]], layout: _Layout, weight_bits: int
) -> tuple[Files, Parameters]:
    """Return the weight files of a synapse, and the parameter that goes with them."""
    prefix = f"mem/{name}_weights_"
    files = {}
    for bank, rows in enumerate(rows_of):
        words = [
            pack(word, weight_bits)
            for units in rows
            for word in (_sums(units, layout.value_bits) if layout.field else units)
        ]
        files[f"{prefix}{bank}.mem"] = memory_file(words, weight_bits * layout.lanes)
    return files, {"WeightPrefix": text(prefix)}


def _stored_once(name: str, rows_of: list[list[Row]]) -> tuple[Files, list[list[Row]], int]:
    """Return the lookup files, the rows of every bank without repetition, and their number."""
    files, stored = {}, []
    for rows in rows_of:
        stored.append([row for index, row in enumerate(rows) if row not in rows[:index]])
    depth = max(map(len, stored))
    for bank, rows in enumerate(rows_of):
        numbers = [stored[bank].index(row) for row in rows]
        bits = max(1, (depth - 1).bit_length())
        files[f"mem/{name}_lookup_{bank}.mem"] = memory_file(numbers, bits)
        stored[bank] += [stored[bank][0]] * (depth - len(stored[bank]))
    return files, stored, depth


def _sums(field: list[list[int]], value_bits: int) -> list[list[int]]:
    """Return what a field of channels adds to the lanes, for everything that it may hold."""
    mask = (1 << value_bits) - 1
    return [
        [
            sum((bits >> (place * value_bits) & mask) * channel[lane]
                for place, channel in enumerate(field))
            for lane in range(len(field[0]))
        ]
        for bits in range(1 << (len(field) * value_bits))
    ]  # fmt: skip


def _weight_rows(c: Convolution, layout: _Layout, bank: int) -> list[Row]:
    """Return the rows of a bank.

    Rows come by tap, word of a group's outputs, and channel or field.
    """
    own = c.shape[2] // c.groups  # input channels of a group
    outputs, size = c.weight.shape[0] // c.groups, layout.field or 1
    return [
        [
            c.weight[channel // own * outputs + first :][
                : layout.lanes, channel % own, y, x
            ].tolist()
            for channel in range(unit * size, (unit + 1) * size)
        ]
        for y in range(c.rows.kernel)
        for x in range(c.columns.kernel)
        for first in range(0, outputs, layout.lanes)
        for unit in range(bank, c.shape[2] // size, layout.banks)
    ]


_SYNAPSES = (
    synapse("syn_one", channels=(1, 1), lanes=1, out_lanes=1, queue=1),
    synapse("syn_dense", channels=(12, 6), in_lanes=4, ports=2, lanes=3, out_lanes=3),
    # Currents one bit short: the sums wrap, and so does the model.
    synapse("syn_wraps", channels=(9, 4), in_lanes=3, lanes=4, out_lanes=2, current_bits=5),
    synapse(
        "syn_planes", channels=(6, 4), in_lanes=3, ports=3, lanes=4, out_lanes=2, value_bits=3,
        repeats=3, most_negative=True,
    ),
    synapse(
        "syn_two_bits", channels=(8, 5), in_lanes=8, ports=4, lanes=1, out_lanes=1, weight_bits=2,
        value_bits=8, queue=1,
    ),
    synapse(
        "syn_conv", channels=(2, 4), rows=Window(size=5, kernel=3, padding=1),
        columns=Window(size=6, kernel=3, padding=1),
        in_lanes=2, lanes=2, out_lanes=2,
    ),
    synapse(
        "syn_stride", channels=(3, 2), rows=Window(size=7, kernel=3, stride=2, padding=1),
        columns=Window(size=5, kernel=2), in_lanes=3, ports=3, lanes=2, out_lanes=1,
    ),
    synapse(
        "syn_pool", channels=(4, 3), rows=Window(size=6, kernel=2, padding=1, pool=2),
        columns=Window(size=7, kernel=2, padding=1, pool=2),
        in_lanes=4, ports=2, lanes=3, out_lanes=3, queue=42,
    ),
    synapse(
        "syn_image", channels=(1, 4), rows=Window(size=5, kernel=3, stride=2),
        columns=Window(size=5, kernel=3, stride=2),
        lanes=4, out_lanes=4, value_bits=4, weight_bits=3, repeats=2,
    ),
    # A dense synapse behind a pooling: one output position.
    synapse(
        "syn_flat_pool", channels=(2, 5), rows=Window(size=4, kernel=2, pool=2),
        columns=Window(size=5, kernel=2, pool=2),
        in_lanes=2, lanes=5, out_lanes=5, most_negative=True,
    ),
    # Weights as wide as ever, a current that needs but their low bits.
    synapse("syn_narrow", channels=(2, 2), lanes=2, out_lanes=2, weight_bits=6, current_bits=3),
    synapse(
        "syn_groups", channels=(6, 12), rows=Window(size=4, kernel=3, padding=1),
        columns=Window(size=3, kernel=2), groups=3, in_lanes=2, lanes=2, out_lanes=1,
    ),
    synapse(
        "syn_dilated", channels=(2, 2), rows=Window(size=7, kernel=3, padding=2, dilation=2),
        columns=Window(size=8, kernel=3, stride=2, padding=3, dilation=3),
        in_lanes=1, lanes=1, out_lanes=1, value_bits=2,
    ),
    # Two ports of one memory; fields of channels.
    synapse("syn_two_ports", channels=(12, 4), in_lanes=6, banks=1, ports=2, lanes=4, out_lanes=2),
    synapse("syn_fields", channels=(12, 4), in_lanes=12, field=2, lanes=4, out_lanes=2),
    synapse("syn_lookup", channels=(16, 4), in_lanes=8, field=2, banks=2, ports=4, lanes=4,
             out_lanes=2, silent=13),
    synapse(
        "syn_lookup_conv", channels=(4, 4), rows=Window(size=4, kernel=2),
        columns=Window(size=3, kernel=2), in_lanes=4, ports=2, lanes=2, out_lanes=2, silent=2,
    ),
    synapse(
        "syn_field_conv", channels=(8, 4), rows=Window(size=4, kernel=3, padding=1),
        columns=Window(size=5, kernel=2), in_lanes=4, field=2, banks=1, ports=2, lanes=2,
        out_lanes=2,
    ),
)  # fmt: skip
_SLOW_SYNAPSES = (
    # Fields and memories with two ports
    synapse(
        "syn_field_planes", channels=(6, 4), in_lanes=6, field=1, banks=2, ports=4, lanes=2,
        out_lanes=2, value_bits=3, repeats=2, slow=True,
    ),
    synapse(
        "syn_field_groups", channels=(16, 6), in_lanes=8, field=4, ports=2, lanes=3, out_lanes=3,
        most_negative=True, slow=True,
    ),
    synapse(
        "syn_pairs_conv", channels=(8, 4), rows=Window(size=4, kernel=3, padding=1),
        columns=Window(size=5, kernel=2), in_lanes=8, banks=2, ports=4, lanes=2, out_lanes=2,
        value_bits=2, slow=True,
    ),
    # A kernel larger than the map; strides that skip positions; a pool that drops a remainder.
    synapse(
        "syn_wide_kernel", channels=(2, 3), rows=Window(size=3, kernel=5, padding=2),
        columns=Window(size=3, kernel=5, padding=2), in_lanes=1, lanes=1, out_lanes=1, slow=True,
    ),
    synapse(
        "syn_skips", channels=(3, 4), rows=Window(size=9, kernel=2, stride=3),
        columns=Window(size=8, kernel=1, stride=4),
        in_lanes=3, lanes=2, out_lanes=1, slow=True,
    ),
    synapse(
        "syn_pool3", channels=(2, 4), rows=Window(size=11, kernel=3, pool=3, padding=2, stride=2),
        columns=Window(size=10, kernel=3, pool=3),
        in_lanes=2, ports=2, lanes=4, out_lanes=2, slow=True,
    ),
    synapse(
        "syn_eight_ports", channels=(32, 24), in_lanes=16, ports=8, lanes=8, out_lanes=4,
        weight_bits=8, value_bits=2, slow=True,
    ),
    synapse("syn_lines", channels=(4, 2), columns=Window(size=9, kernel=3, padding=1), in_lanes=2,
             ports=2, lanes=1, out_lanes=1, slow=True),
    synapse("syn_dense_groups", channels=(12, 8), groups=4, in_lanes=4, lanes=1, out_lanes=1,
             value_bits=3, slow=True),
    synapse(
        "syn_groups_stride", channels=(8, 4), groups=2, in_lanes=4, lanes=1, out_lanes=1,
        rows=Window(size=9, kernel=3, stride=2, dilation=2, pool=1, padding=1),
        columns=Window(size=8, kernel=2, pool=2, padding=1), slow=True,
    ),
)  # fmt: skip

CASES: tuple[Case, ...] = (
    *(_accumulator(*values, slow=False) for values in _ACCUMULATORS),
    *(_accumulator(*values, slow=True) for values in _SLOW_ACCUMULATORS),
    *_SYNAPSES,
    *_SLOW_SYNAPSES,
)
