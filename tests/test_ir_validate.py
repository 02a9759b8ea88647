from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spikeloom.ir import (
    Conv2d,
    Dense,
    Encoder,
    Graph,
    GraphError,
    Input,
    Leak,
    LeakTerm,
    Neurons,
    Node,
    Readout,
    ReadoutKind,
    Reset,
    SumPool2d,
    as_integers,
    check,
    infer_shapes,
    validate,
)

IMAGE = Input(name="image", shape=(1, 6, 6), bits=4)
CONV = Conv2d(name="conv", source="image", weight=np.ones((2, 1, 3, 3), int), weight_bits=3)
HIDDEN = Neurons(name="hidden", source="conv", threshold=np.array([4, 5]))
POOL = SumPool2d(name="pool", source="hidden", kernel=(2, 2))
DENSE = Dense(name="dense", source="pool", weight=np.ones((3, 8), int), weight_bits=2)
OUT = Neurons(name="out", source="dense", threshold=np.array(3))
SCORES = Readout(name="scores", source="out")
NODES: tuple[Node, ...] = (IMAGE, CONV, HIDDEN, POOL, DENSE, OUT, SCORES)


def graph_with(*changed: Node, name: str = "g", time_steps: int = 3) -> Graph:
    """Return the graph above with nodes of the same names exchanged."""
    new = {node.name: node for node in changed}
    return Graph(name, time_steps, tuple(new.get(node.name, node) for node in NODES))


def test_the_graph_of_these_tests_is_valid() -> None:
    assert validate(graph_with()) == ()
    assert infer_shapes(graph_with()) == {
        "image": (1, 6, 6),
        "conv": (2, 4, 4),
        "hidden": (2, 4, 4),
        "pool": (2, 2, 2),
        "dense": (3,),
        "out": (3,),
        "scores": (3,),
    }


# One broken rule each: the changed nodes and the whole message.
ONE_PROBLEM: list[tuple[Graph, str]] = [
    (
        graph_with(name="My Net"),
        "graph name must be a lower-case letter, then lower-case letters, digits and single "
        "underscores between them, not 'My Net'; rename it, for example 'my_net'",
    ),
    (graph_with(time_steps=0), "time_steps must be 1 to 65535, not 0"),
    (graph_with(time_steps=65_536), "time_steps must be 1 to 65535, not 65536"),
    (
        graph_with(replace(IMAGE, bits=17)),
        "bits of 'image' must be 1 to 16, not 17; quantise the input to fewer",
    ),
    (
        graph_with(replace(IMAGE, encoder=Encoder.SPIKES)),
        "bits of 'image' must be 1 with the encoder spikes, not 4; set bits=1, or use the encoder "
        "direct or rate",
    ),
    (
        graph_with(replace(IMAGE, encoder=Encoder.RATE, seed=65_536)),
        "seed of 'image' must be 1 to 65535, not 65536: an LFSR of 16 bits never leaves 0; "
        "choose another",
    ),
    (
        graph_with(replace(IMAGE, shape=(6, 6))),
        "shape of 'image' must be (N,) or (C, H, W) with sizes of at least 1, not (6, 6); "
        "reshape the input",
    ),
    (
        graph_with(replace(IMAGE, shape=(1, 0, 6))),
        "shape of 'image' must be (N,) or (C, H, W) with sizes of at least 1, not (1, 0, 6); "
        "reshape the input",
    ),
    (
        graph_with(replace(IMAGE, shape=(36,))),
        "source of 'conv' must be a feature map (C, H, W), not 'image' of shape [36]; "
        "use a Dense synapse on a vector",
    ),
    (
        graph_with(replace(IMAGE, shape=(3, 6, 6))),
        "weight of 'conv' must have 3 input channels, those of 'image', not 1",
    ),
    (
        graph_with(replace(CONV, weight=np.ones((2, 1, 9), int))),
        "weight of 'conv' must have shape [out, in, kh, kw] with sizes of at least 1, "
        "not [2, 1, 9]; reshape it",
    ),
    (
        graph_with(replace(CONV, stride=(0, 1))),
        "stride of 'conv' must be two integers of at least 1, not (0, 1)",
    ),
    (
        graph_with(replace(CONV, padding=(0, -1))),
        "padding of 'conv' must be two integers of at least 0, not (0, -1)",
    ),
    (
        graph_with(replace(CONV, weight=np.ones((2, 1, 7, 1), int))),
        "kernel of 'conv' must fit the 6x6 map that it reads (padding included), not 7x1; "
        "use a smaller kernel or more padding",
    ),
    (
        graph_with(replace(CONV, weight_bits=0)),
        "weight_bits of 'conv' must be 1 to 16, not 0",
    ),
    (
        graph_with(replace(CONV, weight=np.array([3, 4, -5, 2, -4, 0] * 3).reshape(2, 1, 3, 3))),
        "weights of 'conv' must be -4 to 3 (3 bits), but 6 of 18 are not, the largest -5; "
        "set weight_bits to 4 or scale the weights down",
    ),
    (
        graph_with(replace(POOL, kernel=(0, 2))),
        "kernel of 'pool' must be two integers of at least 1, not (0, 2)",
    ),
    (
        graph_with(replace(POOL, kernel=(2, 5))),
        "kernel of 'pool' must fit the 4x4 map that it reads (padding included), not 2x5; "
        "use a smaller kernel or more padding",
    ),
    (
        graph_with(replace(DENSE, weight=np.ones((3, 9), int))),
        "weight of 'dense' must have 8 inputs, the size of 'pool' [2, 2, 2], not 9; change the "
        "weight to shape [3, 8]",
    ),
    (
        graph_with(replace(DENSE, weight=np.ones(8, int))),
        "weight of 'dense' must have shape [out, in] with sizes of at least 1, not [8]; reshape it",
    ),
    (
        graph_with(replace(HIDDEN, threshold=np.array([1, 2, 3]))),
        "threshold of 'hidden' must have shape [] or [2] or [2, 4, 4], not [3]; "
        "give one value, one per channel or one per neuron",
    ),
    (
        graph_with(replace(OUT, bias=np.array([[1, 2, 3]]))),
        "bias of 'out' must have shape [] or [3], not [1, 3]; "
        "give one value, one per channel or one per neuron",
    ),
    (
        graph_with(replace(HIDDEN, threshold=np.array([4, 0]))),
        "threshold of 'hidden' must be 1 to 2147483647, but 1 of 2 are not, for example 0; "
        "change them, or scale the layer",
    ),
    (
        graph_with(replace(OUT, bias=np.array([0, 2**31, -(2**31)]))),
        "bias of 'out' must be -2147483648 to 2147483647, but 1 of 3 are not, for example "
        "2147483648; change them, or scale the layer",
    ),
    (
        graph_with(replace(OUT, leak=Leak(()))),
        "leak of 'out' must have 1 to 8 terms, not 0",
    ),
    (
        graph_with(replace(OUT, leak=Leak((LeakTerm(2, 0),)))),
        "leak signs of 'out' must be +1 or -1, not 2",
    ),
    (
        graph_with(replace(OUT, leak=Leak.shift(32))),
        "leak shifts of 'out' must be 0 to 31, not 32",
    ),
    (
        graph_with(replace(OUT, leak=Leak((LeakTerm(1, 0), LeakTerm(1, 2))))),
        "decay of 'out' must be 0 to 1, not 1.25; choose shifts whose signed sum of 2**-shift is "
        "in that range",
    ),
    (
        graph_with(replace(OUT, leak=Leak((LeakTerm(-1, 1),)))),
        "decay of 'out' must be 0 to 1, not -0.5; choose shifts whose signed sum of 2**-shift is "
        "in that range",
    ),
    (
        graph_with(replace(OUT, membrane_bits=33)),
        "membrane_bits of 'out' must be 2 to 32, or None to infer a width, not 33",
    ),
    (
        graph_with(replace(OUT, threshold=np.array([3, 8, 2]), membrane_bits=4)),
        "membrane_bits of 'out' must hold the largest threshold 8, but 4 bits end at 7; "
        "use at least 5 bits",
    ),
    (
        graph_with(replace(HIDDEN, threshold=None, reset=Reset.NONE)),
        "neurons 'hidden' have no threshold and never spike, so that only a readout of kind "
        "membrane can read them; set a threshold, or make that their reader",
    ),
    (
        graph_with(replace(OUT, threshold=None), replace(SCORES, kind=ReadoutKind.MEMBRANE)),
        "reset of 'out' must be none, not subtract: neurons without a threshold never spike; "
        "set reset=Reset.NONE",
    ),
    (
        graph_with(replace(SCORES, kind=ReadoutKind.MEMBRANE)),
        "readout 'scores' of kind membrane must read neurons without a threshold, not 'out', "
        "which spike; set threshold=None and reset=Reset.NONE there, or use the kind spike_count",
    ),
    (
        Graph("g", 3, NODES[1:]),
        "graph must have exactly one Input, not 0",
    ),
    (
        Graph("g", 3, NODES[:-1]),
        "graph must have exactly one Readout, not 0",
    ),
    (
        graph_with(
            replace(IMAGE, bits=16),
            replace(CONV, weight_bits=16, weight=np.full((2, 1, 3, 3), 32_767)),
        ),
        "current of 'conv' must fit 32 bits, not 36 (0 to 19326468105); "
        "use fewer inputs or weight bits",
    ),
]


@pytest.mark.parametrize(
    ("graph", "message"), ONE_PROBLEM, ids=[message[:50] for _, message in ONE_PROBLEM]
)
def test_each_rule_has_its_message(graph: Graph, message: str) -> None:
    problems = validate(graph)
    assert message in problems
    # A missing end leaves its neighbour without source or reader, a current its membranes too wide.
    follow_ups = ("source of 'conv' must be a node", "node 'out' must be read", "membranes of")
    others = [problem for problem in problems if problem != message]
    assert all(problem.startswith(follow_ups) for problem in others)


def test_names_are_identifiers() -> None:
    for name in ("", "Conv", "2d", "a__b", "a-b", "_a", "a_", "a b", "naïve", "a\n"):
        assert any("name must be" in p and repr(name) in p for p in validate(graph_with(name=name)))
    for name in ("a", "a_b", "conv2d_1"):
        assert validate(graph_with(name=name)) == ()
    assert "node name must be" in validate(Graph("g", 1, (replace(IMAGE, name="X"),)))[0]


def test_node_names_are_unique() -> None:
    nodes = [*NODES[:5], replace(OUT, name="hidden"), replace(SCORES, source="hidden")]
    problems = validate(Graph("g", 3, tuple(nodes)))
    assert "node name 'hidden' must be unique, not used 2 times; rename all but one" in problems


def test_the_ends_are_where_they_belong() -> None:
    second = replace(IMAGE, name="other")
    problems = validate(Graph("g", 3, (*NODES, second)))
    assert "graph must have exactly one Input, not 2 (image, other)" in problems
    assert (
        "Readout 'scores' must be the last node, not number 7 of 8; move it to the last place"
    ) in problems
    problems = validate(Graph("g", 3, (CONV, IMAGE, *NODES[2:])))
    assert (
        "Input 'image' must be the first node, not number 2 of 7; move it to the first place"
    ) in problems
    assert (
        "node 'conv' must come after its source 'image'; move it behind that node, or read it "
        "through a Delay"
    ) in problems


def test_an_unknown_source_gets_the_nearest_name() -> None:
    problems = validate(graph_with(replace(POOL, source="hiden")))
    assert (
        "source of 'pool' must be a node of the graph, not 'hiden'; the nearest name is 'hidden'"
    ) in problems
    assert (
        "node 'hidden' must be read by at least one node, not none; remove it, or name it as a "
        "source"
    ) in problems


def test_a_node_does_not_read_itself() -> None:
    problems = validate(graph_with(replace(POOL, source="pool")))
    assert any(
        text.startswith("node 'pool' must come after its source 'pool'") for text in problems
    )


def test_every_problem_is_reported_at_once() -> None:
    graph = graph_with(
        replace(IMAGE, bits=0),
        replace(CONV, weight_bits=20),
        replace(DENSE, weight=np.full((3, 9), 5)),
        replace(OUT, membrane_bits=1),
        time_steps=0,
    )
    problems = validate(graph)
    assert len(problems) == 6
    for part in ("time_steps", "bits of 'image'", "weight_bits of 'conv'", "weights of 'dense'"):
        assert any(problem.startswith(part) for problem in problems)
    with pytest.raises(GraphError) as caught:
        check(graph)
    assert str(caught.value) == "graph 'g' has 6 problems:" + "".join(
        f"\n  - {problem}" for problem in problems
    )


def test_the_constructor_of_graphs_checks() -> None:
    with pytest.raises(GraphError, match=re.escape("graph 'g' has 1 problem:\n  - time_steps")):
        Graph.of("g", 0, NODES)
    assert Graph.of("g", 1, list(NODES)).nodes == NODES


def test_shapes_of_a_misfit_are_an_error() -> None:
    with pytest.raises(GraphError, match="must have 8 inputs"):
        infer_shapes(graph_with(replace(DENSE, weight=np.ones((3, 9), int))))
    with pytest.raises(GraphError, match="node 'conv' must come after its source 'image'"):
        infer_shapes(Graph("g", 3, NODES[1:]))


@pytest.mark.parametrize("values", [1.5, np.array([1.0]), "4", [None]])
def test_floats_are_never_rounded(values: Any) -> None:
    with pytest.raises(TypeError, match="values must be integers, not"):
        as_integers(values)


def test_arrays_are_read_only_copies() -> None:
    weight = np.ones((3, 8), np.int8)
    node = replace(DENSE, weight=weight)
    weight[:] = 7
    assert node.weight.max() == 1
    assert node.weight.dtype == np.int64
    with pytest.raises(ValueError, match="read-only"):
        node.weight[0, 0] = 2
