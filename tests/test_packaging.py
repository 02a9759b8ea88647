"""The distribution holds what the folders hold, and the tree is fit to publish."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

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
