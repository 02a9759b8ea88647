"""The host's side of the serial port: send inferences, read predictions."""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spikeloom.boards._board import Board, load_board
from spikeloom.boards._emit import BAUD, IDLE_SECONDS, clocks_per_bit
from spikeloom.boards._protocol import MessageSizes
from spikeloom.codegen import Manifest, ManifestInput
from spikeloom.ir import DataError, IntArray, ToolError

_COMPUTE_SECONDS = 2.0  # granted to the network and to the buffers of USB
_SETTLE_SECONDS = 2 * IDLE_SECONDS  # silence that surely drops an unfinished inference


class Line(Protocol):
    """What is used of a serial port (`serial.Serial` has it)."""

    def write(self, data: bytes, /) -> int | None:
        """Send bytes."""

    def read(self, size: int = 1, /) -> bytes:
        """Receive up to `size` bytes, fewer after the time-out."""

    def reset_input_buffer(self) -> None:
        """Forget what has come and was not read."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What the hardware made of some inferences."""

    predictions: IntArray  # [N]
    scores: IntArray  # [N, classes]


def classify(
    port: str | Line,
    board: Board | str,
    manifest: Manifest,
    inputs: NDArray[np.integer[Any]],
    *,
    baud: int = BAUD,
) -> Answers:
    """Run inferences on a board.

    Args:
        port: Name of a serial port, as `/dev/ttyUSB0`, or an open one.
        board: The board, or its name.
        manifest: The network that it runs, from `load_manifest`.
        inputs: `[N, *shape]` unsigned integers of the input's bits, or
            `[N, T, *shape]` where the network takes spikes.
        baud: Rate for which the board's top was built.

    Returns:
        Predictions and scores, in the order of `inputs`.

    Raises:
        ToolError: If pyserial is missing, the port cannot be opened or the
            board does not answer.
        DataError: If `inputs` has the wrong shape or values out of range.
    """
    data = load_board(board) if isinstance(board, str) else board
    actual = data.clock_mhz * 1e6 / clocks_per_bit(data.clock_mhz, baud)
    messages, sizes = pack_inputs(manifest, inputs), MessageSizes.of(manifest)
    patience = 10 * (sizes.inference + sizes.answer) / baud + _COMPUTE_SECONDS
    with _opened(port, actual, patience) as line:
        time.sleep(_SETTLE_SECONDS)
        line.reset_input_buffer()
        answers = [_ask(line, manifest, message) for message in messages]
    return _gather(manifest, answers)


@contextmanager
def _opened(port: str | Line, baud: float, timeout: float) -> Iterator[Line]:
    if not isinstance(port, str):
        yield port
        return
    try:
        serial: Any = importlib.import_module("serial")  # only who has a board needs it
    except ImportError as error:
        raise ToolError(
            "pyserial must be installed to talk to a board; run `pip install spikeloom[serial]`"
        ) from error
    try:
        with serial.Serial(port, round(baud), timeout=timeout) as line:
            yield line
    except serial.SerialException as error:
        raise ToolError(f"serial port {port} must be that of the board: {error}") from error


def _ask(line: Line, manifest: Manifest, message: bytes) -> bytes:
    expected = MessageSizes.of(manifest).answer
    line.write(message)
    answer = line.read(expected)
    if len(answer) != expected:
        raise ToolError(
            f"the board must answer {expected} bytes to an inference of {len(message)}, not "
            f"{len(answer)}; check that it holds the bitstream of {manifest.name!r}, the port and "
            "the baud rate"
        )
    return answer


def pack_inputs(manifest: Manifest, inputs: NDArray[np.integer[Any]]) -> list[bytes]:
    """Make the bytes of each inference, as docs/boards.md says.

    Raises:
        DataError: If shape or values are not those of the network's input.
    """
    source = manifest.input
    frames = _in_stream_order(source, inputs)
    padding = source.beats * source.lanes - frames.shape[-1]
    padded = np.pad(frames, ((0, 0), (0, 0), (0, padding)))
    values = padded.reshape(len(frames), source.frames * source.beats, source.lanes, 1)
    bits = ((values >> np.arange(source.bits)) & 1).astype(np.uint8)
    flat = bits.reshape(*bits.shape[:2], source.lanes * source.bits)
    room = MessageSizes.of(manifest).beat * 8 - flat.shape[-1]
    beats = np.pad(flat, ((0, 0), (0, 0), (0, room)))
    return [row.tobytes() for row in np.packbits(beats, axis=-1, bitorder="little")]


def _in_stream_order(source: ManifestInput, inputs: NDArray[np.integer[Any]]) -> IntArray:
    """Check `inputs` and return `[N, frames, values]`, the channel fastest."""
    array = np.asarray(inputs)
    expected = (source.frames, *source.shape) if source.frames > 1 else source.shape
    if array.ndim == 0 or array.shape[1:] != expected:
        wanted = ", ".join(map(str, expected))
        raise DataError(f"inputs must have the shape (N, {wanted}), not {array.shape}")
    if array.dtype.kind not in "iub" or (array.size and not _in_range(array, source.bits)):
        raise DataError(f"inputs must be integers from 0 to {2**source.bits - 1}")
    many = array.reshape(len(array), source.frames, *source.shape)
    if len(source.shape) == 3:
        many = np.moveaxis(many, 2, -1)  # (C, H, W) to (H, W, C)
    return many.reshape(len(array), source.frames, math.prod(source.shape)).astype(np.int64)


def _in_range(array: NDArray[np.integer[Any]], bits: int) -> bool:
    return bool(array.min() >= 0 and array.max() < 2**bits)


def _gather(manifest: Manifest, answers: list[bytes]) -> Answers:
    unpacked = [unpack_answer(manifest, answer) for answer in answers]
    predictions = np.array([prediction for prediction, _ in unpacked], dtype=np.int64)
    scores = np.array([row for _, row in unpacked], dtype=np.int64).reshape(
        -1, manifest.output.classes
    )
    return Answers(predictions, scores)


def unpack_answer(manifest: Manifest, answer: bytes) -> tuple[int, list[int]]:
    """Read the prediction and the scores out of the bytes of an answer.

    Raises:
        ToolError: If the class is none of the network's: the bytes are not
            an answer of it.
    """
    sizes, classes = MessageSizes.of(manifest), manifest.output.classes
    prediction = int.from_bytes(answer[: sizes.class_], "little")
    if prediction >= classes:
        raise ToolError(
            f"the board must answer a class below {classes}, not {prediction}; it holds the "
            "bitstream of another network, or the baud rate is wrong"
        )
    rest, size = answer[sizes.class_ :], sizes.score
    scores = (rest[start : start + size] for start in range(0, len(rest), size))
    return prediction, [int.from_bytes(score, "little", signed=True) for score in scores]
