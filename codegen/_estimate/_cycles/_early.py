"""Inferences that are decided early: one at a time, each in a core that has been reset.

`spikeloom_gate` lets the beats of an inference through to the core.  `spikeloom_decision` takes the
scores of every time step, and when a step settles the prediction the core is reset for a clock,
the scores of that step leave, and what is left of the input is taken and dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from spikeloom.codegen._estimate._cycles._build import Model
from spikeloom.codegen._estimate._cycles._parameters import Parameters
from spikeloom.codegen._views import Design
from spikeloom.ir import IntArray

_RESET = 2  # clocks from a decision to the first of the next inference


@dataclass(slots=True)
class EarlyRun:
    """Inferences after each other: the clocks of their ends, and who was at work when."""

    design: Design
    ahead: int  # inferences that delays may run ahead of the input
    starts: list[int] = field(default_factory=list)  # the first beat of an inference is taken
    completes: list[int] = field(default_factory=list)
    busy: dict[str, list[IntArray]] = field(default_factory=dict)  # spans, by layer
    _begin: int = 1  # first clock of the core after its reset
    _offer: int = 0  # first clock with a beat of the next inference on offer
    _open: int = 0  # first clock in which the decision takes scores
    _free: int = 0  # first clock in which the readout takes scores

    def run(self, values: Mapping[str, IntArray], steps: Sequence[int], *, waits: bool) -> None:
        """Run inferences, each decided after so many steps; see `Model.send` for `waits`."""
        for inference, taken in enumerate(steps):
            self._infer(self._model(values, inference), taken)
            if waits:
                self._offer = max(self._offer, self.completes[-1] + 1)
        # Delays may let the core begin while the last scores leave.
        model = self._model(values, len(steps) - 1)
        model.network.run()
        self._note_work(model, self.completes[-1])

    def _model(self, values: Mapping[str, IntArray], inference: int) -> Model:
        own = [inference] * (1 + self.ahead)
        read = {name: given[own] for name, given in values.items()}
        return Model(self.design, read, max(0, self._open - self._begin))

    def _infer(self, model: Model, steps: int) -> None:
        begin = self._begin
        model.send(1, waits=False, first=max(0, self._offer - begin))
        model.network.run()
        start = model.input.taken[0]
        stop = max(model.judged[steps - 1] + self._latency, start + 1)
        self.starts.append(begin + start)
        self._note_work(model, stop)
        self._leave(begin + stop)
        self._offer = begin + self._taken_until(model, stop) + 1
        self._begin = begin + stop + _RESET

    def _leave(self, stop: int) -> None:
        """The scores leave: one beat after the other, each as many clocks as it has scores."""
        lanes, words = self._number("Lanes"), self._number("Words")
        last = max(stop + 1, self._free) + (words - 1) * lanes
        self._open, self._free = last + 1, last + lanes
        self.completes.append(last + lanes + 1)

    def _taken_until(self, model: Model, stop: int) -> int:
        """The clock in which the last beat is taken; what the core has not taken is dropped."""
        taken = np.array(model.input.taken, np.int64)
        port = self.design.input
        dropped = port.beats * port.frames - int((taken <= stop).sum())
        return stop + dropped if dropped else int(taken[-1])

    def _note_work(self, model: Model, stop: int) -> None:
        for probe in self.design.probes:
            spans = model.busy(probe.busy)
            spans = spans[spans[:, 0] <= stop]
            shifted = np.minimum(spans, stop) + self._begin
            self.busy.setdefault(probe.name, []).append(shifted)

    @property
    def _latency(self) -> int:
        """Clocks from the last scores of a step to its judgement."""
        words, lanes = self._number("Words"), self._number("Lanes")
        return (lanes - 1).bit_length() + 1 + (words > 1)

    def _number(self, name: str) -> int:
        for instance in self.design.blocks[-1].instances:
            if instance.module == "spikeloom_decision":
                return Parameters.of(instance).number(name)
        raise AssertionError("every early readout has a decision")
