"""Pipelines that wait as a whole: neurons, and the matrices of synapses in logic.

Such a pipeline moves in some clocks, its moves, and stands still in the others.  What is accepted
in move `n` leaves in move `n + stages`.  Move `n` happens in clock `n` plus a shift, which grows
where a result is not taken at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain, count, repeat

from spikeloom.codegen._estimate._cycles._network import Network, Run, Span, Stream, Times

_NEVER = 1 << 60


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """A pipeline that waits for its output.

    `spikeloom_neuron` has 4 stages, and is closed for `gap` moves after each time step of
    `words` beats.  `spikeloom_neuron_array` has 3, and a `spare` output register: a result holds
    it up only if the one before has not been taken.  Both may send the results of the last of
    `steps` steps alone (`last_only`).  `spikeloom_unrolled` sends each result `repeats` times.
    """

    source: Stream
    result: Stream
    stages: int
    spare: bool = False
    repeats: int = 1
    words: int = 1
    gap: int = 0
    steps: int = 1
    last_only: bool = False
    _leaves: Times = field(default_factory=Times)  # moves in which results leave
    _shifts: Times = field(default_factory=Times)  # that hold from then on

    def add_to(self, network: Network) -> None:
        """Add the two ends of the pipeline to a network."""
        source, result = self.source, self.result
        network.add(
            self._accept(), reads=(source.valid, self._shifts), writes=(source.taken, self._leaves)
        )
        network.add(
            self._send(), reads=(self._leaves, result.taken), writes=(result.valid, self._shifts)
        )

    def spans(self) -> list[Span]:
        """The first and the last clock in which each beat is in the pipeline."""
        last = self.result.taken[self.repeats - 1 :: self.repeats]
        gone = chain(last, repeat(_NEVER))  # what still waits at the end has not gone
        return [(taken + 1, end) for taken, end in zip(self.source.taken, gone, strict=False)]

    def _accept(self) -> Run:
        valid, taken, leaves, shifts = (
            self.source.valid,
            self.source.taken,
            self._leaves,
            self._shifts,
        )
        words, steps, last_only = self.words, self.steps, self.last_only
        first, shift, known = 0, 0, 0  # `first`: no earlier move can take a beat
        for beat in count():
            while len(valid) <= beat:
                yield
            move = max(first, valid[beat] - shift)
            while known < len(leaves) and leaves[known] <= move:
                while len(shifts) <= known:
                    yield
                shift = shifts[known]
                move = max(first, leaves[known], valid[beat] - shift)
                known += 1
            taken.append(move + shift)
            first = move + 1
            if (beat + 1) % words == 0:
                first += self.gap
            if not last_only or beat // words % steps == steps - 1:
                leaves.append(move + self.stages)

    def _send(self) -> Run:
        """Results are on offer, one behind the other; how each is taken sets the shift."""
        valid, taken, leaves, shifts = (
            self.result.valid,
            self.result.taken,
            self._leaves,
            self._shifts,
        )
        repeats, spare = self.repeats, self.spare
        sent, shift, following = 0, 0, 0
        while True:
            known = len(shifts)
            if known < sent and len(taken) >= (known if spare else (known + 1) * repeats):
                # The clock in which the move of this result may happen.
                last = known - 1 if spare else (known + 1) * repeats - 1
                gone = taken[last] + spare if last >= 0 else 0
                shift = max(shift, gone - leaves[known])
                shifts.append(shift)
            elif len(leaves) > sent and (leaves[sent] == following or known == sent):
                valid.extend(repeat(leaves[sent] + shift, repeats))
                following = leaves[sent] + 1
                sent += 1
            else:
                yield
