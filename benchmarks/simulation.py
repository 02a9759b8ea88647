"""How fast whole test sets go through the RTL: inferences and clock cycles per second.

    python benchmarks/simulation.py OUT [OUT ...] [--probe] [--limit N]

OUT is an output folder of `spikeloom build`.  The harness is built first; its
time is given apart.  What is measured is a whole `spikeloom verify`: the
reference executor and the four runs of the harness on all processors.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from spikeloom.sim import VerifyResult, verify


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure RTL simulation.")
    parser.add_argument("out", nargs="+", type=Path)
    parser.add_argument("--probe", action="store_true", help="compare every layer")
    parser.add_argument("--limit", type=int, help="take the first LIMIT inferences only")
    options = parser.parse_args()
    for out in options.out:
        measure(out, probe=options.probe, limit=options.limit)


def measure(out: Path, *, probe: bool, limit: int | None) -> None:
    start = time.perf_counter()
    verify(out, limit=1)
    built = time.perf_counter()
    result = verify(out, probe=probe, limit=limit)
    seconds = time.perf_counter() - built
    print(f"{out}: harness ready after {built - start:.1f} s")
    print(f"  {describe(result, seconds)}")


def describe(result: VerifyResult, seconds: float) -> str:
    inferences = sum(mode.inferences for mode in result.modes)
    cycles = sum(mode.cycles for mode in result.modes)
    verdict = "all equal" if result.passed else f"{result.mismatches} MISMATCHES"
    return (
        f"{result.inferences} inferences of the test set ({inferences} in all runs) in "
        f"{seconds:.1f} s: {inferences / seconds:,.0f} inferences/s, "
        f"{cycles / seconds:,.0f} clock cycles/s, {verdict}"
    )


if __name__ == "__main__":
    main()
