"""All cases and mutations by the name of their instance."""

from __future__ import annotations

from rtl_bench import (
    cases_arithmetic,
    cases_early,
    cases_engines,
    cases_flow,
    cases_neuron,
    cases_sparse,
    cases_stream,
)
from rtl_bench.mutations import MUTATIONS
from rtl_bench.suite import Case

CASES: tuple[Case, ...] = (
    *cases_stream.CASES,
    *cases_arithmetic.CASES,
    *cases_neuron.CASES,
    *cases_engines.CASES,
    *cases_flow.CASES,
    *cases_early.CASES,
    *cases_sparse.CASES,
)

_BY_NAME = {case.name: case for case in CASES}
assert len(_BY_NAME) == len(CASES), "two cases have one name"

INSTANCES: dict[str, Case] = _BY_NAME | {m.instance: _BY_NAME[m.case] for m in MUTATIONS}
