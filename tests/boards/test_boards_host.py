"""The host's side: bytes of inferences and answers, and its errors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spikeloom.boards import classify, load_board
from spikeloom.boards._host import pack_inputs, unpack_answer
from spikeloom.codegen import Manifest
from spikeloom.ir import DataError, ToolError


def stream(**changes: Any) -> dict[str, Any]:
    plain = {"name": "x", "encoder": "direct", "shape": [5], "bits": 4, "lanes": 2, "beats": 3}
    return {**plain, "frames": 1, "data_bits": 8, **changes}


class Fixed:
    """A line that answers the same to everything."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.sent = b""

    def write(self, data: bytes) -> None:
        self.sent += data

    def read(self, size: int = 1) -> bytes:
        return self.answer[:size]

    def reset_input_buffer(self) -> None:
        self.sent = b""


def test_values_fill_beats_from_the_lowest_bits(manifest_with: Callable[..., Manifest]) -> None:
    manifest = manifest_with(input=stream())
    inputs = np.array([[1, 2, 3, 4, 15]])
    assert pack_inputs(manifest, inputs) == [bytes([0x21, 0x43, 0x0F])]


def test_beats_wider_than_a_byte_are_little_endian(manifest_with: Callable[..., Manifest]) -> None:
    manifest = manifest_with(
        input=stream(shape=[4], bits=5, lanes=2, beats=2, data_bits=16)  # 10 bits in 16
    )
    message = pack_inputs(manifest, np.array([[31, 1, 0, 16]]))[0]
    assert message == (31 | 1 << 5).to_bytes(2, "little") + (16 << 5).to_bytes(2, "little")


def test_maps_are_sent_with_the_channel_fastest(manifest_with: Callable[..., Manifest]) -> None:
    manifest = manifest_with(input=stream(shape=[2, 1, 3], bits=8, lanes=1, beats=6, data_bits=8))
    inputs = np.array([[[[10, 11, 12]], [[20, 21, 22]]]])  # [1, C, H, W]
    assert pack_inputs(manifest, inputs) == [bytes([10, 20, 11, 21, 12, 22])]


def test_frames_follow_each_other(manifest_with: Callable[..., Manifest]) -> None:
    manifest = manifest_with(
        input=stream(encoder="spikes", shape=[9], bits=1, lanes=8, beats=2, frames=2)
    )
    inputs = np.zeros((1, 2, 9), dtype=np.uint8)
    inputs[0, 0, 8] = inputs[0, 1, 0] = 1
    assert pack_inputs(manifest, inputs) == [bytes([0, 1, 1, 0])]


def test_no_inputs_give_no_messages(manifest_with: Callable[..., Manifest]) -> None:
    assert pack_inputs(manifest_with(input=stream()), np.zeros((0, 5), dtype=np.uint8)) == []


def test_answer_is_class_then_signed_scores(manifest: Manifest) -> None:
    answer = bytes([2, 0xFF, 0xFF, 0x00, 0xFE, 0xFF, 0x01])
    assert unpack_answer(manifest, answer) == (2, [-1, -512, 511])


def test_many_classes_take_two_bytes(manifest_with: Callable[..., Manifest]) -> None:
    output = {"classes": 257, "score_bits": 3, "class_bits": 9}
    answer = (256).to_bytes(2, "little") + bytes(257)
    assert unpack_answer(manifest_with(output=output), answer) == (256, [0] * 257)


def test_answers_keep_the_order_of_the_inputs(manifest: Manifest) -> None:
    line = Fixed(bytes([1, 5, 0, 6, 0, 0xFE, 0xFF]))
    answers = classify(line, load_board("ulx3s"), manifest, np.zeros((3, 2, 2, 3, 1), dtype=int))
    assert answers.predictions.tolist() == [1, 1, 1]
    assert answers.scores.tolist() == [[5, 6, -2]] * 3
    assert line.sent == bytes(3 * 12)


def test_wrong_shape_is_named(manifest_with: Callable[..., Manifest]) -> None:
    manifest = manifest_with(input=stream())
    with pytest.raises(DataError, match=r"^inputs must have the shape \(N, 5\), not \(1, 4\)$"):
        pack_inputs(manifest, np.zeros((1, 4), dtype=int))
    with pytest.raises(DataError, match=r"not \(\)$"):
        pack_inputs(manifest, np.array(3))


def test_missing_time_steps_are_named(manifest: Manifest) -> None:
    with pytest.raises(DataError, match=r"\(N, 2, 2, 3, 1\), not \(1, 2, 3, 1\)$"):
        pack_inputs(manifest, np.zeros((1, 2, 3, 1), dtype=int))


@pytest.mark.parametrize("value", [-1, 16, 0.5])
def test_values_out_of_range_are_named(
    manifest_with: Callable[..., Manifest], value: float
) -> None:
    manifest = manifest_with(input=stream())
    with pytest.raises(DataError, match=r"^inputs must be integers from 0 to 15$"):
        pack_inputs(manifest, np.full((1, 5), value))


def test_class_that_does_not_exist(manifest: Manifest) -> None:
    message = r"^the board must answer a class below 3, not 7; it holds the bitstream of another"
    with pytest.raises(ToolError, match=message):
        unpack_answer(manifest, bytes([7] + 6 * [0]))


def test_short_answer(manifest: Manifest) -> None:
    message = (
        r"^the board must answer 7 bytes to an inference of 12, not 2; check that it holds the "
        r"bitstream of 'standin', the port and the baud rate$"
    )
    with pytest.raises(ToolError, match=message):
        classify(Fixed(b"\0\0"), "ulx3s", manifest, np.zeros((1, 2, 2, 3, 1), dtype=int))


def test_pyserial_is_asked_for_where_it_is_missing(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "serial", None)
    message = r"^pyserial must be installed .* run `pip install spikeloom\[serial\]`$"
    with pytest.raises(ToolError, match=message):
        classify("/dev/ttyUSB9", "ulx3s", manifest, np.zeros((1, 2, 2, 3, 1), dtype=int))


class FakeSerial:
    """Stands for the module `serial`."""

    class SerialException(Exception):  # noqa: N818  (pyserial's name)
        """As pyserial's."""

    opened: tuple[Any, ...] = ()

    class Serial(Fixed):
        """A port whose board always says class 1."""

        def __init__(self, port: str, baud: int, timeout: float) -> None:
            super().__init__(bytes([1, 5, 0, 6, 0, 0xFE, 0xFF]))
            FakeSerial.opened = (port, baud, timeout)
            if port == "/dev/absent":
                raise FakeSerial.SerialException("could not open port")

        def __enter__(self) -> FakeSerial.Serial:
            return self

        def __exit__(self, *_: object) -> None: ...


def test_port_is_opened_at_the_rate_that_the_board_makes(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "serial", FakeSerial)
    inputs = np.zeros((1, 2, 2, 3, 1), dtype=int)
    assert classify("/dev/ttyUSB1", "icebreaker", manifest, inputs).predictions.tolist() == [1]
    assert FakeSerial.opened[:2] == ("/dev/ttyUSB1", 115385)  # 12 MHz / 104


def test_port_that_does_not_open(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serial", FakeSerial)
    message = r"^serial port /dev/absent must be that of the board: could not open port$"
    with pytest.raises(ToolError, match=message):
        classify("/dev/absent", "ulx3s", manifest, np.zeros((1, 2, 2, 3, 1), dtype=int))
