"""What every module goes through; each test runs once for every selected instance."""

from __future__ import annotations

import os
from random import Random

import cocotb

from rtl_bench.agents import PAUSES, Bench, Instance
from rtl_bench.benches import BENCHES
from rtl_bench.registry import INSTANCES
from rtl_bench.simulator import SELECTED
from spikeloom.sim.axis import Handle

_NAMES = os.environ[SELECTED].split(",")
_RESETS = 6
_SETTLE = 100  # cycles: memories are cleared after a reset


def _bench(dut: Handle, name: str, *, share: float = 0.0) -> Bench:
    case = INSTANCES[name]
    seed = f"{name} {cocotb.RANDOM_SEED}"
    dut._log.info("seed: %r", seed)
    return BENCHES[case.module](Instance(dut, name, case), share=share, random=Random(seed))


@cocotb.test
@cocotb.parametrize(name=_NAMES)
async def back_to_back(dut: Handle, name: str) -> None:
    """Extreme and random transactions, without a pause on either side."""
    bench = _bench(dut, name)
    await bench.domain.start()
    for transaction in bench.extremes():
        bench.send(transaction)
    for _ in range(bench.rounds):
        bench.send(bench.stimulus())
    await bench.finish()


@cocotb.test
@cocotb.parametrize(name=_NAMES)
async def random_pauses(dut: Handle, name: str) -> None:
    """The same with idle on the input and back-pressure on the output."""
    bench = _bench(dut, name, share=PAUSES)
    await bench.domain.start()
    transactions = [*bench.extremes(), *(bench.stimulus() for _ in range(2 * bench.rounds))]
    bench.random.shuffle(transactions)
    for transaction in transactions:
        bench.send(transaction)
    await bench.finish()


@cocotb.test
@cocotb.parametrize(name=_NAMES)
async def reset_in_mid_stream(dut: Handle, name: str) -> None:
    """Resets at random times; everything after each must be right."""
    bench = _bench(dut, name, share=PAUSES / 2)
    await bench.domain.start()
    for _ in range(3):
        bench.send(bench.stimulus())
    await bench.finish()
    longest = bench.domain.cycle
    for _ in range(_RESETS):
        for _ in range(4):
            bench.send(bench.stimulus())
        await bench.domain.step(bench.random.randint(1, longest))
        await bench.reset(bench.random.randint(1, 3))
    for _ in range(3):
        bench.send(bench.stimulus())
    await bench.finish()


@cocotb.test
@cocotb.parametrize(name=_NAMES)
async def timing(dut: Handle, name: str) -> None:
    """Latency, throughput and capacity as the header of the module gives them."""
    bench = _bench(dut, name)
    await bench.domain.start()
    await bench.domain.step(_SETTLE)
    await bench.timing()
