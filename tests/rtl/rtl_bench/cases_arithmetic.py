"""Parameter sets of accumulator, synapse and neuron."""

from __future__ import annotations

from random import Random

import numpy as np

from rtl_bench.neuron import Rule
from rtl_bench.suite import Case
from rtl_bench.synapse import Convolution
from spikeloom.codegen._geometry import Geometry
from spikeloom.codegen._literals import memory_file, pack, pack_rows, sized, text, unsigned_bits
from spikeloom.codegen._rule import Axis
from spikeloom.ir import Interval, Leak, LeakTerm, Reset

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

_IF = Leak.none()
_SUM = Leak((LeakTerm(1, 1), LeakTerm(1, 2)))
_THREE = Leak((LeakTerm(1, 0), LeakTerm(-1, 2), LeakTerm(-1, 4)))
_MODES = {Reset.SUBTRACT: 0, Reset.ZERO: 1, Reset.NONE: 2}


def _neuron(
    name: str,
    *,
    lanes: int,
    words: int,
    steps: int,
    current_bits: int = 6,
    leak: Leak = _IF,
    reset: Reset = Reset.SUBTRACT,
    delayed: bool = False,
    spiking: bool = True,
    saturates: int = 0,  # bits of the membrane
    table: int = 0,  # its depth
    bias: tuple[int, int] = (0, 0),
    threshold: tuple[int, int] = (20, 20),
    slow: bool = False,
) -> Case:
    random = Random(name)
    entries = max(1, table * lanes)
    biases = [random.randint(*bias) for _ in range(entries)]
    thresholds = [random.randint(*threshold) for _ in range(entries)]
    half = 1 << (current_bits - 1)
    facts = {
        "leak": leak, "reset": reset, "delayed": delayed, "spiking": spiking, "biases": biases,
        "thresholds": thresholds, "currents": (-half, half - 1), "saturates": bool(saturates),
    }  # fmt: skip
    reach = _reach(leak, facts["currents"], biases, thresholds, steps, saturates)
    threshold_bits = unsigned_bits(max(thresholds))
    membrane_bits = saturates or max(reach.bits, threshold_bits + 1)
    rule = Rule(membrane_bits=membrane_bits, **facts)
    parameters: dict[str, int | str] = {
        "Lanes": lanes,
        "Words": words,
        "TimeSteps": steps,
        "CurrentBits": current_bits,
        "SumBits": max(reach.bits, membrane_bits, current_bits),
        "MembraneBits": membrane_bits,
        "Saturate": int(bool(saturates)),
        "Spiking": int(spiking),
        "LeakTerms": len(leak.terms),
        "Leak": sized(
            pack(((t.sign < 0) << 5 | t.shift, 6) for t in leak.terms), 6 * len(leak.terms)
        ),
        "ResetMode": _MODES[reset],
        "ResetDelay": int(delayed),
        "BiasBits": Interval(min(biases), max(biases)).bits,
        "ThresholdBits": threshold_bits,
    }
    files = {}
    if table:
        parameters |= {"Table": 1, "TableDepth": table, "TableFile": text(f"mem/{name}.mem")}
        files[f"mem/{name}.mem"] = _table(rule, parameters, lanes)
    else:
        parameters |= {"Bias": biases[0], "Threshold": thresholds[0]}
    return Case(
        name=name,
        module="spikeloom_neuron",
        parameters=parameters,
        files=files,
        facts=rule,
        slow=slow,
    )


def _reach(
    leak: Leak,
    currents: tuple[int, int],
    biases: list[int],
    thresholds: list[int],
    steps: int,
    saturates: int,
) -> Interval:
    """Return bounds of a membrane before it saturates; the leaks used here are monotone."""
    low = high = widest_low = widest_high = 0
    half = 1 << (saturates - 1) if saturates else 0
    for _ in range(steps + 1):
        # Like a late subtraction, at every step, whatever the reset is.
        low = int(leak(np.array(low))) + currents[0] + min(biases) - max(thresholds)
        high = int(leak(np.array(high))) + currents[1] + max(biases)
        widest_low, widest_high = min(widest_low, low), max(widest_high, high)
        if saturates:
            low, high = max(low, -half), min(high, half - 1)
    return Interval(widest_low, widest_high)


def _table(rule: Rule, parameters: dict[str, int | str], lanes: int) -> str:
    """Return the table of biases and thresholds, `{ threshold, bias }` in every lane."""
    widths = (int(parameters["BiasBits"]), int(parameters["ThresholdBits"]))
    pairs = list(zip(rule.biases, rule.thresholds, strict=True))
    words = [
        pack(field for pair in pairs[i : i + lanes] for field in zip(pair, widths, strict=True))
        for i in range(0, len(pairs), lanes)
    ]
    return memory_file(words, lanes * sum(widths))


_LATE = {"delayed": True}
_VARIED = {"bias": (-9, 7), "threshold": (1, 60)}
_NEURONS = (
    _neuron("nrn_if", lanes=1, words=1, steps=1),
    _neuron("nrn_lif", lanes=2, words=2, steps=3, leak=Leak.shift(2), table=1, **_VARIED),
    _neuron(
        "nrn_zero", lanes=3, words=3, steps=4, leak=Leak.shift(3), reset=Reset.ZERO, saturates=7,
        bias=(3, 3), threshold=(40, 40), current_bits=8,
    ),
    _neuron("nrn_none", lanes=4, words=4, steps=2, leak=_SUM, reset=Reset.NONE),
    _neuron(
        "nrn_late", lanes=1, words=5, steps=5, leak=Leak.shift(1), saturates=8, table=5, **_LATE,
        **_VARIED,
    ),
    _neuron(
        "nrn_late_zero", lanes=2, words=3, steps=4, reset=Reset.ZERO, table=3, leak=Leak.shift(2),
        **_LATE, **_VARIED,
    ),
    _neuron("nrn_late_none", lanes=3, words=2, steps=3, reset=Reset.NONE, **_LATE),
    _neuron(
        "nrn_integrator", lanes=5, words=1, steps=3, leak=Leak.shift(1), spiking=False,
        reset=Reset.NONE, bias=(-5, -5), threshold=(1, 1),
    ),
    _neuron(
        "nrn_integrator_clamp", lanes=2, words=4, steps=4, spiking=False, reset=Reset.NONE,
        saturates=7, threshold=(1, 1),
    ),
    # A table per channel repeats along the positions.
    _neuron("nrn_channels", lanes=2, words=6, steps=3, leak=_THREE, table=3, **_VARIED),
    _neuron(
        "nrn_narrow", lanes=4, words=2, steps=6, leak=Leak.shift(2), saturates=5, current_bits=9,
        bias=(-3, 5), threshold=(1, 15), table=2,
    ),
)  # fmt: skip
_SLOW_NEURONS = (
    _neuron("nrn_wide", lanes=16, words=2, steps=8, leak=_THREE, saturates=12, current_bits=11,
            table=2, threshold=(1, 2000), bias=(-100, 100), slow=True),
    _neuron("nrn_late_clamp", lanes=3, words=7, steps=6, leak=_SUM, saturates=6, table=7,
            bias=(-9, 7), threshold=(1, 31), current_bits=7, slow=True, **_LATE),
    _neuron("nrn_late_if", lanes=2, words=1, steps=9, saturates=7, threshold=(30, 30), slow=True,
            **_LATE),
    _neuron("nrn_no_leak_left", lanes=2, words=2, steps=4, leak=Leak((LeakTerm(1, 31),)),
            slow=True, **_VARIED),
    _neuron("nrn_counts", lanes=3, words=1, steps=8, current_bits=2, spiking=False,
            reset=Reset.NONE, threshold=(1, 1), slow=True),
    _neuron("nrn_one_threshold", lanes=8, words=3, steps=4, threshold=(1, 1), slow=True),
)  # fmt: skip

CASES: tuple[Case, ...] = (
    *(_accumulator(*values, slow=False) for values in _ACCUMULATORS),
    *(_accumulator(*values, slow=True) for values in _SLOW_ACCUMULATORS),
    *_SYNAPSES,
    *_SLOW_SYNAPSES,
    *_NEURONS,
    *_SLOW_NEURONS,
)
