"""What a search works on: the graph, what is pinned, and who estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from spikeloom.codegen._estimate import Area, Estimate
from spikeloom.codegen._facts import Facts, facts_of
from spikeloom.codegen._options import BuildOptions, LayerOptions
from spikeloom.codegen._search._parts import Part, Role, fitted, options_of, parts_of
from spikeloom.codegen._search._work import Work
from spikeloom.ir import Graph, IntArray


class Estimator(Protocol):
    """Says what a design costs.

    Both functions raise `BuildError` for options that cannot be built.
    """

    @property
    def is_quick(self) -> bool:
        """Whether `estimate` takes hardly longer than `area`."""

    def area(self, options: BuildOptions) -> Mapping[str, Area]:
        """Return the area of each node."""

    def estimate(self, options: BuildOptions) -> Estimate:
        """Return area, clock cycles and energy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A graph, its parts with what is pinned, recorded values, and an estimator."""

    facts: Facts
    parts: tuple[Part, ...]
    work: Work
    estimator: Estimator
    clock_mhz: float | None

    @classmethod
    def of(
        cls,
        graph: Graph,
        pinned: BuildOptions,
        signals: Mapping[str, IntArray],
        estimator: Estimator,
    ) -> Problem:
        """Lay out a search.

        Raises:
            GraphError: If the graph breaks a rule.
            BuildError: If an option names nothing, or cannot apply to what it names.
        """
        facts = facts_of(graph)
        parts = parts_of(facts, pinned)
        return cls(
            facts=facts,
            parts=parts,
            work=Work.of(facts, parts, signals),
            estimator=estimator,
            clock_mhz=pinned.clock_mhz,
        )

    def fitted(self, picks: Mapping[str, LayerOptions]) -> dict[str, LayerOptions]:
        """Make picks fit each other; what is not picked is as by default.

        Raises:
            BuildError: If an engine cannot take events as it was picked.
        """
        return fitted(self.facts, self.parts, picks)

    def options(self, picks: Mapping[str, LayerOptions]) -> BuildOptions:
        """Return the options of picks that fit."""
        return options_of(self.facts, picks, self.clock_mhz)

    def neurons_of(self, part: Part) -> str | None:
        """The neurons right behind an engine, which cost what its folding makes of them."""
        neurons = self.facts.only_neurons(part.node) if part.role is Role.ENGINE else None
        return None if neurons is None else neurons.name

    def slowest_first(self, picks: Mapping[str, LayerOptions]) -> list[Part]:
        """The parts, those that work longest first."""
        cycles = self.work.all_cycles(self.parts, picks)
        return sorted(self.parts, key=lambda part: -cycles[part.node])

    def neighbours(self) -> dict[str, set[str]]:
        """The parts whose streams lead to each other without passing through a third."""
        names = {part.node for part in self.parts}
        near: dict[str, set[str]] = {name: set() for name in names}
        for name in names:
            for other in self._before(name, names):
                near[name].add(other)
                near[other].add(name)
        return near

    def _before(self, name: str, parts: set[str]) -> set[str]:
        found: set[str] = set()
        seen, todo = {name}, [name]
        while todo:
            for source in self.facts.sources[todo.pop()]:
                if source.name in parts:
                    found.add(source.name)
                elif source.name not in seen:
                    todo.append(source.name)
                seen.add(source.name)
        return found - {name}
