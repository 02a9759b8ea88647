"""Benches of spikeloom_neuron and spikeloom_neuron_array."""

from __future__ import annotations

from dataclasses import dataclass

from rtl_bench.agents import ProbedBench, consecutive, pack, with_last
from spikeloom.ir import Leak, Reset
from spikeloom.sim.axis import Beat

Inference = list[list[int]]  # currents of all neurons, step by step


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What the neurons of a group do; biases and thresholds repeat along the neurons."""

    leak: Leak
    reset: Reset
    delayed: bool
    spiking: bool
    saturates: bool
    membrane_bits: int
    biases: list[int]
    thresholds: list[int]
    currents: tuple[int, int]  # smallest and largest

    def step(self, neuron: int, v: int, current: int) -> tuple[int, int]:
        """Return the spike of one neuron and its membrane afterwards."""
        bias = self.biases[neuron % len(self.biases)]
        theta = self.thresholds[neuron % len(self.thresholds)]
        u = self.left(v)
        if self.delayed and self.spiking and v >= theta:
            u = self._reset(u, theta)
        u = self.clamp(u + current + bias)
        spike = int(self.spiking and u >= theta)
        return spike, self._reset(u, theta) if spike and not self.delayed else u

    def left(self, v: int) -> int:
        """Return what the leak leaves of a membrane."""
        return sum(term.sign * (v >> term.shift) for term in self.leak.terms)

    def clamp(self, u: int) -> int:
        """Saturate, or see that there is no need to."""
        half = 1 << (self.membrane_bits - 1)
        clamped = min(max(u, -half), half - 1)
        assert self.saturates or clamped == u, "the case has too few membrane bits"
        return clamped

    def _reset(self, u: int, theta: int) -> int:
        return {Reset.SUBTRACT: u - theta, Reset.ZERO: 0, Reset.NONE: u}[self.reset]


class NeuronBench(ProbedBench):
    """A transaction is the currents of one inference."""

    rounds = 6

    @property
    def rule(self) -> Rule:
        rule: Rule = self.case.facts
        return rule

    @property
    def sends_every_step(self) -> bool:
        return self.rule.spiking or bool(self.case["EveryStep"])

    @property
    def lanes(self) -> int:
        return self.case["Lanes"]

    @property
    def words(self) -> int:
        return self.case["Words"]

    @property
    def neurons(self) -> int:
        return self.lanes * self.words

    def stimulus(self) -> Inference:
        low, high = self.rule.currents
        part = self.random.choice([1, 4])
        return [
            [self.random.randint(low // part, high // part) for _ in range(self.neurons)]
            for _ in range(self.case["TimeSteps"])
        ]

    def extremes(self) -> list[Inference]:
        low, high = self.rule.currents
        steps = self.case["TimeSteps"]
        ends = [[[value] * self.neurons] * steps for value in (low, high, 0)]
        swing = [[(low, high)[t % 2]] * self.neurons for t in range(steps)]
        meets = [
            [self._threshold(n) if t == 0 else 0 for n in range(self.neurons)] for t in range(steps)
        ]
        return [*ends, swing, ends[1], meets]

    def _threshold(self, neuron: int) -> int:
        """Return the current that takes a neuron at rest exactly to its threshold."""
        low, high = self.rule.currents
        rule = self.rule
        theta = rule.thresholds[neuron % len(rule.thresholds)]
        return min(max(theta - rule.biases[neuron % len(rule.biases)], low), high)

    def send(self, transaction: Inference) -> None:
        super().send(transaction)
        lanes, bits = self.lanes, self.case["MembraneBits"]
        for step in self._trace(transaction):
            for i in range(0, self.neurons, lanes):
                spikes, membranes = zip(*step[i : i + lanes], strict=True)
                self.probe.expect([(pack(spikes, 1), pack(membranes, bits))])

    def _trace(self, inference: Inference) -> list[list[tuple[int, int]]]:
        """Return (spike, membrane) of every neuron, step by step: the model."""
        membranes = [0] * self.neurons
        trace = []
        for currents in inference:
            step = [
                self.rule.step(n, v, current)
                for n, (v, current) in enumerate(zip(membranes, currents, strict=True))
            ]
            membranes = [v for _, v in step]
            trace.append(step)
        return trace

    def beats(self, transaction: Inference) -> list[Beat]:
        lanes, bits = self.lanes, self.case["CurrentBits"]
        starts = range(0, self.neurons, lanes)
        return [
            beat
            for step in transaction
            for beat in with_last([pack(step[i : i + lanes], bits) for i in starts])
        ]

    def expected(self, transaction: Inference) -> list[Beat]:
        lanes, trace = self.lanes, self._trace(transaction)
        shown, kind, bits = (trace, 0, 1)
        if not self.rule.spiking:
            shown = trace if self.case["EveryStep"] else trace[-1:]
            kind, bits = 1, self.case["MembraneBits"]
        starts = range(0, self.neurons, lanes)
        return [
            beat
            for step in shown
            for beat in with_last(
                [pack([n[kind] for n in step[i : i + lanes]], bits) for i in starts]
            )
        ]

    async def timing(self) -> None:
        words, steps = self.words, self.case["TimeSteps"]
        start, arrivals = await self.arrivals_of([self.stimulus()])
        before = 0 if self.sends_every_step else (steps - 1) * max(words, 4)
        assert arrivals[0] == start + before + 4, "the latency must be 4 clocks"
        for first in range(0, len(arrivals), words):
            assert consecutive(arrivals[first : first + words]), "a beat must take one clock"
        assert consecutive(arrivals[::words], max(words, 4)), "a step must take 4 clocks or Words"


class NeuronArrayBench(NeuronBench):
    """The same neurons, a whole time step in a beat."""

    @property
    def lanes(self) -> int:
        return self.case["Neurons"]

    @property
    def words(self) -> int:
        return 1

    async def timing(self) -> None:
        steps = self.case["TimeSteps"]
        start, arrivals = await self.arrivals_of([self.stimulus() for _ in range(4)])
        before = 0 if self.sends_every_step else steps - 1
        assert arrivals[0] == start + before + 3, "the latency must be 3 clocks"
        apart = 1 if self.sends_every_step else steps
        assert consecutive(arrivals, apart), "a time step must take one clock"
        await self._fill(apart)

    async def _fill(self, steps: int) -> None:
        """See how much it takes in while nothing leaves, and that nobody waits afterwards."""
        ready = self.instance.s_axis_tready
        self.output_gate.closed = True
        for _ in range(2 * self.rounds):
            self.send(self.stimulus())
        await self.domain.step(6 * steps + 6)
        assert not int(ready.value), "it must be full"
        taken = self.source.taken
        self.output_gate.closed = False
        await self.domain.step(2)
        assert self.source.taken == taken + 1, "ready must follow one clock behind"
        self.arrivals.clear()
        await self.finish()
        assert consecutive(self.arrivals, steps), "it must catch up at once"
