"""Data sets: the built-in digits, idx files good and bad, augmentation."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from spikeloom.ir import DataError
from spikeloom.model import DataConfig, TrainConfig, load_dataset, quantise
from spikeloom.model._augment import augment
from spikeloom.model._data import Images, hold_out, read_idx

MNIST = DataConfig(set="mnist")


def idx(values: Images) -> bytes:
    """An idx file of unsigned bytes."""
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.tobytes()


def write_set(folder: Path, *, compress: bool) -> None:
    """A small data set in the four standard files."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for part, count in (("train", 30), ("t10k", 20)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 10
        for name, values in (("images-idx3", images), ("labels-idx1", labels)):
            raw = idx(values)
            file = folder / f"{part}-{name}-ubyte{'.gz' if compress else ''}"
            file.write_bytes(gzip.compress(raw) if compress else raw)


def test_digits_are_built_in_and_their_test_set_is_fixed() -> None:
    data = load_dataset(DataConfig())
    assert data.shape == (1, 8, 8)
    assert (len(data.train), len(data.test)) == (1437, 360)
    assert data.train.images.max() == 15
    shares = np.bincount(data.test.labels) / 360
    assert shares.min() > 0.09  # stratified
    again = load_dataset(DataConfig())
    assert (again.test.images == data.test.images).all()


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("sub", ["", "mnist"])
def test_idx_files_are_found(
    tmp_path: Path, compress: bool, sub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_set(tmp_path / sub, compress=compress)
    data = load_dataset(MNIST, tmp_path)
    assert data.train.images.shape == (30, 1, 28, 28)
    assert data.train.images.dtype == np.uint8
    assert data.test.labels.tolist() == [i % 10 for i in range(20)]
    monkeypatch.setenv("SPIKELOOM_DATA", str(tmp_path))
    assert len(load_dataset(MNIST).test) == 20


def test_folder_must_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPIKELOOM_DATA", raising=False)
    with pytest.raises(DataError, match=r"^the data set 'mnist' is read .* --data-dir or in SPIKE"):
        load_dataset(MNIST)


def test_folder_without_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r" holds no idx files of 'mnist', neither directly nor in"):
        load_dataset(MNIST, tmp_path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    write_set(tmp_path, compress=True)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r" must hold t10k-labels-idx1-ubyte or t10k-labels.*\.gz"):
        load_dataset(MNIST, tmp_path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: raw[:-1], r"images-idx3-ubyte is truncated: 15695 bytes where its header"),
        (lambda raw: raw + b"x", r"images-idx3-ubyte is too long: 15697 bytes where"),
        (lambda raw: b"\0\0\x0d" + raw[3:], r"is not an idx file of 3-dimensional unsigned bytes"),
        (lambda _: b"", r"is not an idx file .*\(it begins with nothing\)"),
    ],
)
def test_damaged_file_is_refused(tmp_path: Path, damage: object, message: str) -> None:
    write_set(tmp_path, compress=False)
    file = tmp_path / "t10k-images-idx3-ubyte"
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]  # one of the above
    with pytest.raises(DataError, match=message):
        load_dataset(MNIST, tmp_path)


def test_damaged_archive_is_refused(tmp_path: Path) -> None:
    write_set(tmp_path, compress=True)
    file = tmp_path / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"^cannot read .*train-images.*; download it again$"):
        load_dataset(MNIST, tmp_path)


def test_sets_that_do_not_match_are_refused(tmp_path: Path) -> None:
    write_set(tmp_path, compress=False)
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.write_bytes(idx(np.zeros(29, dtype=np.uint8)))
    with pytest.raises(DataError, match=r" has 30 train images but 29 labels$"):
        load_dataset(MNIST, tmp_path)
    labels.write_bytes(idx(np.full(30, 12, dtype=np.uint8)))
    with pytest.raises(DataError, match=r"must be 0 to 9, not 12$"):
        load_dataset(MNIST, tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((30, 8, 8), dtype=np.uint8)))
    with pytest.raises(DataError, match=r"must be 28 x 28, not \(8, 8\)$"):
        load_dataset(MNIST, tmp_path)


def test_empty_set_is_refused(tmp_path: Path) -> None:
    write_set(tmp_path, compress=False)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(np.zeros((0, 28, 28), dtype=np.uint8)))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(0, dtype=np.uint8)))
    with pytest.raises(DataError, match=r" must have t10k images, but has none; download it"):
        load_dataset(MNIST, tmp_path)


def test_too_few_images_to_hold_out_are_refused() -> None:
    data = load_dataset(DataConfig())
    few = data.train.take(np.arange(12))
    message = r"^12 images are too few to hold out 10% of every class \(.*\); use more images"
    with pytest.raises(DataError, match=message):
        hold_out(few, 0.1, seed=3)


def test_read_idx_gives_what_was_written(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "x").write_bytes(idx(values))
    assert (read_idx(tmp_path / "x", dimensions=3) == values).all()


def test_quantisation_keeps_the_highest_bits() -> None:
    pixels = np.array([0, 63, 64, 127, 128, 255], dtype=np.uint8)
    assert quantise(pixels, pixel_bits=8, input_bits=1).tolist() == [0, 0, 0, 0, 1, 1]
    assert quantise(pixels, pixel_bits=8, input_bits=2).tolist() == [0, 0, 1, 1, 2, 3]
    assert quantise(pixels, pixel_bits=8, input_bits=8).tolist() == pixels.tolist()


def test_held_out_part_is_stratified_and_disjoint() -> None:
    data = load_dataset(DataConfig())
    kept, held = hold_out(data.train, 0.1, seed=3)
    assert len(kept) + len(held) == len(data.train)
    assert np.bincount(held.labels).min() >= 13


def test_augmentation_moves_and_is_seeded() -> None:
    images = torch.zeros(64, 1, 9, 9)
    images[:, :, 4, 4] = 200.0
    still = augment(images, TrainConfig(), torch.Generator().manual_seed(1))
    assert still is images
    config = TrainConfig(shift=1.0, rotation=10.0, zoom=0.1)
    one, two = (augment(images, config, torch.Generator().manual_seed(1)) for _ in range(2))
    assert (one == two).all()
    assert (one != images).any()
    assert (one == one.round()).all()
    assert one[:, :, 2:7, 2:7].sum() == one.sum()  # no further than it may


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_real_files_are_read(name: Literal["mnist", "fashion_mnist"]) -> None:
    if "SPIKELOOM_DATA" not in os.environ:
        pytest.skip("SPIKELOOM_DATA does not name a folder with the idx files")
    data = load_dataset(DataConfig(set=name))
    assert data.train.images.shape == (60_000, 1, 28, 28)
    assert data.test.images.shape == (10_000, 1, 28, 28)
    assert np.bincount(data.test.labels).min() > 800
