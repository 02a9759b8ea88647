"""The board top, simulated: the byte protocol from the host to the LEDs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from spikeloom.boards import classify, emit_board, load_board
from spikeloom.boards._host import pack_inputs
from spikeloom.codegen import Manifest, load_manifest
from spikeloom.ir import ToolError
from spikeloom.sim._verilator import build

HERE = Path(__file__).parent
CLOCKS_PER_BIT = 104  # 12 MHz / 115200
IDLE = 240_000  # 20 ms
HIDDEN = [(37 * n + 11) & 0xFF for n in range(512)]
OUTPUT = [3, 200, 90, 17]


class SimulatedLine:
    """A serial port whose other end is the simulated board."""

    def __init__(self, program: Path, cwd: Path) -> None:
        command = [str(program), str(CLOCKS_PER_BIT)]
        self._process = subprocess.Popen(
            command, cwd=cwd, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self, command: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def write(self, data: bytes) -> int:
        self.ask(f"send {data.hex()}")
        return len(data)

    def read(self, size: int = 1) -> bytes:
        return bytes.fromhex(self.ask(f"read {size} 100000"))

    def reset_input_buffer(self) -> None:
        self.ask("read 1000 0")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture(scope="module")
def program(shared_standin: Path, need: Callable[[str], None]) -> Path:
    need("verilator")
    manifest = load_manifest(shared_standin)
    board = emit_board(manifest, load_board("icebreaker"))
    for path, content in board:
        target = shared_standin / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    target = shared_standin / "line"
    sources = [*manifest.sources, *(path for path, _ in board if path.endswith(".v"))]
    harness = [HERE / "line.cpp"]
    build(
        target,
        sources=sources,
        top="spikeloom_board_top",
        defines=(),
        harness=harness,
        cwd=shared_standin,
    )
    return target


@pytest.fixture
def line(program: Path, shared_standin: Path) -> Iterator[SimulatedLine]:
    simulated = SimulatedLine(program, shared_standin)
    yield simulated
    simulated.close()


def expected(message: bytes) -> tuple[int, list[int]]:
    """What standin.v makes of the bytes of an inference."""
    scores = [0, 0, 0]
    for n in range(0, len(message), 2):
        beat = n // 2
        hidden = (message[n] ^ message[n + 1]) + HIDDEN[beat]
        value = (hidden + OUTPUT[beat % 4]) & 0xFF
        scores[beat % 3] += value - 256 if value > 127 else value
    return scores.index(max(scores)), scores


def check(line: SimulatedLine, manifest: Manifest, inputs: np.ndarray) -> None:
    answers = classify(line, "icebreaker", manifest, inputs)
    wanted = [expected(message) for message in pack_inputs(manifest, inputs)]
    np.testing.assert_array_equal(answers.predictions, [prediction for prediction, _ in wanted])
    np.testing.assert_array_equal(answers.scores, [scores for _, scores in wanted])


def random_inputs(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 32, (count, 2, 2, 3, 1))


def test_board_classifies_as_the_core_does(line: SimulatedLine, manifest: Manifest) -> None:
    inputs = random_inputs(20, seed=3)
    check(line, manifest, inputs)
    prediction = expected(pack_inputs(manifest, inputs)[-1])[0]
    assert line.ask("led") == str(prediction)


def test_those_inputs_have_scores_of_either_sign(manifest: Manifest) -> None:
    inputs = random_inputs(20, seed=3)
    scores = [expected(message)[1] for message in pack_inputs(manifest, inputs)]
    assert min(map(min, scores)) < -128  # or the test shows nothing of sign extension
    assert max(map(max, scores)) > 127


@pytest.mark.parametrize("count", [1, 2, 7, 11])
def test_unfinished_inference_is_dropped_after_silence(
    line: SimulatedLine, manifest: Manifest, count: int
) -> None:
    line.write(bytes(range(200, 200 + count)))
    line.ask(f"wait {IDLE + 5 * CLOCKS_PER_BIT}")
    check(line, manifest, random_inputs(2, seed=count))


def test_short_pause_inside_an_inference_is_allowed(
    line: SimulatedLine, manifest: Manifest
) -> None:
    inputs = random_inputs(1, seed=5)
    message = pack_inputs(manifest, inputs)[0]
    line.write(message[:5])
    line.ask(f"wait {IDLE - 2 * CLOCKS_PER_BIT}")
    line.write(message[5:])
    prediction, scores = expected(message)
    answer = bytes([prediction]) + b"".join(s.to_bytes(2, "little", signed=True) for s in scores)
    assert line.read(7) == answer


def test_silence_between_inferences_resets_nothing(line: SimulatedLine, manifest: Manifest) -> None:
    check(line, manifest, random_inputs(1, seed=1))
    line.ask(f"wait {2 * IDLE}")
    check(line, manifest, random_inputs(1, seed=2))


def test_byte_without_stop_bit_deafens_until_silence(
    line: SimulatedLine, manifest: Manifest
) -> None:
    message = pack_inputs(manifest, random_inputs(1, seed=6))[0]
    line.ask("corrupt 00")
    line.ask("wait 2000")
    line.write(message)
    assert line.read(7) == b""
    line.ask(f"wait {IDLE}")
    check(line, manifest, random_inputs(2, seed=7))


def test_inference_sent_before_the_answer_has_come(line: SimulatedLine, manifest: Manifest) -> None:
    messages = pack_inputs(manifest, random_inputs(2, seed=8))
    line.write(messages[0] + messages[1])
    answers = [line.read(7), line.read(7)]
    assert [answer[0] for answer in answers] == [expected(message)[0] for message in messages]


def test_byte_for_which_there_is_no_room_deafens_until_silence(
    line: SimulatedLine, manifest: Manifest
) -> None:
    first, second = (bytearray(message) for message in pack_inputs(manifest, random_inputs(2, 8)))
    first[1] |= 0x80  # the core thinks for four beats of the next inference
    line.write(first + second)
    assert line.read(7)[0] == expected(bytes(first))[0]
    assert line.read(7) == b""
    line.ask(f"wait {IDLE}")
    check(line, manifest, random_inputs(2, seed=10))


def test_button_resets(line: SimulatedLine, manifest: Manifest) -> None:
    line.write(b"\x55\x55\x55")
    line.ask("button 0")
    line.ask("wait 100")
    line.ask("button 1")
    line.ask("wait 1200")
    check(line, manifest, random_inputs(2, seed=9))


def test_no_answer_is_an_error_that_says_what_to_check(
    line: SimulatedLine, manifest: Manifest
) -> None:
    line.ask("button 0")
    with pytest.raises(ToolError, match=r"^the board must answer 7 bytes .* not 0; check that it"):
        classify(line, "icebreaker", manifest, random_inputs(1, seed=1))
