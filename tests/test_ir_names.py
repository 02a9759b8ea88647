"""Guessing a name, and archives whose bytes repeat."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from spikeloom.ir import nearest_name, npz_bytes


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("hiden", "hidden"),
        ("HIDDEN", "hidden"),
        ("Ulx3", "ULX3S"),
        ("hidden", "hidden"),
        ("qqq", None),
        ("", None),
    ],
)
def test_nearest_name_ignores_case_and_does_not_guess_wildly(
    name: str, nearest: str | None
) -> None:
    assert nearest_name(name, ("output", "hidden", "ULX3S")) == nearest


def test_nearest_name_of_none_is_none() -> None:
    assert nearest_name("hidden", ()) is None


def test_archive_depends_on_the_arrays_alone() -> None:
    arrays = {"b": np.arange(6, dtype=np.int8).reshape(2, 3), "a": np.ones(2, np.uint32)}
    content = npz_bytes(arrays)
    assert content == npz_bytes(dict(reversed(arrays.items())))
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        assert archive.files == ["a", "b"]
        assert all(np.array_equal(archive[name], arrays[name]) for name in arrays)
        assert archive["b"].dtype == np.int8
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            assert (entry.date_time, entry.create_system) == ((1980, 1, 1, 0, 0, 0), 3)
