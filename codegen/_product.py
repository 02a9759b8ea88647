"""The block of a product: spikes that gate currents, as in attention."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spikeloom.codegen._fold import Folding
from spikeloom.codegen._geometry import Tables, kept_axes, offset_file
from spikeloom.codegen._literals import address_bits, text
from spikeloom.codegen._stream import Stream
from spikeloom.codegen._synapse import busy, busy_wire, rule_values, store_tables
from spikeloom.codegen._views import Instance, Port, Section, SynapseView
from spikeloom.codegen._wiring import Draft, Wiring
from spikeloom.ir import Product


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """A product in hardware; `inputs` and `outputs` are channels of a head."""

    node: Product
    inputs: int
    outputs: int
    tokens: int
    size: tuple[int, int]
    folding: Folding

    @property
    def channels(self) -> int:
        """Channels of the spikes."""
        return self.inputs * self.node.heads

    @property
    def words(self) -> int:
        """Words of results that an event reaches."""
        return self.outputs // self.folding.lanes

    @property
    def tables(self) -> Tables:
        """The address rule: a spike stays at its position."""
        rows, columns = kept_axes(self.size)
        return Tables(
            rows=rows,
            columns=columns,
            taps=1,
            row_taps=1,
            tap_words=self.words * self.channels,
            position_words=self.words * self.node.heads,
        )


def product_block(wiring: Wiring, node: Product) -> SynapseView:
    """Add the block of a product: a synapse whose weights are written at each time step."""
    layout = _layout(wiring, node)
    folding = layout.folding
    draft = Draft(node.name)
    source = wiring.take(draft, 0)
    weights = wiring.as_currents(draft, wiring.take(draft, 1), 1)
    weights = wiring.resized(draft, weights, 1 if node.transposed else folding.lanes, 1)
    bits = wiring.facts.widths.currents[node.name].bits
    result = draft.stream(
        Stream.named(f"currents_{node.name}", lanes=folding.out_lanes, bits=bits, signed=True)
    )
    draft.wires.append(busy_wire(node.name))
    depth = wiring.words(node.source, source.lanes)
    draft.instances.append(_instance(layout, source, weights, result, depth))
    _store(wiring, layout, weights, result)
    wiring.store(node.name, "events", depth, source.width)
    wiring.publish(draft, node.name, result)
    wiring.finish(draft, f'Product "{node.name}"', *_summary(layout, weights, result))
    return SynapseView(
        name=node.name,
        kind="product",
        engine="event",
        lanes=folding.lanes,
        event_ports=1,
        weight_bits=weights.bits,
        weights=layout.outputs * layout.channels,
        current_bits=bits,
    )


def _layout(wiring: Wiring, node: Product) -> _Layout:
    facts = wiring.facts
    outputs = facts.shapes[node.name][0] // node.heads
    folding = wiring.folder.engine(node.name, outputs=outputs)
    wiring.notes += wiring.folder.note(node.name, outputs, folding)
    return _Layout(
        node=node,
        inputs=facts.shapes[node.source][0] // node.heads,
        outputs=outputs,
        tokens=math.prod(facts.positions(node.weights)),
        size=facts.positions(node.source),
        folding=folding,
    )


def _instance(
    layout: _Layout, source: Stream, weights: Stream, result: Stream, depth: int
) -> Instance:
    name, tables = layout.node.name, layout.tables
    rule = rule_values(tables, name)
    return Instance(
        module="spikeloom_product",
        name=f"u_{name}",
        sections=(
            Section.of(
                "Input words",
                InLanes=source.lanes,
                ValueBits=source.bits,
                InGroups=layout.channels // source.lanes,
                Columns=tables.columns.size,
                Rows=tables.rows.size,
                QueueDepth=depth,
            ),
            Section.of(
                "Address rule",
                **{key: value for key, value in rule.items() if "TapStep" not in key},
                ChannelFile=text(f"mem/{name}_channels.mem"),
            ),
            Section.of(
                "Weights, written at every time step",
                Heads=layout.node.heads,
                HeadInputs=layout.inputs,
                Tokens=layout.tokens,
                Transposed=int(layout.node.transposed),
                WeightBits=weights.bits,
                WeightLanes=weights.lanes,
            ),
            Section.of(
                "Currents",
                Lanes=layout.folding.lanes,
                OutLanes=result.lanes,
                Groups=layout.words,
                Depth=tables.depth,
                CurrentBits=result.bits,
            ),
        ),
        ports=(
            *source.ports("s_axis"),
            *weights.ports("w_axis"),
            *result.ports("m_axis"),
            Port("busy_o", busy(name)),
        ),
    )


def _store(wiring: Wiring, layout: _Layout, weights: Stream, result: Stream) -> None:
    name, tables, lanes = layout.node.name, layout.tables, layout.folding.lanes
    store_tables(wiring, tables, name)
    content = offset_file(layout.channels, layout.node.heads, layout.words, tables.depth)
    wiring.memories.append((f"mem/{name}_channels.mem", content))
    wiring.store(name, "tables", layout.channels, address_bits(tables.depth))
    wiring.store(name, "weights", tables.weight_depth, lanes * weights.bits)
    wiring.store(name, "currents", tables.depth, lanes * result.bits)


def _summary(layout: _Layout, weights: Stream, result: Stream) -> tuple[str, ...]:
    node, height, width = layout.node, *layout.size
    words = layout.tables.depth * layout.folding.lanes // result.lanes
    return (
        f'spikes of "{node.source}" gate the currents of "{node.weights}"'
        f"{', transposed' * node.transposed}; heads {node.heads}",
        f"output {layout.outputs * node.heads}x{height}x{width}, "
        f"sums of up to {layout.inputs} terms",
        f"weights {weights.bits} bits, written at every time step; currents {result.bits}",
        f"per clock: events 1, weights added per event {layout.folding.lanes}",
        f"clocks: {layout.words} for an event; per time step "
        f"{layout.tokens * layout.node.heads * _weight_channels(layout) // weights.lanes} "
        f"for the weights, {words} for the currents",
    )


def _weight_channels(layout: _Layout) -> int:
    """Channels of the gated currents, per head."""
    return layout.inputs if layout.node.transposed else layout.outputs
