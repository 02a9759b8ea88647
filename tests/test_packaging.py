"""The distribution holds what the folders hold, and the tree is fit to publish."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import spikeloom
from spikeloom.ir import Graph

PARTS = ("ir", "model", "codegen", "hdl_templates", "sim", "boards")

# Written with character classes, so that this file does not match itself.
MACHINE_PATH = re.compile(r"/(w[o]rk|r[o]ot|h[o]me|U[s]ers)/\w|/tm[p]/[a-z]+_jobs")
REGISTRY = re.compile(r"pyp[i]\.|python[h]osted|index[-_]u[r]l|find[-_]l[i]nks|--has[h]=")


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    """The content of pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text())


def tracked_files(root: Path) -> list[Path]:
    """Files that git tracks, or would track: not the ignored ones."""
    if not (root / ".git").exists():
        pytest.skip("no git checkout, so what is tracked is not known")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    paths = (root / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def package_folders(root: Path) -> dict[str, Path]:
    """Folder of every Python package on disk, by import name."""
    found = {"spikeloom": root / "src" / "spikeloom"}
    for part in PARTS:
        for init in (root / part).rglob("__init__.py"):
            name = ".".join(init.parent.relative_to(root).parts)
            found[f"spikeloom.{name}"] = init.parent
    return found


def test_every_package_on_disk_is_listed(root: Path, project: dict[str, Any]) -> None:
    setuptools = project["tool"]["setuptools"]
    assert sorted(setuptools["packages"]) == sorted(package_folders(root))
    folders = {name: root / folder for name, folder in setuptools["package-dir"].items()}
    assert folders == package_folders(root)


def test_typings_link_every_module_of_the_facade_and_every_part(root: Path) -> None:
    typings = root / "typings" / "spikeloom"
    facade = root / "src" / "spikeloom"
    expected = {path.name: path for path in (*facade.glob("*.py"), facade / "py.typed")}
    expected |= {part: root / part for part in PARTS}
    links = {path.name: path.resolve() for path in typings.iterdir() if path.is_symlink()}
    assert links == expected


def test_parts_are_not_imported_under_their_folder_names() -> None:
    assert not set(PARTS) & set(sys.modules)


def test_lock_pins_every_requirement_exactly(root: Path, project: dict[str, Any]) -> None:
    lines = (root / "requirements.lock").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+", pin) for pin in pins)
    names = [pin.split("==")[0] for pin in pins]
    assert names == sorted(names)
    assert "torch==2.13.0" in pins
    asked = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["dev"]
    asked_names = {re.split(r"[<>=]", requirement)[0] for requirement in asked}
    assert asked_names <= set(names)


def test_licence_is_the_whole_apache_text(root: Path) -> None:
    text = (root / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "APPENDIX: How to apply the Apache License to your work." in text


def test_no_machine_path_and_no_registry_in_the_tree(root: Path) -> None:
    found = []
    for path in tracked_files(root):
        text = path.read_text(encoding="utf-8", errors="ignore")
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATH.search(line) or REGISTRY.search(line):
                found.append(f"{path.relative_to(root)}:{number}: {line.strip()}")
    assert found == []


def test_no_tracked_file_is_large(root: Path) -> None:
    large = [path.name for path in tracked_files(root) if path.stat().st_size > 2_000_000]
    assert large == []


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built offline from a clean copy of the tree."""
    copy = tmp_path_factory.mktemp("clean") / "spikeloom"
    for path in tracked_files(root):
        target = copy / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    target = copy / "dist"
    target.mkdir()
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    command = [sys.executable, "-c", build, str(target)]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(target.glob("*.whl"))


def test_wheel_holds_every_file_of_every_package(root: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tracked = set(tracked_files(root))
    for folder, inside in [(root / "src" / "spikeloom", "spikeloom")] + [
        (root / part, f"spikeloom/{part}") for part in PARTS
    ]:
        on_disk = {path for path in tracked if path.is_relative_to(folder)}
        expected = {f"{inside}/{path.relative_to(folder).as_posix()}" for path in on_disk}
        assert expected <= names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"spikeloom"}


def test_wheel_works_on_its_own(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import spikeloom, spikeloom.codegen, spikeloom.sim, spikeloom.boards;"
        "print(spikeloom.__file__, len(spikeloom.list_boards()))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    place, boards = done.stdout.split()
    assert Path(place).is_relative_to(tmp_path / "site")
    assert int(boards) > 0


def parts_imported_by(folder: Path) -> set[str]:
    """Parts that the modules of `folder` import, anywhere in them."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            found |= {name.split(".")[1] for name in names if name.startswith("spikeloom.")}
    return found & set(PARTS)


def test_contributing_tells_which_part_imports_which(root: Path) -> None:
    text = (root / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| `(?:src/)?(\w+)/` \|[^|]*\|([^|]*)\|$", text, re.MULTILINE)
    told = {part: set(re.findall(r"`(\w+)`", cell)) for part, cell in rows}
    folders = {"spikeloom": root / "src" / "spikeloom"} | {part: root / part for part in PARTS}
    assert told == {part: parts_imported_by(folder) - {part} for part, folder in folders.items()}


def test_contracts_keep_every_module_but_the_model_from_pytorch(
    root: Path, project: dict[str, Any]
) -> None:
    contracts = project["tool"]["importlinter"]["contracts"]
    kept = [contract for contract in contracts if "torch" in contract.get("forbidden_modules", ())]
    named = [module for contract in kept for module in contract["source_modules"]]
    facade = (path.stem for path in (root / "src" / "spikeloom").glob("*.py"))
    expected = {*facade, *PARTS} - {"__init__", "model"}
    assert sorted(named) == sorted(f"spikeloom.{name}" for name in expected)
    (strict,) = (contract for contract in kept if not contract.get("allow_indirect_imports"))
    assert "spikeloom.model" in strict["forbidden_modules"]
    assert {f"spikeloom.{part}" for part in PARTS if part != "model"} < set(
        strict["source_modules"]
    )


LICENCE_LINE = "SPDX-License-Identifier: Apache-2.0"


def says_its_licence(text: str) -> bool:
    return any(LICENCE_LINE in line for line in text.splitlines()[:2])


def test_code_that_reaches_users_says_its_licence(root: Path) -> None:
    sources = (".v", ".v.j2", ".h", ".h.j2", ".cpp")
    for path in tracked_files(root):
        board_data = path.suffix == ".toml" and path.parent.name == "data"
        if path.name.endswith(sources) or board_data:
            assert says_its_licence(path.read_text(encoding="utf-8")), path


def test_code_of_an_output_folder_says_its_licence(tiny_graph: Graph, tmp_path: Path) -> None:
    out = spikeloom.build(tiny_graph, tmp_path / "out", board="ulx3s")
    code = [path for path in out.rglob("*") if path.suffix in {".v", ".py"}]
    assert {path.parent.name for path in code} >= {"rtl", "sim", "ulx3s"}
    silent = [
        str(path.relative_to(out))
        for path in code
        if not says_its_licence(path.read_text()) and path.name != "__init__.py"  # one line of text
    ]
    assert silent == []


@pytest.mark.parametrize(
    ("config", "run", "started_over"),
    [(2, 1, True), (1, 2, False), (1, None, False)],
    ids=["configuration newer", "run newer", "no run"],
)
def test_demo_starts_over_when_its_configuration_is_newer_than_the_run(
    root: Path,
    tmp_path: Path,
    need: Callable[[str], None],
    config: int,
    run: int | None,
    started_over: bool,
) -> None:
    need("make")
    (tmp_path / "a.toml").touch()
    os.utime(tmp_path / "a.toml", (config, config))
    if run is not None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "config.toml").touch()
        os.utime(tmp_path / "run" / "config.toml", (run, run))
    where = [f"DEMO_CONFIG={tmp_path / 'a.toml'}", f"DEMO_RUN={tmp_path / 'run'}"]
    command = ["make", "--old-file=setup", "demo", "SPIKELOOM=echo", *where]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    (trained,) = (line for line in done.stdout.splitlines() if line.startswith("train "))
    assert trained.endswith("--restart") is started_over
    assert ("training starts over" in done.stdout) is started_over


def test_peers_of_the_benchmarks_are_pinned_in_one_place(
    root: Path, project: dict[str, Any]
) -> None:
    peers = project["project"]["optional-dependencies"]["benchmarks"]
    assert all(re.fullmatch(r"[a-z]+==[0-9.]+", peer) for peer in peers)
    makefile = (root / "Makefile").read_text()
    assert "optional-dependencies" in makefile
    assert not any(peer.split("==")[1] in makefile for peer in peers)
