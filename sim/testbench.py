# SPDX-FileCopyrightText: The Spikeloom developers
# SPDX-License-Identifier: Apache-2.0
"""The test bench of a generated design: vectors, agents, checker.

This file is also copied into the `sim` folder of every generated design, where
it runs without Spikeloom: it needs cocotb and numpy alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .axis import AxisSink, AxisSource, Beat, Domain, Handle, Monitor, Pauses

_QUIET_CYCLES = 50  # after the last result, to see whether something spurious comes


@dataclass(frozen=True, slots=True)
class Layer:
    """A group of neurons and its probe.

    If it leads, its first time step may come before the input; if it trails, its last one
    after the result.
    """

    name: str
    neurons: int
    lanes: int
    membrane_bits: int
    leads: bool
    trails: bool


@dataclass(frozen=True, slots=True, eq=False)
class Inference:
    """What goes in and what must come out."""

    label: str
    beats: list[Beat]
    scores: list[int]
    prediction: int
    steps: int  # time steps until the decision
    spikes: dict[str, NDArray[np.uint8]]  # by layer, [time steps * neurons]
    membranes: dict[str, NDArray[np.int32]]


class Vectors:
    """The content of `design.json` and `vectors.npz`."""

    def __init__(self, folder: Path) -> None:
        design: dict[str, Any] = json.loads((folder / "design.json").read_text())
        self.layers = [Layer(**layer) for layer in design["layers"]]
        self.score_bits: int = design["score_bits"]
        self.early: bool = design["early"]
        self.cycle_limit: int = design["cycle_limit"]
        labels: list[str] = design["inferences"]
        with np.load(folder / "vectors.npz") as arrays:
            self.inferences = [
                _inference(dict(arrays), index, label, design["beats"])
                for index, label in enumerate(labels)
            ]


def _inference(
    arrays: dict[str, NDArray[Any]], index: int, label: str, beats_of_frame: int
) -> Inference:
    of_layers = {
        kind: {
            name.removeprefix(kind): values[index]
            for name, values in arrays.items()
            if name.startswith(kind)
        }
        for kind in ("spikes_", "membranes_")
    }
    data = [int.from_bytes(beat.tobytes(), "little") for beat in arrays["beats"][index]]
    return Inference(
        label=label,
        beats=[Beat(value, (i + 1) % beats_of_frame == 0) for i, value in enumerate(data)],
        scores=arrays["scores"][index].tolist(),
        prediction=int(arrays["predictions"][index]),
        steps=int(arrays["steps"][index]),
        spikes=of_layers["spikes_"],
        membranes=of_layers["membranes_"],
    )


class Checker:
    """Compares every beat and every probed neuron, as they come, with what they must be."""

    def __init__(self, vectors: Vectors) -> None:
        self.completed = 0
        self._decided = 0  # inferences that were decided early
        self._score_bits = vectors.score_bits
        self._layers = vectors.layers
        self._expected: list[Inference] = []
        self._scores_seen = 0
        self._cursors = {layer.name: (0, 0) for layer in self._layers}
        self._trailing = {layer.name for layer in self._layers if layer.trails}
        self._early: list[tuple[Layer, int, int]] = []  # probe beats that ran ahead

    def expect(self, inference: Inference) -> None:
        """Expect the results of one more inference."""
        self._expected.append(inference)
        early, self._early = self._early, []
        for layer, spikes, membranes in early:
            self.check_probe(layer, spikes, membranes)

    @property
    def missing(self) -> int:
        """Inferences of which a result or a neuron is expected and has not come."""
        return len(self._expected) - self.finished

    @property
    def finished(self) -> int:
        """Inferences of which everything has come."""
        return min(self.completed, *(number for number, _ in self._cursors.values()))

    def clear(self) -> None:
        """Forget what is in flight: the design is being reset."""
        self.completed = self._decided = 0
        self._expected.clear()
        self._early.clear()
        self._scores_seen = 0
        self._cursors = dict.fromkeys(self._cursors, (0, 0))

    def check_output(self, beat: Beat) -> None:
        """Check one score, and with the last one the prediction."""
        inference = self._get(self.completed, "m_axis")
        score = _signed(beat.data, self._score_bits)
        place = f"{inference.label}: score {self._scores_seen}"
        expected = inference.scores[self._scores_seen]
        assert score == expected, f"{place} must be {expected}, not {score}"
        self._scores_seen += 1
        is_last = self._scores_seen == len(inference.scores)
        assert beat.last == is_last, f"{place}: tlast must be {is_last}"
        if is_last:
            assert beat.user == inference.prediction, (
                f"{inference.label}: the class must be {inference.prediction}, not {beat.user}"
            )
            self._complete()

    def check_probe(self, layer: Layer, spikes: int, membranes: int) -> None:
        """Check the neurons of one probe beat."""
        number, position = self._cursors[layer.name]
        if layer.leads and number >= len(self._expected):
            self._early.append((layer, spikes, membranes))
            return
        inference = self._get(number, layer.name)
        first = position % layer.neurons
        count = min(layer.lanes, layer.neurons - first)
        for lane in range(count):
            got = (
                spikes >> lane & 1,
                _signed(membranes >> lane * layer.membrane_bits, layer.membrane_bits),
            )
            expected = (
                int(inference.spikes[layer.name][position + lane]),
                int(inference.membranes[layer.name][position + lane]),
            )
            assert got == expected, (
                f"{inference.label}: neuron {first + lane} of {layer.name!r} at step "
                f"{position // layer.neurons}: (spike, membrane) must be {expected}, not {got}"
            )
        is_done = position + count == len(inference.spikes[layer.name])
        self._cursors[layer.name] = (number + 1, 0) if is_done else (number, position + count)

    def check_restart(self, steps: int) -> None:
        """Check an early decision after so many time steps; every layer starts anew."""
        inference = self._get(self._decided, "the decision")
        assert steps == inference.steps, (
            f"{inference.label}: it must be decided after {inference.steps} time steps, not {steps}"
        )
        for layer in self._layers:
            number, position = self._cursors[layer.name]
            shown = number > self._decided or position >= steps * layer.neurons
            assert shown or layer.trails, (
                f"{layer.name!r} showed only {position} neurons when the result was decided"
            )
        self._decided += 1
        self._early.clear()
        self._cursors = dict.fromkeys(self._cursors, (self._decided, 0))

    def _get(self, number: int, place: str) -> Inference:
        assert number < len(self._expected), f"{place} put out a beat that belongs to no inference"
        return self._expected[number]

    def _complete(self) -> None:
        self.completed += 1
        self._scores_seen = 0
        for name, (number, position) in self._cursors.items():
            assert name in self._trailing or number >= self.completed, (
                f"{name!r} showed only {position} neurons when the result was complete"
            )


class Testbench:
    """A design with its agents and its checker.

    Args:
        dut: The top module.
        vectors: What to send and to expect.
        share: Share of random pauses on input and output.
        seed: Of these pauses.
    """

    def __init__(self, dut: Handle, vectors: Vectors, *, share: float = 0.0, seed: int = 0) -> None:
        self.vectors = vectors
        self.checker = Checker(vectors)
        self.domain = Domain(dut.clk_i, dut.rst_ni)
        self.source = AxisSource(
            dut.s_axis_tvalid,
            dut.s_axis_tready,
            dut.s_axis_tdata,
            last=dut.s_axis_tlast,
            pauses=Pauses(share, Random(seed)),
        )
        self.sink = AxisSink(
            dut.m_axis_tvalid,
            dut.m_axis_tready,
            dut.m_axis_tdata,
            last=dut.m_axis_tlast,
            user=dut.m_axis_tuser,
            pauses=Pauses(share, Random(seed + 1)),
            on_beat=self.checker.check_output,
        )
        self._restarted_at = -1  # cycle
        if vectors.early:
            self.domain.add(Monitor(dut.probe_restart, [dut.probe_steps], self._restart))
        # Probes first: what a layer did comes before the score that follows from it.
        self.domain.add(*self._probes(dut), self.source, self.sink)

    async def run(self, inferences: Iterable[Inference]) -> None:
        """Stream inferences, wait for the last result, and see that nothing follows it."""
        for inference in inferences:
            self.send(inference)
        await self.finish()
        await self.domain.step(_QUIET_CYCLES)

    def send(self, inference: Inference) -> None:
        """Queue one inference, and expect its results."""
        self.source.send(inference.beats)
        self.checker.expect(inference)

    async def finish(self) -> None:
        """Wait for every result that is expected."""
        while self.checker.missing:
            wanted = self.checker.finished + 1
            await self.domain.run_until(
                lambda: self.checker.finished >= wanted,  # noqa: B023 - called in this round
                limit=self.vectors.cycle_limit,
                what=f"the result of inference {wanted - 1}",
            )

    async def reset(self, cycles: int) -> None:
        """Reset in mid-stream: whatever is in flight is forgotten."""
        self.checker.clear()
        await self.domain.reset(cycles)

    def _restart(self, steps: int) -> None:
        """The core is reset: after an early decision, or with the whole design (0 steps)."""
        self._restarted_at = self.domain.cycle
        if steps:
            self.checker.check_restart(steps)

    def _probes(self, dut: Handle) -> Iterator[Monitor]:
        for layer in self.vectors.layers:
            kinds = ("spikes", "membranes")
            signals = [getattr(dut, f"probe_{layer.name}_{kind}") for kind in kinds]
            valid = getattr(dut, f"probe_{layer.name}_valid")

            def check(spikes: int, membranes: int, layer: Layer = layer) -> None:
                if self._restarted_at != self.domain.cycle:  # else what it shows is forgotten
                    self.checker.check_probe(layer, spikes, membranes)

            yield Monitor(valid, signals, check)


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
