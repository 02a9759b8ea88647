"""What the look-up tables of a module are spent on, in terms that a coefficient is found for.

A term counts bits of an adder, of a multiplexer, of a comparison and so on.  What one of them
takes on a family stands in `data/`, found by a fit over synthesised designs
(benchmarks/estimator.py); the terms are written from the Verilog.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spikeloom.codegen._estimate._modules import (
    Module,
    Values,
    asked_rows,
    bits_for,
    code_bits,
    counter_bits,
    held_scores,
    number,
    planes,
    sub_units,
    vector_bits,
)
from spikeloom.codegen._estimate._registers import left_bits
from spikeloom.codegen._estimate._stream_registers import sum_bits

Terms = Mapping[str, float]


def terms(module: Module) -> Terms:
    """Terms of a module, without those of its parts and of its memories."""
    count = _TERMS.get(module.kind)
    if count is None:
        return {}
    kind = module.kind.removeprefix("spikeloom_")
    found = {"one": 1, **count({**module.values, **module.known})}
    return {f"{kind}.{name}": value for name, value in found.items() if value}


def _fifo(v: Values) -> Terms:
    depth = number(v, "Depth")
    wraps = depth & (depth - 1) != 0
    return {
        "pointer": bits_for(depth),
        "wrap": bits_for(depth) if wraps else 0,
        "count": depth.bit_length(),
    }


def _word_queue(v: Values) -> Terms:
    return {
        "position": counter_bits(number(v, "Rows")) + counter_bits(number(v, "Columns")),
        "group": counter_bits(number(v, "Groups")),
        "silent": number(v, "Width"),
    }


def _event_queue(v: Values) -> Terms:
    ports, banks, vector = number(v, "Ports"), number(v, "Banks"), vector_bits(v)
    offset = counter_bits(sub_units(v))
    fields = bool(v["FieldValues"])
    return {
        "count": banks * vector,
        "beats": banks * vector.bit_length(),
        "load": banks * vector,
        "lowest": banks * vector,
        "highest": (ports - banks) * vector,
        "encode": ports * vector * offset,
        "offset": ports * bits_for(number(v, "Groups") * sub_units(v)) * (v["Groups"] != 1),
        "event": ports * vector,
        "field": banks * sub_units(v) * code_bits(v) if fields else 0,
        "code": ports * sub_units(v) * code_bits(v) if fields else 0,
        "plane": 0 if fields else ports * vector * counter_bits(planes(v)),
        "left": vector.bit_length(),
    }


def _rule(v: Values) -> Terms:
    groups = number(v, "Groups")
    weight, output, taps = (number(v, f"{name}Bits") for name in ("Weight", "Output", "Tap"))
    if not v["Spatial"]:
        counted = counter_bits(groups)
        return {"group": counted, "stepped": weight if groups > 1 else 0}
    return {
        "group": counter_bits(groups),
        "spatial": 1,
        "weight": weight,
        "output": output,
        "grouped": weight + output if groups > 1 else 0,
        "taps": taps,
        "channel": output if v["ChannelTable"] else 0,
    }


def _synapse(v: Values) -> Terms:
    ports, lanes, weight = number(v, "Ports"), number(v, "Lanes"), number(v, "WeightBits")
    queue = {**v, "Lanes": v["InLanes"]}
    event_planes = planes(queue)
    shifted = weight + event_planes - 1
    levels = (ports - 1).bit_length()
    adders = 0
    for level in range(1, levels + 1):
        pairs = (-(-ports // (1 << level - 1))) // 2
        adders += lanes * pairs * min(shifted + level, number(v, "CurrentBits"))
    moves = v["Spatial"] or (v["Groups"] != 1 and not v["SparseRows"])
    return {
        "row": ports * bits_for(asked_rows(v)) if moves else 0,
        "gate": ports * lanes * weight if ports > 1 and not v["FieldValues"] else 0,
        "shift": ports * lanes * shifted * counter_bits(event_planes),
        "add": adders,
        "busy": 1,
    }


def _sparse_rows(v: Values) -> Terms:
    groups = number(v, "Groups")
    return {
        "word": counter_bits(number(v, "Words")),
        "count": groups.bit_length() if groups > 1 else 0,
        "output": number(v, "output") if groups > 1 else 0,
    }


def _accumulator(v: Values) -> Terms:
    lanes, depth, buffers = number(v, "Lanes"), number(v, "Depth"), number(v, "Buffers")
    word = lanes * number(v, "CurrentBits")
    beats = lanes // number(v, "OutLanes")
    common = {
        "maximum" if v["Maximum"] else "sum": word,
        "beat": word if beats > 1 else 0,
        "beats": beats if beats > 1 else 0,
        "repeat": counter_bits(number(v, "Repeats")),
    }
    if depth == 1:
        return {**common, "register": 1}
    return {
        **common,
        "memory": 1,
        "forward": word,
        "sides": word if buffers > 1 else 0,
        "address": bits_for(depth),
        "side_address": bits_for(depth) if buffers > 1 else 0,
    }


def _channelwise(v: Values) -> Terms:
    mode, bits, lanes = number(v, "Mode"), number(v, "ValueBits"), number(v, "Lanes")
    current = number(v, "CurrentBits")
    group = number(v, "InGroups") > 1
    moved = bits_for(number(v, "Depth")) if group else 0
    if mode:
        return {"word": lanes * bits, "group": moved}
    shifted = min(number(v, "WeightBits") + bits - 1, current)
    return {
        "group": moved + (bits_for(number(v, "WeightDepth")) if group else 0),
        "gate": lanes * shifted,
        "shift": lanes * shifted * counter_bits(bits),
        "plane": lanes * bits if bits > 1 else 0,
    }


def _product(v: Values) -> Terms:
    lanes, bits = number(v, "Lanes"), number(v, "ValueBits")
    inputs = number(v, "Heads") * number(v, "HeadInputs")
    row = bits_for(number(v, "Groups") * inputs)
    return {
        "row": row,
        "shift": lanes * (number(v, "WeightBits") + bits - 1) * counter_bits(bits),
        "bank": lanes // number(v, "WeightLanes"),
        "load": 2 * row + bits_for(inputs),
    }


def _neuron(v: Values) -> Terms:
    lanes, membrane = number(v, "Lanes"), number(v, "MembraneBits")
    work = number(v, "SumBits") if v["Saturate"] else membrane
    leaks = number(v, "LeakTerms") - 1
    mode, spiking, late = number(v, "ResetMode"), bool(v["Spiking"]), bool(v["ResetDelay"])
    delayed = late and mode != 2
    if v["TimeSteps"] == 1:  # nothing is left of a step before
        return {**_fire(v), "once": lanes * work * (1 + leaks)}
    return {
        **_fire(v),
        "leak": lanes * min(work, left_bits(v)) * leaks,
        "sum": lanes * work,
        "lowered": lanes * membrane if spiking and not late and mode == 0 else 0,
        "zeroed": lanes * membrane if spiking and not late and mode == 1 else 0,
        "delayed": lanes * (number(v, "SumBits") + 1) if delayed else 0,
        "delayed_left": lanes * number(v, "SumBits") if delayed and mode == 0 else 0,
        "address": counter_bits(number(v, "Words")),
        "step": counter_bits(number(v, "TimeSteps")),
    }


def _fire(v: Values) -> Terms:
    """What a neuron does in any case: bias, clamp, comparison."""
    lanes, membrane = number(v, "Lanes"), number(v, "MembraneBits")
    work = number(v, "SumBits") if v["Saturate"] else membrane
    added = min(work, max(number(v, "CurrentBits"), number(v, "BiasBits")) + 1)
    return {
        "added": lanes * added if v["Table"] or v["Bias"] else 0,
        "saturate": lanes * membrane if v["Saturate"] else 0,
        "beyond": lanes * (work - membrane + 1) if v["Saturate"] else 0,
        "fire": lanes * (membrane + 1) if v["Spiking"] else 0,
        "entry": counter_bits(number(v, "TableDepth")) if v["Table"] else 0,
    }


def _neuron_array(v: Values) -> Terms:
    neurons, membrane = number(v, "Neurons"), number(v, "MembraneBits")
    spiking, mode, late = bool(v["Spiking"]), number(v, "ResetMode"), bool(v["ResetDelay"])
    lean = not v["Saturate"] and spiking and (mode == 1 or (mode == 0 and not late))
    work = number(v, "SumBits") + 1
    leaks = number(v, "LeakTerms") - 1
    steps = number(v, "TimeSteps") > 1
    results = neurons * (1 if spiking else membrane)
    inputs = 1 if lean or not spiking else 3 if mode == 0 and late else 2
    width = membrane + 1 if lean else work
    return {
        "added": neurons * width * inputs,
        "lean": neurons * width if lean and steps else 0,
        "general": neurons * width * (2 if spiking else 1) if not lean and steps else 0,
        "leak": neurons * width * leaks if steps else 0,
        "start": neurons * membrane if steps and spiking else 0,
        "saturate": neurons * membrane if v["Saturate"] else 0,
        "result": results,
        "step": counter_bits(number(v, "TimeSteps")),
    }


def _resize(v: Values) -> Terms:
    lanes, out, bits = number(v, "InLanes"), number(v, "OutLanes"), number(v, "Bits")
    if lanes == out:
        return {"one": 0}
    part = counter_bits(max(lanes, out) // min(lanes, out))
    if lanes > out:
        return {"part": part, "split": lanes * bits}
    return {"part": part, "gather": lanes * bits}


def _fork(v: Values) -> Terms:
    outputs = number(v, "Outputs")
    return {"one": 0, "output": outputs, "pairs": outputs * (outputs - 1)}


def _add(v: Values) -> Terms:
    inputs, lanes = number(v, "Inputs"), number(v, "Lanes")
    biased = bool(v["Table"] or v["Bias"])
    return {
        "sum": lanes * sum_bits(v) * (inputs - 1),
        "bias": lanes * number(v, "OutBits") if biased else 0,
        "more": lanes * sum_bits(v) * max(0, inputs + biased - 2),
        "inputs": inputs,
        "entry": counter_bits(number(v, "TableDepth")) if v["Table"] else 0,
    }


def _concat(v: Values) -> Terms:
    inputs = number(v, "Inputs")
    return {"select": number(v, "Lanes") * number(v, "OutBits") * (inputs - 1), "inputs": inputs}


def _delay(v: Values) -> Terms:
    counters = 2 * counter_bits(number(v, "TimeSteps")) + counter_bits(number(v, "Words"))
    return {"word": number(v, "Width"), "counters": counters}


def _argmax(v: Values) -> Terms:
    lanes, words, score = number(v, "Lanes"), number(v, "Words"), number(v, "ScoreBits")
    return {
        "scores": (lanes - 1) * score,
        "score": score,
        "class": counter_bits(lanes * words),
        "lane": counter_bits(lanes),
    }


def _rate_encoder(v: Values) -> Terms:
    lanes, bits = number(v, "Lanes"), number(v, "ValueBits")
    return {
        "compare": lanes * bits,
        "leap": lanes * bits,
        "state": 16,
        "counters": 3 * counter_bits(number(v, "Words")) + counter_bits(number(v, "TimeSteps")),
    }


def _unrolled(v: Values) -> Terms:
    return {"repeat": counter_bits(number(v, "Repeats")), "stage": number(v, "Latency")}


def _decision(v: Values) -> Terms:
    lanes, words, bits = number(v, "Lanes"), number(v, "Words"), number(v, "ScoreBits") + 1
    return {
        "merge": (lanes - 1 + (words > 1)) * bits,
        "lead": 2 * bits,
        "pointer": 2 * bits_for(held_scores(v)) + bits_for(words),
        "step": 2 * number(v, "TimeSteps").bit_length(),
    }


def _gate(v: Values) -> Terms:
    return {"frame": bits_for(number(v, "Frames"))}


_TERMS: Mapping[str, Callable[[Values], Terms]] = {
    "spikeloom_fifo": _fifo,
    "spikeloom_word_queue": _word_queue,
    "spikeloom_event_queue": _event_queue,
    "spikeloom_address_rule": _rule,
    "spikeloom_synapse": _synapse,
    "spikeloom_sparse_rows": _sparse_rows,
    "spikeloom_accumulator": _accumulator,
    "spikeloom_channelwise": _channelwise,
    "spikeloom_product": _product,
    "spikeloom_neuron": _neuron,
    "spikeloom_neuron_array": _neuron_array,
    "spikeloom_resize": _resize,
    "spikeloom_fork": _fork,
    "spikeloom_add": _add,
    "spikeloom_concat": _concat,
    "spikeloom_delay": _delay,
    "spikeloom_argmax": _argmax,
    "spikeloom_rate_encoder": _rate_encoder,
    "spikeloom_unrolled": _unrolled,
    "spikeloom_decision": _decision,
    "spikeloom_gate": _gate,
}
