"""Bench of spikeloom_product."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np

from rtl_bench.agents import AxisBench, Gate, Instance, consecutive, pack, with_last
from spikeloom.ir import IntArray
from spikeloom.sim.axis import AxisSource, Beat, Monitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Spikes that gate currents, head by head.

    `[rows, columns, heads * inputs]` values meet `[tokens, channels]` currents.
    """

    rows: int
    columns: int
    heads: int
    inputs: int
    outputs: int
    transposed: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the values."""
        return self.rows, self.columns, self.heads * self.inputs

    @property
    def tokens(self) -> int:
        return self.outputs if self.transposed else self.inputs

    @property
    def channels(self) -> int:
        """Of the currents."""
        return self.heads * (self.inputs if self.transposed else self.outputs)

    def currents(self, values: IntArray, weights: IntArray) -> IntArray:
        """Return `[rows, columns, heads * outputs]`."""
        split = values.reshape(self.rows, self.columns, self.heads, self.inputs)
        by_head = weights.reshape(self.tokens, self.heads, -1)
        rule = "yxhk,jhk->yxhj" if self.transposed else "yxhj,jhk->yxhk"
        return np.asarray(np.einsum(rule, split, by_head))


@dataclass(frozen=True, slots=True)
class Step:
    """A time step of both inputs."""

    values: IntArray
    weights: IntArray


class ProductBench(AxisBench):
    """A transaction is a time step; the two streams come independently of each other."""

    rounds = 8

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        self.weight_gate = Gate(share, Random(random.random()))
        self.weights = AxisSource(
            instance.w_axis_tvalid,
            instance.w_axis_tready,
            instance.w_axis_tdata,
            last=instance.w_axis_tlast,
            pauses=self.weight_gate,
        )
        self._busy = 0  # clocks
        self.domain.add(self.weights, Monitor(instance.busy_o, (), self._count))

    def _count(self) -> None:
        self._busy += 1

    @property
    def product(self) -> Product:
        product: Product = self.case.facts
        return product

    def stimulus(self) -> Step:
        rng = np.random.default_rng(self.random.getrandbits(32))
        density = self.random.choice([0.0, 0.05, 0.3, 0.9])
        values = rng.integers(0, 1 << self.case["ValueBits"], self.product.shape)
        is_there = rng.random(self.product.shape) < density
        half = 1 << (self.case["WeightBits"] - 1)
        shape = (self.product.tokens, self.product.channels)
        return Step(np.where(is_there, values, 0), rng.integers(-half, half, shape))

    def extremes(self) -> list[Step]:
        shape = (self.product.tokens, self.product.channels)
        half = 1 << (self.case["WeightBits"] - 1)
        low, high = np.full(shape, -half), np.full(shape, half - 1)
        silent = np.zeros(self.product.shape, int)
        full = np.full(self.product.shape, (1 << self.case["ValueBits"]) - 1)
        one = silent.copy()
        one[-1, -1, -1] = 1
        return [Step(v, w) for v in (silent, full, one) for w in (low, high, low)]

    def beats(self, transaction: Step) -> list[Beat]:
        words = transaction.values.reshape(-1, self.case["InLanes"]).tolist()
        return with_last([pack(word, self.case["ValueBits"]) for word in words])

    def weight_beats(self, transaction: Step) -> list[Beat]:
        words = transaction.weights.reshape(-1, self.case["WeightLanes"]).tolist()
        return with_last([pack(word, self.case["WeightBits"]) for word in words])

    def expected(self, transaction: Step) -> list[Beat]:
        currents = self.product.currents(transaction.values, transaction.weights)
        words = currents.reshape(-1, self.case["OutLanes"]).tolist()
        return with_last([pack(word, self.case["CurrentBits"]) for word in words])

    def send(self, transaction: Step) -> None:
        super().send(transaction)
        self.weights.send(self.weight_beats(transaction))

    async def timing(self) -> None:
        silent, full = self.extremes()[0], self.extremes()[3]
        await self._cost(silent, visits=1)
        events = full.values.size * self.case["ValueBits"]
        await self._cost(full, visits=events * self.case["Groups"])
        await self._events_wait(full)
        await self._weights_wait(full)
        await self._overlap(silent)

    async def _cost(self, step: Step, *, visits: int) -> None:
        """The weights and then the visits take a clock each, and the rest a constant."""
        loads, words = len(self.weight_beats(step)), len(self.beats(step))
        self._busy = 0
        start, arrivals = await self.arrivals_of([step])
        clocks = arrivals[0] - start
        assert clocks <= max(loads, words) + visits + 20, f"a step must not take {clocks} clocks"
        assert consecutive(arrivals), "a beat of currents must take one clock"
        assert self._busy == loads + visits + len(arrivals), "busy_o counts loads, visits, beats"

    async def _events_wait(self, step: Step) -> None:
        """A whole step of events waits in the queue for its weights."""
        self.weight_gate.closed = True
        self.send(step)
        await self.domain.step(len(self.beats(step)) + 40)
        is_taken = self.source.is_empty
        assert is_taken or self.case["QueueDepth"] < len(self.beats(step)), "the queue is short"
        assert self.missing == len(self.expected(step)), "a current came before its weights"
        self.weight_gate.closed = False
        await self.finish()

    async def _weights_wait(self, step: Step) -> None:
        """The weights of the next step wait until the events of this one are done."""
        self.input_gate.closed = True
        loads = len(self.weight_beats(step))
        taken = self.weights.taken
        self.send(step)
        self.send(step)
        await self.domain.step(2 * loads + 20)
        assert self.weights.taken - taken == loads, "it must take the weights of one step"
        self.input_gate.closed = False
        await self.finish()

    async def _overlap(self, step: Step) -> None:
        """The currents leave while the next weights come."""
        loads, words, count = len(self.weight_beats(step)), len(self.beats(step)), 5
        start, arrivals = await self.arrivals_of([step] * count)
        beats = len(self.expected(step))
        clocks = arrivals[-beats] - start
        assert clocks <= count * (max(loads, words, beats) + 12), "loads must overlap with beats"
