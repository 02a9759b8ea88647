"""Bench of spikeloom_word_queue."""

from __future__ import annotations

from random import Random

from rtl_bench.agents import Bench, Bundle, InOrder, Instance, consecutive, with_last
from spikeloom.sim.axis import AxisSink, AxisSource, Beat

_OUTPUTS = ("m_last_o", "m_row_o", "m_column_o", "m_group_o", "m_word_o")


class WordQueueBench(Bench):
    """A transaction is a time step: all words of a frame, the first ones, or too many."""

    rounds = 16

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        self._source = AxisSource(
            instance.s_axis_tvalid,
            instance.s_axis_tready,
            instance.s_axis_tdata,
            last=instance.s_axis_tlast,
            pauses=self.input_gate,
        )
        self._outputs = Bundle(instance, _OUTPUTS)
        self.checker: InOrder[tuple[int, ...]] = InOrder("(last, row, column, group, word)")
        self.checkers = [self.checker]
        sink = AxisSink(
            instance.m_valid_o,
            instance.m_ready_i,
            self._outputs,
            pauses=self.output_gate,
            on_beat=self._take,
        )
        self.domain.add(self._source, sink)

    def _take(self, beat: Beat) -> None:
        self.arrivals.append(self.domain.cycle)
        self.checker.check(tuple(self._outputs.split(beat.data)))

    @property
    def words(self) -> int:
        return self.case["Groups"] * self.case["Columns"] * self.case["Rows"]

    def stimulus(self) -> list[int]:
        count = self.words if self.random.random() < 0.6 else self.random.randint(1, self.words + 3)
        density = self.random.choice([0.0, 0.3, 1.0])
        return [self._word() if self.random.random() < density else 0 for _ in range(count)]

    def _word(self) -> int:
        return self.random.getrandbits(self.case["Width"])

    def extremes(self) -> list[list[int]]:
        ones = (1 << self.case["Width"]) - 1
        silent = [0] * self.words
        return [silent, [ones] * self.words, [0], [1, *silent[1:]], [*silent[1:], 1]]

    def send(self, transaction: list[int]) -> None:
        self._source.send(with_last(transaction))
        last = len(transaction) - 1
        self.checker.expect(
            (int(index == last), *self._place(index), word)
            for index, word in enumerate(transaction)
            if word or index == last
        )

    def _place(self, index: int) -> tuple[int, int, int]:
        """Return row, column, and group number: the model."""
        position, group = divmod(index % self.words, self.case["Groups"])
        row, column = divmod(position, self.case["Columns"])
        return row, column, group * self.case["GroupStep"]

    async def timing(self) -> None:
        start, arrivals = await self.arrivals_of([[1]])
        assert arrivals == [start + 2], "the latency must be 2 clocks"
        depth = self.case["Depth"]
        _, arrivals = await self.arrivals_of([[1] * self.words] * 3)
        clocks = 2 if depth == 1 else 1
        assert consecutive(arrivals, clocks), f"a word must take {clocks} clock(s)"
        self.output_gate.closed = True
        taken = self._source.taken
        for _ in range(depth + 5):
            self.send([1])
        await self.domain.step(3 * depth + 20)
        assert self._source.taken - taken == depth + 1, "it must hold Depth + 1 words"
        self.output_gate.closed = False
        await self.finish()
