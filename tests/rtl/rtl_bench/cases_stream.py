"""Parameter sets of the modules that move words."""

from __future__ import annotations

from random import Random

from rtl_bench.address_rule import Tables
from rtl_bench.layout import channel_table
from rtl_bench.suite import Case
from spikeloom.codegen._literals import (
    address_bits,
    memory_file,
    pack,
    sized,
    text,
    unsigned_bits,
)

_SLOW_FIFOS = ((3, 6), (64, 9), (65, 17), (128, 64), (1, 33))
_FIFOS = ((1, 1), (8, 1), (8, 2), (5, 3), (8, 4), (33, 5), (70, 7), (16, 32))
_SLOW_ROMS = ((1, 2), (8, 4), (31, 9), (65, 17), (5, 12, 3))
_ROMS = ((1, 1), (4, 2), (7, 3), (33, 5), (130, 100), (9, 20, 2))

# Lanes, ValueBits, FieldValues, Banks, Ports, Groups, Columns, Rows, Depth
_SLOW_QUEUES = (
    (2, 1, 0, 1, 1, 3, 1, 1, 3),
    (8, 2, 0, 8, 8, 1, 5, 2, 6),
    (5, 7, 0, 5, 5, 3, 1, 4, 9),
    (12, 5, 0, 3, 3, 2, 2, 3, 4),
    (16, 8, 0, 4, 4, 4, 1, 1, 4),
    (32, 1, 0, 8, 8, 1, 6, 5, 30),
    (32, 1, 0, 4, 8, 1, 6, 5, 30),
    (24, 2, 3, 2, 4, 3, 2, 2, 9),
    (28, 1, 4, 1, 1, 7, 1, 1, 7),
    (6, 3, 1, 3, 6, 1, 3, 1, 2),
)
_QUEUES = (
    (1, 1, 0, 1, 1, 1, 1, 1, 1),
    (1, 1, 0, 1, 1, 5, 1, 1, 2),
    (2, 2, 0, 2, 2, 1, 1, 1, 1),
    (4, 1, 0, 1, 1, 2, 3, 2, 4),
    (4, 1, 0, 2, 2, 3, 2, 3, 5),
    (6, 3, 0, 3, 3, 2, 2, 2, 3),
    (4, 8, 0, 4, 4, 1, 3, 1, 12),
    (16, 1, 0, 4, 4, 2, 4, 4, 32),
    (3, 16, 0, 1, 1, 1, 2, 1, 2),
    (6, 1, 0, 1, 2, 2, 2, 1, 4),
    (8, 2, 0, 2, 4, 1, 3, 2, 5),
    (1, 1, 0, 1, 2, 3, 1, 1, 3),
    (12, 1, 4, 1, 2, 2, 1, 1, 3),
    (6, 2, 1, 3, 3, 2, 2, 1, 4),
    (8, 1, 2, 2, 4, 3, 2, 2, 5),
    (4, 2, 4, 1, 1, 2, 1, 2, 1),
)

# Width, Groups, GroupStep, Columns, Rows, Depth
_SLOW_WORDS = ((40, 5, 2, 4, 3, 60), (1, 2, 16, 3, 3, 2))
_WORDS = (
    (1, 1, 1, 1, 1, 1),
    (4, 1, 4, 3, 2, 2),
    (3, 3, 1, 1, 4, 4),
    (17, 2, 3, 5, 1, 10),
)

# Lanes, Words, ScoreBits
_SLOW_SCORES = ((1, 1, 1), (1, 2, 1), (3, 1, 3), (4, 4, 16), (7, 3, 11), (1, 100, 9))
_SCORES = (
    (1, 1, 8),
    (1, 10, 5),
    (2, 1, 1),
    (2, 3, 4),
    (3, 2, 9),
    (5, 2, 2),
    (10, 1, 6),
    (16, 1, 32),
)

# Lanes, ValueBits, Words, TimeSteps, Seed
_SLOW_ENCODERS = (
    (2, 4, 8, 8, 0x1234),
    (8, 1, 3, 3, 0xFFFF),
    (7, 12, 2, 5, 0x0100),
    (1, 2, 33, 4, 2),
)
_ENCODERS = (
    (1, 1, 1, 1, 0x0001),
    (2, 3, 3, 2, 0xACE1),
    (3, 8, 5, 4, 0x8000),
    (4, 16, 4, 3, 0xBEEF),
    (5, 7, 1, 2, 0xFFFF),
    (16, 5, 2, 5, 0xACE1),
)


def _fifo(width: int, depth: int, *, slow: bool) -> Case:
    return Case(
        name=f"fifo_{width}x{depth}",
        module="spikeloom_fifo",
        parameters={"Width": width, "Depth": depth},
        slow=slow,
    )


def _rom(width: int, depth: int, ports: int = 1, *, slow: bool) -> Case:
    name = f"rom_{width}x{depth}" + (f"_{ports}" if ports > 1 else "")
    random = Random(name)
    words = [random.getrandbits(width) for _ in range(depth)]
    path = f"mem/{name}.mem"
    return Case(
        name=name,
        module="spikeloom_rom",
        parameters={"Width": width, "Depth": depth, "Ports": ports, "File": text(path)},
        files={path: memory_file(words, width)},
        facts=words,
        slow=slow,
    )


def _named(
    module: str, short: str, names: tuple[str, ...], values: tuple[int, ...], *, slow: bool
) -> Case:
    return Case(
        name="_".join([short, *map(str, values)]),
        module=module,
        parameters=dict(zip(names, values, strict=True)),
        slow=slow,
    )


def _queue(*values: int, slow: bool) -> Case:
    names = (
        "Lanes", "ValueBits", "FieldValues", "Banks", "Ports", "Groups", "Columns", "Rows", "Depth",
    )  # fmt: skip
    return _named("spikeloom_event_queue", "queue", names, values, slow=slow)


def _words(*values: int, slow: bool) -> Case:
    names = ("Width", "Groups", "GroupStep", "Columns", "Rows", "Depth")
    return _named("spikeloom_word_queue", "words", names, values, slow=slow)


def _argmax(*values: int, slow: bool) -> Case:
    return _named("spikeloom_argmax", "argmax", ("Lanes", "Words", "ScoreBits"), values, slow=slow)


def _encoder(*values: int, slow: bool) -> Case:
    names = ("Lanes", "ValueBits", "Words", "TimeSteps")
    *sizes, seed = values
    return Case(
        name="_".join(["encoder", *map(str, values)]),
        module="spikeloom_rate_encoder",
        parameters={**dict(zip(names, sizes, strict=True)), "Seed": sized(seed, 16)},
        facts=seed,
        slow=slow,
    )


def _dense_rule(ports: int, groups: int, channels: int, *, slow: bool = False) -> Case:
    return Case(
        name=f"rule_dense_{ports}_{groups}_{channels}",
        module="spikeloom_address_rule",
        parameters={
            "Ports": ports,
            "ChannelBits": address_bits(channels),
            "Groups": groups,
            "GroupStep": channels,
            "WeightBits": address_bits(groups * channels),
            "OutputBits": address_bits(groups),
        },
        slow=slow,
    )


def _table_rule(
    name: str,
    rows: int,
    columns: int,
    groups: int,
    taps: int,
    *,
    channels: int = 0,
    slow: bool = False,
) -> Case:
    """Random tables: the module does not care whether a convolution is behind them."""
    random = Random(name)
    weight_bits, output_bits, tap_bits = 9, 7, unsigned_bits(taps)

    def table(count: int) -> list[tuple[int, int, int]]:
        entries = [
            (
                random.getrandbits(weight_bits),
                random.getrandbits(output_bits),
                random.randint(0, taps),
            )
            for _ in range(count)
        ]
        first = entries[0]
        return [(first[0], first[1], taps), *entries[1:]]

    offsets = [random.getrandbits(output_bits) for _ in range(channels)]
    tables = Tables(table(rows), table(columns), offsets)
    files = {
        f"mem/{name}_{axis}.mem": memory_file(
            [pack([(t, tap_bits), (o, output_bits), (w, weight_bits)]) for w, o, t in entries],
            weight_bits + output_bits + tap_bits,
        )
        for axis, entries in (("rows", tables.rows), ("columns", tables.columns))
    }
    table_file, more = channel_table(name, offsets, 1 << output_bits) if channels else ({}, {})
    return Case(
        name=name,
        module="spikeloom_address_rule",
        parameters={
            "Ports": 1 if channels else 2,
            "RowBits": address_bits(rows),
            "ColumnBits": address_bits(columns),
            "ChannelBits": address_bits(channels) if channels else 3,
            "CodeBits": 2,
            "Spatial": 1,
            "Groups": groups,
            "GroupStep": random.randint(1, 9),
            "Rows": rows,
            "Columns": columns,
            "TapBits": tap_bits,
            "RowTapStep": random.randint(1, 60),
            "RowOutputStep": random.randint(1, 20),
            "ColumnTapStep": random.randint(1, 30),
            "ColumnOutputStep": random.randint(1, 6),
            "WeightBits": weight_bits,
            "OutputBits": output_bits,
            "RowFile": text(f"mem/{name}_rows.mem"),
            "ColumnFile": text(f"mem/{name}_columns.mem"),
            "ChannelTable": int(channels > 0),
            "Channels": max(1, channels),
            **more,
        },
        files=files | table_file,
        facts=tables,
        slow=slow,
    )


CASES: tuple[Case, ...] = (
    *(_fifo(*sizes, slow=False) for sizes in _FIFOS),
    *(_fifo(*sizes, slow=True) for sizes in _SLOW_FIFOS),
    *(_rom(*sizes, slow=False) for sizes in _ROMS),
    *(_rom(*sizes, slow=True) for sizes in _SLOW_ROMS),
    *(_queue(*values, slow=False) for values in _QUEUES),
    *(_queue(*values, slow=True) for values in _SLOW_QUEUES),
    *(_words(*values, slow=False) for values in _WORDS),
    *(_words(*values, slow=True) for values in _SLOW_WORDS),
    _dense_rule(1, 1, 1),
    _dense_rule(3, 1, 5),
    _dense_rule(2, 3, 6),
    _dense_rule(4, 16, 64, slow=True),
    _table_rule("rule_1x1", 1, 1, 1, 1),
    _table_rule("rule_3x2", 3, 2, 1, 3),
    _table_rule("rule_5x4", 5, 4, 3, 2),
    _table_rule("rule_1x7", 1, 7, 2, 5),
    _table_rule("rule_channels", 3, 4, 2, 3, channels=11),
    _table_rule("rule_8x8", 8, 8, 4, 7, slow=True),
    _table_rule("rule_one_channel", 2, 1, 3, 2, channels=1, slow=True),
    *(_argmax(*values, slow=False) for values in _SCORES),
    *(_argmax(*values, slow=True) for values in _SLOW_SCORES),
    *(_encoder(*values, slow=False) for values in _ENCODERS),
    *(_encoder(*values, slow=True) for values in _SLOW_ENCODERS),
)
