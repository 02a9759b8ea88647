"""One run of the harness: a child process that is fed inferences."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from spikeloom.ir import VerificationError
from spikeloom.sim._records import Bytes

_END_OF_STREAM = bytes(4)
_QUOTED_CHARACTERS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """How inferences are streamed through the design.

    `idle` and `stall` are the shares of cycles without an input beat and
    without a ready output, `reset` the share of inferences interrupted.
    """

    name: str
    isolated: bool = False
    idle: float = 0.0
    stall: float = 0.0
    reset: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What a run takes besides its mode."""

    seed: int
    watchdog: int  # cycles without progress that count as a deadlock
    first_layer: int = 0  # layers before this one are not compared
    plusargs: tuple[str, ...] = ()


class HarnessRun:
    """A harness that runs; use it as a context manager, so that it never outlives its caller."""

    def __init__(self, program: Path, mode: Mode, settings: RunSettings, *, cwd: Path) -> None:
        self.mode = mode
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            [str(program.resolve()), *_arguments(mode, settings)],
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=self._errors,
        )

    def __enter__(self) -> HarnessRun:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._close_input()
        self._output.close()
        self._errors.close()

    def feed(self, records: Bytes) -> None:
        """Send records; a harness that has stopped early (a deadlock) takes no more."""
        self._send(records.tobytes())

    def finish(self) -> dict[str, Any]:
        """End the stream, wait, and return what the harness reports.

        Raises:
            VerificationError: If the harness or the design in it failed.
        """
        self._send(_END_OF_STREAM)
        self._close_input()
        code = self._process.wait()
        lines = self._text(self._output).strip().splitlines()
        if code != 0 or not lines:
            output = "\n".join([*lines, self._text(self._errors)]).strip()
            raise VerificationError(
                f"the simulation of run {self.mode.name!r} ended with code {code}: "
                f"{output[-_QUOTED_CHARACTERS:]}"
            )
        result: dict[str, Any] = json.loads(lines[-1])
        return result

    def _send(self, data: bytes) -> None:
        stream = self._process.stdin
        if stream is None or stream.closed:
            return
        try:
            stream.write(data)
            stream.flush()
        except BrokenPipeError:
            self._close_input()

    def _close_input(self) -> None:
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                return  # what was buffered has no reader any more

    @staticmethod
    def _text(file: IO[bytes]) -> str:
        file.seek(0)
        return file.read().decode(errors="replace")


def _arguments(mode: Mode, settings: RunSettings) -> list[str]:
    return [
        f"--isolated={int(mode.isolated)}",
        f"--idle={mode.idle}",
        f"--stall={mode.stall}",
        f"--reset={mode.reset}",
        f"--seed={settings.seed}",
        f"--watchdog={settings.watchdog}",
        f"--first-layer={settings.first_layer}",
        *(f"+{argument}" for argument in settings.plusargs),
    ]
