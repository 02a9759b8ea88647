"""What the tests share: missing tools, data folders, a small graph."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from spikeloom.ir import Dense, Graph, Input, Leak, Neurons, Readout

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the repository."""
    return ROOT


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tensors are tiny in tests, and more threads of PyTorch only wait for each other."""
    import torch  # not in every test's process

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def need() -> Callable[[str], None]:
    """Ask for a program on PATH or a module: skip without it, fail in CI."""

    def ask(tool: str) -> None:
        if shutil.which(tool) is None and find_spec(tool) is None:
            reason = f"{tool} is missing; `make setup` installs it"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)

    return ask


@pytest.fixture
def tiny_graph() -> Graph:
    """Six values of 3 bits, five LIF neurons, three outputs, four time steps."""
    rng = np.random.default_rng(7)
    nodes = (
        Input(name="pixels", shape=(6,), bits=3),
        Dense(name="fc1", source="pixels", weight=rng.integers(-7, 8, (5, 6)), weight_bits=4),
        Neurons(name="hidden", source="fc1", threshold=np.array(20), leak=Leak.shift(2)),
        Dense(name="fc2", source="hidden", weight=rng.integers(-3, 4, (3, 5)), weight_bits=3),
        Neurons(name="output", source="fc2", threshold=np.array(2)),
        Readout(name="readout", source="output"),
    )
    return Graph.of("tiny", 4, nodes)
