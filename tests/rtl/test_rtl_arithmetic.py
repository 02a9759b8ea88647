"""The modules that add: their benches, and one error in each that its bench must find."""

from __future__ import annotations

from pathlib import Path

import pytest
from rtl_bench.checks import Selection, check_module, check_mutant
from rtl_bench.suite import Mutation

SELECTION = Selection(
    (
        "spikeloom_accumulator",
        "spikeloom_sparse_rows",
        "spikeloom_synapse",
        "spikeloom_neuron",
        "spikeloom_channelwise",
        "spikeloom_product",
    )
)


@pytest.mark.parametrize("module", SELECTION.modules)
def test_module_does_what_its_header_says(simulation: Path, module: str) -> None:
    check_module(simulation, SELECTION, module)


@pytest.mark.parametrize("mutation", SELECTION.mutations, ids=lambda m: m.mutant)
def test_bench_finds_an_error(simulation: Path, mutation: Mutation) -> None:
    check_mutant(simulation, mutation)
