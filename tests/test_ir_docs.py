"""The example of docs/ir.md does what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


def test_the_example_by_hand_prints_what_the_page_shows(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (root / "docs" / "ir.md").read_text()
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    shown = re.search(r"```text\n(.*?)```", page, re.DOTALL)
    assert code
    assert shown
    exec(compile(code[1], "docs/ir.md", "exec"), {"folder": tmp_path})
    assert capsys.readouterr().out == shown[1]
