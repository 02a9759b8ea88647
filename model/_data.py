"""Data sets: scikit-learn's digits, and MNIST and Fashion-MNIST from idx files."""

from __future__ import annotations

import gzip
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeloom.ir import DataError, IntArray
from spikeloom.model._check import PIXEL_BITS
from spikeloom.model._config import DataConfig

Images = NDArray[np.uint8]

ENVIRONMENT = "SPIKELOOM_DATA"
FOLDERS = {"mnist": ("mnist", "MNIST"), "fashion_mnist": ("fashion-mnist", "fashion_mnist")}
SIDE = 28
UNSIGNED_BYTE = 0x08
SPLIT_SEED = 0  # the held-out digits are the same in every run, whatever its seed


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Images `[N, 1, H, W]` uint8 as they come, and labels `[N]` int64."""

    images: Images
    labels: IntArray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: IntArray) -> Split:
        """The samples at `index`."""
        return Split(self.images[index], self.labels[index])


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A training and a test set whose pixels have `pixel_bits` bits."""

    train: Split
    test: Split
    pixel_bits: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an image, `(1, H, W)`."""
        return self.train.images.shape[1:]


def load_dataset(config: DataConfig, data_dir: Path | None = None) -> Dataset:
    """Load the data set of a configuration.

    Args:
        config: Its `[data]` table.
        data_dir: Folder of the idx files, or one that holds `mnist/` and
            `fashion-mnist/`; by default the environment's `SPIKELOOM_DATA`.

    Raises:
        DataError: If files are missing, truncated or not what their names say.
    """
    if config.set == "digits":
        return _load_digits(config.test_fraction)
    folder = _find_folder(config.set, data_dir)
    train, test = (_load_split(folder, part) for part in ("train", "t10k"))
    return Dataset(train, test, PIXEL_BITS[config.set])


def quantise(images: Images, *, pixel_bits: int, input_bits: int) -> Images:
    """Keep the highest `input_bits` bits of every pixel (with 1 bit: `pixel >= half`)."""
    return images >> np.uint8(pixel_bits - input_bits)


def hold_out(split: Split, fraction: float, seed: int) -> tuple[Split, Split]:
    """Part a set in two, the second with `fraction` of every class.

    Raises:
        DataError: If there are too few images to leave some of every class in both parts.
    """
    from sklearn.model_selection import (  # type: ignore[import-untyped]  # has no stubs
        train_test_split,
    )

    index = np.arange(len(split))
    try:
        kept, held = train_test_split(
            index, test_size=fraction, random_state=seed, stratify=split.labels
        )
    except ValueError as error:
        raise DataError(
            f"{len(split)} images are too few to hold out {fraction:.0%} of every class "
            f"({error}); use more images or another fraction"
        ) from error
    return split.take(np.sort(kept)), split.take(np.sort(held))


def _load_digits(test_fraction: float) -> Dataset:
    """1,797 images of 8 x 8; the value 16 of the original becomes 15, so that 4 bits hold it."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]  # has no stubs

    images, labels = load_digits(return_X_y=True)
    pixels = np.minimum(images, 15).astype(np.uint8).reshape(-1, 1, 8, 8)
    everything = Split(pixels, labels.astype(np.int64))
    return Dataset(*hold_out(everything, test_fraction, SPLIT_SEED), PIXEL_BITS["digits"])


def _find_folder(name: str, data_dir: Path | None) -> Path:
    """The folder with the idx files of the data set `name`."""
    given = data_dir or (Path(os.environ[ENVIRONMENT]) if os.environ.get(ENVIRONMENT) else None)
    if given is None:
        raise DataError(
            f"the data set {name!r} is read from its four idx files; give their folder with "
            f"--data-dir or in {ENVIRONMENT} (only 'digits' is built in)"
        )
    for folder in (*(given / sub for sub in FOLDERS[name]), given):
        if any(folder.glob("*-idx?-ubyte*")):
            return folder
    expected = " or ".join(f"{sub}/" for sub in FOLDERS[name])
    raise DataError(
        f"{given} holds no idx files of {name!r}, neither directly nor in {expected}; "
        "expected for example train-images-idx3-ubyte.gz"
    )


def _load_split(folder: Path, part: str) -> Split:
    images = read_idx(_find_file(folder, f"{part}-images-idx3-ubyte"), dimensions=3)
    labels_file = _find_file(folder, f"{part}-labels-idx1-ubyte")
    labels = read_idx(labels_file, dimensions=1)
    if images.shape[1:] != (SIDE, SIDE):
        raise DataError(f"images in {folder} must be {SIDE} x {SIDE}, not {images.shape[1:]}")
    if len(images) != len(labels):
        raise DataError(f"{folder} has {len(images)} {part} images but {len(labels)} labels")
    if not labels.size:
        raise DataError(f"{folder} must have {part} images, but has none; download it again")
    if labels.max() > 9:
        raise DataError(f"labels in {labels_file} must be 0 to 9, not {labels.max()}")
    return Split(images[:, None], labels.astype(np.int64))


def _find_file(folder: Path, name: str) -> Path:
    for file in (folder / name, folder / f"{name}.gz"):
        if file.is_file():
            return file
    raise DataError(f"{folder} must hold {name} or {name}.gz, but has neither; download it again")


def read_idx(file: Path, *, dimensions: int) -> Images:
    """Read one idx file of unsigned bytes, plain or compressed with gzip.

    Raises:
        DataError: If it cannot be read, has another format, or is longer or
            shorter than its header says.
    """
    raw = _read_bytes(file)
    header = 4 + 4 * dimensions
    if len(raw) < header or raw[:4] != bytes([0, 0, UNSIGNED_BYTE, dimensions]):
        raise DataError(
            f"{file} is not an idx file of {dimensions}-dimensional unsigned bytes "
            f"(it begins with {raw[:4].hex(' ') or 'nothing'}); download it again"
        )
    shape = tuple(int(size) for size in np.frombuffer(raw, ">u4", dimensions, offset=4))
    expected = header + int(np.prod(shape, dtype=np.int64))
    if len(raw) != expected:
        state = "truncated" if len(raw) < expected else "too long"
        raise DataError(
            f"{file} is {state}: {len(raw)} bytes where its header {shape} asks for {expected}; "
            "download it again"
        )
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)


def _read_bytes(file: Path) -> bytes:
    try:
        raw = file.read_bytes()
        return gzip.decompress(raw) if file.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {file}: {error}; download it again") from error
