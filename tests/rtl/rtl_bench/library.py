"""The hand-written modules as their Verilog declares them: parameters and ports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / "hdl_templates" / "verilog"

Value = int | str  # of a parameter; text is Verilog as it is written

_PARAMETER = re.compile(r"parameter\s+(?:signed\s+)?(?:\[[^\]]*\]\s*)?(\w+) = (.+)")
_PORT = re.compile(r"(input|output)\s+(?:wire|reg)\s+(?:\[\s*(.+?):0\]\s*)?(\w+)")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter and its default, as Verilog."""

    name: str
    default: str


@dataclass(frozen=True, slots=True)
class Port:
    """A port; `width` is the number of its bits, as Verilog."""

    name: str
    direction: str
    width: str


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the library."""

    name: str
    text: str
    parameters: tuple[Parameter, ...]
    ports: tuple[Port, ...]

    def widths(self, values: Mapping[str, Value]) -> dict[str, int]:
        """Return the bits of every port under the given parameters."""
        known: dict[str, Value] = {}
        for parameter in self.parameters:
            given = values.get(parameter.name)
            known[parameter.name] = evaluate(parameter.default, known) if given is None else given
        return {port.name: int(evaluate(port.width, known)) for port in self.ports}


@cache
def modules() -> dict[str, Module]:
    """Return every module of the library by name."""
    return {path.stem: _parse(path) for path in sorted(FOLDER.glob("*.v"))}


def evaluate(expression: str, values: Mapping[str, Value]) -> Value:
    """Evaluate the little of Verilog's expressions that the headers use."""
    choice = re.fullmatch(r"(.+) \? (.+) : (.+)", expression)
    text = f"{choice[2]} if {choice[1]} else {choice[3]}" if choice else expression
    text = re.sub(r"\d+'h", "0x", text).replace("$clog2", "clog2").replace("/", "//")
    result = eval(text, {"clog2": lambda n: (n - 1).bit_length()}, dict(values))
    assert isinstance(result, int | str), f"{expression!r} is {result!r}"
    return result


def _parse(path: Path) -> Module:
    text = path.read_text("utf-8")
    header = re.search(
        r"^module (\w+) (?:#\((.*?)^\) )?\((.*?)^\);", text, re.DOTALL | re.MULTILINE
    )
    assert header is not None, f"{path.name} has no module header in the house form"
    parameters = [_PARAMETER.fullmatch(line) for line in _lines(header[2] or "")]
    ports = [_PORT.fullmatch(line) for line in _lines(header[3])]
    assert all(parameters), f"{path.name}: a parameter is not in the house form"
    assert all(ports), f"{path.name}: a port is not in the house form"
    return Module(
        name=header[1],
        text=text,
        parameters=tuple(Parameter(found[1], found[2]) for found in parameters if found),
        ports=tuple(Port(found[3], found[1], _width(found[2])) for found in ports if found),
    )


def _width(highest: str | None) -> str:
    """Return the number of bits, given the index of the highest: `Lanes-1`, `7`, or none."""
    if highest is None:
        return "1"
    return highest.removesuffix("-1") if highest.endswith("-1") else str(int(highest) + 1)


def _lines(declarations: str) -> list[str]:
    """Split declarations, which stand one a line, from commas and comments."""
    lines = [re.sub(r"\s*//.*", "", line).strip() for line in declarations.splitlines()]
    return [line.removesuffix(",").strip() for line in lines if line]
