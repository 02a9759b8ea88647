"""The modules of early decision: their benches, and errors that these must find."""

from __future__ import annotations

from pathlib import Path

import pytest
from rtl_bench.checks import Selection, check_module, check_mutant
from rtl_bench.suite import Mutation

SELECTION = Selection(("spikeloom_gate", "spikeloom_decision"))


@pytest.mark.parametrize("module", SELECTION.modules)
def test_module_does_what_its_header_says(simulation: Path, module: str) -> None:
    check_module(simulation, SELECTION, module)


@pytest.mark.parametrize("mutation", SELECTION.mutations, ids=lambda m: m.mutant)
def test_bench_finds_an_error(simulation: Path, mutation: Mutation) -> None:
    check_mutant(simulation, mutation)
