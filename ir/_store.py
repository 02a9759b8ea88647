"""Writing one file as a whole: a reader finds the old one or the new one."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikeloom.ir._errors import BuildError


def write_whole(path: Path, content: bytes) -> None:
    """Write `path` beside its place and rename it there.

    Raises:
        BuildError: If the disk refuses; an earlier file stays as it was.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise BuildError(
            f"cannot write {path}: {error.strerror}; {_remedy(error)}, what was there is unchanged"
        ) from error
    finally:
        with contextlib.suppress(OSError):  # a part that cannot be there must not hide the error
            part.unlink(missing_ok=True)


def _remedy(error: OSError) -> str:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "free some space" if full else "choose a file that can be written"


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object with `write_whole`.

    Raises:
        BuildError: If the disk refuses, or a number is not finite, which JSON cannot say.
    """
    try:
        text = json.dumps(value, indent=2, allow_nan=False)
    except ValueError as error:
        raise BuildError(
            f"cannot write {path}: every number in it must be finite ({error}); put null there"
        ) from error
    write_whole(path, (text + "\n").encode())
