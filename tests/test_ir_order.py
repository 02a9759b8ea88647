"""Stages, kinds, layers and foldable pools of graphs with joins and feedback."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_ir_wiring import BEFORE, CONV, IMAGE, NODES, graph_with, ones

from spikeloom.ir import (
    Add,
    Delay,
    Dense,
    Graph,
    GraphError,
    Kind,
    SumPool2d,
    check,
    infer_kinds,
    infer_shapes,
    is_address_rule,
    pools_before,
)
from spikeloom.ir._order import stages_of


def test_a_pool_without_gaps_is_an_address_rule() -> None:
    pool = SumPool2d(name="p", source="x", kernel=(2, 3))
    assert is_address_rule(pool)
    assert is_address_rule(replace(pool, stride=(2, 3)))
    assert not is_address_rule(replace(pool, stride=(2, 2)))
    assert not is_address_rule(replace(pool, padding=(0, 1)))
    inner, outer = replace(pool, kernel=(1, 2)), replace(pool, name="q", source="p", kernel=(2, 1))
    dense = Dense(name="d", source="q", weight=ones(2, 32), weight_bits=2)
    nodes = (replace(IMAGE, name="x"), inner, outer, dense)
    assert pools_before(Graph("g", 1, nodes), dense) == (outer, inner)
    apart = replace(inner, stride=(1, 1))
    assert pools_before(Graph("g", 1, (nodes[0], apart, outer, dense)), dense) == (outer,)


def test_stages_are_in_order_and_loops_are_together() -> None:
    stages = stages_of(graph_with())
    loops = [[node.name for node in stage.nodes] for stage in stages if stage.is_loop]
    assert loops == [["before", "mix", "sum", "hidden"]]
    order = [node.name for stage in stages for node in stage.nodes]
    assert sorted(order) == sorted(node.name for node in NODES)
    # Nothing but the delay in the loop stands before what it reads.
    assert order.index("conv") < order.index("sum") < order.index("most") < order.index("lift")


def test_a_delay_of_a_later_node_is_no_loop_by_itself() -> None:
    nodes = (IMAGE, replace(BEFORE, source="late"), replace(CONV, name="late"))
    stages = stages_of(Graph("g", 1, nodes))
    assert [stage.nodes[0].name for stage in stages] == ["image", "late", "before"]
    assert not any(stage.is_loop for stage in stages)


def test_kinds_follow_what_decides_them() -> None:
    def kind(bias: int, source: str) -> Kind:
        nodes = (
            IMAGE,
            CONV,
            Delay(name="before", source="sum", shape=(4, 4, 4)),
            Add(name="sum", sources=("before", source), bias=np.array(bias)),
        )
        return infer_kinds(Graph("g", 1, nodes))["before"]

    assert kind(0, "image") is Kind.OPERANDS
    assert kind(1, "image") is Kind.CURRENTS
    assert kind(0, "conv") is Kind.CURRENTS
    assert kind(0, "before") is Kind.OPERANDS  # a loop that nothing decides


def test_shapes_of_delays_are_checked() -> None:
    with pytest.raises(GraphError, match="shape of 'before' must be that of its source 'more'"):
        infer_shapes(graph_with(replace(BEFORE, source="more")))
    with pytest.raises(GraphError, match="source of 'before' must be a node of the graph"):
        infer_shapes(Graph("g", 1, (IMAGE, BEFORE)))
    with pytest.raises(GraphError, match="graph 'g' has 1 problem"):
        check(graph_with(replace(CONV, groups=0)))
