"""What the modules of the library instantiate, and which memories they declare."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from spikeloom.codegen._estimate._memories import Memory
from spikeloom.codegen._estimate._modules import (
    Known,
    Part,
    Values,
    addend_bits,
    asked_rows,
    bits_for,
    code_bits,
    codes,
    counter_bits,
    held_scores,
    number,
    sub_units,
    units,
    used_ports,
    vector_bits,
    weight_rows,
)


def parts_of(part: Part) -> tuple[Part, ...]:
    """The modules that a module instantiates."""
    parts = _PARTS.get(part.kind)
    return () if parts is None else parts({**part.values, **part.known})


def memories_of(part: Part, files: Mapping[str, str]) -> tuple[Memory, ...]:
    """The memories that a module declares itself; `files` hold what ROMs are filled with."""
    memories = _MEMORIES.get(part.kind)
    found = () if memories is None else memories({**part.values, **part.known})
    file = part.values.get("File") if part.kind == "spikeloom_rom" else None
    return tuple(_filled(memory, files[str(file)]) if file else memory for memory in found)


def _filled(memory: Memory, text: str) -> Memory:
    """A ROM with its content, which decides what it becomes."""
    return replace(memory, content=tuple(int(line, 16) for line in text.split()))


def _known(v: Values) -> Known:
    return {"position": number(v, "position")} if "position" in v else {}


# ---------------------------------------------------------------------------
# Parts
# ---------------------------------------------------------------------------
def _word_queue(v: Values) -> tuple[Part, ...]:
    groups, step = number(v, "Groups"), number(v, "GroupStep")
    position = bits_for(number(v, "Rows")) + bits_for(number(v, "Columns"))
    width = 1 + position + bits_for(groups * step) + number(v, "Width")
    values = {"Width": width, "Depth": v["Depth"]}
    bits = width if v.get("position", 1) else width - position
    return (Part("u_fifo", "spikeloom_fifo", values, {"bits": bits}),)


def _event_queue(v: Values) -> tuple[Part, ...]:
    words = {name: v[name] for name in ("Groups", "Columns", "Rows", "Depth")}
    word = number(v, "Lanes") * number(v, "ValueBits")
    width = vector_bits(v).bit_length() + word
    values = {**words, "Width": width, "GroupStep": sub_units(v)}
    return (Part("u_words", "spikeloom_word_queue", values, _known(v)),)


def _rule(v: Values) -> tuple[Part, ...]:
    parts = []
    width = number(v, "WeightBits") + number(v, "OutputBits") + number(v, "TapBits")
    if v["Spatial"]:
        for axis, what in (("Row", "Rows"), ("Column", "Columns")):
            rom = _rom(width, number(v, what), v[f"{axis}File"], number(v, f"{axis}Bits"))
            parts.append(Part(f"gen_tables.u_{what.lower()}", "spikeloom_rom", rom))
    if v["ChannelTable"]:
        bits, depth = number(v, "OutputBits"), number(v, "Channels")
        rom = _rom(bits, depth, v["ChannelFile"], number(v, "ChannelBits"))
        parts.append(Part("gen_channel_table.u_channels", "spikeloom_rom", rom))
    return tuple(parts)


def _rom(width: int, depth: int, file: int | str, address: int = 0, ports: int = 1) -> Values:
    return {
        "Width": width,
        "Depth": depth,
        "AddressBits": address or bits_for(depth),
        "Ports": ports,
        "File": file,
    }


_TABLES = ("RowOutputStep", "ColumnOutputStep", "RowFile", "ColumnFile", "TapBits")
_STEPS = ("RowTapStep", "ColumnTapStep")


def _synapse(v: Values) -> tuple[Part, ...]:
    queue = {
        name: v[name] for name in ("ValueBits", "FieldValues", "Banks", "Ports", "Columns", "Rows")
    }
    queue |= {"Lanes": v["InLanes"], "Groups": v["InGroups"], "Depth": v["QueueDepth"]}
    channels = number(v, "InGroups") * units(queue) // number(v, "Banks")
    sparse = number(v, "SparseRows")
    rule = {
        **{name: v[name] for name in (*_TABLES, *_STEPS, "Ports", "Spatial")},
        **{name: v[name] for name in ("Rows", "Columns", "ChannelTable", "ChannelFile")},
        "RowBits": bits_for(number(v, "Rows")),
        "ColumnBits": bits_for(number(v, "Columns")),
        "ChannelBits": bits_for(channels),
        "CodeBits": code_bits(queue),
        "Groups": 1 if sparse else v["Groups"],
        "GroupStep": channels,
        "WeightBits": bits_for(asked_rows(v)),
        "OutputBits": bits_for(number(v, "Depth")),
        "Channels": channels,
    }
    single = v["Ports"] == 1 or v["FieldValues"]
    of_rule = {"code": codes(queue), "events": 0 if single else used_ports(queue)}
    of_rule["ports"] = used_ports(queue)
    return (
        Part("u_queue", "spikeloom_event_queue", queue, _position(v, number(v, "Spatial"))),
        Part("u_rule", "spikeloom_address_rule", rule, of_rule),
        *([_sparse_part(v, codes(queue))] if sparse else []),
        *(part for bank in range(number(v, "Banks")) for part in _bank(v, bank)),
        Part("u_accumulator", "spikeloom_accumulator", _accumulator(v, addend_bits(v))),
    )


def _sparse_part(v: Values, code: int) -> Part:
    values: Values = {
        "Rows": v["SparseRows"],
        "Words": v["WeightDepth"],
        "Groups": v["Groups"],
        "OutputBits": bits_for(number(v, "Depth")),
        "CodeBits": bits_for(number(v, "ValueBits")),
        "RowFile": v["SparseFile"],
        "OffsetFile": v["OffsetFile"],
    }
    moves = v["Spatial"] or v["ChannelTable"]
    known = {"code": code, "output": number(values, "OutputBits") if moves else 0}
    return Part("gen_sparse.u_sparse", "spikeloom_sparse_rows", values, known)


def _sparse_rows(v: Values) -> tuple[Part, ...]:
    words, groups = number(v, "Words"), number(v, "Groups")
    rows = _rom(bits_for(words) + groups.bit_length(), number(v, "Rows"), v["RowFile"])
    parts = [Part("u_rows", "spikeloom_rom", rows)]
    if groups > 1:
        offsets = _rom(bits_for(groups), words, v["OffsetFile"])
        parts.append(Part("gen_offsets.u_offsets", "spikeloom_rom", offsets))
    return tuple(parts)


def _position(v: Values, used: int) -> Known:
    """Bits of the row and the column of an event, if the address rule looks at them."""
    bits = bits_for(number(v, "Rows")) + bits_for(number(v, "Columns"))
    return {"position": bits if used else 0}


def _bank(v: Values, bank: int) -> Iterator[Part]:
    ports, at = number(v, "Ports") // number(v, "Banks"), f"gen_bank[{bank}]"
    lookups, stored = number(v, "Lookups"), weight_rows(v)
    if lookups:
        file = f"{v['LookupPrefix']}{bank}.mem"
        rom = _rom(bits_for(stored), lookups, file, ports=ports)
        yield Part(f"{at}.gen_lookup.u_lookup", "spikeloom_rom", rom)
    width = number(v, "Lanes") * number(v, "WeightBits")
    file = f"{v['WeightPrefix']}{bank}.mem" if v["WeightPrefix"] else ""
    rom = _rom(width, number(v, "WeightDepth"), file, ports=ports)
    yield Part(f"{at}.u_weights", "spikeloom_rom", rom)


def _accumulator(v: Values, addend: int, **more: int) -> Values:
    return {
        "Lanes": v["Lanes"],
        "OutLanes": v["OutLanes"],
        "CurrentBits": v["CurrentBits"],
        "AddendBits": addend,
        "Depth": v["Depth"],
        "Buffers": v.get("Buffers", 1),
        "Repeats": v.get("Repeats", 1),
        "Maximum": 0,
        **more,
    }


def _channelwise(v: Values) -> tuple[Part, ...]:
    mode, bits = number(v, "Mode"), number(v, "ValueBits")
    word = number(v, "Lanes") * bits
    event_planes = bits if mode == 0 else 1
    queue = {name: v[name] for name in ("Columns", "Rows")}
    queue |= {"Width": word, "Groups": v["InGroups"], "GroupStep": 1, "Depth": v["QueueDepth"]}
    rule = {
        **{name: v[name] for name in (*_TABLES, *_STEPS, "Rows", "Columns")},
        **_NO_CHANNELS,
        "RowBits": bits_for(number(v, "Rows")),
        "ColumnBits": bits_for(number(v, "Columns")),
        "ChannelBits": word // event_planes + bits_for(number(v, "InGroups")),
        "CodeBits": bits_for(event_planes),
        "WeightBits": bits_for(number(v, "WeightDepth")),
        "OutputBits": bits_for(number(v, "Depth")),
    }
    sums = bits if mode == 2 else number(v, "CurrentBits")
    shifted = number(v, "WeightBits") + bits - 1 if mode == 0 else bits + 1
    current = _accumulator(v, min(shifted, sums), CurrentBits=sums, Maximum=1 if mode == 2 else 0)
    lanes = 1 if v["Shared"] else number(v, "Lanes")
    table = _rom(lanes * number(v, "WeightBits"), number(v, "WeightDepth"), v["WeightFile"])
    weights = (Part("gen_weights.u_weights", "spikeloom_rom", table),) if mode == 0 else ()
    of_rule = {"code": counter_bits(event_planes), "events": 0, "ports": 1}
    return (
        Part("u_words", "spikeloom_word_queue", queue),
        Part("u_rule", "spikeloom_address_rule", rule, of_rule),
        *weights,
        Part("u_accumulator", "spikeloom_accumulator", current),
    )


_NO_CHANNELS: Values = {
    "Ports": 1,
    "Spatial": 1,
    "Groups": 1,
    "GroupStep": 1,
    "ChannelTable": 0,
    "Channels": 1,
    "ChannelFile": "",
}


def _product(v: Values) -> tuple[Part, ...]:
    inputs = number(v, "Heads") * number(v, "HeadInputs")
    queue = {name: v[name] for name in ("ValueBits", "Columns", "Rows")}
    queue |= {"Lanes": v["InLanes"], "Groups": v["InGroups"], "Depth": v["QueueDepth"]}
    queue |= {"FieldValues": 0, "Banks": 1, "Ports": 1}
    rule = {
        **{name: v[name] for name in (*_TABLES, "Rows", "Columns", "Groups", "ChannelFile")},
        **dict.fromkeys(_STEPS, 0),
        "Ports": 1,
        "Spatial": 1,
        "GroupStep": inputs,
        "RowBits": bits_for(number(v, "Rows")),
        "ColumnBits": bits_for(number(v, "Columns")),
        "ChannelBits": bits_for(inputs),
        "CodeBits": bits_for(number(v, "ValueBits")),
        "WeightBits": bits_for(number(v, "Groups") * inputs),
        "OutputBits": bits_for(number(v, "Depth")),
        "ChannelTable": int(number(v, "Heads") > 1),
        "Channels": inputs,
    }
    shifted = number(v, "WeightBits") + number(v, "ValueBits") - 1
    current = _accumulator(v, min(shifted, number(v, "CurrentBits")))
    of_rule = {"code": codes(queue), "events": 0, "ports": 1}
    return (
        Part("u_queue", "spikeloom_event_queue", queue, _position(v, 1)),
        Part("u_rule", "spikeloom_address_rule", rule, of_rule),
        Part("u_accumulator", "spikeloom_accumulator", current),
    )


def _table(v: Values, width: int) -> tuple[Part, ...]:
    if not v["Table"]:
        return ()
    rom = _rom(number(v, "Lanes") * width, number(v, "TableDepth"), v["TableFile"])
    return (Part("gen_table.u_table", "spikeloom_rom", rom),)


def _leads(v: Values) -> tuple[Part, ...]:
    if not v["Table"]:
        return ()
    rom = _rom(number(v, "ScoreBits") + 1, number(v, "TimeSteps"), v["TableFile"])
    return (Part("gen_table.u_leads", "spikeloom_rom", rom),)


_PARTS: Mapping[str, Callable[[Values], tuple[Part, ...]]] = {
    "spikeloom_word_queue": _word_queue,
    "spikeloom_event_queue": _event_queue,
    "spikeloom_address_rule": _rule,
    "spikeloom_synapse": _synapse,
    "spikeloom_sparse_rows": _sparse_rows,
    "spikeloom_channelwise": _channelwise,
    "spikeloom_product": _product,
    "spikeloom_neuron": lambda v: _table(v, number(v, "ThresholdBits") + number(v, "BiasBits")),
    "spikeloom_add": lambda v: _table(v, number(v, "BiasBits")),
    "spikeloom_decision": _leads,
    "spikeloom_delay": lambda v: (
        Part("u_fifo", "spikeloom_fifo", {"Width": v["Width"], "Depth": v["Depth"]}),
    ),
}


# ---------------------------------------------------------------------------
# Memories
# ---------------------------------------------------------------------------
def _rom_memory(v: Values) -> tuple[Memory, ...]:
    words, bits, ports = number(v, "Depth"), number(v, "Width"), number(v, "Ports")
    if words == 1:  # a constant
        return ()
    return (Memory(words=words, bits=bits, reads=ports, writes=0),)


def _accumulator_memories(v: Values) -> tuple[Memory, ...]:
    words, buffers = number(v, "Depth"), number(v, "Buffers")
    bits = number(v, "Lanes") * number(v, "CurrentBits") + (buffers > 1)
    return (Memory(words=words, bits=bits),) * buffers if words > 1 else ()


def _product_memories(v: Values) -> tuple[Memory, ...]:
    words = number(v, "Groups") * number(v, "Heads") * number(v, "HeadInputs")
    lanes, width = number(v, "WeightLanes"), number(v, "WeightBits")
    return (Memory(words=words, bits=lanes * width),) * (number(v, "Lanes") // lanes)


def _of(words: str, *bits: str, shared: bool = False) -> Callable[[Values], tuple[Memory, ...]]:
    """One memory, its words as wide as the product of some parameters."""

    def memory(v: Values) -> tuple[Memory, ...]:
        width = math.prod(number(v, name) for name in bits)
        return (Memory(words=number(v, words), bits=width, shared=shared),)

    return memory


def _fifo_memory(v: Values) -> tuple[Memory, ...]:
    bits = number(v, "Width")
    unread = bits - number(v, "bits") if "bits" in v else 0
    return (Memory(words=number(v, "Depth"), bits=bits, unread=unread),)


def _score_memory(v: Values) -> tuple[Memory, ...]:
    bits = number(v, "Lanes") * number(v, "ScoreBits")
    return (Memory(words=held_scores(v), bits=bits),)


_MEMORIES: Mapping[str, Callable[[Values], tuple[Memory, ...]]] = {
    "spikeloom_rom": _rom_memory,
    "spikeloom_accumulator": _accumulator_memories,
    "spikeloom_product": _product_memories,
    "spikeloom_fifo": _fifo_memory,
    "spikeloom_neuron": _of("Words", "Lanes", "MembraneBits"),
    "spikeloom_rate_encoder": _of("Words", "Lanes", "ValueBits", shared=True),
    "spikeloom_decision": _score_memory,
}
