"""The registers of every module of the library, as far as synthesis keeps them.

Each function names the registers of one module and counts their bits, without those that are
constant or that nothing reads in the design at hand, as a counter to 1 or the codes
of events that have none.  Registers behind the read port of a memory belong to the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from spikeloom.codegen._estimate._modules import (
    Module,
    Values,
    bits_for,
    codes,
    counter_bits,
    number,
    stepped_bits,
    sub_units,
    used_ports,
    vector_bits,
)
from spikeloom.codegen._estimate._stream_registers import STREAM_REGISTERS, Registers

_CHUNK = 8  # events that the queue counts in one clock


def registers(module: Module, family: str) -> Registers:
    """Bits of the registers of a module on a family, without those of its parts."""
    count = _REGISTERS.get(module.kind)
    if count is None:
        return {}
    return count({**module.values, **module.known, "folds": int(folds_first_step(family))})


def folds_first_step(family: str) -> bool:
    """Whether synthesis sees that the first of one time step is no choice, and drops membranes."""
    return family == "xc7"


def has_shift_registers(family: str) -> bool:
    """Whether look-up tables become shift registers."""
    return family == "xc7"


def chains(module: Module) -> Sequence[tuple[int, int]]:
    """Registers in a row that nothing reads but at the end and no reset clears: length and bits.

    On families with shift registers in look-up tables such a chain of three or more becomes one.
    """
    count = _CHAINS.get(module.kind)
    return () if count is None else count({**module.values, **module.known})


def _synapse_chains(v: Values) -> Sequence[tuple[int, int]]:
    ports = number(v, "Ports")
    read = 2 if v["Lookups"] else 1
    stages = read + (ports - 1).bit_length()
    fields = bool(v["FieldValues"])
    code_stages = read if fields else read + 1 if ports == 1 else read + 2
    code_stages += bool(v["SparseRows"])  # the last one of spikeloom_sparse_rows
    return (
        (stages, 1 + counter_bits(number(v, "Depth"))),
        (read + 1, 0 if fields or ports == 1 else ports),
        (code_stages, ports * codes({**v, "Lanes": v["InLanes"]})),
    )


def _neuron_chains(v: Values) -> Sequence[tuple[int, int]]:
    silent = not v["Spiking"] and not v["EveryStep"]
    table = v["Table"] and v["Spiking"] and not v["ResetDelay"]
    biased = number(v, "BiasBits") > 1 if v["Table"] else bool(v["Bias"])
    straight = v["TimeSteps"] == 1 and not v["Saturate"] and not biased
    return (
        (3, number(v, "Lanes") * number(v, "MembraneBits") if straight else 0),
        (4, 1),  # tlast
        (3, int(silent)),
        (3, 0 if v["TimeSteps"] == 1 else counter_bits(number(v, "Words"))),
        (3, number(v, "thresholds") if table else 0),
    )


_CHAINS: Mapping[str, Callable[[Values], Sequence[tuple[int, int]]]] = {
    "spikeloom_synapse": _synapse_chains,
    "spikeloom_neuron": _neuron_chains,
}


def _fifo(v: Values) -> Registers:
    depth = number(v, "Depth")
    return {
        "write_pointer_q": counter_bits(depth),
        "read_pointer_q": counter_bits(depth),
        "count_q": depth.bit_length(),
        "full_q": 1,
        "filled_q": 1,
        "valid_q": 1,
    }


def _word_queue(v: Values) -> Registers:
    return {
        "row_q": bits_for(number(v, "Rows")),
        "column_q": bits_for(number(v, "Columns")),
        "group_q": stepped_bits(number(v, "Groups"), number(v, "GroupStep")),
    }


def _event_queue(v: Values) -> Registers:
    word = number(v, "Lanes") * number(v, "ValueBits")
    vector, banks = vector_bits(v), number(v, "Banks")
    position = bits_for(number(v, "Groups") * sub_units(v)) + number(v, "position")
    chunks = [min(_CHUNK, vector - start) for start in range(0, vector, _CHUNK)]
    return {
        "word_1_q": word,
        "word_2_q": word,
        "tlast_1_q": 1,
        "tlast_2_q": 1,
        "valid_1_q": 1,
        "valid_2_q": 1,
        "counts_2_q": banks * sum(chunk.bit_length() for chunk in chunks),
        "vectors_q": banks * vector,
        "busy_q": 1,
        "last_q": 1,
        "left_q": vector.bit_length(),
        "exhausted_q": 1,
        "found_q": position,
        "valid_q": 1,
        "out_last_q": 1,
        "out_q": position,
        "one_hot_q": (number(v, "Ports") if vector > 1 else banks) * vector,
        "word_q": word if v["FieldValues"] else 0,
        "out_word_q": word if v["FieldValues"] else 0,
    }


def _rule(v: Values) -> Registers:
    ports, groups = number(v, "ports"), number(v, "Groups")
    event = ports * (number(v, "ChannelBits") + number(v, "code"))
    weight, output = number(v, "WeightBits"), number(v, "OutputBits")
    taps = number(v, "TapBits")
    if v["Spatial"]:
        loops = 3 * (taps + weight + output)
    else:
        loops = stepped_bits(groups, number(v, "GroupStep")) + counter_bits(groups)
    return {
        "event_valid_q": 1,
        "event_last_q": 1,
        "event_q": ports,
        "event_data_q": event,
        "loop_valid_q": 1,
        "loop_visit_q": 1,
        "loop_last_q": 1,
        "loop_event_q": number(v, "events"),
        "loop_data_q": event,
        "group_q": bits_for(groups),
        "loops_q": loops,
    }


def _synapse(v: Values) -> Registers:
    queue = {**v, "Lanes": v["InLanes"]}
    lanes, used = number(v, "Lanes"), used_ports(queue)
    levels = (number(v, "Ports") - 1).bit_length()
    read = 2 if v["Lookups"] else 1
    stages = read + levels
    fields, ports = bool(v["FieldValues"]), used
    code_stages = read if fields else read + 1 if levels == 0 else read + 2
    weight = number(v, "WeightBits")
    shifted = weight + (0 if fields else number(v, "ValueBits") - 1)
    sums = [lanes * -(-ports // (1 << level)) * (shifted + level) for level in range(1, levels)]
    rows = number(v, "Lookups") or number(v, "WeightDepth") >> (
        number(v, "FieldValues") * number(v, "ValueBits")
    )
    return {
        "visit_valid_q": stages,
        "visit_q": stages,
        "visit_last_q": stages,
        "visit_output_q": stages * counter_bits(number(v, "Depth")),
        "event_q": 0 if fields or levels == 0 else (read + 1) * ports,
        "code_q": code_stages * ports * codes(queue),
        "rows_q": ports * counter_bits(rows),
        "weights_q": ports * lanes * weight if levels else 0,
        "totals_q": sum(sums),
    }


def _sparse_rows(v: Values) -> Registers:
    groups, word = number(v, "Groups"), counter_bits(number(v, "Words"))
    passed = number(v, "output") + number(v, "code")
    return {
        "row_q": 3 + passed,
        "loop_q": 3,
        "word_q": word,
        "output_q": passed,
        "left_q": groups.bit_length() + 1 if groups > 1 else 0,
        "visit_q": 3 + word + passed,
    }


def _accumulator(v: Values) -> Registers:
    lanes, depth, buffers = number(v, "Lanes"), number(v, "Depth"), number(v, "Buffers")
    word = lanes * number(v, "CurrentBits")
    beats = lanes // number(v, "OutLanes")
    common = {
        "visit_1_q": 1,
        "last_1_q": 1,
        "last_2_q": 1,
        "addend_q": lanes * number(v, "AddendBits"),
        "beat_q": beats if beats > 1 else 0,
        "repeat_q": bits_for(number(v, "Repeats")),
        "closed_q": buffers,
    }
    if depth == 1:
        copy = {"copy_q": word} if buffers > 1 else {"left_q": 1}
        return {**common, "word_q": word, "full_q": 1, "added_q": 1, **copy}
    address = counter_bits(depth)
    return {
        **common,
        "visit_2_q": 1,
        "side_q": 5 if buffers > 1 else 0,
        "address_q": 2 * address,
        "forward_q": 1,
        "newest_q": 1,
        "operand_q": word,
        "sum_q": word,
        "added_q": buffers,
        "next_address_q": address,
        "kept_q": 1,
        "kept_address_q": address,
        "kept_last_q": 1,
        "offered_q": 1,
        "word_q": word,
        "last_word_q": 1,
        "wipe_q": 1,
        "wipe_address_q": address,
    }


def _channelwise(v: Values) -> Registers:
    mode, bits = number(v, "Mode"), number(v, "ValueBits")
    word = number(v, "Lanes") * bits
    planes = bits if mode == 0 else 1
    position = counter_bits(number(v, "Rows")) + counter_bits(number(v, "Columns"))
    position += counter_bits(number(v, "InGroups"))
    plane = counter_bits(planes)
    return {
        "visit_valid_q": 1,
        "visit_q": 1,
        "visit_last_q": 1,
        "visit_output_q": counter_bits(number(v, "Depth")),
        "data_q": 2 * (word // planes),
        "words_q": 2 + position + word + planes if planes > 1 else 0,
        "address_q": counter_bits(number(v, "WeightDepth")) if mode == 0 else 0,
        "plane_q": 2 * plane,
    }


def _product(v: Values) -> Registers:
    heads, groups, tokens = number(v, "Heads"), number(v, "Groups"), number(v, "Tokens")
    inputs = heads * number(v, "HeadInputs")
    row = counter_bits(groups * inputs)
    banks = number(v, "Lanes") // number(v, "WeightLanes")
    if v["Transposed"]:
        load = counter_bits(inputs) + 2 * row + (banks if banks > 1 else 0)
    else:
        load = counter_bits(groups) + counter_bits(heads) + counter_bits(tokens)
        load += row + (row if groups > 1 else 0)
    return {
        "visit_valid_q": 1,
        "visit_q": 1,
        "visit_last_q": 1,
        "visit_output_q": counter_bits(number(v, "Depth")),
        "address_q": row,
        "plane_q": 2 * counter_bits(number(v, "ValueBits")),
        "loaded_q": 1,
        "load_q": load,
    }


def _neuron(v: Values) -> Registers:
    lanes, words, steps = number(v, "Lanes"), number(v, "Words"), number(v, "TimeSteps")
    membrane, current = number(v, "MembraneBits"), number(v, "CurrentBits")
    spiking, table = bool(v["Spiking"]), bool(v["Table"])
    work = number(v, "SumBits") if v["Saturate"] else membrane
    biased = table or v["Bias"]
    added = min(work, max(current, number(v, "BiasBits")) + 1 if biased else current)
    once = steps == 1 and number(v, "folds") == 1
    left = 0 if once else min(work, left_bits(v))
    address = 0 if once else counter_bits(words)
    threshold = 2 * number(v, "thresholds") if table and spiking else 0
    every = spiking or bool(v["EveryStep"])
    return {
        "address_q": 4 * address,
        "step_q": 0 if once else bits_for(steps),
        "gap_q": 2,
        "valid_q": 3,
        "tlast_q": 3,
        "final_q": 0 if every else 3,
        "first_1_q": 0 if once else 1,
        "entry_q": counter_bits(number(v, "TableDepth")) if table else 0,
        "currents_q": lanes * current,
        "left_q": lanes * left,
        "added_q": lanes * added,
        "threshold_q": threshold,
        "u_q": lanes * membrane,
        "out_q": lanes * (1 if spiking else membrane),
        "out_valid_q": 1,
        "out_last_q": 1,
    }


def left_bits(v: Values) -> int:
    """Bits of what the leak leaves of a membrane."""
    membrane, terms = number(v, "MembraneBits"), number(v, "LeakTerms")
    if v["ResetDelay"] and v["ResetMode"] == 0:
        return number(v, "SumBits")
    leak = number(v, "Leak")
    return membrane - min(leak >> 6 * term & 31 for term in range(terms)) + terms - 1


def _neuron_array(v: Values) -> Registers:
    neurons, steps = number(v, "Neurons"), number(v, "TimeSteps")
    membrane = number(v, "MembraneBits")
    spiking, mode, late = bool(v["Spiking"]), number(v, "ResetMode"), number(v, "ResetDelay")
    lean = not v["Saturate"] and spiking and (mode == 1 or (mode == 0 and not late))
    work = number(v, "SumBits") + 1 if v["Saturate"] else membrane + 1
    current, bias = number(v, "CurrentBits"), number(v, "BiasBits")
    added = min(work, max(current, bias) + 1 if v["Biases"] else current)
    lowered = min(work, max(current, bias, number(v, "ThresholdBits") + 1) + 1)
    if lean:
        own = lowered + ((membrane + 1) if steps > 1 else 0)
    else:
        own = added + (lowered if spiking else 0)
        own += min(work, lowered + 1) if spiking and mode == 0 and late else 0
        if steps > 1:
            own += membrane + (membrane if spiking and mode == 0 and not late else 0)
            own += (1 if v["Saturate"] else 0) + (1 if spiking or v["Saturate"] else 0)
    results = neurons * (1 if spiking else membrane)
    return {
        "step_q": bits_for(steps),
        "valid_q": 2,
        "final_q": 1 if steps > 1 else 0,
        "neurons_q": neurons * own,
        "results_q": 3 * results,
        "offered_q": 2,
    }


_REGISTERS: Mapping[str, Callable[[Values], Registers]] = {
    **STREAM_REGISTERS,
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
}
