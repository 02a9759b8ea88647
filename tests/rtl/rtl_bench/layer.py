"""Bench of spikeloom_layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtl_bench.agents import ProbedBench, pack, with_last
from spikeloom.ir import Encoder, Executor, Graph, IntArray, input_of
from spikeloom.sim.axis import Beat


@dataclass(frozen=True, slots=True)
class Network:
    """A graph whose first layer is tested; the executor is its reference."""

    graph: Graph
    name: str  # of the neurons

    def run(self, inputs: IntArray) -> tuple[IntArray, IntArray]:
        """Return spikes and membranes of one inference, `[T, neurons]` in stream order."""
        trace = Executor(self.graph).run(inputs[np.newaxis], record=True)
        layer = trace.layers[self.name]
        return _stream(layer.spikes[0]), _stream(layer.membranes[0])


def _stream(values: IntArray) -> IntArray:
    """Order `[T, C, H, W]` as streams do, the channel fastest; `[T, N]` is so already."""
    ordered = np.moveaxis(values, 1, -1) if values.ndim == 4 else values
    return ordered.reshape(len(values), -1).astype(np.int64)


class LayerBench(ProbedBench):
    """A transaction is the input of one inference."""

    rounds = 5

    @property
    def network(self) -> Network:
        network: Network = self.case.facts
        return network

    @property
    def shape(self) -> tuple[int, ...]:
        node = input_of(self.network.graph)
        steps = (self.network.graph.time_steps,) if node.encoder is Encoder.SPIKES else ()
        return (*steps, *node.shape)

    def stimulus(self) -> IntArray:
        rng = np.random.default_rng(self.random.getrandbits(32))
        density = self.random.choice([0.05, 0.4, 0.9])
        values = rng.integers(0, 1 << self.case["ValueBits"], self.shape)
        return np.asarray(values * (rng.random(self.shape) < density))

    def extremes(self) -> list[IntArray]:
        largest = (1 << self.case["ValueBits"]) - 1
        silent, full = np.zeros(self.shape, np.int64), np.full(self.shape, largest)
        return [silent, full, full, silent]

    def beats(self, transaction: IntArray) -> list[Beat]:
        is_static = input_of(self.network.graph).encoder is Encoder.DIRECT
        frames = _stream(transaction[np.newaxis] if is_static else transaction)
        lanes, bits = self.case["InLanes"], self.case["ValueBits"]
        return [
            beat
            for frame in frames
            for beat in with_last([pack(word, bits) for word in frame.reshape(-1, lanes).tolist()])
        ]

    def send(self, transaction: IntArray) -> None:
        super().send(transaction)
        lanes, bits = self.case["NeuronLanes"], self.case["MembraneBits"]
        spikes, membranes = self.network.run(transaction)
        self.probe.expect(
            (pack(s, 1), pack(m, bits))
            for s, m in zip(
                spikes.reshape(-1, lanes).tolist(),
                membranes.reshape(-1, lanes).tolist(),
                strict=True,
            )
        )

    def expected(self, transaction: IntArray) -> list[Beat]:
        spikes, membranes = self.network.run(transaction)
        lanes = self.case["NeuronLanes"]
        if self.case["Spiking"]:
            shown, bits = spikes, 1
        else:
            shown, bits = membranes[-1:], self.case["MembraneBits"]
        return [
            beat
            for step in shown
            for beat in with_last([pack(word, bits) for word in step.reshape(-1, lanes).tolist()])
        ]
