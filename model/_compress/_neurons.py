"""Whole neurons, and channels of convolutions: what every engine is smaller and faster without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from spikeloom.ir import ConfigError
from spikeloom.model._blocks import Block, MaxPool, SumPool
from spikeloom.model._compress._units import check_keep, relative_to_average, synapses_of
from spikeloom.model._flow import readers_of
from spikeloom.model._layers import SpikingLayer
from spikeloom.model._network import Network
from spikeloom.model._synapse import ConvSynapse, DenseSynapse, Synapse


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """A synapse that reads the neurons; `units` are those of its own layer, if they may go too."""

    synapse: Synapse
    units: Neurons | None


@dataclass(frozen=True, slots=True, eq=False)
class Neurons:
    """The neurons of a dense layer, or the channels of a convolution.

    With a neuron go its weights and all that read it.  Their number is always a multiple of
    `lanes`, once any were chosen.
    """

    name: str
    synapse: Synapse
    lanes: int
    readers: tuple[Reader, ...]

    @property
    def unit(self) -> Literal["neuron"]:
        """What a unit is called."""
        return "neuron"

    @property
    def suits_any_lanes(self) -> Literal[False]:
        """Lanes have to divide how many are left."""
        return False

    @property
    def word(self) -> Literal[1]:
        """Neighbouring neurons go each by itself."""
        return 1

    @property
    def synapses(self) -> tuple[Synapse, ...]:
        """Its own, and those of its readers."""
        return (self.synapse, *(reader.synapse for reader in self.readers))

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.synapse.weight)

    @property
    def least(self) -> int:
        """How many stay at any rate."""
        return self.lanes

    @torch.no_grad()
    def squares(self) -> Tensor:
        """Mean square of the weights that read each, `[neurons]`, 1 on average over those left.

        A neuron is worth what others make of it: without those weights it is nothing to the
        network, whatever its own are.
        """
        kept = self.kept()
        total = torch.zeros(self.count)
        for reader in self.readers:
            weight = self._by_neuron(_weights(reader))
            total += relative_to_average(weight.square().mean((0, 2)), kept)
        return relative_to_average(total, kept)

    def kept(self) -> Tensor:
        """Which are left, `[neurons]` bool: those that are read at all."""
        live = self.readers[0].synapse.live
        if live is None:
            return torch.ones(self.count, dtype=torch.bool)
        return self._by_neuron(live).any(0).any(1)

    def rounded(self, kept: Tensor) -> Tensor:
        """The largest of those that are `kept`, of which there are a multiple of `lanes`."""
        left = int(kept.sum())
        wanted = max(self.lanes, left - left % self.lanes)
        if left == wanted:
            return kept
        squares = self.squares()
        best = squares + kept * (1.0 + squares.max())  # others only where there are too few
        fewer = torch.zeros_like(kept)
        fewer[best.topk(wanted).indices] = True
        return fewer

    def masks(self, kept: Tensor, *, regrows: bool) -> Iterator[tuple[Synapse, Tensor]]:
        """Rows `[out, 1, ...]` of its own synapse, and columns `[1, in, ...]` of its readers.

        A neuron that may come back still gets its inputs: only so can the gradient of the weights
        that read it say what it would be worth.
        """
        values = kept.to(self.synapse.weight.dtype)
        rows = torch.ones_like(values) if regrows else values
        yield self.synapse, rows.view(-1, *(1,) * (self.synapse.weight.dim() - 1))
        for reader in self.readers:
            weight = reader.synapse.weight
            columns = values.repeat_interleave(weight.shape[1] // self.count)
            yield reader.synapse, columns.view(1, -1, *(1,) * (weight.dim() - 2))

    def leave(self, synapse: Synapse, mask: Tensor, *, regrows: bool) -> None:
        """See `Synapse.confine`."""
        synapse.confine(mask, regrows=regrows)

    def _by_neuron(self, weight: Tensor) -> Tensor:
        """Weights `[out, in, ...]` of a reader as `[out, neurons, -1]`: positions and taps last."""
        return weight.reshape(len(weight), self.count, -1)


def _weights(reader: Reader) -> Tensor:
    """The weights of the neurons of a reader that are left, 0 where pruned."""
    weight = reader.synapse.weight
    if reader.synapse.mask is not None:
        weight = weight * reader.synapse.mask
    return weight if reader.units is None else weight[reader.units.kept()]


def neurons_of(network: Network, lanes: int, keep: tuple[str, ...]) -> list[Neurons]:
    """The neurons of all layers of which some can go, but of those to `keep`.

    Raises:
        ConfigError: If a name is no layer with weights, nothing can go, or a layer has fewer
            neurons than `lanes`.
    """
    check_keep(network, keep)
    found: dict[str, Neurons] = {}
    reasons: dict[str, str] = {}
    behind = _read_through_pools(network)
    for block in reversed(network.blocks):  # readers first
        if block.name not in synapses_of(network):
            continue
        reason = "it is kept" if block.name in keep else _reason(block, behind)
        if reason or not isinstance(block, SpikingLayer):
            reasons[block.name] = reason
            continue
        readers = [
            Reader(part, found.get(reader.name))
            for reader in behind[block.name]
            for part in reader.modules()
            if isinstance(part, Synapse)
        ]
        found[block.name] = Neurons(block.name, block.synapse, lanes, tuple(readers))
    if not found:
        listed = "; ".join(f"{name!r}: {reason}" for name, reason in reversed(reasons.items()))
        raise ConfigError(
            "no neurons can go: only those of dense and conv layers without groups can, which such "
            f"layers alone read ({listed}); compress with unit = 'word'"
        )
    for neurons in found.values():
        _check_lanes(neurons)
    return list(reversed(found.values()))


def _read_through_pools(network: Network) -> dict[str, list[Block]]:
    """Who reads each block, by name, pools aside."""
    blocks = {block.name: block for block in network.blocks}
    readers = readers_of(network.config.layers)
    found: dict[str, list[Block]] = {}
    for name in blocks:
        pending = list(readers[name])
        found[name] = []
        while pending:
            block = blocks[pending.pop(0)]
            if isinstance(block, SumPool | MaxPool):
                pending += readers[block.name]
            else:
                found[name].append(block)
    return found


def _reason(block: Block, behind: Mapping[str, list[Block]]) -> str:
    """Why no neuron of a block can go; empty if some can."""
    if not behind[block.name]:
        return "it is the last layer"
    if not isinstance(block, SpikingLayer):
        return "its currents go to other neurons than its own"
    if not _is_whole(block):
        return "its outputs do not read all inputs"
    for reader in behind[block.name]:
        if not _is_whole(reader):
            return f"{reader.name!r} reads it"
    return ""


def _is_whole(block: Block) -> bool:
    """Whether it has a synapse by which each of its outputs reads every channel."""
    parts = [part for part in block.modules() if isinstance(part, Synapse)]
    if len(parts) != 1:
        return False
    (synapse,) = parts
    if isinstance(synapse, ConvSynapse):
        return synapse.groups == 1
    return isinstance(synapse, DenseSynapse)


def _check_lanes(neurons: Neurons) -> None:
    if neurons.lanes > neurons.count:
        raise ConfigError(
            f"compress.lanes = {neurons.lanes}, but layer {neurons.name!r} has no more than "
            f"{neurons.count} neurons or channels; take at most as many, or put the layer in "
            "compress.keep"
        )
