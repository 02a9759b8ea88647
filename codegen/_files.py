"""Files in memory, written to disk as a whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from spikeloom.ir import BuildError

MARKER = "manifest.json"  # what makes a folder one of ours, and so replaceable


@dataclass(slots=True)
class FileSet:
    """The files of an output folder: relative POSIX path to content."""

    _files: dict[str, bytes] = field(default_factory=dict)

    def add(self, path: str, content: str | bytes) -> None:
        """Add one file.

        Raises:
            BuildError: If `path` is absolute, climbs with `..`, or is taken.
        """
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or str(pure) != path:
            raise BuildError(f"output path must be relative and plain, not {path!r}")
        if path in self._files:
            raise BuildError(f"output path {path!r} is written twice")
        self._files[path] = content.encode() if isinstance(content, str) else content

    def merge(self, other: FileSet) -> None:
        """Add every file of `other` (BuildError if a path is taken)."""
        for path, content in other:
            self.add(path, content)

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        return iter(sorted(self._files.items()))

    def __getitem__(self, path: str) -> bytes:
        return self._files[path]

    def __contains__(self, path: object) -> bool:
        return path in self._files

    def digests(self) -> dict[str, str]:
        """SHA-256 of every file, by path in sorted order."""
        return {path: hashlib.sha256(content).hexdigest() for path, content in self}

    def write(self, folder: Path) -> None:
        """Write the files as `folder`, replacing an earlier output of ours.

        They are staged beside `folder` and swapped in with renames, so that a
        full disk or a Ctrl-C leaves what was there before.

        Raises:
            BuildError: If `folder` holds something that is not our output, or
                the disk refuses; nothing is changed then.
        """
        folder = folder.resolve()
        self._check_replaceable(folder)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            stage = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        except OSError as error:
            raise BuildError(f"cannot write beside {folder}: {error}") from error
        try:
            self._fill(stage / "new")
            _swap(stage, folder)
        except OSError as error:
            raise BuildError(
                f"cannot write {folder}: {error.strerror}; what was there is unchanged, "
                "free some space or choose another folder with --out"
            ) from error
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    def _fill(self, stage: Path) -> None:
        for path, content in self:
            target = stage / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    @staticmethod
    def _check_replaceable(folder: Path) -> None:
        if not folder.exists():
            return
        if folder.is_dir() and ((folder / MARKER).is_file() or not any(folder.iterdir())):
            return
        raise BuildError(
            f"{folder} exists and is not a Spikeloom output (it has no {MARKER}); "
            "choose another folder with --out, or remove it"
        )


def _swap(stage: Path, folder: Path) -> None:
    """Put `stage/new` in the place of `folder`; on failure put the old one back."""
    old = stage / "old"
    try:
        if folder.exists():
            folder.rename(old)
        (stage / "new").rename(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise
