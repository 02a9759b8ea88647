"""docs/modules.md describes every module as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rtl_bench.library import Module, modules


@pytest.fixture(scope="module")
def sections(root: Path) -> dict[str, str]:
    text = (root / "docs" / "modules.md").read_text()
    _, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    return {part.partition("\n")[0]: part for part in parts}


def test_every_module_is_described_once(sections: dict[str, str]) -> None:
    assert sorted(sections) == sorted(modules())


@pytest.mark.parametrize("module", modules().values(), ids=lambda m: m.name)
def test_tables_list_what_the_verilog_declares(sections: dict[str, str], module: Module) -> None:
    rows = [_cells(line) for line in sections[module.name].splitlines() if line.startswith("| `")]
    ports = [(name, way, bits) for name, way, bits, _ in (r for r in rows if len(r) == 4)]
    ways = {"input": "in", "output": "out"}
    assert ports == [(port.name, ways[port.direction], port.width) for port in module.ports]
    parameters = [(name, default) for name, default, _ in (r for r in rows if len(r) == 3)]
    assert parameters == [(p.name, p.default) for p in module.parameters]
    assert all(all(row) for row in rows), "a cell is empty"


@pytest.mark.parametrize("module", modules().values(), ids=lambda m: m.name)
def test_timing_is_given(sections: dict[str, str], module: Module) -> None:
    assert "**Timing.**" in sections[module.name]


def _cells(line: str) -> list[str]:
    """Split a row of a table; what is code there loses its quotes."""
    *code, meaning = line.strip("| ").split(" | ")
    return [*(cell.strip("`") for cell in code), meaning]
