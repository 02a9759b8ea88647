"""What goes or stays together: words of weights, scored so that layers can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from spikeloom.ir import ConfigError
from spikeloom.model._compress._units import check_keep, relative_to_average, synapses_of
from spikeloom.model._network import Network
from spikeloom.model._synapse import ConvSynapse, MixSynapse, Synapse


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """The weights of one synapse, in words of `lanes` neighbouring outputs of the same input.

    A lane word is what the event engine stores and adds in one clock; with one lane it is a
    single weight.
    """

    name: str
    synapse: Synapse
    lanes: int

    @property
    def unit(self) -> Literal["word"]:
        """What a unit is called."""
        return "word"

    @property
    def suits_any_lanes(self) -> bool:
        """Single weights are 0 anywhere."""
        return self.lanes == 1

    @property
    def word(self) -> int:
        """Neighbouring outputs whose weights for one input always go together."""
        return self.lanes

    @property
    def synapses(self) -> tuple[Synapse]:
        """The one that has the words."""
        return (self.synapse,)

    @property
    def count(self) -> int:
        """How many words there are."""
        return self.synapse.weight.numel() // self.lanes

    @property
    def least(self) -> Literal[1]:
        """How many stay at any rate."""
        return 1

    def by_word(self, values: Tensor) -> Tensor:
        """One value per weight `[out, ...]` as `[words, lanes]`."""
        split = values.reshape(len(values) // self.lanes, self.lanes, -1)
        return split.transpose(1, 2).reshape(-1, self.lanes)

    def by_weight(self, values: Tensor) -> Tensor:
        """One value per word `[words]` for each of its weights, `[out, ...]`."""
        weight = self.synapse.weight
        split = values.view(len(weight) // self.lanes, 1, -1).expand(-1, self.lanes, -1)
        return split.reshape(weight.shape)

    @torch.no_grad()
    def squares(self) -> Tensor:
        """Mean square of the weights of every word `[words]`, 1 on average over those left."""
        squares = self.by_word(self.synapse.weight.square()).mean(1)
        return relative_to_average(squares, self.kept())

    def kept(self) -> Tensor:
        """Which words are left, `[words]` bool: those with any weight, if others went before."""
        mask = self.synapse.mask
        if mask is None:
            return torch.ones(self.count, dtype=torch.bool)
        return (self.by_word(mask) > 0).any(1)

    def rounded(self, kept: Tensor) -> Tensor:
        """Any words may be left."""
        return kept

    def masks(self, kept: Tensor, *, regrows: bool) -> Iterator[tuple[Synapse, Tensor]]:
        """The mask of the synapse, `[out, ...]`."""
        del regrows
        yield self.synapse, self.by_weight(kept.to(self.synapse.weight.dtype))

    def leave(self, synapse: Synapse, mask: Tensor, *, regrows: bool) -> None:
        """See `Synapse.prune`."""
        synapse.prune(mask, regrows=regrows)


def relative_squares(squares: Tensor) -> Tensor:
    """Each square over the sum of all that are not smaller: what its loss is to the layer.

    Layers of any size and scale can be compared by it, and the last word of a layer is worth
    as much as all of it.  It is the score of layer-adaptive magnitude pruning (LAMP; Lee et al.,
    Layer-adaptive sparsity for the magnitude-based pruning, ICLR 2021).
    """
    order = torch.argsort(squares, descending=True, stable=True)
    sums = squares[order].cumsum(0).clamp_min(torch.finfo(squares.dtype).tiny)
    scores = torch.empty_like(squares)
    scores[order] = squares[order] / sums
    return scores


def words_of(network: Network, lanes: int, keep: tuple[str, ...]) -> list[Words]:
    """The words of all synapses but those of the layers to `keep`.

    Raises:
        ConfigError: If a name is no layer with weights, or the outputs of a layer are no
            multiple of `lanes`.
    """
    check_keep(network, keep)
    found = [
        Words(name, synapse, 1 if _is_apart(synapse) else lanes)
        for name, synapse in synapses_of(network).items()
        if name not in keep
    ]
    if not found:
        raise ConfigError("compress.keep names every layer with weights: nothing can be compressed")
    for words in found:
        _check_lanes(words)
    return found


def _is_apart(synapse: Synapse) -> bool:
    """Whether neighbouring outputs never read the same input: there is nothing to put together."""
    return isinstance(synapse, MixSynapse) or (
        isinstance(synapse, ConvSynapse) and 1 < synapse.groups == len(synapse.weight)
    )


def _check_lanes(words: Words) -> None:
    synapse = words.synapse
    groups = synapse.groups if isinstance(synapse, ConvSynapse) else 1
    outputs = len(synapse.weight) // groups
    if outputs % words.lanes:
        divisors = [n for n in range(1, outputs + 1) if outputs % n == 0]
        raise ConfigError(
            f"compress.lanes = {words.lanes} does not divide the {outputs} outputs of layer "
            f"{words.name!r}; take one of {', '.join(map(str, divisors))}, or put the layer in "
            "compress.keep"
        )
