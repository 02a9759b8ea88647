"""The README says what is true: its boards, commands, options, links and code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import spikeloom
from spikeloom._cli import app


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    """The text of README.md."""
    return (root / "README.md").read_text()


def test_boards_of_the_readme_are_the_supported_ones(readme: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| (bitstream|area only)", readme, re.MULTILINE)
    how_far = {"bitstream": "bitstream", "area only": "area"}
    told = {name: how_far[support] for name, support in rows}
    assert told == {board.name: str(board.support) for board in spikeloom.list_boards()}


def test_commands_of_the_readme_exist(readme: str) -> None:
    commands = set(re.findall(r"^spikeloom (\w+)", readme, re.MULTILINE))
    steps = {"train", "compress", "build", "explore", "verify", "synth", "report", "boards"}
    assert commands == steps
    shown = {name: CliRunner().invoke(app, [name, "--help"]).stdout for name in commands}
    plain = {name: re.sub(r"\x1b\[[0-9;]*m", "", text) for name, text in shown.items()}
    assert all("--json" in text for text in plain.values())
    for option in set(re.findall(r"(--[a-z][a-z-]+)", readme)):
        assert any(option in text for text in plain.values()), option


def test_links_of_the_documents_lead_somewhere(root: Path) -> None:
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        for target in re.findall(r"\]\(([^)#]+)", (root / name).read_text()):
            assert target.startswith("https://") or (root / target).exists(), (name, target)


def test_python_of_the_readme_uses_the_public_functions(readme: str) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    used = {
        node.attr
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "spikeloom"
    }
    assert used == {"train", "build", "verify", "synth", "report"}
    assert used <= set(spikeloom.__all__)
    compile(code, "README.md", "exec")
