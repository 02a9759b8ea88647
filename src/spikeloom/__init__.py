"""Spikeloom: spiking neural networks, from training to a running FPGA.

The steps, most of them also a command of the same name:

    run = spikeloom.train("examples/digits.toml")
    run = spikeloom.compress(run, connectivity=0.1)
    spikeloom.explore(run, board="ulx3s", plot="explore.svg")
    out = spikeloom.build(run, board="ulx3s", goal="throughput")
    spikeloom.fit(out)
    spikeloom.verify(out, probe=True)
    spikeloom.synth(out)
    spikeloom.report(out)

Importing this package imports neither PyTorch nor any tool.
"""

from __future__ import annotations

__version__ = "0.1.0"

from spikeloom._api import (
    bench,
    build,
    compress,
    explore,
    fit,
    list_boards,
    report,
    synth,
    train,
    verify,
)

__all__ = [
    "__version__",
    "bench",
    "build",
    "compress",
    "explore",
    "fit",
    "list_boards",
    "report",
    "synth",
    "train",
    "verify",
]
