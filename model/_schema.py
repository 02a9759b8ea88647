"""TOML tables to frozen dataclasses, with every problem reported at once.

The dataclass is the schema: its field types say what a value may be
(`Annotated[int, Between(2, 8)]`, `Literal`, `X | None`, nested dataclasses,
`tuple[X, ...]`, `dict[str, X]`, `tuple[int, int]` for "one number or two").
A union of dataclasses is told apart by their `kind` fields.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeVar, Union

from spikeloom.ir import nearest_name

T = TypeVar("T")
PRIMITIVES = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a string",
}
_MISSING = object()  # a value that was wrong, and is already reported


@dataclass(frozen=True, slots=True)
class Between:
    """Both bounds included."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(slots=True)
class Reader:
    """Reads tables and remembers what is wrong with them."""

    problems: list[str] = field(default_factory=list)

    def read(self, schema: type[T], raw: Mapping[str, Any], where: str = "") -> T | None:
        """Make a `schema` of the table `raw`; None if that could not be done.

        `where` is the path of the table in the file, such as `network.layers[0]`.
        """
        hints = typing.get_type_hints(schema, include_extras=True)
        fields = {f.name: f for f in dataclasses.fields(schema) if f.init}  # type: ignore[arg-type]  # checked by use
        self._unknown(raw, fields, where)
        values: dict[str, Any] = {}
        for name, spec in fields.items():
            path = f"{where}.{name}" if where else name
            if name in raw:
                values[name] = self._value(raw[name], hints[name], path)
            elif _required(spec):
                self.problems.append(f"{path} is missing")
                values[name] = _MISSING
        if any(value is _MISSING for value in values.values()):
            return None
        return schema(**values)

    def _unknown(self, raw: Mapping[str, Any], known: Iterable[str], where: str) -> None:
        names = list(known)
        for key in raw:
            if key not in names:
                table = f"table [{where}]" if where else "the top level"
                self.problems.append(f"unknown key {key!r} in {table}; {nearest_hint(key, names)}")

    def _value(self, value: Any, hint: Any, path: str) -> Any:  # noqa: ANN401  # any TOML value
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if origin is Annotated:
            return self._bounded(self._value(value, args[0], path), args[1], path)
        if origin in (Union, types.UnionType):
            return self._union(value, [arg for arg in args if arg is not type(None)], path)
        if origin is Literal:
            return self._choice(value, args, path)
        if origin is tuple:
            return self._sequence(value, args, path)
        if origin is dict:
            return self._tables(value, args[1], path)
        if dataclasses.is_dataclass(hint):
            return self._table(value, typing.cast("type[Any]", hint), path)
        return self._primitive(value, hint, path)

    def _bad(self, path: str, expected: str, value: object) -> object:
        self.problems.append(f"{path} must be {expected}, not {value!r}")
        return _MISSING

    def _bounded(self, value: Any, bounds: Between, path: str) -> Any:  # noqa: ANN401  # as _value
        if value is _MISSING or value in bounds:
            return value
        return self._bad(path, str(bounds), value)

    def _union(self, value: Any, options: list[Any], path: str) -> Any:  # noqa: ANN401  # as _value
        if len(options) == 1:
            return self._value(value, options[0], path)
        if not any(map(dataclasses.is_dataclass, options)):
            return self._word_or_number(value, options, path)
        if not isinstance(value, Mapping):
            return self._bad(path, "a table", value)
        kinds = {_kind(option): option for option in options}
        if "kind" not in value:
            self.problems.append(f"{path}.kind is missing; it must be {_one_of(kinds)}")
            return _MISSING
        kind = self._choice(value["kind"], tuple(kinds), f"{path}.kind")
        return _MISSING if kind is _MISSING else self._table(value, kinds[kind], path)

    def _word_or_number(self, value: Any, options: list[Any], path: str) -> Any:  # noqa: ANN401  # as _value
        """Read a value that is one of some words, or a number within bounds."""
        word, number = options
        words, (kind, bounds) = typing.get_args(word), typing.get_args(number)
        if value in words or (type(value) is kind and value in bounds):
            return value
        return self._bad(path, f"{_one_of(words)}, or {PRIMITIVES[kind]} of {bounds}", value)

    def _choice(self, value: Any, options: tuple[Any, ...], path: str) -> Any:  # noqa: ANN401  # as _value
        if value in options and type(value) in {type(option) for option in options}:
            return value
        hint = f"; {nearest_hint(value, options)}" if isinstance(value, str) else ""
        self.problems.append(f"{path} must be {_one_of(options)}, not {value!r}{hint}")
        return _MISSING

    def _sequence(self, value: Any, args: tuple[Any, ...], path: str) -> Any:  # noqa: ANN401  # as _value
        if args[-1] is not Ellipsis:
            return self._pair(value, args, path)
        if not isinstance(value, list):
            return self._bad(path, "a list", value)
        items = [self._value(item, args[0], f"{path}[{i}]") for i, item in enumerate(value)]
        return _MISSING if any(item is _MISSING for item in items) else tuple(items)

    def _pair(self, value: Any, args: tuple[Any, ...], path: str) -> Any:  # noqa: ANN401  # as _value
        items = value if isinstance(value, list) else [value] * len(args)
        if len(items) != len(args):
            return self._bad(path, f"one integer or {len(args)}", value)
        read = [self._value(item, arg, path) for item, arg in zip(items, args, strict=True)]
        return _MISSING if any(item is _MISSING for item in read) else tuple(read)

    def _tables(self, value: Any, hint: Any, path: str) -> Any:  # noqa: ANN401  # as _value
        if not isinstance(value, Mapping):
            return self._bad(path, "a table of tables", value)
        read = {key: self._value(item, hint, f"{path}.{key}") for key, item in value.items()}
        return _MISSING if any(item is _MISSING for item in read.values()) else read

    def _table(self, value: Any, schema: type[Any], path: str) -> Any:  # noqa: ANN401  # as _value
        if not isinstance(value, Mapping):
            return self._bad(path, "a table", value)
        made = self.read(schema, value, path)
        return _MISSING if made is None else made

    def _primitive(self, value: Any, kind: type[Any], path: str) -> Any:  # noqa: ANN401  # as _value
        if type(value) is kind:
            return value
        if kind is float and type(value) is int:
            return float(value)
        return self._bad(path, PRIMITIVES[kind], value)


def _required(spec: dataclasses.Field[Any]) -> bool:
    return spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING


def _kind(schema: type[Any]) -> str:
    return str(next(f.default for f in dataclasses.fields(schema) if f.name == "kind"))


def _one_of(options: Iterable[object]) -> str:
    return "one of " + ", ".join(repr(option) for option in options)


def nearest_hint(name: str, names: Iterable[Any]) -> str:
    """Guess which of `names` was meant, or list them."""
    choices = [str(choice) for choice in names]
    near = nearest_name(name, choices)
    return f"did you mean {near!r}?" if near else "valid: " + ", ".join(choices)


def to_toml(value: object) -> str:
    """Write a dataclass as TOML that `Reader.read` turns into the same dataclass."""
    return "\n".join(_table_lines(value, "")).strip() + "\n"


def _table_lines(value: object, path: str) -> list[str]:
    """Plain keys first, then the tables, as TOML demands."""
    items = value.items() if isinstance(value, Mapping) else _fields(value)
    plain: list[str] = []
    tables: list[str] = []
    for name, item in items:
        inner = f"{path}.{name}" if path else name
        if item is None:
            continue
        if isinstance(item, tuple) and any(map(dataclasses.is_dataclass, item)):
            for entry in item:
                tables += ["", f"[[{inner}]]", *_table_lines(entry, inner)]
        elif dataclasses.is_dataclass(item) or isinstance(item, Mapping):
            tables += ["", f"[{inner}]", *_table_lines(item, inner)]
        else:
            plain.append(f"{name} = {_literal(item)}")
    return plain + tables


def _fields(value: object) -> list[tuple[str, Any]]:
    return [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]  # type: ignore[arg-type]  # checked by use


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    if isinstance(value, str):
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}"'
    return repr(value)
