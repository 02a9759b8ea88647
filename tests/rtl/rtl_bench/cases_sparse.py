"""Parameter sets of sparse rows, alone and in a synapse."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from rtl_bench.agents import pack
from rtl_bench.cases_arithmetic import synapse
from rtl_bench.layout import Window
from rtl_bench.sparse_rows import Lists
from rtl_bench.suite import Case
from rtl_bench.synapse import Convolution
from spikeloom.codegen._literals import memory_file


def _rows(
    rows: int, groups: int, kept: float, *, output_bits: int, code_bits: int = 1, slow: bool = False
) -> Case:
    """Return random rows, each word with the chance `kept` to be there."""
    name = f"sparse_{rows}_{groups}_{round(100 * kept)}"
    random = Random(name)
    table, offsets = [], []
    for _ in range(rows):
        words = [word for word in range(groups) if random.random() < kept]
        table.append((len(offsets) if words else 0, len(words)))
        offsets += words
    lists = Lists(table, offsets or [0])
    files, paths = lists.tables(name, groups)
    return Case(
        name=name,
        module="spikeloom_sparse_rows",
        parameters={
            "Rows": rows,
            "Words": len(lists.offsets),
            "Groups": groups,
            "OutputBits": output_bits,
            "CodeBits": code_bits,
            **{key.replace("Sparse", "Row"): path for key, path in paths.items()},
        },
        files=files,
        facts=lists,
        slow=slow,
    )


def _synapse(name: str, *, kept: float, **values: Any) -> Case:
    """Return the synapse of `values` with so many of its words, stored as sparse rows."""
    case = synapse(name, kept=kept, **values)
    convolution: Convolution = case.facts
    lanes, bits = case["Lanes"], case["WeightBits"]
    own, outputs = convolution.weight.shape[1], convolution.weight.shape[0] // convolution.groups
    table: list[tuple[int, int]] = []
    offsets: list[int] = []
    words: list[int] = []
    for y in range(convolution.rows.kernel):
        for x in range(convolution.columns.kernel):
            for channel in range(own * convolution.groups):
                first = channel // own * outputs
                weights = convolution.weight[first : first + outputs, channel % own, y, x]
                parts = weights.reshape(-1, lanes).tolist()
                present = [index for index, part in enumerate(parts) if any(part)]
                table.append((len(offsets), len(present)))
                offsets += present
                words += [pack(parts[index], bits) for index in present]
    # Where a row without words begins is of no interest, and must only fit.
    table = [(first if count else 0, count) for first, count in table]
    lists = Lists(table, offsets or [0])
    files, paths = lists.tables(name, case["Groups"])
    files[f"mem/{name}_weights_0.mem"] = memory_file(words or [0], lanes * bits)
    sizes = {"SparseRows": len(table), "WeightDepth": len(lists.offsets)}
    return replace(
        case, parameters={**case.parameters, **sizes, **paths}, files={**case.files, **files}
    )


CASES: tuple[Case, ...] = (
    _rows(1, 1, 1.0, output_bits=1),
    _rows(12, 1, 0.5, output_bits=3),
    _rows(16, 2, 0.4, output_bits=1),
    _rows(9, 5, 0.3, output_bits=3, code_bits=2),
    _rows(40, 16, 0.1, output_bits=7, code_bits=3),
    _rows(7, 3, 0.0, output_bits=2),
    _rows(6, 4, 1.0, output_bits=6),
    _rows(200, 33, 0.05, output_bits=9, slow=True),
    _rows(64, 8, 0.7, output_bits=3, slow=True),
    # Dense: a tenth of the words, half of them, none, and outputs that are one word.
    _synapse("sp_dense", channels=(24, 16), in_lanes=8, lanes=2, out_lanes=2, kept=0.1),
    _synapse("sp_half", channels=(9, 12), in_lanes=3, lanes=3, out_lanes=1, kept=0.5,
             current_bits=5),
    _synapse("sp_none", channels=(6, 4), in_lanes=3, lanes=2, out_lanes=2, kept=0.0),
    _synapse("sp_one_word", channels=(8, 4), in_lanes=4, lanes=4, out_lanes=2, kept=0.3),
    _synapse("sp_planes", channels=(6, 8), in_lanes=3, lanes=2, out_lanes=2, kept=0.3,
             value_bits=3, repeats=3),
    # Convolutions: borders, stride, pools, dilation, groups.
    _synapse(
        "sp_conv", channels=(2, 8), rows=Window(size=5, kernel=3, padding=1),
        columns=Window(size=6, kernel=3, padding=1), in_lanes=2, lanes=2, out_lanes=2, kept=0.2,
    ),
    _synapse(
        "sp_stride", channels=(3, 4), rows=Window(size=7, kernel=3, stride=2, padding=1),
        columns=Window(size=5, kernel=2), in_lanes=3, lanes=1, out_lanes=1, kept=0.4,
    ),
    _synapse(
        "sp_pool", channels=(4, 6), rows=Window(size=6, kernel=2, padding=1, pool=2),
        columns=Window(size=7, kernel=2, padding=1, pool=2), in_lanes=4, lanes=2, out_lanes=1,
        queue=42, kept=0.3, value_bits=2,
    ),
    _synapse(
        "sp_groups", channels=(6, 12), rows=Window(size=4, kernel=3, padding=1),
        columns=Window(size=3, kernel=2), groups=3, in_lanes=2, lanes=2, out_lanes=1, kept=0.4,
    ),
    _synapse(
        "sp_dilated", channels=(2, 4), rows=Window(size=7, kernel=3, padding=2, dilation=2),
        columns=Window(size=8, kernel=3, stride=2, padding=3, dilation=3),
        in_lanes=1, lanes=1, out_lanes=1, value_bits=2, kept=0.3, slow=True,
    ),
    _synapse("sp_wide", channels=(64, 64), in_lanes=16, lanes=4, out_lanes=4, kept=0.1, slow=True),
)  # fmt: skip
