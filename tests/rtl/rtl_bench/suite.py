"""Parameter sets, mutations, and the top module that holds them side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rtl_bench.library import Module, Value, modules

TOP = "bench_top"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A module with one set of parameters.

    `files` are its memories by path; `facts` are what its bench must know
    beyond the parameters.
    """

    name: str
    module: str
    parameters: Mapping[str, Value]
    files: Mapping[str, str] = field(default_factory=dict)
    facts: Any = None
    slow: bool = False

    def __getitem__(self, parameter: str) -> int:
        """Return an integer parameter, or its default."""
        value = self.parameters.get(parameter)
        if value is None:
            defaults = {p.name: p.default for p in modules()[self.module].parameters}
            value = defaults[parameter]
        return int(value)

    @property
    def widths(self) -> dict[str, int]:
        """Bits of every port."""
        return modules()[self.module].widths(self.parameters)


@dataclass(frozen=True, slots=True)
class Mutation:
    """A deliberate error: `old`, which occurs once in the module, becomes `new`."""

    name: str
    module: str
    case: str
    old: str
    new: str
    slow: bool = False

    @property
    def mutant(self) -> str:
        """Name of the broken module."""
        return f"{self.module}_{self.name}"

    @property
    def instance(self) -> str:
        """Name of its instance."""
        return f"{self.case}__{self.name}"

    def verilog(self) -> str:
        """Return the broken module."""
        text = modules()[self.module].text
        count = text.count(self.old)
        assert count == 1, f"{self.mutant}: {self.old!r} occurs {count} times, not once"
        text = text.replace(self.old, self.new)
        return text.replace(f"module {self.module} ", f"module {self.mutant} ")


def wrapper(cases: Iterable[Case], mutations: Iterable[Mutation]) -> str:
    """Return a top module with an instance of every case and every mutant.

    All ports lead outside as `<instance>__<port>`; each instance has a clock
    of its own, so that those which are not tested stand still.
    """
    by_name = {case.name: case for case in cases}
    instances = [(case.name, case.module, case) for case in by_name.values()]
    instances += [(m.instance, m.mutant, by_name[m.case]) for m in mutations]
    ports = [port for name, _, case in instances for port in _ports(name, case)]
    bodies = [_instance(name, module, case) for name, module, case in instances]
    return f"module {TOP} (\n" + ",\n".join(ports) + "\n);\n" + "".join(bodies) + "endmodule\n"


def _ports(instance: str, case: Case) -> list[str]:
    widths = case.widths
    return [
        f"  {port.direction} wire [{widths[port.name] - 1}:0] {instance}__{port.name} "
        "/*verilator public_flat_rw*/"
        for port in _module(case).ports
    ]


def _instance(instance: str, module: str, case: Case) -> str:
    parameters = ", ".join(f".{name}({value})" for name, value in case.parameters.items())
    ports = ", ".join(f".{port.name}({instance}__{port.name})" for port in _module(case).ports)
    return f"  {module} #({parameters}) {instance} ({ports});\n"


def _module(case: Case) -> Module:
    return modules()[case.module]
