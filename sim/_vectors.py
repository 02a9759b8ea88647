"""The stored test set of a build."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloom.ir import DataError

VECTORS = Path("vectors") / "test.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """N inferences, with labels and PyTorch's predictions where they are known."""

    inputs: NDArray[Any]  # [N, *shape], or [N, T, *shape] for spikes
    labels: NDArray[np.int64] | None
    predictions: NDArray[np.int64] | None


def load_vectors(out: Path, limit: int | None = None) -> Vectors:
    """Read the test set of the output folder `out`, or its first `limit` inferences.

    Raises:
        DataError: If the file is missing or broken, its arrays differ in
            length, or no inference is left.
    """
    if limit is not None and limit < 1:
        raise DataError(f"limit must be at least 1 inference, not {limit}")
    path = out / VECTORS
    arrays = _read(path)
    if "inputs" not in arrays:
        raise DataError(f"{path} must hold an array 'inputs'; run `spikeloom build` again")
    inputs = arrays["inputs"][:limit]
    if not len(inputs):
        raise DataError(f"{path} holds no inference; build from a run with test data")
    return Vectors(inputs, _column(path, arrays, "labels"), _column(path, arrays, "predictions"))


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        content = io.BytesIO(path.read_bytes())  # numpy leaves a damaged file open
        with np.load(content, allow_pickle=False) as archive:
            return dict(archive)
    except FileNotFoundError:
        raise DataError(f"{path} is missing; run `spikeloom build` again") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read ({error}); run `spikeloom build` again") from error


def _column(path: Path, arrays: dict[str, NDArray[Any]], name: str) -> NDArray[np.int64] | None:
    """Return one value per inference, or None where there is none."""
    values = arrays.get(name)
    if values is None:
        return None
    if values.shape != (len(arrays["inputs"]),):
        raise DataError(
            f"{path}: {name!r} must have one value for each of {len(arrays['inputs'])} inputs, "
            f"not shape {list(values.shape)}; run `spikeloom build` again"
        )
    return values.astype(np.int64)
