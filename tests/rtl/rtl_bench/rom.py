"""Bench of spikeloom_rom."""

from __future__ import annotations

from random import Random

from rtl_bench.agents import Bench, Instance


class RomBench(Bench):
    """A transaction is the address of a read, or None: en_i is low in that clock.

    The bench is its own agent: at the end of a clock the output must be the
    word that was read last in the clocks before.
    """

    rounds = 100

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        self.checkers = [self]
        self._queue: list[int | None] = []
        self._read: int | None = None  # address
        self._word: int | None = None  # that must be at the output
        self.domain.add(self)

    @property
    def missing(self) -> int:
        return len(self._queue)

    def stimulus(self) -> int | None:
        return self.random.choice([None, self.random.randrange(self.case["Depth"])])

    def extremes(self) -> list[int | None]:
        last = self.case["Depth"] - 1
        return [0, last, None, None, 0, None, *range(last + 1), None]

    def send(self, transaction: int | None) -> None:
        self._queue.append(transaction)

    def drive(self) -> None:
        pause = self.input_gate() or not self._queue
        self._read = None if pause else self._queue.pop(0)
        self.instance.en_i.value = int(self._read is not None)
        address = self.random.randrange(self.case["Depth"]) if self._read is None else self._read
        self.instance.address_i.value = address

    def sample(self) -> None:
        if self._word is not None:
            word = int(self.instance.data_o.value)
            assert word == self._word, f"the word must be {self._word:#x}, not {word:#x}"
        if self._read is not None:
            self._word = self.case.facts[self._read]

    def clear(self) -> None:
        self._queue.clear()
