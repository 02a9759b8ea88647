"""Parameter sets of the engines that keep channels apart, and of products."""

from __future__ import annotations

import numpy as np

from rtl_bench.agents import pack
from rtl_bench.channelwise import Depthwise, Engine, Mixing, Pooling
from rtl_bench.layout import (
    Parameters,
    Steps,
    Window,
    address_tables,
    channel_table,
    sliding,
)
from rtl_bench.product import Product
from rtl_bench.suite import Case
from spikeloom.codegen._literals import memory_file, text, unsigned_bits
from spikeloom.ir import IntArray, Interval


def _engine(
    name: str,
    engine: Engine,
    *,
    lanes: int,
    out_lanes: int,
    value_bits: int,
    parameters: Parameters,
    rows: IntArray | None = None,  # of the weight memory, [words, lanes]
    weight_bits: int = 4,
    row_taps: int = 1,  # taps from one along y to the next
    queue: int = 4,
    buffers: int,
    slow: bool,
) -> Case:
    height, width, channels = engine.shape
    groups = channels // lanes
    row_axis, column_axis = engine.axes()
    tap_words = 0 if rows is None else 1 if "Shared" in parameters else groups
    steps = Steps(
        row_tap=row_taps * tap_words,
        column_tap=tap_words,
        row_output=column_axis.outputs * groups,
        column_output=groups,
        weight_depth=1 if rows is None else len(rows),
        depth=row_axis.outputs * column_axis.outputs * groups,
    )
    files, tables = address_tables(name, row_axis, column_axis, steps)
    parameters = parameters | tables
    if rows is not None:
        path = f"mem/{name}_weights.mem"
        words = [pack(row, weight_bits) for row in rows.tolist()]
        files[path] = memory_file(words, weight_bits * rows.shape[1])
        parameters |= {"WeightFile": text(path), "WeightBits": weight_bits}
    return Case(
        name=name,
        module="spikeloom_channelwise",
        parameters={
            "Lanes": lanes,
            "ValueBits": value_bits,
            "InGroups": groups,
            "Columns": width,
            "Rows": height,
            "QueueDepth": queue,
            "WeightDepth": steps.weight_depth,
            "OutLanes": out_lanes,
            "Depth": steps.depth,
            "Buffers": buffers,
            **parameters,
        },
        files=files,
        facts=engine,
        slow=slow,
    )


def _depthwise(
    name: str,
    *,
    channels: int,
    rows: Window,
    columns: Window,
    lanes: int,
    out_lanes: int,
    value_bits: int = 1,
    weight_bits: int = 4,
    repeats: int = 1,
    queue: int = 4,
    buffers: int = 1,
    slow: bool = False,
) -> Case:
    rng = np.random.default_rng(list(name.encode()))
    half = 1 << (weight_bits - 1)
    weight = rng.integers(-half, half, (channels, rows.kernel, columns.kernel))
    pooled = ((1 << value_bits) - 1) * rows.pool * columns.pool
    return _engine(
        name,
        Depthwise(rows, columns, weight),
        lanes=lanes,
        out_lanes=out_lanes,
        value_bits=value_bits,
        # word = tap * words of a position + word of channels
        rows=np.moveaxis(weight, 0, -1).reshape(-1, lanes),
        weight_bits=weight_bits,
        row_taps=columns.kernel,
        queue=queue,
        buffers=buffers,
        parameters={"CurrentBits": _bits(weight, (1, 2), pooled), "Repeats": repeats},
        slow=slow,
    )


def _bits(weight: IntArray, axes: tuple[int, ...], largest: int) -> int:
    """Bits of the sums of weights along `axes`, each times at most `largest`."""
    low = int(np.minimum(weight, 0).sum(axis=axes).min()) * largest
    high = int(np.maximum(weight, 0).sum(axis=axes).max()) * largest
    return Interval(low, high).bits


def _mixing(
    name: str,
    axis: str,
    shape: tuple[int, int, int],
    *,
    lanes: int,
    out_lanes: int,
    value_bits: int = 1,
    weight_bits: int = 4,
    queue: int = 4,
    buffers: int = 1,
    slow: bool = False,
) -> Case:
    height, width, _ = shape
    size = {"rows": height, "columns": width, "tokens": height * width}[axis]
    rng = np.random.default_rng(list(name.encode()))
    half = 1 << (weight_bits - 1)
    weight = rng.integers(-half, half, (size, size))
    return _engine(
        name,
        Mixing(shape, axis, weight),
        lanes=lanes,
        out_lanes=out_lanes,
        value_bits=value_bits,
        # Behind each other by input; the outputs of an input fall.
        rows=weight.T[:, ::-1].reshape(-1, 1),
        weight_bits=weight_bits,
        row_taps=width if axis == "tokens" else 1,
        queue=queue,
        buffers=buffers,
        parameters={"Shared": 1, "CurrentBits": _bits(weight, (1,), (1 << value_bits) - 1)},
        slow=slow,
    )


def _pool(
    name: str,
    *,
    largest: bool,
    channels: int,
    rows: Window,
    columns: Window,
    lanes: int,
    out_lanes: int,
    value_bits: int = 1,
    signed: bool = False,
    current_bits: int | None = None,
    queue: int = 4,
    buffers: int = 1,
    slow: bool = False,
) -> Case:
    summed = 1 if largest else rows.kernel * columns.kernel
    half = 1 << (value_bits - 1)
    needed = (
        Interval(-half * summed, (half - 1) * summed).bits
        if signed
        else unsigned_bits(summed * (2 * half - 1))
    )
    return _engine(
        name,
        Pooling(rows, columns, channels, largest),
        lanes=lanes,
        out_lanes=out_lanes,
        value_bits=value_bits,
        queue=queue,
        buffers=buffers,
        parameters={
            "Mode": 2 if largest else 1,
            "Signed": int(signed),
            "CurrentBits": current_bits or needed,
        },
        slow=slow,
    )


def _product(
    name: str,
    *,
    size: tuple[int, int],
    heads: int,
    inputs: int,
    outputs: int,
    transposed: bool = False,
    in_lanes: int,
    lanes: int,
    out_lanes: int,
    value_bits: int = 1,
    weight_bits: int = 5,
    current_bits: int | None = None,
    queue: int | None = None,  # None: a whole time step
    slow: bool = False,
) -> Case:
    rows, columns = size
    channels, groups = heads * inputs, outputs // lanes
    steps = Steps(
        row_tap=0,
        column_tap=0,
        row_output=columns * heads * groups,
        column_output=heads * groups,
        weight_depth=groups * channels,
        depth=rows * columns * heads * groups,
    )
    axes = sliding(Window(size=rows)), sliding(Window(size=columns))
    files, tables = address_tables(name, *axes, steps)
    offsets = [channel // inputs * groups for channel in range(channels)]
    channel_files, channel_parameters = channel_table(name, offsets, steps.depth)
    largest = ((1 << value_bits) - 1) << (weight_bits - 1)
    product = Product(
        rows=rows, columns=columns, heads=heads, inputs=inputs, outputs=outputs,
        transposed=transposed,
    )  # fmt: skip
    pointwise = {k: v for k, v in tables.items() if not k.endswith("TapStep")}
    return Case(
        name=name,
        module="spikeloom_product",
        parameters={
            "InLanes": in_lanes,
            "ValueBits": value_bits,
            "InGroups": channels // in_lanes,
            "Columns": columns,
            "Rows": rows,
            "QueueDepth": queue or rows * columns * channels // in_lanes,
            "Heads": heads,
            "HeadInputs": inputs,
            "Tokens": product.tokens,
            "Transposed": int(transposed),
            "WeightBits": weight_bits,
            "WeightLanes": 1 if transposed else lanes,
            "Lanes": lanes,
            "OutLanes": out_lanes,
            "Groups": groups,
            "Depth": steps.depth,
            "CurrentBits": current_bits or Interval(-largest * inputs, largest * inputs).bits,
            **pointwise,
            **channel_parameters,
        },
        files=files | channel_files,
        facts=product,
        slow=slow,
    )


_ENGINES = (
    _depthwise("dw_point", channels=4, rows=Window(), columns=Window(), lanes=4, out_lanes=4),
    _depthwise(
        "dw_conv", channels=6, rows=Window(size=5, kernel=3, padding=1),
        columns=Window(size=4, kernel=3, padding=1), lanes=2, out_lanes=2,
    ),
    _depthwise(
        "dw_planes", channels=4, rows=Window(size=6, kernel=3, stride=2, padding=1),
        columns=Window(size=5, kernel=2, dilation=2), lanes=4, out_lanes=2, value_bits=3,
        repeats=2, queue=1, buffers=2,
    ),
    _mixing("mix_rows", "rows", (4, 3, 6), lanes=3, out_lanes=3),
    _mixing("mix_columns", "columns", (2, 5, 4), lanes=2, out_lanes=1, value_bits=2),
    _mixing("mix_tokens", "tokens", (3, 2, 4), lanes=4, out_lanes=2, weight_bits=6, queue=6,
            buffers=2),
    _pool(
        "sum_counts", largest=False, channels=4, rows=Window(size=4, kernel=2, stride=2),
        columns=Window(size=5, kernel=3, padding=1), lanes=2, out_lanes=2, value_bits=2,
    ),
    _pool(
        "sum_currents", largest=False, channels=3, rows=Window(size=4, kernel=4),
        columns=Window(size=4, kernel=4), lanes=3, out_lanes=1, value_bits=5, signed=True,
        buffers=2,
    ),
    # Sums one bit short wrap, and so does the model.
    _pool(
        "sum_wraps", largest=False, channels=2, rows=Window(size=2, kernel=2),
        columns=Window(size=3, kernel=2), lanes=1, out_lanes=1, value_bits=4, current_bits=4,
    ),
    _pool(
        "max_spikes", largest=True, channels=4, rows=Window(size=6, kernel=3, stride=2, padding=1),
        columns=Window(size=4, kernel=2, stride=2), lanes=4, out_lanes=2,
    ),
    _pool(
        "max_counts", largest=True, channels=4, rows=Window(size=3, kernel=2),
        columns=Window(size=3, kernel=3, padding=1), lanes=1, out_lanes=1, value_bits=3,
        current_bits=5,
    ),
    _pool(
        "max_currents", largest=True, channels=6, rows=Window(size=4, kernel=3, padding=1),
        columns=Window(size=5, kernel=2, stride=2), lanes=3, out_lanes=3, value_bits=4,
        signed=True, current_bits=6, buffers=2,
    ),
)  # fmt: skip
_SLOW_ENGINES = (
    _depthwise(
        "dw_pool", channels=8, rows=Window(size=9, kernel=2, pool=2, padding=1),
        columns=Window(size=7, kernel=3, pool=2, padding=1), lanes=4, out_lanes=4, slow=True,
        weight_bits=8, queue=50, buffers=2,
    ),
    _depthwise(
        "dw_sixteen", channels=3, rows=Window(size=3, kernel=5, padding=2), columns=Window(size=2),
        lanes=3, out_lanes=1, value_bits=16, weight_bits=2, slow=True,
    ),
    _mixing("mix_wide", "tokens", (4, 4, 16), lanes=8, out_lanes=4, value_bits=4, buffers=2,
            slow=True),
    _mixing("mix_one", "rows", (1, 3, 2), lanes=2, out_lanes=2, slow=True),
    _pool(
        "sum_global", largest=False, channels=8, rows=Window(size=6, kernel=6),
        columns=Window(size=5, kernel=5), lanes=8, out_lanes=1, buffers=2, slow=True,
    ),
    _pool(
        "max_wide", largest=True, channels=8, rows=Window(size=7, kernel=3, stride=3, padding=2),
        columns=Window(size=8, kernel=5, padding=2), lanes=4, out_lanes=2, value_bits=12,
        signed=True, buffers=2, slow=True,
    ),
    _pool(
        "max_one", largest=True, channels=1, rows=Window(), columns=Window(), lanes=1, out_lanes=1,
        value_bits=2, signed=True, slow=True,
    ),
)  # fmt: skip
_PRODUCTS = (
    _product("dst_one", size=(1, 1), heads=1, inputs=1, outputs=1, in_lanes=1, lanes=1,
             out_lanes=1),
    _product("dst_heads", size=(2, 3), heads=2, inputs=4, outputs=6, in_lanes=4, lanes=2,
             out_lanes=2),
    _product("dst_planes", size=(2, 2), heads=1, inputs=6, outputs=4, in_lanes=2, lanes=4,
             out_lanes=1, value_bits=2, queue=2),
    # A current one bit short: sums wrap, and so does the model.
    _product("dst_wraps", size=(1, 3), heads=3, inputs=5, outputs=2, in_lanes=3, lanes=2,
             out_lanes=2, weight_bits=4, current_bits=3),
    _product("dstt_one", size=(1, 2), heads=1, inputs=1, outputs=1, in_lanes=1, lanes=1,
             out_lanes=1, transposed=True),
    _product("dstt_heads", size=(3, 2), heads=2, inputs=4, outputs=6, in_lanes=2, lanes=2,
             out_lanes=2, transposed=True),
    _product("dstt_lanes", size=(2, 2), heads=3, inputs=2, outputs=4, in_lanes=6, lanes=4,
             out_lanes=2, transposed=True, queue=1),
    _product("dstt_single", size=(1, 3), heads=1, inputs=3, outputs=3, in_lanes=1, lanes=1,
             out_lanes=1, value_bits=3, transposed=True),
)  # fmt: skip
_SLOW_PRODUCTS = (
    _product("dst_square", size=(4, 4), heads=4, inputs=16, outputs=8, in_lanes=8, lanes=4,
             out_lanes=2, weight_bits=9, slow=True),
    _product("dst_many_heads", size=(2, 1), heads=5, inputs=3, outputs=1, in_lanes=5, lanes=1,
             out_lanes=1, slow=True),
    _product("dstt_square", size=(4, 4), heads=4, inputs=8, outputs=16, in_lanes=16, lanes=8,
             out_lanes=8, weight_bits=8, transposed=True, slow=True),
    _product("dstt_thirds", size=(3, 3), heads=2, inputs=5, outputs=9, in_lanes=2, lanes=3,
             out_lanes=1, transposed=True, queue=3, slow=True),
)  # fmt: skip

CASES: tuple[Case, ...] = (*_ENGINES, *_SLOW_ENGINES, *_PRODUCTS, *_SLOW_PRODUCTS)
