"""Parameter sets of the neurons, in a memory and side by side."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np

from rtl_bench.library import Value
from rtl_bench.neuron import Rule
from rtl_bench.suite import Case
from spikeloom.codegen._literals import memory_file, pack, sized, text, unsigned_bits
from spikeloom.ir import Interval, Leak, LeakTerm, Reset

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
    varied: bool = False,  # biases and thresholds of all sorts
    every_step: bool = False,
    slow: bool = False,
) -> Case:
    random = Random(name)
    bias, threshold = ((-9, 7), (1, 60)) if varied else (bias, threshold)
    entries = max(1, table * lanes)
    half = 1 << (current_bits - 1)
    rule = Rule(
        leak=leak,
        reset=reset,
        delayed=delayed,
        spiking=spiking,
        saturates=bool(saturates),
        membrane_bits=saturates,
        biases=[random.randint(*bias) for _ in range(entries)],
        thresholds=[random.randint(*threshold) for _ in range(entries)],
        currents=(-half, half - 1),
    )
    reach = _reach(rule, steps)
    if not saturates:
        threshold_bits = unsigned_bits(max(rule.thresholds))
        rule = replace(rule, membrane_bits=max(reach.bits, threshold_bits + 1))
    constants, files = _constants(name, rule, lanes, table)
    sizes = {
        "Lanes": lanes,
        "Words": words,
        "TimeSteps": steps,
        "CurrentBits": current_bits,
        "SumBits": max(reach.bits, rule.membrane_bits, current_bits),
        "EveryStep": int(every_step),
    }
    return Case(
        name=name,
        module="spikeloom_neuron",
        parameters={**sizes, **_parameters(rule), **constants},
        files=files,
        facts=rule,
        slow=slow,
    )


def _parameters(rule: Rule) -> dict[str, Value]:
    terms = rule.leak.terms
    word = pack(((t.sign < 0) << 5 | t.shift, 6) for t in terms)
    return {
        "MembraneBits": rule.membrane_bits,
        "Saturate": int(rule.saturates),
        "Spiking": int(rule.spiking),
        "LeakTerms": len(terms),
        "Leak": sized(word, 6 * len(terms)),
        "ResetMode": _MODES[rule.reset],
        "ResetDelay": int(rule.delayed),
    }


def _constants(
    name: str, rule: Rule, lanes: int, table: int
) -> tuple[dict[str, Value], dict[str, str]]:
    """Return what gives biases and thresholds: parameters, or a table and its file."""
    bias_bits = Interval(min(rule.biases), max(rule.biases)).bits
    threshold_bits = unsigned_bits(max(rule.thresholds))
    parameters: dict[str, Value] = {"BiasBits": bias_bits, "ThresholdBits": threshold_bits}
    if not table:
        return parameters | {"Bias": rule.biases[0], "Threshold": rule.thresholds[0]}, {}
    widths = (bias_bits, threshold_bits)
    pairs = list(zip(rule.biases, rule.thresholds, strict=True))
    words = [
        pack(field for pair in pairs[i : i + lanes] for field in zip(pair, widths, strict=True))
        for i in range(0, len(pairs), lanes)
    ]
    path = f"mem/{name}.mem"
    parameters |= {"Table": 1, "TableDepth": table, "TableFile": text(path)}
    return parameters, {path: memory_file(words, lanes * sum(widths))}


def _reach(rule: Rule, steps: int) -> Interval:
    """Return bounds of a membrane before it saturates; the leaks used here are monotone."""
    low = high = lowest = highest = 0
    for _ in range(steps):
        # As after a late subtraction, at every step, whatever the reset is.
        low = _decay(rule, low) + rule.currents[0] + min(rule.biases) - max(rule.thresholds)
        high = _decay(rule, high) + rule.currents[1] + max(rule.biases)
        lowest, highest = min(lowest, low), max(highest, high)
        if rule.saturates:
            low, high = rule.clamp(low), rule.clamp(high)
    return Interval(lowest, highest)


def _decay(rule: Rule, membrane: int) -> int:
    return int(rule.leak(np.array(membrane)))


def _array(name: str, *, neurons: int, steps: int, varied: bool = False, **rest: Any) -> Case:
    """Neurons side by side: one word, and constants as parameters."""
    case = _neuron(
        name, lanes=neurons, words=1, steps=steps, table=int(varied), varied=varied, **rest
    )
    rule: Rule = case.facts
    repeats = neurons // len(rule.biases)
    gone = ("Lanes", "Words", "Bias", "Threshold", "Table", "TableDepth", "TableFile")
    parameters = {key: value for key, value in case.parameters.items() if key not in gone}
    for key, values, bits in (
        ("Biases", rule.biases, case["BiasBits"]),
        ("Thresholds", rule.thresholds, case["ThresholdBits"]),
    ):
        word = pack((value, bits) for value in values * repeats)
        parameters[key] = sized(word, bits * neurons)
    return replace(
        case,
        module="spikeloom_neuron_array",
        parameters={"Neurons": neurons, **parameters},
        files={},
    )


_NEURONS = (
    _neuron("nrn_if", lanes=1, words=1, steps=1),
    _neuron("nrn_lif", lanes=2, words=2, steps=3, leak=Leak.shift(2), table=1, varied=True),
    _neuron(
        "nrn_zero", lanes=3, words=3, steps=4, leak=Leak.shift(3), reset=Reset.ZERO, saturates=7,
        bias=(3, 3), threshold=(40, 40), current_bits=8,
    ),
    _neuron("nrn_none", lanes=4, words=4, steps=2, leak=_SUM, reset=Reset.NONE),
    _neuron(
        "nrn_late", lanes=1, words=5, steps=5, leak=Leak.shift(1), saturates=8, table=5,
        delayed=True, varied=True,
    ),
    _neuron(
        "nrn_late_zero", lanes=2, words=3, steps=4, reset=Reset.ZERO, table=3, leak=Leak.shift(2),
        delayed=True, varied=True,
    ),
    _neuron("nrn_late_none", lanes=3, words=2, steps=3, reset=Reset.NONE, delayed=True),
    _neuron(
        "nrn_integrator", lanes=5, words=1, steps=3, leak=Leak.shift(1), spiking=False,
        reset=Reset.NONE, bias=(-5, -5), threshold=(1, 1),
    ),
    _neuron(
        "nrn_every_step", lanes=2, words=3, steps=4, leak=Leak.shift(2), spiking=False,
        reset=Reset.NONE, threshold=(1, 1), every_step=True,
    ),
    _neuron(
        "nrn_integrator_clamp", lanes=2, words=4, steps=4, spiking=False, reset=Reset.NONE,
        saturates=7, threshold=(1, 1),
    ),
    # A table per channel repeats along the positions.
    _neuron("nrn_channels", lanes=2, words=6, steps=3, leak=_THREE, table=3, varied=True),
    _neuron(
        "nrn_narrow", lanes=4, words=2, steps=6, leak=Leak.shift(2), saturates=5, current_bits=9,
        bias=(-3, 5), threshold=(1, 15), table=2,
    ),
)  # fmt: skip
_SLOW_NEURONS = (
    _neuron("nrn_wide", lanes=16, words=2, steps=8, leak=_THREE, saturates=12, current_bits=11,
            table=2, threshold=(1, 2000), bias=(-100, 100), slow=True),
    _neuron("nrn_late_clamp", lanes=3, words=7, steps=6, leak=_SUM, saturates=6, table=7,
            bias=(-9, 7), threshold=(1, 31), current_bits=7, slow=True, delayed=True),
    _neuron("nrn_late_if", lanes=2, words=1, steps=9, saturates=7, threshold=(30, 30), slow=True,
            delayed=True),
    _neuron("nrn_no_leak_left", lanes=2, words=2, steps=4, leak=Leak((LeakTerm(1, 31),)),
            slow=True, varied=True),
    _neuron("nrn_counts", lanes=3, words=1, steps=8, current_bits=2, spiking=False,
            reset=Reset.NONE, threshold=(1, 1), slow=True),
    _neuron("nrn_one_threshold", lanes=8, words=3, steps=4, threshold=(1, 1), slow=True),
)  # fmt: skip
_ARRAYS = (
    _array("array_one", neurons=1, steps=1),
    _array("array_once", neurons=3, steps=1, leak=Leak.shift(2), varied=True, saturates=8),
    _array("array_lif", neurons=4, steps=3, leak=Leak.shift(2), varied=True),
    _array("array_if", neurons=2, steps=5, bias=(-2, -2)),
    _array(
        "array_zero", neurons=5, steps=4, leak=Leak.shift(3), reset=Reset.ZERO, saturates=8,
        current_bits=9, varied=True,
    ),
    _array("array_none", neurons=3, steps=2, leak=_SUM, reset=Reset.NONE),
    _array(
        "array_late", neurons=4, steps=5, leak=Leak.shift(1), saturates=8, delayed=True,
        varied=True,
    ),
    _array("array_late_wide", neurons=3, steps=3, leak=_THREE, delayed=True, varied=True),
    _array(
        "array_late_zero", neurons=2, steps=4, reset=Reset.ZERO, leak=Leak.shift(2), delayed=True,
        varied=True,
    ),
    _array("array_late_none", neurons=2, steps=3, reset=Reset.NONE, delayed=True),
    _array(
        "array_integrator", neurons=5, steps=3, leak=Leak.shift(1), spiking=False,
        reset=Reset.NONE, bias=(-5, -5), threshold=(1, 1),
    ),
    _array(
        "array_every_step", neurons=3, steps=4, spiking=False, reset=Reset.NONE, saturates=7,
        threshold=(1, 1), every_step=True,
    ),
    _array(
        "array_narrow", neurons=4, steps=6, leak=Leak.shift(2), saturates=5, current_bits=9,
        bias=(-3, -3), threshold=(12, 12),
    ),
)  # fmt: skip
_SLOW_ARRAYS = (
    _array("array_wide", neurons=32, steps=8, leak=_THREE, saturates=12, current_bits=11,
           varied=True, slow=True),
    _array("array_late_clamp", neurons=3, steps=6, leak=_SUM, saturates=7, varied=True,
           current_bits=7, slow=True, delayed=True),
    _array("array_late_if", neurons=2, steps=9, saturates=7, threshold=(30, 30), slow=True,
           delayed=True),
    _array("array_late_zero_clamp", neurons=3, steps=7, saturates=7, reset=Reset.ZERO, slow=True,
           delayed=True, varied=True, leak=Leak.shift(4)),
    _array("array_no_leak_left", neurons=2, steps=4, leak=Leak((LeakTerm(1, 31),)), slow=True,
           varied=True),
    _array("array_counts", neurons=3, steps=8, current_bits=2, spiking=False, reset=Reset.NONE,
           threshold=(1, 1), slow=True),
    _array("array_clamped_sums", neurons=2, steps=4, spiking=False, reset=Reset.NONE, saturates=7,
           threshold=(1, 1), slow=True),
    _array("array_one_threshold", neurons=8, steps=4, threshold=(1, 1), slow=True),
    _array("array_long", neurons=2, steps=25, leak=Leak.shift(3), varied=True, slow=True),
)  # fmt: skip

CASES: tuple[Case, ...] = (*_NEURONS, *_SLOW_NEURONS, *_ARRAYS, *_SLOW_ARRAYS)
