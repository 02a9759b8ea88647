"""Bench of spikeloom_rom."""

from __future__ import annotations

from random import Random

from rtl_bench.agents import Bench, Instance, pack


class RomBench(Bench):
    """A transaction is an address for each port, or None: en_i is low in that clock.

    The bench is its own agent: at the end of a clock the output must be the
    words that were read last in the clocks before.
    """

    rounds = 100

    def __init__(self, instance: Instance, *, share: float, random: Random) -> None:
        super().__init__(instance, share=share, random=random)
        self.checkers = [self]
        self._queue: list[list[int] | None] = []
        self._read: list[int] | None = None  # addresses
        self._words: int | None = None  # that must be at the output
        self.domain.add(self)

    @property
    def missing(self) -> int:
        return len(self._queue)

    def _addresses(self) -> list[int]:
        return [self.random.randrange(self.case["Depth"]) for _ in range(self.case["Ports"])]

    def stimulus(self) -> list[int] | None:
        return self.random.choice([None, self._addresses()])

    def extremes(self) -> list[list[int] | None]:
        last, ports = self.case["Depth"] - 1, self.case["Ports"]
        ends = [0, last, None, None, 0, None, *range(last + 1), None]
        return [None if address is None else [address] * ports for address in ends]

    def send(self, transaction: list[int] | None) -> None:
        self._queue.append(transaction)

    def drive(self) -> None:
        pause = self.input_gate() or not self._queue
        self._read = None if pause else self._queue.pop(0)
        self.instance.en_i.value = int(self._read is not None)
        addresses = self._addresses() if self._read is None else self._read
        bits = self.case.widths["address_i"] // self.case["Ports"]
        self.instance.address_i.value = pack(addresses, bits)

    def sample(self) -> None:
        if self._words is not None:
            words = int(self.instance.data_o.value)
            assert words == self._words, f"the words must be {self._words:#x}, not {words:#x}"
        if self._read is not None:
            read = [self.case.facts[address] for address in self._read]
            self._words = pack(read, self.case["Width"])

    def clear(self) -> None:
        self._queue.clear()
