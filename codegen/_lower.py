"""Lowering: a spike graph and its folding become the views that are printed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spikeloom.codegen._chain import Folding, Link, fold, folding_notes, geometry_of, links_of
from spikeloom.codegen._geometry import Geometry
from spikeloom.codegen._literals import (
    address_bits,
    memory_file,
    pack,
    pack_rows,
    text,
)
from spikeloom.codegen._neuron import NeuronPlan, plan_neurons
from spikeloom.codegen._options import BuildOptions
from spikeloom.codegen._views import (
    Design,
    InputView,
    LayerView,
    Parameter,
    ReadoutView,
    Section,
    Stream,
)
from spikeloom.hdl_templates import library_names
from spikeloom.ir import (
    BuildError,
    Conv2d,
    Encoder,
    Graph,
    Interval,
    Readout,
    ReadoutKind,
    Widths,
    graph_digest,
    infer_widths,
    input_of,
)

# Words that the queue of the first layer holds: its input can always wait.
_INPUT_QUEUE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """What the sections of one layer are made from."""

    link: Link
    folding: Folding
    geometry: Geometry
    neurons: NeuronPlan
    value_bits: int
    current_bits: int
    queue_depth: int
    repeats: int
    static: bool  # the same input at every time step, added up once

    @property
    def name(self) -> str:
        return self.link.neurons.name


def lower(graph: Graph, options: BuildOptions | None = None) -> Design:
    """Lower `graph` with the folding that `options` ask for.

    Raises:
        GraphError: If the graph breaks a rule.
        BuildError: If an option is impossible.
    """
    widths = infer_widths(graph)  # checks the graph first
    _check_name(graph)
    links = links_of(graph)
    options = options or BuildOptions()
    foldings = fold(links, options)
    source = _input(graph, foldings[0])
    layers = []
    stream = Stream(name="encoded", bits=source.lanes * _value_bits(source))
    for index, (link, folding) in enumerate(zip(links, foldings, strict=True)):
        parts = _parts(graph, widths, link, folding, source if index == 0 else None)
        view = _view(parts, stream)
        layers.append(view)
        stream = view.output
    return Design(
        name=graph.name,
        top=f"spikeloom_{graph.name}",
        graph=graph,
        graph_digest=graph_digest(graph),
        time_steps=graph.time_steps,
        input=source,
        layers=tuple(layers),
        readout=_readout(graph, layers[-1]),
        notes=folding_notes(links, foldings, options),
    )


def _check_name(graph: Graph) -> None:
    top = f"spikeloom_{graph.name}"
    if top in library_names() or top == "spikeloom_board_top":
        raise BuildError(
            f"graph name must not be {graph.name!r}: {top} is a module of the library; "
            "rename the graph"
        )


def _value_bits(source: InputView) -> int:
    return source.bits if source.encoder is Encoder.DIRECT else 1


def _input(graph: Graph, folding: Folding) -> InputView:
    node = input_of(graph)
    values = math.prod(node.shape)
    return InputView(
        name=node.name,
        encoder=node.encoder,
        shape=node.shape,
        bits=node.bits,
        lanes=folding.in_lanes,
        beats=values // folding.in_lanes,
        frames=graph.time_steps if node.encoder is Encoder.SPIKES else 1,
        data_bits=math.ceil(folding.in_lanes * node.bits / 8) * 8,
        seed=node.seed,
    )


def _parts(
    graph: Graph, widths: Widths, link: Link, folding: Folding, source: InputView | None
) -> _Layer:
    geometry = geometry_of(link, folding)
    current_bits = widths.currents[link.synapse.name].bits
    static = source is not None and source.encoder is Encoder.DIRECT
    words = geometry.in_words
    return _Layer(
        link=link,
        folding=folding,
        geometry=geometry,
        neurons=plan_neurons(link, folding, widths, current_bits, graph.time_steps),
        value_bits=_value_bits(source) if source is not None else 1,
        current_bits=current_bits,
        queue_depth=min(words, _INPUT_QUEUE) if source is not None else words,
        repeats=graph.time_steps if static else 1,
        static=static,
    )


def _view(layer: _Layer, source: Stream) -> LayerView:
    link, plan = layer.link, layer.neurons
    return LayerView(
        name=layer.name,
        synapse=link.synapse.name,
        kind="conv2d" if isinstance(link.synapse, Conv2d) else "dense",
        instance=f"u_{layer.name}",
        summary=_summary(layer),
        sections=_sections(layer),
        source=source,
        output=Stream(name=f"{plan.carries}_{layer.name}", bits=plan.out_bits),
        lanes=layer.folding.lanes,
        event_ports=layer.folding.ports,
        neuron_lanes=layer.folding.neuron_lanes,
        weight_bits=link.synapse.weight_bits,
        weights=int(link.synapse.weight.size),
        current_bits=layer.current_bits,
        membrane_bits=plan.membrane_bits,
        shape=link.output,
        neurons=math.prod(link.output),
        words=plan.words,
        memories=_memories(layer),
    )


def _summary(layer: _Layer) -> tuple[str, ...]:
    """Lines of comment above the instance: shape, number format, latency."""
    link = layer.link
    pool = "" if link.pool == (1, 1) else f", sum pooling {link.pool[0]}x{link.pool[1]} in front"
    if isinstance(link.synapse, Conv2d):
        out, channels, height, width = link.synapse.weight.shape
        stride, padding = link.synapse.stride, link.synapse.padding
        what = (
            f"convolution {channels} to {out} channels, kernel {height}x{width}, "
            f"stride {stride[0]}x{stride[1]}, padding {padding[0]}x{padding[1]}"
        )
    else:
        what = f"dense {link.synapse.weight.shape[1]} to {link.synapse.weight.shape[0]}"
    shape = "x".join(map(str, link.output))
    return (
        f"{what}{pool}; output {shape}",
        f"weights {link.synapse.weight_bits} bits, currents {layer.current_bits}, "
        f"membranes {layer.neurons.membrane_bits}{' saturating' * layer.neurons.saturates}, "
        "all signed integers",
        layer.neurons.summary,
        f"per clock: events {layer.folding.ports}, weights added per event "
        f"{layer.folding.lanes}, neurons updated {layer.folding.neuron_lanes}",
        _clocks(layer),
    )


def _clocks(layer: _Layer) -> str:
    """Say what an event costs, and what a time step costs beside them."""
    groups = layer.geometry.groups
    visits = f"{groups} per tap of" if layer.geometry.spatial else f"{groups} for"
    event = "a set bit of the input, once per inference" if layer.static else "an event"
    return f"clocks: {visits} {event}; {layer.neurons.words} per time step for the neurons"


def _section(title: str, **values: int | str) -> Section:
    return Section(title, tuple(Parameter(name, str(value)) for name, value in values.items()))


def _sections(layer: _Layer) -> tuple[Section, ...]:
    return (
        _input_section(layer),
        _rule_section(layer),
        _weight_section(layer),
        layer.neurons.section(layer.name),
    )


def _input_section(layer: _Layer) -> Section:
    geometry = layer.geometry
    return _section(
        "Input words",
        InLanes=geometry.in_lanes,
        ValueBits=layer.value_bits,
        Ports=geometry.ports,
        InGroups=geometry.in_groups,
        Columns=geometry.columns.size,
        Rows=geometry.rows.size,
        QueueDepth=layer.queue_depth,
    )


def _rule_section(layer: _Layer) -> Section:
    geometry = layer.geometry
    if not geometry.spatial:
        return _section("Address rule", Spatial=0)
    return _section(
        "Address rule",
        Spatial=1,
        TapBits=geometry.tap_bits,
        RowTapStep=geometry.row_tap * geometry.rows.stride,
        RowOutputStep=geometry.row_output,
        ColumnTapStep=geometry.column_tap * geometry.columns.stride,
        ColumnOutputStep=geometry.groups,
        RowFile=text(f"mem/{layer.name}_rows.mem"),
        ColumnFile=text(f"mem/{layer.name}_columns.mem"),
    )


def _weight_section(layer: _Layer) -> Section:
    geometry = layer.geometry
    return _section(
        "Weights and currents",
        WeightBits=layer.link.synapse.weight_bits,
        WeightDepth=geometry.weight_depth,
        WeightPrefix=text(f"mem/{layer.name}_weights_"),
        Lanes=geometry.lanes,
        Groups=geometry.groups,
        Depth=geometry.depth,
        CurrentBits=layer.current_bits,
        Repeats=layer.repeats,
    )


def _memories(layer: _Layer) -> tuple[tuple[str, str], ...]:
    """Memory files of a layer, as (path, content)."""
    geometry, name = layer.geometry, layer.name
    bits = layer.link.synapse.weight_bits
    files = [
        (
            f"mem/{name}_weights_{port}.mem",
            memory_file(pack_rows(geometry.port_weights(port), bits), bits * geometry.lanes),
        )
        for port in range(geometry.ports)
    ]
    if geometry.spatial:
        tables = (("rows", geometry.row_table()), ("columns", geometry.column_table()))
        files += [
            (
                f"mem/{name}_{axis}.mem",
                memory_file([pack(entry) for entry in table], geometry.table_bits),
            )
            for axis, table in tables
        ]
    return (*files, *layer.neurons.memories(name))


def _readout(graph: Graph, last: LayerView) -> ReadoutView:
    node = graph.nodes[-1]
    assert isinstance(node, Readout)  # the validator demands it
    if len(last.shape) == 3 and last.shape[0] > 1 and last.shape[1:] != (1, 1):
        raise BuildError(
            f"readout {node.name!r}: the classes must be a vector, but {last.name!r} is a map of "
            f"shape {'x'.join(map(str, last.shape))}; put a dense layer in front of the readout"
        )
    counts = node.kind is ReadoutKind.SPIKE_COUNT
    bits = Interval(0, graph.time_steps).bits if counts else last.membrane_bits
    counted = Stream(name="counts", bits=last.neuron_lanes * bits)
    return ReadoutView(
        name=node.name,
        classes=last.neurons,
        class_bits=address_bits(last.neurons),
        score_bits=bits,
        lanes=last.neuron_lanes,
        words=last.words,
        counts_spikes=counts,
        source=last.output,
        scores=counted if counts else last.output,
    )
