"""The modules of an elaborated design, down to the last one, with their parameters and memories.

What a Verilog tool finds when it elaborates the generated top is written down here a
second time, module by module: which parts a module instantiates, and with which
parameters.  A test compares both, name by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from spikeloom.codegen._estimate._modules import Known, Module, Part, Values, number
from spikeloom.codegen._estimate._parts import memories_of, parts_of
from spikeloom.codegen._estimate._tables import distinct_columns
from spikeloom.codegen._views import Design, Instance

# Parameters that an instance may leave to the module, without those derived from others.
_DEFAULTS: Mapping[str, Values] = {
    "spikeloom_synapse": {
        "TapBits": 1,
        "RowTapStep": 0,
        "RowOutputStep": 0,
        "ColumnTapStep": 0,
        "ColumnOutputStep": 0,
        "RowFile": "",
        "ColumnFile": "",
        "ChannelTable": 0,
        "ChannelFile": "",
        "Lookups": 0,
        "LookupPrefix": "",
        "SparseRows": 0,
        "SparseFile": "",
        "OffsetFile": "",
    },
    "spikeloom_channelwise": {"WeightBits": 4, "WeightDepth": 1, "WeightFile": ""},
    "spikeloom_neuron": {
        "Saturate": 0,
        "Spiking": 1,
        "EveryStep": 0,
        "LeakTerms": 1,
        "Leak": 0,
        "ResetMode": 0,
        "ResetDelay": 0,
        "BiasBits": 2,
        "ThresholdBits": 2,
        "Table": 0,
        "TableDepth": 1,
        "TableFile": "",
        "Bias": 0,
        "Threshold": 1,
    },
    "spikeloom_neuron_array": {
        "Saturate": 0,
        "Spiking": 1,
        "EveryStep": 0,
        "LeakTerms": 1,
        "Leak": 0,
        "ResetMode": 0,
        "ResetDelay": 0,
        "BiasBits": 2,
        "ThresholdBits": 2,
        "Biases": 0,
    },
    "spikeloom_decision": {"Table": 0, "TableFile": "", "Margin": 1},
    "spikeloom_add": {"Table": 0, "BiasBits": 2, "TableDepth": 1, "TableFile": "", "Bias": 0},
}


def inventory(design: Design) -> list[Module]:
    """Every module below the top of a design."""
    files = dict(design.memories)
    return [
        module
        for block in design.blocks
        for instance in block.instances
        for module in _expand(
            Part(instance.name, instance.module, _values(instance)), "", block.node, files
        )
    ]


def _thresholds(v: Values, files: Mapping[str, str]) -> Known:
    """Bits of the thresholds in the table of a neuron group, equal ones once."""
    bias, threshold = number(v, "BiasBits"), number(v, "ThresholdBits")
    lanes, entry = number(v, "Lanes"), bias + threshold
    mask = sum(((1 << threshold) - 1) << lane * entry + bias for lane in range(lanes))
    words = tuple(int(line, 16) & mask for line in files[str(v["TableFile"])].split())
    return {"thresholds": len(distinct_columns(words, lanes * entry))}


def _expand(part: Part, above: str, node: str, files: Mapping[str, str]) -> Iterator[Module]:
    path = above + part.name
    known = part.known
    if part.kind == "spikeloom_neuron" and part.values["Table"]:
        known = _thresholds(part.values, files)
    yield Module(
        kind=part.kind,
        path=path,
        node=node,
        values=part.values,
        known=known,
        memories=memories_of(part, files),
    )
    for inner in parts_of(part):
        yield from _expand(inner, f"{path}.", node, files)


# ---------------------------------------------------------------------------
# Parameters as they are printed
# ---------------------------------------------------------------------------
_SIZED = re.compile(r"(\d+)'([hdb])([0-9a-fA-F]+)")
_BASES = {"h": 16, "d": 10, "b": 2}


def _values(instance: Instance) -> Values:
    given = {
        parameter.name: parse(parameter.value)
        for section in instance.sections
        for parameter in section.parameters
    }
    values = {**_DEFAULTS.get(instance.module, {}), **given}
    if instance.module == "spikeloom_neuron_array":
        bits = number(values, "Neurons") * number(values, "ThresholdBits")
        values.setdefault("Thresholds", (1 << bits) - 1)
    return values


def parse(text: str) -> int | str:
    """Return what a printed parameter is worth: a text, or a number."""
    if text.startswith('"'):
        return text[1:-1]
    return _sized(text)[0] if "'" in text else int(text)


def _sized(text: str) -> tuple[int, int]:
    """Value and width of a sized literal, or of a list of them in braces."""
    match = _SIZED.fullmatch(text)
    if match:
        return int(match[3], _BASES[match[2]]), int(match[1])
    inner = text[1:-1]
    repeated = re.fullmatch(r"(\d+)\{(.*)\}", inner)
    parts = [repeated[2]] * int(repeated[1]) if repeated else inner.split(", ")
    value = width = 0
    for part in parts:
        more, bits = _sized(part)
        value, width = value << bits | more, width + bits
    return value, width
