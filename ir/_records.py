"""Graphs as plain JSON values and named arrays, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from spikeloom.ir._errors import DataError
from spikeloom.ir._graph import (
    Add,
    Concat,
    Conv2d,
    Delay,
    Dense,
    Encoder,
    Graph,
    Input,
    IntArray,
    Leak,
    LeakTerm,
    MaxPool2d,
    MixAxis,
    Neurons,
    Node,
    Product,
    Readout,
    ReadoutKind,
    Reset,
    SumPool2d,
    TokenMix,
)
from spikeloom.ir._names import nearest_name

Record = dict[str, Any]

_TYPES: dict[str, type[Node]] = {
    "input": Input,
    "dense": Dense,
    "conv2d": Conv2d,
    "token_mix": TokenMix,
    "product": Product,
    "sum_pool2d": SumPool2d,
    "max_pool2d": MaxPool2d,
    "concat": Concat,
    "add": Add,
    "delay": Delay,
    "neurons": Neurons,
    "readout": Readout,
}
_TYPE_NAMES = {kind: name for name, kind in _TYPES.items()}
_ARRAY_FIELDS = frozenset({"weight", "threshold", "bias"})
_OPTIONAL_FIELDS = frozenset({"early"})  # left out where they are None


def graph_to_record(graph: Graph) -> tuple[Record, dict[str, IntArray]]:
    """Return a graph as JSON values and its arrays by `node.field`."""
    arrays: dict[str, IntArray] = {}
    nodes = [_node_to_record(node, arrays) for node in graph.nodes]
    return {"name": graph.name, "time_steps": int(graph.time_steps), "nodes": nodes}, arrays


def graph_from_record(record: Record, arrays: dict[str, IntArray], place: Path) -> Graph:
    """Return the graph of a record; its rules are not checked here.

    Raises:
        DataError: If a key or array is missing or unknown, or has another type;
            the message names `place` and the node.
    """
    _check_keys(record, {"name", "time_steps", "nodes"}, str(place))
    name = _text(record["name"], f'"name" of {place}')
    steps = _integer(record["time_steps"], f'"time_steps" of {place}')
    if not isinstance(record["nodes"], list):
        raise DataError(f'"nodes" of {place} must be a list, not {record["nodes"]!r}')
    left = dict(arrays)
    nodes = [
        _node_from_record(item, left, f"node {number} of {place}")
        for number, item in enumerate(record["nodes"])
    ]
    if left:
        raise DataError(
            f"arrays of {place} must each belong to a node, not {', '.join(sorted(left))}; "
            "copy both files of one graph together"
        )
    return Graph(name, steps, tuple(nodes))


def _node_to_record(node: Node, arrays: dict[str, IntArray]) -> Record:
    record: Record = {"type": _TYPE_NAMES[type(node)]}
    for item in fields(node):
        value = getattr(node, item.name)
        if item.name in _OPTIONAL_FIELDS and value is None:
            continue
        if item.name in _ARRAY_FIELDS and value is not None:
            key = f"{node.name}.{item.name}"
            arrays[key] = value
            value = key
        record[item.name] = _to_json(value)
    return record


def _to_json(value: object) -> object:
    match value:
        case Leak():
            return [[int(term.sign), int(term.shift)] for term in value.terms]
        case tuple():
            return [item if isinstance(item, str) else int(item) for item in value]
        case Encoder() | MixAxis() | Reset() | ReadoutKind():
            return value.value
        case np.integer():
            return int(value)
        case _:
            return value


def _node_from_record(record: object, arrays: dict[str, IntArray], where: str) -> Node:
    """Return a node; the arrays that it takes are removed from `arrays`."""
    if not isinstance(record, dict) or "type" not in record:
        raise DataError(f'{where} must be an object with a "type", not {record!r}')
    kind = _TYPES[_choice(record["type"], list(_TYPES), f'"type" of {where}')]
    left_out = _OPTIONAL_FIELDS - set(record)
    names = [item.name for item in fields(kind) if item.name not in left_out]
    _check_keys(record, {"type", *names}, f"{where} ({record.get('name')!r})")
    readers = _READERS | _POOL_READERS if kind in (SumPool2d, MaxPool2d) else _READERS
    values = {
        name: readers[name](record[name], arrays, f'"{name}" of {where} ({record["name"]!r})')
        for name in names
    }
    return kind(**values)


def _check_keys(record: Record, expected: set[str], where: str) -> None:
    missing, unknown = sorted(expected - set(record)), sorted(set(record) - expected)
    if missing or unknown:
        raise DataError(
            f"keys of {where} must be {', '.join(sorted(expected))}; "
            f"missing: {', '.join(missing) or 'none'}, unknown: {', '.join(unknown) or 'none'}"
        )


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{what} must be a string, not {value!r}")
    return value


def _integer(value: object, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataError(f"{what} must be an integer, not {value!r}")
    return value


def _flag(value: object, what: str) -> bool:
    if not isinstance(value, bool):
        raise DataError(f"{what} must be true or false, not {value!r}")
    return value


def _integers(value: object, what: str) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise DataError(f"{what} must be a list of integers, not {value!r}")
    return tuple(_integer(item, what) for item in value)


def _texts(value: object, what: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise DataError(f"{what} must be a list of strings, not {value!r}")
    return tuple(_text(item, what) for item in value)


def _leak(value: object, what: str) -> Leak:
    pairs = [_integers(item, what) for item in value] if isinstance(value, list) else [()]
    if any(len(pair) != 2 for pair in pairs):
        raise DataError(f"{what} must be a list of [sign, shift], not {value!r}")
    return Leak(tuple(LeakTerm(sign, shift) for sign, shift in pairs))


def _choice(value: object, allowed: list[str], what: str) -> str:
    if value in allowed and isinstance(value, str):
        return value
    near = nearest_name(str(value), allowed)
    hint = f"; the nearest is {str(near)!r}" if near else ""
    raise DataError(f"{what} must be one of {', '.join(allowed)}, not {value!r}{hint}")


def _array(key: object, arrays: dict[str, IntArray], what: str) -> IntArray:
    if not isinstance(key, str) or key not in arrays:
        raise DataError(f"{what} must name an array of the npz file, not {key!r}")
    values = arrays.pop(key)
    if values.dtype.kind not in "iu":
        raise DataError(f"{what} must be an array of integers, not {values.dtype}")
    return values


def _optional_array(key: object, arrays: dict[str, IntArray], what: str) -> IntArray | None:
    return None if key is None else _array(key, arrays, what)


Reader = Callable[[Any, dict[str, IntArray], str], Any]


def _plain(read: Callable[[object, str], object]) -> Reader:
    return lambda value, _arrays, what: read(value, what)


_READERS: dict[str, Reader] = {
    "name": _plain(_text),
    "source": _plain(_text),
    "sources": _plain(_texts),
    "weights": _plain(_text),
    "shape": _plain(_integers),
    "bits": _plain(_integer),
    "encoder": _plain(lambda value, what: Encoder(_choice(value, [*Encoder], what))),
    "seed": _plain(_integer),
    "weight": _array,
    "weight_bits": _plain(_integer),
    "stride": _plain(_integers),
    "padding": _plain(_integers),
    "dilation": _plain(_integers),
    "groups": _plain(_integer),
    "axis": _plain(lambda value, what: MixAxis(_choice(value, [*MixAxis], what))),
    "heads": _plain(_integer),
    "transposed": _plain(_flag),
    "shifts": _plain(_integers),
    "kernel": _plain(_integers),
    "threshold": _optional_array,
    "bias": _array,
    "leak": _plain(_leak),
    "reset": _plain(lambda value, what: Reset(_choice(value, [*Reset], what))),
    "reset_delay": _plain(_flag),
    "membrane_bits": _plain(lambda value, what: None if value is None else _integer(value, what)),
    "kind": _plain(lambda value, what: ReadoutKind(_choice(value, [*ReadoutKind], what))),
    "early": _plain(lambda value, what: value if value == "exact" else _integer(value, what)),
}

_POOL_READERS: dict[str, Reader] = {
    "stride": _plain(lambda value, what: None if value is None else _integers(value, what)),
}
