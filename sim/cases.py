# SPDX-FileCopyrightText: The Spikeloom developers
# SPDX-License-Identifier: Apache-2.0
"""The tests of a generated design.

Every test compares each score, each prediction and, through the probes, each
spike and each membrane with `vectors.npz`.  This file is also copied into the
`sim` folder of every generated design.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import cocotb

from .axis import Handle
from .testbench import Testbench, Vectors

_VECTORS = Vectors(Path(__file__).parent)
_PAUSES = 0.4  # share of cycles, in the stuttering phases
_RESETS = 4
_SEEDS = 2


def _seed() -> int:
    return cocotb.RANDOM_SEED % (1 << 32)  # cocotb derives a long number from its seed


@cocotb.test
async def one_inference(dut: Handle) -> None:
    """A single inference on a smooth stream."""
    bench = Testbench(dut, _VECTORS)
    await bench.domain.start()
    await bench.run(_VECTORS.inferences[:1])


@cocotb.test
async def back_to_back(dut: Handle) -> None:
    """Every inference, the input never pausing, the output always ready."""
    bench = Testbench(dut, _VECTORS)
    await bench.domain.start()
    await bench.run(_VECTORS.inferences)


@cocotb.test
async def extremes(dut: Handle) -> None:
    """No input, every input at its maximum, and both in turn."""
    bench = Testbench(dut, _VECTORS)
    await bench.domain.start()
    lowest, highest = _VECTORS.inferences[-2:]
    await bench.run([lowest, highest, highest, lowest, highest])


@cocotb.test
@cocotb.parametrize(offset=range(_SEEDS))
async def random_pauses(dut: Handle, offset: int) -> None:
    """Random pauses of the input and random back-pressure on the output."""
    seed = _seed() + offset
    dut._log.info("seed of the pauses: %d", seed)
    bench = Testbench(dut, _VECTORS, share=_PAUSES, seed=seed)
    await bench.domain.start()
    inferences = list(_VECTORS.inferences)
    Random(seed).shuffle(inferences)
    await bench.run(inferences)


@cocotb.test
async def reset_in_mid_stream(dut: Handle) -> None:
    """Resets at random times; the inferences after each must be right."""
    seed = _seed()
    dut._log.info("seed of the resets: %d", seed)
    random = Random(seed)
    bench = Testbench(dut, _VECTORS, share=_PAUSES, seed=seed)
    await bench.domain.start()
    await bench.run(_VECTORS.inferences[:1])
    longest = bench.domain.cycle
    for _ in range(_RESETS):
        for inference in _VECTORS.inferences[:2]:
            bench.send(inference)
        await bench.domain.step(random.randint(1, longest))
        await bench.reset(random.randint(1, 3))
        await bench.run(random.sample(_VECTORS.inferences, 2))
