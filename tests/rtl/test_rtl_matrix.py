"""The wider matrix: more parameter sets of every module, and more errors to be found."""

from __future__ import annotations

from pathlib import Path

import pytest
from rtl_bench.checks import Selection, check_module, check_mutant
from rtl_bench.library import modules
from rtl_bench.registry import CASES
from rtl_bench.suite import Mutation

SELECTION = Selection(tuple(sorted({case.module for case in CASES})), slow=True)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("module", SELECTION.modules)
def test_module_does_what_its_header_says(simulation: Path, module: str) -> None:
    check_module(simulation, SELECTION, module)


@pytest.mark.parametrize("mutation", SELECTION.mutations, ids=lambda m: m.mutant)
def test_bench_finds_an_error(simulation: Path, mutation: Mutation) -> None:
    check_mutant(simulation, mutation)


def test_every_module_has_a_bench() -> None:
    # The UART is tested on the simulated board.
    rest = set(modules()) - set(SELECTION.modules)
    assert all(name.startswith("spikeloom_uart") for name in rest), rest
