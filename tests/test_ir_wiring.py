"""Rules of graphs with joins, products, mixing and feedback: one message each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spikeloom.ir import (
    Add,
    Concat,
    Conv2d,
    Delay,
    Dense,
    Encoder,
    Graph,
    Input,
    Kind,
    MaxPool2d,
    MixAxis,
    Neurons,
    Node,
    Product,
    Readout,
    ReadoutKind,
    Reset,
    SumPool2d,
    TokenMix,
    infer_kinds,
    infer_shapes,
    layer_of,
    readers_of,
    validate,
)


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, int)


IMAGE = Input(name="image", shape=(4, 4, 4), encoder=Encoder.SPIKES)
BEFORE = Delay(name="before", source="hidden", shape=(4, 4, 4))
CONV = Conv2d(name="conv", source="image", weight=ones(4, 2, 1, 1), weight_bits=2, groups=2)
MIX = TokenMix(name="mix", source="before", weight=ones(4, 4), weight_bits=2, axis=MixAxis.ROWS)
SMALL = SumPool2d(name="small", source="conv", kernel=(2, 2))
GATE = Product(name="gate", source="image", weights="small")
MOST = MaxPool2d(name="most", source="before", kernel=(3, 3), stride=(1, 1), padding=(1, 1))
LIFT = Add(name="lift", sources=("most",), bias=np.array([1, 0, 0, 2]))
WIDE = Concat(name="wide", sources=("gate", "lift"))
SUM = Add(name="sum", sources=("conv", "mix"), shifts=(1, 0))
HIDDEN = Neurons(name="hidden", source="sum", threshold=np.array(2))
MORE = Neurons(name="more", source="wide", threshold=np.array(2))
DENSE = Dense(name="dense", source="more", weight=ones(3, 128), weight_bits=2)
OUT = Neurons(name="out", source="dense", threshold=np.array(3))
SCORES = Readout(name="scores", source="out")
NODES: tuple[Node, ...] = (
    *(IMAGE, BEFORE, CONV, MIX, SMALL, GATE, MOST, LIFT, WIDE),
    *(SUM, HIDDEN, MORE, DENSE, OUT, SCORES),
)


def graph_with(*changed: Node) -> Graph:
    """Return the graph above with nodes of the same names exchanged."""
    new = {node.name: node for node in changed}
    return Graph("g", 3, tuple(new.get(node.name, node) for node in NODES))


def graph_and(*added: Node, at: int = -1) -> Graph:
    """Return the graph above with nodes put in at a place."""
    return Graph("g", 3, (*NODES[:at], *added, *NODES[at:]))


def test_the_graph_of_these_tests_is_valid() -> None:
    graph = graph_with()
    assert validate(graph) == ()
    shapes = infer_shapes(graph)
    assert shapes["small"] == (4, 2, 2)
    assert shapes["gate"] == shapes["most"] == (4, 4, 4)
    assert shapes["wide"] == (8, 4, 4)
    assert readers_of(graph)["before"] == ("mix", "most")
    assert readers_of(graph)["scores"] == ()
    assert {name for name, kind in infer_kinds(graph).items() if kind is Kind.OPERANDS} == {
        *("image", "before", "most", "hidden", "more", "out")
    }
    assert layer_of(graph) == {
        **dict.fromkeys(["image", "conv", "mix", "sum", "hidden", "before"], "hidden"),
        **dict.fromkeys(["small", "gate", "most", "lift", "wide", "more"], "more"),
        **dict.fromkeys(["dense", "out"], "out"),
    }


# One broken rule each: the changed graph and the whole message.
ONE_PROBLEM: list[tuple[Graph, str]] = [
    (
        graph_with(replace(CONV, groups=3)),
        "groups of 'conv' must divide its 4 input and 4 output channels, not be 3; choose a "
        "common divisor",
    ),
    (
        graph_with(replace(CONV, weight=ones(4, 4, 1, 1))),
        "weight of 'conv' must have 2 input channels, the 4 of 'image' in 2 groups, not 4",
    ),
    (graph_with(replace(CONV, groups=0)), "groups of 'conv' must be at least 1, not 0"),
    (
        graph_with(replace(CONV, dilation=(1, 0))),
        "dilation of 'conv' must be two integers of at least 1, not (1, 0)",
    ),
    (
        graph_with(replace(CONV, weight=ones(4, 2, 3, 1), dilation=(2, 1))),
        "kernel of 'conv' must fit the 4x4 map that it reads (padding included), not 5x1; "
        "use a smaller kernel or more padding",
    ),
    (
        graph_with(replace(MIX, weight=ones(4, 4, 1))),
        "weight of 'mix' must have shape [n, n] with sizes of at least 1, not [4, 4, 1]; "
        "reshape it",
    ),
    (
        graph_with(replace(MIX, axis=MixAxis.TOKENS)),
        "weight of 'mix' must have shape [16, 16], the tokens of 'before' [4, 4, 4], not [4, 4]; "
        "reshape it",
    ),
    (
        graph_with(replace(MIX, weight=3 * ones(4, 4))),
        "weights of 'mix' must be -2 to 1 (2 bits), but 16 of 16 are not, the largest 3; "
        "set weight_bits to 3 or scale the weights down",
    ),
    (graph_with(replace(GATE, heads=0)), "heads of 'gate' must be at least 1, not 0"),
    (
        graph_with(replace(GATE, heads=3)),
        "heads of 'gate' must divide the 4 channels of 'image', not be 3; choose a divisor",
    ),
    (
        graph_with(replace(GATE, weights="conv")),
        "source of 'gate' must have 16 channels per head, the tokens of 'conv' [4, 4, 4], not 4; "
        "change heads, transposed or the source",
    ),
    (
        graph_with(replace(SMALL, stride=(0, 1))),
        "stride of 'small' must be two integers of at least 1, not (0, 1)",
    ),
    (
        graph_with(replace(MOST, padding=(-1, 0))),
        "padding of 'most' must be two integers of at least 0, not (-1, 0)",
    ),
    (
        graph_with(replace(MOST, padding=(1, 3))),
        "padding of 'most' must be below its kernel (3, 3), not (1, 3): a window of padding alone "
        "has no value; use less padding or a larger kernel",
    ),
    (
        graph_with(replace(MOST, kernel=(7, 3))),
        "kernel of 'most' must fit the 6x6 map that it reads (padding included), not 7x3; "
        "use a smaller kernel or more padding",
    ),
    (graph_with(replace(WIDE, sources=("gate",))), "sources of 'wide' must be at least 2, not 1"),
    (
        graph_with(replace(WIDE, sources=("gate", "small"))),
        "sources of 'wide' must be equal but for their channels, but 'gate' has shape [4, 4, 4] "
        "and 'small' [4, 2, 2]; pool or convolve one of them",
    ),
    (
        graph_with(replace(WIDE, sources=("gate", "most"))),
        "Concat 'wide' must read operands alone or currents alone, not the operands of 'most' and "
        "the currents of 'gate'; put an Add with a bias in front of the operands, which makes "
        "currents of them",
    ),
    (
        graph_with(Add(name="sum", sources=(), shifts=())),
        "sources of 'sum' must be at least 1, not 0",
    ),
    (
        graph_with(replace(SUM, sources=("conv", "small"))),
        "sources of 'sum' must have one shape, but 'conv' has [4, 4, 4] and 'small' [4, 2, 2]; "
        "convolve or pool one of them",
    ),
    (
        graph_with(replace(SUM, shifts=(1,))),
        "shifts of 'sum' must be one for each of its 2 sources, not 1; leave them out for no "
        "shifts",
    ),
    (graph_with(replace(SUM, shifts=(1, 32))), "shifts of 'sum' must be 0 to 31, not 32"),
    (graph_with(replace(SUM, shifts=(-1, 3))), "shifts of 'sum' must be 0 to 31, not -1"),
    (
        graph_with(replace(LIFT, bias=ones(3))),
        "bias of 'lift' must have shape [] or [4], not [3]; give one value or one per channel",
    ),
    (
        graph_with(replace(LIFT, bias=np.array(2**31))),
        "bias of 'lift' must be -2147483648 to 2147483647, but 1 of 1 are not, for example "
        "2147483648; change them, or scale the layer",
    ),
    (
        graph_with(replace(BEFORE, shape=(4, 4))),
        "shape of 'before' must be (N,) or (C, H, W) with sizes of at least 1, not (4, 4); "
        "give that of its source",
    ),
    (
        graph_with(replace(BEFORE, source="more")),
        "shape of 'before' must be that of its source 'more', [8, 4, 4], not [4, 4, 4]; "
        "set shape=(8, 4, 4)",
    ),
    (
        graph_with(replace(BEFORE, source="before")),
        "delay 'before' must read another node, not itself",
    ),
    (
        graph_with(replace(BEFORE, source="hiden")),
        "source of 'before' must be a node of the graph, not 'hiden'; the nearest name is 'hidden'",
    ),
    (
        graph_with(replace(SUM, sources=("conv", "more"))),
        "node 'sum' must come after its source 'more'; move it behind that node, or read it "
        "through a Delay",
    ),
    (
        graph_with(replace(MIX, source="conv")),
        "TokenMix 'mix' must read operands, not the currents of the Conv2d 'conv'; "
        "put Neurons between them",
    ),
    (
        graph_with(replace(GATE, source="conv")),
        "Product 'gate' must read operands, not the currents of the Conv2d 'conv'; "
        "put Neurons between them",
    ),
    (
        graph_with(replace(DENSE, source="wide")),
        "Dense 'dense' must read operands, not the currents of the Concat 'wide'; "
        "put Neurons between them",
    ),
    (
        graph_with(replace(BEFORE, source="sum")),
        "TokenMix 'mix' must read operands, not the currents of the Delay 'before'; "
        "put Neurons between them",
    ),
    (
        graph_with(replace(SCORES, source="dense")),
        "Readout 'scores' must read Neurons, not the Dense 'dense'; change its source",
    ),
    (
        graph_with(replace(HIDDEN, threshold=None, reset=Reset.NONE)),
        "neurons 'hidden' have no threshold and never spike, so that only a readout of kind "
        "membrane can read them; set a threshold, or make that their reader",
    ),
    (
        graph_with(replace(SCORES, source="more", kind=ReadoutKind.MEMBRANE)),
        "readout 'scores' of kind membrane must read neurons without a threshold, not 'more', "
        "which spike; set threshold=None and reset=Reset.NONE there, or use the kind spike_count",
    ),
    (
        graph_and(Delay(name="last", source="more", shape=(8, 4, 4))),
        "node 'last' must be read by at least one node, not none; remove it, or name it as a "
        "source",
    ),
    (
        graph_with(replace(IMAGE, encoder=Encoder.DIRECT)),
        "Product 'gate' must not read the direct input 'image': only Dense, Conv2d and a SumPool2d "
        "with windows side by side and no padding can; convolve it first, or use the encoder rate "
        "or spikes",
    ),
    (
        graph_with(replace(SUM, shifts=(31, 0))),
        "current of 'sum' must fit 32 bits, not 34 (0 to 4294967300); use fewer or smaller terms",
    ),
]


@pytest.mark.parametrize(
    ("graph", "message"), ONE_PROBLEM, ids=[message[:60] for _, message in ONE_PROBLEM]
)
def test_each_rule_has_its_message(graph: Graph, message: str) -> None:
    problems = validate(graph)
    assert message in problems
    # What is exchanged leaves others unread, and widens what comes behind it.
    follow_ups = ("node ", "membranes of", "source of", "shape of 'before'")
    others = [problem for problem in problems if problem != message]
    assert all(problem.startswith(follow_ups) for problem in others), others


def test_a_loop_that_nothing_reads_is_found() -> None:
    echo = Delay(name="echo", source="again", shape=(4, 4, 4))
    again = Add(name="again", sources=("echo", "before"))
    problems = validate(graph_and(echo, again))
    assert problems == (
        "node 'echo' must lead to the readout, but only feeds a loop that nothing else reads; "
        "remove the loop, or read it",
        "node 'again' must lead to the readout, but only feeds a loop that nothing else reads; "
        "remove the loop, or read it",
    )


@pytest.mark.parametrize("pool", [{"stride": (1, 1)}, {"padding": (1, 0)}, {"stride": (2, 3)}])
def test_a_direct_input_is_pooled_side_by_side_alone(pool: dict[str, tuple[int, int]]) -> None:
    def graph(**values: tuple[int, int]) -> Graph:
        first = SumPool2d(name="first", source="image", kernel=(2, 2), **values)
        size = infer_shapes(Graph("g", 1, (IMAGE, first)))["first"]
        nodes = [
            replace(IMAGE, encoder=Encoder.DIRECT),
            first,
            SumPool2d(name="second", source="first", kernel=(1, 1), stride=(1, 1)),
            Dense(name="dense", source="second", weight=ones(2, int(np.prod(size))), weight_bits=2),
            replace(OUT, source="dense"),
            SCORES,
        ]
        return Graph("g", 1, tuple(nodes))

    assert validate(graph()) == ()
    assert validate(graph(stride=(2, 2))) == ()
    (problem,) = validate(graph(**pool))
    assert problem.startswith("SumPool2d 'first' must not read the direct input 'image': only")


def test_a_max_pool_of_a_pooled_direct_input_is_refused() -> None:
    nodes = [
        replace(IMAGE, encoder=Encoder.DIRECT),
        SumPool2d(name="first", source="image", kernel=(2, 2)),
        MaxPool2d(name="most", source="first", kernel=(2, 2)),
        Dense(name="dense", source="most", weight=ones(2, 4), weight_bits=2),
        replace(OUT, source="dense"),
        SCORES,
    ]
    (problem,) = validate(Graph("g", 1, tuple(nodes)))
    assert problem.startswith("MaxPool2d 'most' must not read the direct input 'first'")


def test_operands_fit_16_bits() -> None:
    twice = Add(name="twice", sources=("hidden", "hidden"), shifts=(15, 15))
    again = Neurons(name="again", source="twice", threshold=np.array(1))
    last = Dense(name="last", source="again", weight=ones(3, 64), weight_bits=2)
    both = Add(name="both", sources=("dense", "last"))
    graph = graph_and(twice, again, last, both, at=-2)
    graph = Graph(
        "g", 3, tuple(replace(n, source="both") if n.name == "out" else n for n in graph.nodes)
    )
    assert validate(graph) == (
        "operands of 'twice' must fit 16 bits, not 17; pool smaller windows, add fewer values, or "
        "put Neurons in between",
    )


def test_loops_that_grow_are_bounded_by_the_time_steps() -> None:
    def graph(time_steps: int, shift: int) -> Graph:
        nodes = [
            Input(name="x", shape=(2,), encoder=Encoder.SPIKES),
            Delay(name="before", source="sum", shape=(2,)),
            Add(name="sum", sources=("x", "before"), shifts=(0, shift), bias=np.array([0, -1])),
            Neurons(name="n", source="sum", threshold=np.array(1), membrane_bits=9),
            Readout(name="y", source="n"),
        ]
        return Graph("g", time_steps, tuple(nodes))

    assert validate(graph(900, 0)) == ()
    assert validate(graph(31, 1)) == ()
    (problem,) = validate(graph(32, 1))[:1]
    assert problem.startswith("current of 'sum' must fit 32 bits, not 33 (-4294967295 to")
    (problem,) = validate(graph(900, 3))[:1]
    assert problem.startswith(
        "current of 'before' must fit 32 bits, not 43 or more (-2199023255552"
    )


def test_values_far_beyond_every_width_do_not_wrap_around() -> None:
    nodes = [
        Input(name="x", shape=(1,), encoder=Encoder.SPIKES),
        Dense(name="w", source="x", weight=np.array([[-127]]), weight_bits=8),
        Add(name="wide", sources=("w",), shifts=(31,)),
        Add(name="wider", sources=("wide",), shifts=(31,)),
        Neurons(name="n", source="wider", threshold=np.array(1), membrane_bits=9),
        Readout(name="y", source="n"),
    ]
    wide, wider = validate(Graph("g", 1, tuple(nodes)))
    assert wide.startswith("current of 'wide' must fit 32 bits, not 39 (-272730423296 to 0); use")
    assert wider.startswith("current of 'wider' must fit 32 bits, not 42 or more (-2199023255552")


@pytest.mark.parametrize("delays", [0, 1, 2, 3])
def test_the_input_gets_through_all_delays_in_time(delays: int) -> None:
    """Found in simulation: behind as many delays as steps, hardware gave results by itself."""
    nodes: list[Node] = [IMAGE]
    for number in range(delays):
        nodes.append(Delay(name=f"late{number}", source=nodes[-1].name, shape=IMAGE.shape))
    dense = Dense(name="dense", source=nodes[-1].name, weight=ones(3, 64), weight_bits=2)
    problems = validate(Graph("g", 2, (*nodes, dense, OUT, SCORES)))
    expected = (
        "readout 'scores' must depend on the input, but every path to it passes at least "
        f"{delays} delays and there are 2 time steps; remove a delay, or use more than {delays} "
        "time steps"
    )
    assert problems == ((expected,) if delays >= 2 else ())
