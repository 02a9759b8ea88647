"""Parameter sets of the modules that join, part and delay streams."""

from __future__ import annotations

from random import Random

from rtl_bench.add import Sum
from rtl_bench.agents import pack
from rtl_bench.concat import Groups
from rtl_bench.library import Value
from rtl_bench.suite import Case
from spikeloom.codegen._literals import memory_file, sized, text

# Outputs, Width
_SLOW_FORKS = ((2, 64), (6, 3), (9, 17))
_FORKS = ((1, 5), (2, 1), (2, 8), (3, 33), (5, 4))

# Width, Words, TimeSteps, Depth
_SLOW_DELAYS = ((1, 3, 5, 3), (17, 12, 3, 13), (65, 5, 8, 9), (3, 7, 1, 8), (4, 2, 2, 64))
_DELAYS = (
    (1, 1, 1, 1),
    (4, 1, 3, 1),
    (8, 1, 2, 2),
    (3, 1, 4, 2),
    (5, 3, 1, 4),
    (6, 2, 2, 2),
    (8, 3, 4, 4),
    (33, 4, 3, 9),
    (2, 5, 6, 6),
)

# Bits, InLanes, OutLanes
_SLOW_RESIZES = ((3, 12, 1), (5, 1, 12), (1, 64, 16), (9, 3, 9), (2, 15, 5), (1, 49, 784))
_RESIZES = (
    (1, 1, 1),
    (7, 3, 3),
    (1, 4, 2),
    (3, 6, 2),
    (5, 5, 1),
    (2, 8, 2),
    (1, 1, 2),
    (4, 2, 6),
    (1, 1, 5),
    (3, 2, 8),
)

# Latency, Repeats
_SLOW_UNROLLED = ((9, 7), (1, 16), (4, 5))
_UNROLLED = ((1, 1), (2, 1), (5, 1), (1, 3), (3, 4), (2, 2))

_ADDS = 14
_CONCATS = 10
_SLOW = 10


def _named(
    module: str, short: str, names: tuple[str, ...], values: tuple[int, ...], *, slow: bool
) -> Case:
    return Case(
        name="_".join([short, *map(str, values)]),
        module=module,
        parameters=dict(zip(names, values, strict=True)),
        slow=slow,
    )


def _fork(*values: int, slow: bool = False) -> Case:
    return _named("spikeloom_fork", "fork", ("Outputs", "Width"), values, slow=slow)


def _delay(*values: int, slow: bool = False) -> Case:
    names = ("Width", "Words", "TimeSteps", "Depth")
    return _named("spikeloom_delay", "delay", names, values, slow=slow)


def _resize(*values: int, slow: bool = False) -> Case:
    names = ("Bits", "InLanes", "OutLanes")
    return _named("spikeloom_resize", "resize", names, values, slow=slow)


def _unrolled(*values: int, slow: bool = False) -> Case:
    names = ("Latency", "Repeats")
    return _named("spikeloom_unrolled", "unrolled", names, values, slow=slow)


def _add(
    name: str,
    bits: tuple[int, ...],
    *,
    shifts: tuple[int, ...] = (),
    signed: tuple[bool, ...] = (),
    lanes: int = 2,
    spare: int = 3,  # bits at the top of a slot
    out_bits: int = 12,
    bias: tuple[int, int] = (0, 0),  # smallest and largest
    table: int = 0,  # its depth
    slow: bool = False,
) -> Case:
    random = Random(name)
    rule = Sum(
        bits=bits,
        signed=signed or (True,) * len(bits),
        shifts=shifts or (0,) * len(bits),
        biases=[[random.randint(*bias) for _ in range(lanes)] for _ in range(max(1, table))],
    )
    if not table:
        rule.biases[0][:] = rule.biases[0][:1] * lanes
    constants, files = _bias(name, rule, table, bits=max(abs(b) for b in bias).bit_length() + 1)
    parameters: dict[str, Value] = {
        **_slots(rule.bits, rule.signed, lanes, spare),
        "Shifts": sized(pack(rule.shifts, 8), 8 * len(bits)),
        "OutBits": out_bits,
        **constants,
    }
    return Case(
        name=name,
        module="spikeloom_add",
        parameters=parameters,
        files=files,
        facts=rule,
        slow=slow,
    )


def _slots(
    bits: tuple[int, ...], signed: tuple[bool, ...], lanes: int, spare: int
) -> dict[str, Value]:
    return {
        "Inputs": len(bits),
        "Lanes": lanes,
        "SlotBits": lanes * max(bits) + spare,
        "InBits": sized(pack(bits, 8), 8 * len(bits)),
        "Signed": sized(pack(signed, 1), len(bits)),
    }


def _bias(
    name: str, rule: Sum, table: int, *, bits: int
) -> tuple[dict[str, Value], dict[str, str]]:
    """Return what gives the bias: a parameter, or a table and its file."""
    if not table:
        return {"Bias": sized(rule.biases[0][0], 32)}, {}
    path = f"mem/{name}.mem"
    words = [pack(lanes, bits) for lanes in rule.biases]
    parameters: dict[str, Value] = {
        "Table": 1,
        "BiasBits": bits,
        "TableDepth": table,
        "TableFile": text(path),
    }
    return parameters, {path: memory_file(words, bits * len(rule.biases[0]))}


def _random_add(index: int, *, slow: bool = False) -> Case:
    name = f"add_{index}"
    random = Random(name)
    inputs = range(random.randint(1, 4))
    bias = random.choice([0, 3, 200])
    return _add(
        name,
        tuple(random.randint(1, 9) for _ in inputs),
        shifts=tuple(random.choice([0, 0, 1, 5]) for _ in inputs),
        signed=tuple(random.random() < 0.7 for _ in inputs),
        lanes=random.randint(1, 5),
        spare=random.choice([0, 1, 6]),
        out_bits=random.choice([1, 4, 10, 16, 33]),
        bias=(-bias, bias),
        table=random.choice([0, 1, 2, 3, 5]),
        slow=slow,
    )


def _concat(
    name: str,
    bits: tuple[int, ...],
    counts: tuple[int, ...],
    *,
    signed: tuple[bool, ...] = (),
    lanes: int = 2,
    spare: int = 3,
    wider: int = 0,  # bits that the output has more than the widest input
    slow: bool = False,
) -> Case:
    groups = Groups(bits=bits, signed=signed or (True,) * len(bits), counts=counts)
    parameters: dict[str, Value] = {
        **_slots(bits, groups.signed, lanes, spare),
        "Groups": sized(pack(counts, 32), 32 * len(bits)),
        "OutBits": max(bits) + wider,
    }
    return Case(
        name=name, module="spikeloom_concat", parameters=parameters, facts=groups, slow=slow
    )


def _random_concat(index: int, *, slow: bool = False) -> Case:
    name = f"concat_{index}"
    random = Random(name)
    inputs = range(random.randint(1, 5))
    return _concat(
        name,
        tuple(random.randint(1, 9) for _ in inputs),
        tuple(random.randint(1, 4) for _ in inputs),
        signed=tuple(random.random() < 0.5 for _ in inputs),
        lanes=random.randint(1, 4),
        spare=random.choice([0, 5]),
        wider=random.choice([0, 1, 4]),
        slow=slow,
    )


CASES: tuple[Case, ...] = (
    *(_fork(*values) for values in _FORKS),
    *(_fork(*values, slow=True) for values in _SLOW_FORKS),
    *(_delay(*values) for values in _DELAYS),
    *(_delay(*values, slow=True) for values in _SLOW_DELAYS),
    *(_resize(*values) for values in _RESIZES),
    *(_resize(*values, slow=True) for values in _SLOW_RESIZES),
    *(_unrolled(*values) for values in _UNROLLED),
    *(_unrolled(*values, slow=True) for values in _SLOW_UNROLLED),
    _add("add_currents", (6, 8), shifts=(3, 0), bias=(-7, -7)),
    _add("add_spikes", (1,), signed=(False,), lanes=4, spare=0, out_bits=2),
    _add("add_mixed", (1, 8, 5), signed=(False, True, True), shifts=(4, 0, 2), spare=0),
    _add("add_table", (7, 4), bias=(-99, 99), table=5, lanes=3),
    _add("add_one_word", (7,), bias=(-99, 99), table=1, lanes=1),
    _add("add_wraps", (9, 9, 9), shifts=(31, 7, 0), out_bits=8, bias=(-999, 999), table=3),
    _add("add_large", (32, 32), out_bits=33, bias=(-(1 << 31), -(1 << 31)), lanes=1),
    *(_random_add(i) for i in range(_ADDS)),
    *(_random_add(i, slow=True) for i in range(_ADDS, _ADDS + _SLOW)),
    _concat("concat_one", (4,), (2,), wider=2),
    _concat("concat_two", (5, 3), (1, 1), signed=(True, False)),
    _concat("concat_uneven", (1, 1, 1), (3, 1, 2), signed=(False,) * 3, lanes=4, spare=0),
    _concat("concat_long", (2, 6), (17, 4)),
    *(_random_concat(i) for i in range(_CONCATS)),
    *(_random_concat(i, slow=True) for i in range(_CONCATS, _CONCATS + _SLOW)),
)
