"""Parameter sets of accumulator and synapse."""

from __future__ import annotations

import numpy as np

from rtl_bench.suite import Case
from rtl_bench.synapse import Convolution
from spikeloom.codegen._geometry import Geometry
from spikeloom.codegen._literals import memory_file, pack, pack_rows, text
from spikeloom.codegen._rule import Axis
from spikeloom.ir import Interval

# Lanes, OutLanes, CurrentBits, AddendBits, Depth, Repeats
_SLOW_ACCUMULATORS = (
    (1, 1, 1, 1, 1, 2),
    (8, 1, 9, 4, 2, 1),
    (5, 5, 20, 8, 7, 3),
    (12, 4, 11, 11, 9, 2),
    (32, 8, 12, 6, 40, 1),
)
_ACCUMULATORS = (
    (1, 1, 4, 4, 1, 1),
    (4, 2, 8, 5, 1, 3),
    (2, 2, 6, 6, 2, 1),
    (3, 1, 10, 4, 3, 2),
    (4, 4, 9, 9, 4, 1),
    (6, 3, 12, 7, 5, 4),
    (16, 4, 14, 6, 12, 1),
    (2, 1, 5, 3, 16, 2),
)


def _accumulator(*values: int, slow: bool) -> Case:
    names = ("Lanes", "OutLanes", "CurrentBits", "AddendBits", "Depth", "Repeats")
    return Case(
        name="_".join(["accumulator", *map(str, values)]),
        module="spikeloom_accumulator",
        parameters=dict(zip(names, values, strict=True)),
        slow=slow,
    )


def _axis(size: int, kernel: int, *, stride: int = 1, padding: int = 0, pool: int = 1) -> Axis:
    outputs = (size // pool + 2 * padding - kernel) // stride + 1
    return Axis(
        size=size, pool=pool, kernel=kernel, stride=stride, padding=padding, outputs=outputs
    )


_POINT = _axis(1, 1)


def _synapse(
    name: str,
    *,
    channels: tuple[int, int],
    rows: Axis = _POINT,
    columns: Axis = _POINT,
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
    weight = rng.integers(-half, half, (outputs, inputs, rows.kernel, columns.kernel))
    weight = np.full_like(weight, -half) if most_negative else weight
    geometry = Geometry(
        spatial=rows is not _POINT or columns is not _POINT,
        rows=rows,
        columns=columns,
        weight=weight,
        in_lanes=in_lanes,
        ports=ports,
        lanes=lanes,
    )
    largest = ((1 << value_bits) - 1) * rows.pool * columns.pool
    low = int(np.minimum(weight, 0).sum(axis=(1, 2, 3)).min()) * largest
    high = int(np.maximum(weight, 0).sum(axis=(1, 2, 3)).max()) * largest
    files, parameters = _memories(name, geometry, weight_bits)
    return Case(
        name=name,
        module="spikeloom_synapse",
        parameters={
            "InLanes": in_lanes,
            "ValueBits": value_bits,
            "Ports": ports,
            "InGroups": geometry.in_groups,
            "Columns": columns.size,
            "Rows": rows.size,
            "QueueDepth": queue,
            "WeightBits": weight_bits,
            "WeightDepth": geometry.weight_depth,
            "Lanes": lanes,
            "OutLanes": out_lanes,
            "Groups": geometry.groups,
            "Depth": geometry.depth,
            "CurrentBits": current_bits or Interval(low, high).bits,
            "Repeats": repeats,
            **parameters,
        },
        files=files,
        facts=Convolution(geometry),
        slow=slow,
    )


def _memories(
    name: str, geometry: Geometry, weight_bits: int
) -> tuple[dict[str, str], dict[str, int | str]]:
    """Return the memory files of a synapse, and the parameters that go with them."""
    prefix = f"mem/{name}_weights_"
    parameters: dict[str, int | str] = {"WeightPrefix": text(prefix)}
    files = {
        f"{prefix}{port}.mem": memory_file(
            pack_rows(geometry.port_weights(port), weight_bits), weight_bits * geometry.lanes
        )
        for port in range(geometry.ports)
    }
    if not geometry.spatial:
        return files, parameters
    for axis, table in (("rows", geometry.row_table()), ("columns", geometry.column_table())):
        words = [pack(entry) for entry in table]
        files[f"mem/{name}_{axis}.mem"] = memory_file(words, geometry.table_bits)
    return files, parameters | {
        "Spatial": 1,
        "TapBits": geometry.tap_bits,
        "RowTapStep": geometry.row_tap * geometry.rows.stride,
        "RowOutputStep": geometry.row_output,
        "ColumnTapStep": geometry.column_tap * geometry.columns.stride,
        "ColumnOutputStep": geometry.groups,
        "RowFile": text(f"mem/{name}_rows.mem"),
        "ColumnFile": text(f"mem/{name}_columns.mem"),
    }


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
        "syn_conv", channels=(2, 4), rows=_axis(5, 3, padding=1), columns=_axis(6, 3, padding=1),
        in_lanes=2, lanes=2, out_lanes=2,
    ),
    _synapse(
        "syn_stride", channels=(3, 2), rows=_axis(7, 3, stride=2, padding=1),
        columns=_axis(5, 2), in_lanes=3, ports=3, lanes=2, out_lanes=1,
    ),
    _synapse(
        "syn_pool", channels=(4, 3), rows=_axis(6, 2, padding=1, pool=2),
        columns=_axis(7, 2, padding=1, pool=2), in_lanes=4, ports=2, lanes=3, out_lanes=3, queue=42,
    ),
    _synapse(
        "syn_image", channels=(1, 4), rows=_axis(5, 3, stride=2), columns=_axis(5, 3, stride=2),
        lanes=4, out_lanes=4, value_bits=4, weight_bits=3, repeats=2,
    ),
    # A dense synapse behind a pooling: one output position.
    _synapse(
        "syn_flat_pool", channels=(2, 5), rows=_axis(4, 2, pool=2), columns=_axis(5, 2, pool=2),
        in_lanes=2, lanes=5, out_lanes=5, most_negative=True,
    ),
)  # fmt: skip
_SLOW_SYNAPSES = (
    # A kernel larger than the map; strides that skip positions; a pool that drops a remainder.
    _synapse(
        "syn_wide_kernel", channels=(2, 3), rows=_axis(3, 5, padding=2),
        columns=_axis(3, 5, padding=2), in_lanes=1, lanes=1, out_lanes=1, slow=True,
    ),
    _synapse(
        "syn_skips", channels=(3, 4), rows=_axis(9, 2, stride=3), columns=_axis(8, 1, stride=4),
        in_lanes=3, lanes=2, out_lanes=1, slow=True,
    ),
    _synapse(
        "syn_pool3", channels=(2, 4), rows=_axis(11, 3, pool=3, padding=2, stride=2),
        columns=_axis(10, 3, pool=3), in_lanes=2, ports=2, lanes=4, out_lanes=2, slow=True,
    ),
    _synapse(
        "syn_eight_ports", channels=(32, 24), in_lanes=16, ports=8, lanes=8, out_lanes=4,
        weight_bits=8, value_bits=2, slow=True,
    ),
    _synapse("syn_lines", channels=(4, 2), columns=_axis(9, 3, padding=1), in_lanes=2, ports=2,
             lanes=1, out_lanes=1, slow=True),
)  # fmt: skip

CASES: tuple[Case, ...] = (
    *(_accumulator(*values, slow=False) for values in _ACCUMULATORS),
    *(_accumulator(*values, slow=True) for values in _SLOW_ACCUMULATORS),
    *_SYNAPSES,
    *_SLOW_SYNAPSES,
)
