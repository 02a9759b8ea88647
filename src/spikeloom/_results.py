"""Results that a step leaves in an output folder for the report."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikeloom.ir import BuildError, DataError


def read_result(path: Path) -> dict[str, Any] | None:
    """Read a result of an earlier step, or return None if there is none.

    Raises:
        DataError: If the file is no JSON object, say cut short.
    """
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); remove it and run again") from error
    if not isinstance(result, dict):
        raise DataError(f"{path} must hold a JSON object; remove it and run again")
    return result


def write_result(path: Path, result: Mapping[str, Any]) -> None:
    """Write a result as a whole: a reader finds the old one or the new one.

    Raises:
        BuildError: If the disk refuses.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as stage:
            staged = Path(stage) / path.name
            staged.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
            staged.replace(path)
    except OSError as error:
        raise BuildError(f"cannot write {path}: {error.strerror}; free some space") from error
