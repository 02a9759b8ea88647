"""Makes `rtl_bench` importable, here and in the simulator, which inherits `sys.path`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def simulation(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    need: Callable[[str], None],
) -> Path:
    """The benches of the test module's SELECTION, built once."""
    need("verilator")
    folder: Path = request.module.SELECTION.build(tmp_path_factory.mktemp("benches"))
    return folder
