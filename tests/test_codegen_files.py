"""FileSet: what may be in an output folder, and that it is replaced whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from spikeloom.codegen import FileSet
from spikeloom.ir import BuildError


def file_set(**files: str | bytes) -> FileSet:
    """A set with a manifest and `files` (double underscores stand for slashes)."""
    made = FileSet()
    made.add("manifest.json", "{}\n")
    for path, content in files.items():
        made.add(path.replace("__", "/"), content)
    return made


def tree(folder: Path) -> dict[str, bytes]:
    """Content by path of every file below `folder`."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_files_come_in_sorted_order_as_bytes() -> None:
    files = file_set(rtl__b="two", rtl__a=b"one")
    assert list(files) == [("manifest.json", b"{}\n"), ("rtl/a", b"one"), ("rtl/b", b"two")]
    assert files["rtl/b"] == b"two"
    assert "rtl/a" in files
    assert "rtl/c" not in files


def test_digests_are_those_of_the_contents() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert file_set(x=b"").digests()["x"] == empty


@pytest.mark.parametrize("path", ["/etc/x", "../x", "rtl/../../x", "a//b", "./a", ""])
def test_path_that_leaves_the_folder_is_refused(path: str) -> None:
    with pytest.raises(BuildError, match=r"^output path must be relative and plain, not "):
        FileSet().add(path, "")


def test_path_written_twice_is_refused() -> None:
    with pytest.raises(BuildError, match=r"^output path 'rtl/a' is written twice$"):
        file_set(rtl__a="").merge(file_set_without_manifest("rtl/a"))


def file_set_without_manifest(path: str) -> FileSet:
    made = FileSet()
    made.add(path, "")
    return made


def test_write_makes_the_folder_and_its_parents(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    file_set(rtl__a="one").write(out)
    assert tree(out) == {"manifest.json": b"{}\n", "rtl/a": b"one"}


def test_write_replaces_the_whole_earlier_output(tmp_path: Path) -> None:
    out = tmp_path / "out"
    file_set(old="old").write(out)
    (out / "verify.json").write_text("{}")
    file_set(new="new").write(out)
    assert tree(out) == {"manifest.json": b"{}\n", "new": b"new"}
    assert list(tmp_path.iterdir()) == [out]


def test_write_refuses_a_folder_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(BuildError, match=r"is not a Spikeloom output \(it has no manifest\.json\)"):
        file_set().write(tmp_path)
    assert tree(tmp_path) == {"thesis.tex": b"years of work"}


def test_write_refuses_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("a file")
    with pytest.raises(BuildError, match="is not a Spikeloom output"):
        file_set().write(out)
    assert out.read_text() == "a file"


def test_interruption_between_the_two_renames_leaves_an_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    file_set(old="old").write(out)
    real = Path.rename

    def rename_then_interrupt(path: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", real)
        real(path, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", rename_then_interrupt)
    with pytest.raises(KeyboardInterrupt):
        file_set(new="new").write(out)
    assert tree(out) == {"manifest.json": b"{}\n", "old": b"old"}
    assert list(tmp_path.iterdir()) == [out]


class Interruption:
    """Stands in for a method of Path; fails at its `at`-th call."""

    def __init__(self, real: object, at: int, error: BaseException) -> None:
        assert callable(real)
        self._real, self._left, self._error = real, at, error

    def __call__(self, *args: object) -> object:
        self._left -= 1
        if self._left == 0:
            raise self._error
        return self._real(*args)


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()])
def test_failure_while_staging_leaves_the_old_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException
) -> None:
    out = tmp_path / "out"
    file_set(old="old").write(out)
    failing = Interruption(Path.write_bytes, at, error)
    monkeypatch.setattr(Path, "write_bytes", lambda *args: failing(*args))
    expected = BuildError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        file_set(a="1", b="2").write(out)
    assert tree(out) == {"manifest.json": b"{}\n", "old": b"old"}
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()])
def test_failure_while_swapping_leaves_the_old_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException
) -> None:
    out = tmp_path / "out"
    file_set(old="old").write(out)
    failing = Interruption(Path.rename, at, error)
    monkeypatch.setattr(Path, "rename", lambda *args: failing(*args))
    expected = BuildError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        file_set(new="new").write(out)
    assert tree(out) == {"manifest.json": b"{}\n", "old": b"old"}
    assert list(tmp_path.iterdir()) == [out]


def test_full_disk_is_said_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = Interruption(Path.write_bytes, 1, FULL)
    monkeypatch.setattr(Path, "write_bytes", lambda *args: failing(*args))
    message = r"No space left on device; what was there is unchanged, free some space"
    with pytest.raises(BuildError, match=message):
        file_set().write(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
