"""Results that a step leaves in an output folder for the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spikeloom.ir import DataError

ESTIMATE = "estimate.json"  # that `build` writes


def read_result(path: Path) -> dict[str, Any] | None:
    """Read a result of an earlier step, or return None if there is none.

    Raises:
        DataError: If the file is no JSON object, say cut short, or has a number
            that JSON has not, such as NaN.
    """
    try:
        result = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); remove it and run again") from error
    if not isinstance(result, dict):
        raise DataError(f"{path} must hold a JSON object; remove it and run again")
    return result


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")
