"""Parameter sets of accumulator and synapse."""

from __future__ import annotations

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

# Lanes, OutLanes, CurrentBits, AddendBits, Depth, Repeats, Maximum
_SLOW_ACCUMULATORS = (
    (1, 1, 1, 1, 1, 2, 0),
    (8, 1, 9, 4, 2, 1, 0),
    (5, 5, 20, 8, 7, 3, 0),
    (12, 4, 11, 11, 9, 2, 0),
    (32, 8, 12, 6, 40, 1, 0),
    (6, 2, 9, 9, 11, 2, 1),
)
_ACCUMULATORS = (
    (1, 1, 4, 4, 1, 1, 0),
    (4, 2, 8, 5, 1, 3, 0),
    (2, 2, 6, 6, 2, 1, 0),
    (3, 1, 10, 4, 3, 2, 0),
    (4, 4, 9, 9, 4, 1, 0),
    (6, 3, 12, 7, 5, 4, 0),
    (16, 4, 14, 6, 12, 1, 0),
    (2, 1, 5, 3, 16, 2, 0),
    (1, 1, 1, 1, 6, 1, 1),
    (4, 2, 5, 3, 1, 1, 1),
    (3, 3, 6, 6, 4, 2, 1),
)


def _accumulator(*values: int, slow: bool) -> Case:
    names = ("Lanes", "OutLanes", "CurrentBits", "AddendBits", "Depth", "Repeats", "Maximum")
    return Case(
        name="_".join(["accumulator", *map(str, values)]),
        module="spikeloom_accumulator",
        parameters=dict(zip(names, values, strict=True)),
        slow=slow,
    )


_POINT = Window()


def _synapse(
    name: str,
    *,
    channels: tuple[int, int],
    rows: Window = _POINT,
    columns: Window = _POINT,
    groups: int = 1,
    in_lanes: int = 1,
    ports: int = 1,
    lanes: int,
    out_lanes: int,
    value_bits: int = 1,
    weight_bits: int = 4,
    current_bits: int | None = None,
    repeats: int = 1,
    queue: int = 4,
    most_negative: bool = False,
    slow: bool = False,
) -> Case:
    rng = np.random.default_rng(list(name.encode()))
    inputs, outputs = channels
    half = 1 << (weight_bits - 1)
    shape = (outputs, inputs // groups, rows.kernel, columns.kernel)
    weight = np.full(shape, -half) if most_negative else rng.integers(-half, half, shape)
    words = outputs // groups // lanes  # of a group
    steps = Steps(
        row_tap=columns.kernel * words * inputs // ports,
        column_tap=words * inputs // ports,
        row_output=columns.outputs * outputs // lanes,
        column_output=outputs // lanes,
        weight_depth=rows.kernel * columns.kernel * words * inputs // ports,
        depth=rows.outputs * columns.outputs * outputs // lanes,
    )
    convolution = Convolution(rows=rows, columns=columns, weight=weight, groups=groups)
    files, parameters = _memories(name, convolution, lanes, ports, weight_bits)
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
            "Ports": ports,
            "InGroups": inputs // in_lanes,
            "Columns": columns.size,
            "Rows": rows.size,
            "QueueDepth": queue,
            "WeightBits": weight_bits,
            "WeightDepth": steps.weight_depth,
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


def _memories(
    name: str, convolution: Convolution, lanes: int, ports: int, weight_bits: int
) -> tuple[Files, Parameters]:
    """Return the weight files of a synapse, and the parameter that goes with them."""
    prefix = f"mem/{name}_weights_"
    files = {}
    for port in range(ports):
        rows = _weight_rows(convolution, lanes, ports, port)
        words = [pack(row, weight_bits) for row in rows]
        files[f"{prefix}{port}.mem"] = memory_file(words, weight_bits * lanes)
    return files, {"WeightPrefix": text(prefix)}


def _weight_rows(c: Convolution, lanes: int, ports: int, port: int) -> list[list[int]]:
    """Return the words of a port: by tap, word of a group's outputs, and channel."""
    own = c.shape[2] // c.groups  # input channels of a group
    outputs = c.weight.shape[0] // c.groups
    return [
        c.weight[group * outputs + first :][:lanes, channel % own, y, x].tolist()
        for y in range(c.rows.kernel)
        for x in range(c.columns.kernel)
        for first in range(0, outputs, lanes)
        for channel in range(port, c.shape[2], ports)
        for group in [channel // own]
    ]


_SYNAPSES = (
    _synapse("syn_one", channels=(1, 1), lanes=1, out_lanes=1, queue=1),
    _synapse("syn_dense", channels=(12, 6), in_lanes=4, ports=2, lanes=3, out_lanes=3),
    # Currents one bit short: the sums wrap, and so does the model.
    _synapse("syn_wraps", channels=(9, 4), in_lanes=3, lanes=4, out_lanes=2, current_bits=5),
    _synapse(
        "syn_planes", channels=(6, 4), in_lanes=3, ports=3, lanes=4, out_lanes=2, value_bits=3,
        repeats=3, most_negative=True,
    ),
    _synapse(
        "syn_two_bits", channels=(8, 5), in_lanes=8, ports=4, lanes=1, out_lanes=1, weight_bits=2,
        value_bits=8, queue=1,
    ),
    _synapse(
        "syn_conv", channels=(2, 4), rows=Window(size=5, kernel=3, padding=1),
        columns=Window(size=6, kernel=3, padding=1),
        in_lanes=2, lanes=2, out_lanes=2,
    ),
    _synapse(
        "syn_stride", channels=(3, 2), rows=Window(size=7, kernel=3, stride=2, padding=1),
        columns=Window(size=5, kernel=2), in_lanes=3, ports=3, lanes=2, out_lanes=1,
    ),
    _synapse(
        "syn_pool", channels=(4, 3), rows=Window(size=6, kernel=2, padding=1, pool=2),
        columns=Window(size=7, kernel=2, padding=1, pool=2),
        in_lanes=4, ports=2, lanes=3, out_lanes=3, queue=42,
    ),
    _synapse(
        "syn_image", channels=(1, 4), rows=Window(size=5, kernel=3, stride=2),
        columns=Window(size=5, kernel=3, stride=2),
        lanes=4, out_lanes=4, value_bits=4, weight_bits=3, repeats=2,
    ),
    # A dense synapse behind a pooling: one output position.
    _synapse(
        "syn_flat_pool", channels=(2, 5), rows=Window(size=4, kernel=2, pool=2),
        columns=Window(size=5, kernel=2, pool=2),
        in_lanes=2, lanes=5, out_lanes=5, most_negative=True,
    ),
    # Weights as wide as ever, a current that needs but their low bits.
    _synapse("syn_narrow", channels=(2, 2), lanes=2, out_lanes=2, weight_bits=6, current_bits=3),
    _synapse(
        "syn_groups", channels=(6, 12), rows=Window(size=4, kernel=3, padding=1),
        columns=Window(size=3, kernel=2), groups=3, in_lanes=2, lanes=2, out_lanes=1,
    ),
    _synapse(
        "syn_dilated", channels=(2, 2), rows=Window(size=7, kernel=3, padding=2, dilation=2),
        columns=Window(size=8, kernel=3, stride=2, padding=3, dilation=3),
        in_lanes=1, lanes=1, out_lanes=1, value_bits=2,
    ),
)  # fmt: skip
_SLOW_SYNAPSES = (
    # A kernel larger than the map; strides that skip positions; a pool that drops a remainder.
    _synapse(
        "syn_wide_kernel", channels=(2, 3), rows=Window(size=3, kernel=5, padding=2),
        columns=Window(size=3, kernel=5, padding=2), in_lanes=1, lanes=1, out_lanes=1, slow=True,
    ),
    _synapse(
        "syn_skips", channels=(3, 4), rows=Window(size=9, kernel=2, stride=3),
        columns=Window(size=8, kernel=1, stride=4),
        in_lanes=3, lanes=2, out_lanes=1, slow=True,
    ),
    _synapse(
        "syn_pool3", channels=(2, 4), rows=Window(size=11, kernel=3, pool=3, padding=2, stride=2),
        columns=Window(size=10, kernel=3, pool=3),
        in_lanes=2, ports=2, lanes=4, out_lanes=2, slow=True,
    ),
    _synapse(
        "syn_eight_ports", channels=(32, 24), in_lanes=16, ports=8, lanes=8, out_lanes=4,
        weight_bits=8, value_bits=2, slow=True,
    ),
    _synapse("syn_lines", channels=(4, 2), columns=Window(size=9, kernel=3, padding=1), in_lanes=2,
             ports=2, lanes=1, out_lanes=1, slow=True),
    _synapse("syn_dense_groups", channels=(12, 8), groups=4, in_lanes=4, lanes=1, out_lanes=1,
             value_bits=3, slow=True),
    _synapse(
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
