"""What goes or stays as one: what the methods need to know of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

from spikeloom.ir import ConfigError
from spikeloom.model._network import Network
from spikeloom.model._synapse import Synapse


class Units(Protocol):
    """The units of one layer, such as its lane words or its neurons."""

    @property
    def unit(self) -> str:
        """What a unit is called."""

    @property
    def name(self) -> str:
        """Name of the layer."""

    @property
    def lanes(self) -> int:
        """Of a word: its weights; of neurons: how many are left is a multiple of it."""

    @property
    def suits_any_lanes(self) -> bool:
        """Whether hardware with any number of lanes can be built of what is left."""

    @property
    def word(self) -> int:
        """Neighbouring outputs whose weights for one input always go together."""

    @property
    def synapses(self) -> tuple[Synapse, ...]:
        """Those whose weights go with the units."""

    @property
    def count(self) -> int:
        """How many units there are."""

    @property
    def least(self) -> int:
        """How many stay at any rate."""

    def squares(self) -> Tensor:
        """Size of every unit, squared, `[units]`: 1 on average over those that are left."""

    def kept(self) -> Tensor:
        """Which units are left, `[units]` bool."""

    def rounded(self, kept: Tensor) -> Tensor:
        """The largest part of the units that are `kept` which the layer may be left with."""

    def masks(self, kept: Tensor, *, regrows: bool) -> Iterator[tuple[Synapse, Tensor]]:
        """What the units that are `kept` leave of synapses: 0 or 1, broadcast to the weights.

        Where units of several layers share a synapse, its mask is the product of all.
        """

    def leave(self, synapse: Synapse, mask: Tensor, *, regrows: bool) -> None:
        """Give a synapse a mask that was made so; see `Synapse.prune`."""


def relative_to_average(squares: Tensor, kept: Tensor) -> Tensor:
    """Squares over the average of those that are kept."""
    average = squares[kept].mean()
    return squares / average.clamp_min(torch.finfo(squares.dtype).tiny)


def synapses_of(network: Network) -> dict[str, Synapse]:
    """The synapses with weights of their own, by name of their layers, in order."""
    return {
        block.name: part
        for block in network.blocks
        for part in block.modules()
        if isinstance(part, Synapse)
    }


def check_keep(network: Network, keep: tuple[str, ...]) -> None:
    """Refuse names of layers to keep that have no weights, or are none.

    Raises:
        ConfigError: With all that are.
    """
    names = synapses_of(network)
    unknown = [name for name in keep if name not in names]
    if unknown:
        raise ConfigError(
            f"compress.keep: no layer with weights is named {unknown[0]!r}; there are "
            f"{', '.join(names)}"
        )
