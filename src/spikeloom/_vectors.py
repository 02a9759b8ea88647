"""The inferences that verify a build: a run's test set, or extremes and noise."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeloom.ir import DataError, Encoder, Graph, dense_operations, input_of, npz_bytes

RANDOM_INFERENCES = 64
LEAST_INFERENCES = 6  # four extremes and some noise
# Additions that all of them take together, were every input to fire: a large network gets
# fewer, because somebody has to simulate them clock by clock.
_ADDITIONS = 4_000_000_000
SEED = 0x5EED


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Inputs `[N, *shape]` (`[N, T, *shape]` of 0/1 for spike input) and what is known of them.

    `labels` and `predictions` (of the trained model) are `[N]` integers, or
    None where the graph did not come from training.
    """

    inputs: NDArray[np.unsignedinteger]
    labels: NDArray[np.int64] | None = None
    predictions: NDArray[np.int64] | None = None

    def to_npz(self) -> bytes:
        """Return an .npz, not compressed: the same bytes for the same arrays anywhere."""
        arrays = {"inputs": self.inputs, "labels": self.labels, "predictions": self.predictions}
        return npz_bytes({name: array for name, array in arrays.items() if array is not None})


def read_vectors(path: Path, graph: Graph) -> Vectors:
    """Read the test set of a run and check it against `graph`.

    Raises:
        DataError: If the file is missing, truncated or of another network.
    """
    try:
        content = io.BytesIO(path.read_bytes())  # numpy leaves a damaged file open
        with np.load(content, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; train the run again") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is truncated or no .npz ({error}); train the run again") from error
    if "inputs" not in arrays:
        raise DataError(f"{path} must hold an array called 'inputs'; train the run again")
    vectors = Vectors(arrays["inputs"], arrays.get("labels"), arrays.get("predictions"))
    _check(vectors, graph, path)
    return vectors


def _check(vectors: Vectors, graph: Graph, path: Path) -> None:
    shape, top = _frame_shape(graph), (1 << input_of(graph).bits) - 1
    inputs = vectors.inputs
    if inputs.dtype.kind != "u" or inputs.ndim == 0 or inputs.shape[1:] != shape:
        raise DataError(
            f"inputs of {path} must be unsigned integers of shape [N, {', '.join(map(str, shape))}]"
            f" as graph {graph.name!r} takes them, not {inputs.dtype} {list(inputs.shape)}"
        )
    if len(inputs) == 0 or int(inputs.max()) > top:
        raise DataError(f"inputs of {path} must be one or more values of 0 to {top}")
    for name, array in (("labels", vectors.labels), ("predictions", vectors.predictions)):
        if array is not None and array.shape != (len(inputs),):
            raise DataError(f"{name} of {path} must be {len(inputs)} numbers, not {array.shape}")


def make_vectors(graph: Graph, seed: int = SEED) -> Vectors:
    """Make inputs for a graph without a test set: none, all, single ones, noise.

    The noise covers every density from sparse to full, so that queues run
    empty as well as full.  There are 64 inferences, of a large network fewer.
    """
    count = _affordable(graph)
    bits = input_of(graph).bits
    dtype: type[np.unsignedinteger] = np.uint8 if bits <= 8 else np.uint32
    shape = _frame_shape(graph)
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 1 << bits, size=(count, *shape), dtype=np.int64)
    density = np.linspace(0.0, 1.0, count).reshape(-1, *(1,) * len(shape))
    inputs = np.where(rng.random(values.shape) < density, values, 0).astype(dtype)
    flat = inputs.reshape(count, -1)
    flat[0] = 0
    flat[1] = (1 << bits) - 1
    flat[2:4] = 0
    flat[2, 0] = flat[3, -1] = (1 << bits) - 1
    return Vectors(inputs)


def _affordable(graph: Graph) -> int:
    """Return how many inferences are a fair test of a network of this size."""
    additions = max(1, sum(dense_operations(graph).values()) * graph.time_steps)
    return max(LEAST_INFERENCES, min(RANDOM_INFERENCES, _ADDITIONS // additions))


def _frame_shape(graph: Graph) -> tuple[int, ...]:
    node = input_of(graph)
    return (graph.time_steps, *node.shape) if node.encoder is Encoder.SPIKES else node.shape
