"""The registers of the modules between engines and at the ends of a design."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spikeloom.codegen._estimate._modules import (
    Values,
    bits_for,
    counter_bits,
    held_scores,
    number,
)

Registers = Mapping[str, int]


def _resize(v: Values) -> Registers:
    lanes, out = number(v, "InLanes"), number(v, "OutLanes")
    if lanes == out:
        return {}
    part = counter_bits(max(lanes, out) // min(lanes, out))
    if lanes > out:
        return {"part_q": part}
    return {
        "part_q": part,
        "word_q": out * number(v, "Bits"),
        "full_q": 1,
        "last_q": 1,
        "fill_q": 1,
    }


def _fork(v: Values) -> Registers:
    return {"done_q": number(v, "Outputs")}


def _add(v: Values) -> Registers:
    entry = counter_bits(number(v, "TableDepth")) if v["Table"] else 0
    lanes = number(v, "Lanes")
    return {"entry_q": entry, "out_q": lanes * sum_bits(v), "out_valid_q": 1, "out_last_q": 1}


def sum_bits(v: Values) -> int:
    """Bits of a sum that are not always 0."""
    inputs, out = number(v, "Inputs"), number(v, "OutBits")
    if inputs == 1 and not number(v, "Signed") and not v["Table"] and not v["Bias"]:
        return min(out, number(v, "InBits") + number(v, "Shifts"))
    return out


def _concat(v: Values) -> Registers:
    inputs, groups = number(v, "Inputs"), number(v, "Groups")
    most = max(groups >> 32 * index & 0xFFFFFFFF for index in range(inputs))
    return {
        "select_q": bits_for(inputs),
        "group_q": bits_for(most),
        "out_q": number(v, "Lanes") * number(v, "OutBits"),
        "out_valid_q": 1,
        "out_last_q": 1,
    }


def _delay(v: Values) -> Registers:
    steps = number(v, "TimeSteps")
    step = bits_for(steps)
    return {
        "in_step_q": step,
        "word_q": bits_for(number(v, "Words")),
        "out_step_q": step,
        "zero_q": 1,
    }


def _argmax(v: Values) -> Registers:
    lanes, words, score = number(v, "Lanes"), number(v, "Words"), number(v, "ScoreBits")
    index = counter_bits(lanes * words)
    return {
        "scores_q": lanes * score,
        "lane_q": counter_bits(lanes),
        "held_q": 1,
        "class_q": index,
        "best_q": score,
        "best_class_q": index,
        "data_q": score,
        "valid_q": 1,
        "last_q": 1,
    }


def _rate_encoder(v: Values) -> Registers:
    address = counter_bits(number(v, "Words"))
    return {
        "address_q": address,
        "offered_address_q": address,
        "written_q": address,
        "step_q": bits_for(number(v, "TimeSteps")),
        "surplus_q": 1,
        "full_q": 1,
        "offered_q": 1,
        "blank_q": 1 if address else 0,
        "state_q": 16,
    }


def _unrolled(v: Values) -> Registers:
    repeat = bits_for(number(v, "Repeats"))
    return {"valid_q": number(v, "Latency"), "repeat_q": repeat, "surplus_q": 1}


def _decision(v: Values) -> Registers:
    lanes, words, steps = number(v, "Lanes"), number(v, "Words"), number(v, "TimeSteps")
    levels, pair = (lanes - 1).bit_length(), 2 * (number(v, "ScoreBits") + 1)
    pointer, step = bits_for(held_scores(v)), steps.bit_length()
    return {
        "waiting_q": 1,
        "sending_q": 1,
        "pair_q": (lanes - 1) * pair,
        "level_q": 2 * levels,
        "so_far_q": pair + 2 if words > 1 else 0,
        "lead_q": pair // 2 + 1,
        "step_q": 2 * step,
        "pointer_q": 2 * pointer,
        "word_q": bits_for(words),
    }


def _gate(v: Values) -> Registers:
    return {"core_rst_q": 1, "frame_q": bits_for(number(v, "Frames")), "state_q": 3}


STREAM_REGISTERS: Mapping[str, Callable[[Values], Registers]] = {
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
