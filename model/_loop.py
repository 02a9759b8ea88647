"""Feedback loops: layers that wait for each other run one time step at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from spikeloom.model._blocks import Block, Delay, Step, Value, units_of
from spikeloom.model._norm import Running


def run_loop(
    blocks: Sequence[Block], values: Mapping[str, Value], wanted: Iterable[str]
) -> dict[str, Value]:
    """Outputs over all time steps of the blocks that are wanted.

    Running statistics follow what was seen after a run, not before it.  At the
    very first batch they are found in trial runs: as many as there are
    statistics that may wait for each other.

    Args:
        blocks: Blocks that reach each other through delays, in the order of a time step.
        values: Outputs of what they read outside the loop.
        wanted: Names of blocks.
    """
    inside = {block.name for block in blocks}
    read = {name for block in blocks for name in block.sources}
    outside = {name: values[name] for name in read - inside}
    if any(block.training for block in blocks):
        _start(blocks, outside)
    return _run(blocks, outside, wanted)


@torch.no_grad()
def _start(blocks: Sequence[Block], outside: Mapping[str, Value]) -> None:
    """Find the statistics that no batch has shown yet."""
    fresh = [norm for norm in _norms(blocks) if norm.is_fresh]
    for _ in range(len(fresh) + 1 if fresh else 0):
        for norm in fresh:
            norm.set_fresh(True)
        _run(blocks, outside, ())


def _norms(blocks: Iterable[nn.Module]) -> list[Running]:
    return [part for block in blocks for part in block.modules() if isinstance(part, Running)]


def _run(
    blocks: Sequence[Block], outside: Mapping[str, Value], wanted: Iterable[str]
) -> dict[str, Value]:
    units = units_of(blocks, {name: value.unit for name, value in outside.items()})
    steps = {
        block.name: block.begin([units[name] for name in block.sources])
        for block in blocks
        if not isinstance(block, Delay)
    }
    found: dict[str, list[Tensor]] = {name: [] for name in wanted}
    last: dict[str, Tensor] = {}
    for t in range(blocks[0].time_steps):
        last = _step(blocks, steps, _frame(outside, t), last)
        for name, tensors in found.items():
            tensors.append(last[name])
    for step in steps.values():
        step.finish()
    return {name: Value(torch.stack(tensors), units[name]) for name, tensors in found.items()}


def _frame(values: Mapping[str, Value], t: int) -> dict[str, Tensor]:
    return {name: value.data[t % len(value.data)] for name, value in values.items()}


def _step(
    blocks: Sequence[Block],
    steps: Mapping[str, Step],
    now: dict[str, Tensor],
    last: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Outputs of one time step, given those of the step before."""
    like = next(iter(now.values()))
    for block in blocks:
        if isinstance(block, Delay):
            rest = like.new_zeros((len(like), *block.flow.shape))
            now[block.name] = last.get(block.sources[0], rest)
        else:
            now[block.name] = steps[block.name].run(*(now[name] for name in block.sources))
    return now
