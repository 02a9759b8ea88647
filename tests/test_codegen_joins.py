"""Lowering of graphs that branch, join and feed back."""

from __future__ import annotations

import numpy as np
import pytest

from spikeloom.codegen import BuildOptions, Design, LayerOptions, lower
from spikeloom.ir import (
    Add,
    BuildError,
    Concat,
    Conv2d,
    Delay,
    Dense,
    Encoder,
    Graph,
    Input,
    MaxPool2d,
    MixAxis,
    Neurons,
    Node,
    Product,
    Readout,
    SumPool2d,
    TokenMix,
    as_integers,
)

SHAPE = (4, 6, 6)


def conv(name: str, source: str, *, channels: int = 4, inputs: int = 4) -> Conv2d:
    weight = np.ones((channels, inputs, 3, 3), int)
    return Conv2d(name=name, source=source, weight=weight, weight_bits=2, padding=(1, 1))


def neurons(name: str, source: str) -> Neurons:
    return Neurons(name=name, source=source, threshold=as_integers(3))


def finished(nodes: list[Node], size: int, *, source: str) -> Graph:
    """Nodes on an input of spikes `s`, with a readout behind `source`."""
    first = Input(name="s", shape=SHAPE, encoder=Encoder.SPIKES)
    dense = Dense(name="dense", source=source, weight=np.ones((2, size), int), weight_bits=2)
    ending: list[Node] = [dense, neurons("last", "dense"), Readout(name="scores", source="last")]
    return Graph.of("joined", 3, [first, *nodes, *ending])


def instances(design: Design) -> dict[str, dict[str, str]]:
    """Parameters of every instance, with its module as `module`."""
    return {
        instance.name: {
            "module": instance.module,
            **{p.name: p.value for section in instance.sections for p in section.parameters},
        }
        for block in design.blocks
        for instance in block.instances
    }


def shortcut() -> Graph:
    """Neurons whose spikes go through a convolution and around it."""
    nodes: list[Node] = [
        conv("stem", "s"),
        neurons("a", "stem"),
        conv("body", "a"),
        Add(name="sum", sources=("body", "a")),
        neurons("b", "sum"),
    ]
    return finished(nodes, 144, source="b")


def test_a_stream_that_two_nodes_read_is_copied() -> None:
    found = instances(lower(shortcut()))
    assert found["u_a__fork"] == {"module": "spikeloom_fork", "Outputs": "2", "Width": "4"}


def test_a_sum_holds_a_whole_step_of_what_does_not_come_straight_from_an_engine() -> None:
    found = instances(lower(shortcut()))
    assert found["u_sum__queue_1"]["Depth"] == str(6 * 6 * 4 // 4)
    assert "u_sum__queue_0" not in found  # the convolution holds its currents itself


def test_spikes_count_as_unsigned_numbers_in_a_sum() -> None:
    found = instances(lower(shortcut()))["u_sum"]
    assert (found["Inputs"], found["Signed"]) == ("2", "{1'b0, 1'b1}")


@pytest.mark.parametrize(("first", "queued"), [("late", True), ("join", False)])
def test_a_delay_that_a_later_sum_reads_does_not_keep_its_source_waiting(
    first: str, queued: bool
) -> None:
    """Found in review: without the FIFO, source and sum waited for each other for ever."""
    delay = Delay(name="late", source="a", shape=SHAPE)
    if first == "late":  # the sum behind the source of the delay
        nodes: list[Node] = [
            delay,
            conv("stem", "s"),
            neurons("a", "stem"),
            conv("body", "a"),
            Add(name="sum", sources=("body", "late")),
        ]
    else:  # the sum in front of it
        nodes = [
            delay,
            conv("stem", "s"),
            Add(name="sum", sources=("stem", "late")),
            neurons("a", "sum"),
            conv("body", "a"),
        ]
    end = "sum" if first == "late" else "body"
    graph = finished([*nodes, neurons("b", end)], 144, source="b")
    found = instances(lower(graph))
    assert ("u_sum__queue_1" in found) == queued
    assert found["u_late"]["Depth"] == str(6 * 6)


def test_a_delay_behind_its_source_holds_two_steps() -> None:
    nodes: list[Node] = [
        conv("stem", "s"),
        neurons("a", "stem"),
        Delay(name="late", source="a", shape=SHAPE),
        Add(name="sum", sources=("a", "late")),
        neurons("b", "sum"),
    ]
    found = instances(lower(finished(nodes, 144, source="b")))
    assert found["u_late"]["Depth"] == str(2 * 6 * 6)
    assert "u_sum__queue_1" not in found


def test_a_sum_pool_is_part_of_a_synapse_and_a_block_for_all_others() -> None:
    pool = SumPool2d(name="pool", source="s", kernel=(2, 2))
    alone = finished([pool, conv("stem", "pool"), neurons("a", "stem")], 36, source="a")
    assert "u_pool" not in instances(lower(alone))
    both: list[Node] = [
        pool,
        conv("stem", "pool"),
        Add(name="sum", sources=("stem", "pool")),
        neurons("a", "sum"),
    ]
    found = instances(lower(finished(both, 36, source="a")))
    assert found["u_pool"]["module"] == "spikeloom_channelwise"
    assert found["u_s__fork"]["Outputs"] == "2"  # the synapse still reads in front of the pool


def test_a_maximum_of_spikes_is_unsigned_and_of_currents_signed() -> None:
    nodes: list[Node] = [
        MaxPool2d(name="spikes", source="s", kernel=(2, 2)),
        conv("stem", "spikes"),
        MaxPool2d(name="currents", source="stem", kernel=(3, 3), stride=(1, 1), padding=(1, 1)),
        neurons("a", "currents"),
    ]
    found = instances(lower(finished(nodes, 36, source="a")))
    assert (found["u_spikes"]["Signed"], found["u_currents"]["Signed"]) == ("0", "1")
    assert found["u_spikes"]["CurrentBits"] == "1"


def test_a_concatenation_takes_beats_of_one_width_and_its_own_share_of_each() -> None:
    nodes: list[Node] = [
        conv("wide", "s", channels=6),
        neurons("a", "wide"),
        conv("thin", "s", channels=2),
        neurons("b", "thin"),
        Concat(name="both", sources=("a", "b")),
    ]
    found = instances(lower(finished(nodes, 8 * 36, source="both")))
    assert (found["u_both"]["Lanes"], found["u_both"]["Groups"]) == ("2", "{32'd1, 32'd3}")
    assert found["u_both__0_by_2"]["module"] == "spikeloom_resize"


def test_events_per_clock_behind_a_group_bound_its_lanes() -> None:
    nodes: list[Node] = [conv("wide", "s", channels=12), neurons("a", "wide")]
    options = BuildOptions(
        layers={"a": LayerOptions(neuron_lanes=4), "last": LayerOptions(event_ports=6)}
    )
    with pytest.raises(
        BuildError, match="a multiple of 6, for the weight banks and fields behind it"
    ):
        lower(finished(nodes, 12 * 36, source="a"), options)


def test_the_weights_of_a_transposed_product_come_one_by_one() -> None:
    nodes: list[Node] = [
        conv("wide", "s", channels=12),
        neurons("a", "wide"),
        conv("keys", "a", channels=12, inputs=12),
        Product(name="map", source="a", weights="keys", transposed=True),
        neurons("b", "map"),
    ]
    found = instances(lower(finished(nodes, 36 * 36, source="b")))
    assert found["u_map__1_by_1"]["OutLanes"] == found["u_map"]["WeightLanes"] == "1"


def test_a_layer_of_several_synapses_is_folded_by_their_names() -> None:
    nodes: list[Node] = [
        conv("left", "s"),
        conv("right", "s"),
        Add(name="sum", sources=("left", "right")),
        neurons("a", "sum"),
    ]
    graph = finished(nodes, 144, source="a")
    with pytest.raises(BuildError, match="layer 'a' has 2 synapses; give all but neuron_lanes to"):
        lower(graph, BuildOptions(layers={"a": LayerOptions(lanes=2)}))
    with pytest.raises(BuildError, match="synapse 'left' has no neurons; give neuron_lanes to"):
        lower(graph, BuildOptions(layers={"left": LayerOptions(neuron_lanes=2)}))
    found = instances(lower(graph, BuildOptions(layers={"left": LayerOptions(lanes=2)})))
    assert (found["u_left"]["Lanes"], found["u_right"]["Lanes"]) == ("2", "4")
    design = lower(graph)
    assert [synapse.name for synapse in design.layers[0].synapses] == ["left", "right"]


def test_a_concatenation_counts_beyond_16_bits() -> None:
    """65537 beats of an input, a prime number, were once counted as 1."""
    nodes: list[Node] = [
        Input(name="s", shape=(65537,), encoder=Encoder.SPIKES),
        Concat(name="both", sources=("s", "s")),
        neurons("last", "both"),
        Readout(name="scores", source="last"),
    ]
    found = instances(lower(Graph.of("wide", 1, nodes)))
    assert found["u_both"]["Groups"] == "{32'd65537, 32'd65537}"


@pytest.mark.parametrize("ports", [0, 2])
def test_an_engine_that_keeps_channels_takes_one_event_per_clock(ports: int) -> None:
    """A token mixing once took any number of event ports, and did nothing with it."""
    mix = TokenMix(
        name="mix", source="s", weight=np.ones((6, 6), int), weight_bits=2, axis=MixAxis.ROWS
    )
    graph = finished([mix, neurons("a", "mix")], 144, source="a")
    with pytest.raises(BuildError, match=f"event_ports must divide .*: 1, not {ports}"):
        lower(graph, BuildOptions(layers={"mix": LayerOptions(event_ports=ports)}))


def test_comments_say_what_takes_clocks() -> None:
    nodes: list[Node] = [
        Add(name="counts", sources=("s", "s")),
        Conv2d(
            name="deep", source="counts", weight=np.ones((4, 1, 1, 1), int), weight_bits=2, groups=4
        ),
        MaxPool2d(name="most", source="deep", kernel=(6, 6)),
        neurons("a", "most"),
    ]
    blocks = {
        block.title: block.summary[-1] for block in lower(finished(nodes, 4, source="a")).blocks
    }
    assert (
        "one per tap of each bit plane of a word with any" in blocks['Depthwise convolution "deep"']
    )
    assert "one per tap of a word with any value above -4;" in blocks['Max pooling "most"']
    assert "clocks: 4 per time step" in blocks['Neurons "a"']  # of one word
