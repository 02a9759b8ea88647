"""Lowering: a spike graph and its folding become the views that are printed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from spikeloom.codegen._channelwise import (
    depthwise_block,
    is_channelwise,
    mix_block,
    pool_block,
)
from spikeloom.codegen._ends import input_block, readout_block
from spikeloom.codegen._facts import Facts, facts_of
from spikeloom.codegen._fold import Folder
from spikeloom.codegen._joins import add_block, concat_block, delay_block, delay_stream
from spikeloom.codegen._neuron import NeuronPlan, neuron_block
from spikeloom.codegen._options import CLOCK_MHZ, FAMILY, BuildOptions
from spikeloom.codegen._product import product_block
from spikeloom.codegen._synapse import synapse_block
from spikeloom.codegen._unrolled import FABRICS, Unroller
from spikeloom.codegen._unrolled_block import unrolled_block
from spikeloom.codegen._views import (
    Design,
    InputView,
    LayerView,
    ProbeView,
    ReadoutView,
    SynapseView,
)
from spikeloom.codegen._wiring import Wiring
from spikeloom.hdl_templates import taken_names
from spikeloom.ir import (
    Add,
    BuildError,
    Concat,
    Conv2d,
    Delay,
    Dense,
    Graph,
    Input,
    MaxPool2d,
    Neurons,
    Node,
    Product,
    Readout,
    SumPool2d,
    Synapse,
    TokenMix,
    graph_digest,
)

_LEAST_MHZ, _MOST_MHZ = 0.001, 100_000.0  # a clock beyond them is a slip of the pen


@dataclass(slots=True)
class _Views:
    """What the blocks of the nodes tell about themselves, by node."""

    input: InputView | None = None
    readout: ReadoutView | None = None
    synapses: dict[str, SynapseView] = field(default_factory=dict)
    probes: dict[str, ProbeView] = field(default_factory=dict)
    plans: dict[str, NeuronPlan] = field(default_factory=dict)


def lower(
    graph: Graph,
    options: BuildOptions | None = None,
    *,
    family: str = FAMILY,
    unroller: Unroller | None = None,
) -> Design:
    """Lower `graph` with the folding that `options` ask for, to a device of `family`.

    An `unroller` that is used again saves the time of matrices that it has unrolled.

    Raises:
        GraphError: If the graph breaks a rule.
        BuildError: If an option is impossible.
        KeyError: If there is no such family.
    """
    facts = facts_of(graph)  # checks the graph first
    _check_name(graph)
    chosen = options or BuildOptions()
    wiring = Wiring(
        facts=facts,
        folder=Folder.of(facts, chosen),
        fabric=FABRICS[family],
        clock_mhz=_clock_mhz(chosen),
        unroller=unroller or Unroller(),
    )
    views = _Views()
    for name, node in facts.nodes.items():
        _add_node(wiring, node, views)
        _add_delays(wiring, behind=name)
    assert views.input is not None  # the validator demands both
    assert views.readout is not None
    return Design(
        name=graph.name,
        top=f"spikeloom_{graph.name}",
        graph=graph,
        graph_digest=graph_digest(graph),
        time_steps=graph.time_steps,
        input=views.input,
        blocks=tuple(wiring.blocks),
        probes=tuple(views.probes[name] for name in _layer_names(facts)),
        layers=tuple(_layer(wiring, name, views) for name in _layer_names(facts)),
        readout=views.readout,
        modules=tuple(wiring.modules),
        matrices=tuple(wiring.matrices),
        memories=tuple(wiring.memories),
        storages=tuple(wiring.storages),
        notes=tuple(wiring.notes),
    )


def _check_name(graph: Graph) -> None:
    top = f"spikeloom_{graph.name}"
    if top in taken_names():
        raise BuildError(
            f"graph name must not be {graph.name!r}: {top} is a module of the library; "
            "rename the graph"
        )


def _clock_mhz(options: BuildOptions) -> float:
    clock = CLOCK_MHZ if options.clock_mhz is None else options.clock_mhz
    if not _LEAST_MHZ <= clock <= _MOST_MHZ:
        raise BuildError(
            f"clock_mhz (--clock-mhz) must be {_LEAST_MHZ:g} to {_MOST_MHZ:,g}, not {clock:g}; "
            f"leave it out for {CLOCK_MHZ:g}"
        )
    return clock


def _add_node(wiring: Wiring, node: Node, views: _Views) -> None:
    """Add what one node becomes; a delay only offers its stream yet."""
    match node:
        case Dense() | Conv2d() | TokenMix() | Product():
            views.synapses[node.name] = _add_synapse(wiring, node)
        case Neurons():
            views.probes[node.name], views.plans[node.name] = neuron_block(wiring, node)
        case Input():
            views.input = input_block(wiring)
        case Readout():
            views.readout = readout_block(wiring, node)
        case _:
            _add_join(wiring, node)


def _add_synapse(wiring: Wiring, node: Synapse | Product) -> SynapseView:
    match node:
        case TokenMix():
            return mix_block(wiring, node)
        case Product():
            return product_block(wiring, node)
        case Conv2d() if is_channelwise(wiring, node):
            return depthwise_block(wiring, node)
        case Dense() if wiring.folder.is_unrolled(node.name):
            return unrolled_block(wiring, node)
        case Dense() | Conv2d():
            return synapse_block(wiring, node)


def _add_join(wiring: Wiring, node: SumPool2d | MaxPool2d | Add | Concat | Delay) -> None:
    match node:
        case SumPool2d() | MaxPool2d():
            pool_block(wiring, node)
        case Add():
            add_block(wiring, node)
        case Concat():
            concat_block(wiring, node)
        case Delay():
            delay_stream(wiring, node)


def _add_delays(wiring: Wiring, behind: str) -> None:
    """Add the delays whose stream and whose source are both there since node `behind`."""
    order = list(wiring.facts.nodes)
    for name, node in wiring.facts.nodes.items():
        if isinstance(node, Delay):
            source = wiring.facts.sources[name][0].name
            if max(name, source, key=order.index) == behind:
                delay_block(wiring, node)


def _layer_names(facts: Facts) -> list[str]:
    """The neuron groups in order, the one that the readout reads last."""
    last = facts.sources[facts.graph.nodes[-1].name][0].name
    groups = [name for name, node in facts.nodes.items() if isinstance(node, Neurons)]
    return [*(name for name in groups if name != last), last]


def _layer(wiring: Wiring, name: str, views: _Views) -> LayerView:
    facts, plan = wiring.facts, views.plans[name]
    own = [
        node
        for node in facts.nodes
        if node == name or (facts.layers.get(node) == name and node != facts.input.name)
    ]
    return LayerView(
        name=name,
        synapses=tuple(views.synapses[node] for node in own if node in views.synapses),
        neuron_lanes=plan.lanes,
        membrane_bits=plan.membrane_bits,
        shape=facts.shapes[name],
        neurons=math.prod(facts.shapes[name]),
        instances=tuple(i for node in own for i in wiring.instances.get(node, ())),
    )
