"""What the pytest files do with the benches: build a selection, run a module, run a mutant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rtl_bench.mutations import MUTATIONS
from rtl_bench.registry import CASES
from rtl_bench.simulator import SEED, Outcome, build, run
from rtl_bench.suite import Case, Mutation

SCENARIOS = ("back_to_back", "random_pauses", "reset_in_mid_stream", "timing")


@dataclass(frozen=True, slots=True)
class Selection:
    """Modules, of the normal or of the slow parameter sets."""

    modules: tuple[str, ...]
    slow: bool = False

    @property
    def cases(self) -> list[Case]:
        return [c for c in CASES if c.module in self.modules and c.slow == self.slow]

    @property
    def mutations(self) -> list[Mutation]:
        return [m for m in MUTATIONS if m.module in self.modules and m.slow == self.slow]

    def build(self, folder: Path) -> Path:
        """Build one simulation of all cases and mutants."""
        wanted = {case.name: case for case in self.cases}
        # A mutant needs the facts of its case, but not its instance.
        wanted |= {c.name: c for c in CASES if c.name in {m.case for m in self.mutations}}
        build(folder, list(wanted.values()), self.mutations)
        return folder


def check_module(folder: Path, selection: Selection, module: str) -> None:
    """Every scenario must pass on every parameter set of a module."""
    names = [case.name for case in selection.cases if case.module == module]
    outcome = run(folder, names)
    assert len(outcome.tests) == len(SCENARIOS) * len(names), _report(outcome)
    assert not outcome.failures, _report(outcome)


def check_mutant(folder: Path, mutation: Mutation) -> None:
    """A scenario must fail on a mutant, in a check of its bench."""
    outcome = run(folder, [mutation.instance])
    assert len(outcome.tests) == len(SCENARIOS), _report(outcome)
    assert outcome.failures, f"no bench finds {mutation.mutant}"
    assert all(why.startswith("AssertionError") for why in outcome.failures.values()), _report(
        outcome
    )


def _report(outcome: Outcome) -> str:
    lines = [f"{name}: {why}" for name, why in outcome.failures.items()]
    head = f"{len(lines)} of {len(outcome.tests)} tests failed with SPIKELOOM_RTL_SEED={SEED}"
    return "\n".join([head, *lines, f"log: {outcome.log}"])
