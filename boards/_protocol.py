"""How an inference and its answer look on the serial line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from spikeloom.codegen import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSizes:
    """Sizes of the messages of one network, in bytes; docs/boards.md has the rest."""

    beat: int  # one beat of the input stream
    inference: int  # what the host sends
    class_: int  # the predicted class
    score: int  # one score
    answer: int  # what the host gets back

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """Return the sizes for a network."""
        source, result = manifest.input, manifest.output
        beat = _bytes(source.data_bits)
        class_ = 2 if result.classes > 256 else 1
        score = _bytes(result.score_bits)
        return cls(
            beat=beat,
            inference=beat * source.beats * source.frames,
            class_=class_,
            score=score,
            answer=class_ + result.classes * score,
        )


def _bytes(bits: int) -> int:
    return (bits + 7) // 8
