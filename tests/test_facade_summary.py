"""A layer in one line: what its synapses have in common, and what differs."""

from __future__ import annotations

from typing import Any

from spikeloom._summary import LayerSummary, summarise
from spikeloom.codegen import ManifestLayer, ManifestSynapse


def synapse(name: str, kind: str, **changes: Any) -> ManifestSynapse:
    values: dict[str, Any] = {
        "engine": "event",
        "lanes": 4,
        "event_ports": 1,
        "weight_bits": 3,
        "weights": 100,
        "current_bits": 9,
        **changes,
    }
    return ManifestSynapse(name=name, kind=kind, **values)


def summary_of(*synapses: ManifestSynapse) -> LayerSummary:
    layer = ManifestLayer(
        name="maps",
        synapses=synapses,
        neuron_lanes=2,
        membrane_bits=7,
        shape=(10,),
        neurons=10,
        instances=("u_maps",),
    )
    return summarise(layer)


def test_one_synapse_is_shown_as_it_is() -> None:
    summary = summary_of(synapse("conv", "conv2d"))
    assert (summary.kind, summary.engine) == ("conv2d", "event")
    assert (summary.lanes, summary.event_ports, summary.weight_bits) == (4, 1, 3)
    assert (summary.weights, summary.memory_bits) == (100, 100 * 3 + 10 * 7)


def test_equal_synapses_look_like_one() -> None:
    summary = summary_of(synapse("a", "dense"), synapse("b", "dense"))
    assert (summary.kind, summary.lanes, summary.weight_bits) == ("dense", 4, 3)
    assert summary.weights == 200


def test_synapses_that_differ_give_ranges() -> None:
    parts = [
        synapse("a", "conv2d", lanes=8),
        synapse("b", "dense", lanes=16, weight_bits=5, event_ports=4),
        synapse("c", "conv2d", lanes=4, weight_bits=4),
    ]
    summary = summary_of(*parts)
    assert summary.kind == "conv2d + dense"
    assert (summary.lanes, summary.weight_bits, summary.event_ports) == ("4-16", "3-5", "1-4")
    assert summary.memory_bits == 100 * (3 + 5 + 4) + 10 * 7


def test_weights_of_a_product_are_memory_and_no_weights() -> None:
    product = synapse("gate", "product", weight_bits=12, weights=50)
    summary = summary_of(synapse("conv", "conv2d"), product)
    assert summary.kind == "conv2d + product"
    assert (summary.weights, summary.weight_bits) == (100, 3)
    assert summary.memory_bits == 100 * 3 + 50 * 12 + 10 * 7
    alone = summary_of(product)
    assert (alone.weights, alone.weight_bits, alone.lanes) == (0, None, 4)


def test_neurons_without_a_synapse() -> None:
    summary = summary_of()
    assert (summary.kind, summary.engine) == ("neurons", "")
    assert (summary.lanes, summary.weight_bits, summary.weights) == (None, None, 0)
    assert summary.memory_bits == 10 * 7
