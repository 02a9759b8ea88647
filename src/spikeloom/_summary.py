"""A layer in one line: the synapses that feed a neuron group, added up or listed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from spikeloom.codegen import ManifestLayer, ManifestSynapse

_NO_SYNAPSE = "neurons"
PRODUCT = "product"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSummary:
    """What tables show of a layer.

    `lanes`, `event_ports` and `weight_bits` are a number where all synapses
    agree, else a range such as "4-8", and None where there is none.  The weights
    of a product are computed, not stored: they count in `memory_bits`, what the
    layer has to remember of weights and membranes, and nowhere else.
    """

    name: str
    kind: str
    engine: str
    neurons: int
    weights: int
    weight_bits: int | str | None
    membrane_bits: int
    lanes: int | str | None
    event_ports: int | str | None
    memory_bits: int

    def to_json(self) -> dict[str, Any]:
        """Return the values by name."""
        return asdict(self)


def summarise(layer: ManifestLayer) -> LayerSummary:
    """Sum up a layer."""
    stored = [synapse for synapse in layer.synapses if synapse.kind != PRODUCT]
    weight_bits = sum(map(_weight_bits, layer.synapses))
    return LayerSummary(
        name=layer.name,
        kind=_listed(synapse.kind for synapse in layer.synapses) or _NO_SYNAPSE,
        engine=_listed(synapse.engine for synapse in layer.synapses),
        neurons=layer.neurons,
        weights=sum(synapse.weights for synapse in stored),
        weight_bits=_range(synapse.weight_bits for synapse in stored),
        membrane_bits=layer.membrane_bits,
        lanes=_range(synapse.lanes for synapse in layer.synapses),
        event_ports=_range(synapse.event_ports for synapse in layer.synapses),
        memory_bits=weight_bits + layer.neurons * layer.membrane_bits,
    )


def _weight_bits(synapse: ManifestSynapse) -> int:
    """Bits of the weights that are stored, or computed; of sparse ones without their tables."""
    weights = synapse.stored_words * synapse.lanes if synapse.sparse else synapse.weights
    return weights * synapse.weight_bits


def _listed(words: Iterable[str]) -> str:
    """Join what differs, each once, in order."""
    return " + ".join(dict.fromkeys(words))


def _range(numbers: Iterable[int]) -> int | str | None:
    found = sorted(set(numbers))
    if len(found) > 1:
        return f"{found[0]}-{found[-1]}"
    return found[0] if found else None
