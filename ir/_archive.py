"""Arrays as the bytes of an .npz archive that depend on the arrays alone."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip archive can name


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return `arrays` as an .npz: sorted entries, no compression, fixed time stamps.

    The same arrays give the same bytes on every system, at any time.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            entry = io.BytesIO()
            np.lib.format.write_array(entry, arrays[name], version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.create_system = 3  # the same on every operating system
            archive.writestr(info, entry.getvalue())
    return buffer.getvalue()
