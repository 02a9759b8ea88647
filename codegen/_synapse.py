"""The block of a synapse whose events reach all channels: dense layers and convolutions."""

from __future__ import annotations

from dataclasses import dataclass

from spikeloom.codegen._facts import map_size
from spikeloom.codegen._fold import Folding
from spikeloom.codegen._geometry import (
    Tables,
    convolution_axes,
    covering_axes,
    dense_kernel,
    offset_file,
    port_weights,
)
from spikeloom.codegen._literals import address_bits, rows_file, text
from spikeloom.codegen._stream import Stream
from spikeloom.codegen._views import Instance, Port, Section, SynapseView, Wire
from spikeloom.codegen._wiring import Draft, Wiring
from spikeloom.ir import Conv2d, Dense, IntArray

# Words that the queue behind the input holds: the input can always wait.
_INPUT_QUEUE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """A dense or convolution synapse in hardware."""

    node: Dense | Conv2d
    kernel: IntArray  # [out, in / groups, rows, columns], inputs in stream order
    groups: int
    tables: Tables
    spatial: bool
    folding: Folding

    @property
    def channels(self) -> int:
        """Input channels per position."""
        return int(self.kernel.shape[1]) * self.groups

    @property
    def words(self) -> int:
        """Words of results that an event reaches at a position."""
        return int(self.kernel.shape[0]) // self.groups // self.folding.lanes


def synapse_block(wiring: Wiring, node: Dense | Conv2d) -> SynapseView:
    """Add the block of a synapse whose events reach all channels (of their group)."""
    layout = _layout(wiring, node)
    draft = Draft(node.name)
    present = wiring.present(node.name)
    ports = layout.folding.ports
    lanes = present.lanes if present.lanes % ports == 0 else ports
    source = wiring.take(draft, lanes=lanes)
    result = draft.stream(_result(wiring, node.name, layout.folding.out_lanes))
    _connect(draft, wiring, layout, source, result)
    wiring.publish(draft, node.name, result)
    wiring.finish(draft, f'Synapse "{node.name}"', *_summary(wiring, layout, result))
    return _view(layout, result)


def busy(name: str) -> str:
    """The wire that tells that an engine works."""
    return f"busy_{name}"


def _layout(wiring: Wiring, node: Dense | Conv2d) -> _Layout:
    facts = wiring.facts
    source = facts.sources[node.name][0]
    shape, pool = facts.shapes[source.name], source.pool
    groups = node.groups if isinstance(node, Conv2d) else 1
    outputs = int(node.weight.shape[0]) // groups
    folding = wiring.folder.engine(node.name, outputs=outputs)
    wiring.notes += wiring.folder.note(node.name, outputs, folding)
    flat = isinstance(node, Dense) and (pool == (1, 1) or len(shape) == 1)
    size = (1, 1) if flat else map_size(shape)
    if isinstance(node, Conv2d):
        kernel = node.weight
        axes = convolution_axes(node, size, pool, map_size(facts.shapes[node.name]))
    else:
        kernel = dense_kernel(node, shape, facts.shapes[node.source], flat=flat)
        axes = covering_axes(size, (1, 1) if flat else pool)
    words = outputs // folding.lanes
    return _Layout(
        node=node,
        kernel=kernel,
        groups=groups,
        tables=Tables(
            rows=axes[0],
            columns=axes[1],
            taps=int(kernel.shape[2] * kernel.shape[3]),
            row_taps=int(kernel.shape[3]),
            tap_words=words * int(kernel.shape[1]) * groups // folding.ports,
            position_words=words * groups,
        ),
        spatial=not flat,
        folding=folding,
    )


def _result(wiring: Wiring, name: str, lanes: int) -> Stream:
    bits = wiring.facts.widths.currents[name].bits
    return Stream.named(f"currents_{name}", lanes=lanes, bits=bits, signed=True)


def _connect(draft: Draft, wiring: Wiring, layout: _Layout, source: Stream, result: Stream) -> None:
    name, tables, ports = layout.node.name, layout.tables, layout.folding.ports
    words = tables.positions * layout.channels // source.lanes
    static = wiring.facts.is_static(wiring.facts.sources[name][0].name)
    first = wiring.facts.sources[name][0].name == wiring.facts.input.name
    depth = min(words, _INPUT_QUEUE) if first else words
    draft.wires.append(busy_wire(name))
    draft.instances.append(
        Instance(
            module="spikeloom_synapse",
            name=f"u_{name}",
            sections=(
                Section.of(
                    "Input words",
                    InLanes=source.lanes,
                    ValueBits=source.bits,
                    Ports=ports,
                    InGroups=layout.channels // source.lanes,
                    Columns=tables.columns.size,
                    Rows=tables.rows.size,
                    QueueDepth=depth,
                ),
                _rule_section(layout),
                Section.of(
                    "Weights and currents",
                    WeightBits=layout.node.weight_bits,
                    WeightDepth=tables.weight_depth,
                    WeightPrefix=text(f"mem/{name}_weights_"),
                    Lanes=layout.folding.lanes,
                    OutLanes=result.lanes,
                    Groups=layout.words,
                    Depth=tables.depth,
                    CurrentBits=result.bits,
                    Repeats=wiring.facts.graph.time_steps if static else 1,
                ),
            ),
            ports=(*source.ports("s_axis"), *result.ports("m_axis"), Port("busy_o", busy(name))),
        )
    )
    _store(wiring, layout, source, result, depth)


def busy_wire(name: str) -> Wire:
    """The declaration of `busy`."""
    return Wire((busy(name),))


def _rule_section(layout: _Layout) -> Section:
    if not layout.spatial:
        return Section.of("Address rule", Spatial=0)
    rule = rule_values(layout.tables, layout.node.name)
    channel_table: dict[str, int | str] = {}
    if layout.groups > 1:
        channel_table = {
            "ChannelTable": 1,
            "ChannelFile": text(f"mem/{layout.node.name}_channels.mem"),
        }
    return Section.of("Address rule", Spatial=1, **rule, **channel_table)


def rule_values(tables: Tables, name: str) -> dict[str, int | str]:
    """The parameters of an address rule with tables."""
    return {
        "TapBits": tables.tap_bits,
        "RowTapStep": tables.row_tap_step,
        "RowOutputStep": tables.row_output_step,
        "ColumnTapStep": tables.column_tap_step,
        "ColumnOutputStep": tables.column_output_step,
        "RowFile": text(f"mem/{name}_rows.mem"),
        "ColumnFile": text(f"mem/{name}_columns.mem"),
    }


def store_tables(wiring: Wiring, tables: Tables, name: str) -> None:
    """Write the two tables of an address rule."""
    for axis, content in (("rows", tables.row_file()), ("columns", tables.column_file())):
        wiring.memories.append((f"mem/{name}_{axis}.mem", content))
        wiring.store(name, "tables", content.count("\n"), tables.entry_bits)


def _store(wiring: Wiring, layout: _Layout, source: Stream, result: Stream, depth: int) -> None:
    name, tables, folding = layout.node.name, layout.tables, layout.folding
    bits = layout.node.weight_bits
    for port in range(folding.ports):
        words = port_weights(
            layout.kernel,
            groups=layout.groups,
            lanes=folding.lanes,
            ports=folding.ports,
            port=port,
        )
        wiring.memories.append((f"mem/{name}_weights_{port}.mem", rows_file(words, bits)))
        wiring.store(name, "weights", words.shape[0], folding.lanes * bits)
    wiring.store(name, "events", depth, source.width)
    wiring.store(name, "currents", tables.depth, folding.lanes * result.bits)
    if layout.spatial:
        store_tables(wiring, tables, name)
    if layout.groups > 1:
        content = offset_file(layout.channels, layout.groups, layout.words, tables.depth)
        wiring.memories.append((f"mem/{name}_channels.mem", content))
        wiring.store(name, "tables", layout.channels, address_bits(tables.depth))


def _summary(wiring: Wiring, layout: _Layout, result: Stream) -> tuple[str, ...]:
    """Lines of comment above the instance: shape, number format, latency."""
    node, facts = layout.node, wiring.facts
    source = facts.sources[node.name][0]
    pool = "" if source.pool == (1, 1) else f", sum pooling {pair_text(source.pool)} in front"
    shape = "x".join(map(str, facts.shapes[node.name]))
    visits = f"{layout.words} per tap of" if layout.spatial else f"{layout.words} for"
    static = facts.is_static(source.name)
    event = "a set bit of the input, once per inference" if static else "an event"
    return (
        f"{_what(node)}{pool}; output {shape}",
        f"weights {node.weight_bits} bits, currents {result.bits}, signed integers",
        f"per clock: events {layout.folding.ports}, weights added per event {layout.folding.lanes}",
        f"clocks: {visits} {event}; {layout.tables.depth * layout.folding.lanes // result.lanes} "
        "per time step for the currents",
    )


def pair_text(pair: tuple[int, int]) -> str:
    """Print a size, e.g. `3x3`."""
    return f"{pair[0]}x{pair[1]}"


def _what(node: Dense | Conv2d) -> str:
    if isinstance(node, Dense):
        return f"dense {node.weight.shape[1]} to {node.weight.shape[0]}"
    out, channels, height, width = node.weight.shape
    dilation = "" if node.dilation == (1, 1) else f", dilation {pair_text(node.dilation)}"
    groups = "" if node.groups == 1 else f", groups {node.groups}"
    return (
        f"convolution {channels * node.groups} to {out} channels, kernel {height}x{width}, "
        f"stride {pair_text(node.stride)}, padding {pair_text(node.padding)}{dilation}{groups}"
    )


def _view(layout: _Layout, result: Stream) -> SynapseView:
    return SynapseView(
        name=layout.node.name,
        kind="conv2d" if isinstance(layout.node, Conv2d) else "dense",
        engine="event",
        lanes=layout.folding.lanes,
        event_ports=layout.folding.ports,
        weight_bits=layout.node.weight_bits,
        weights=int(layout.node.weight.size),
        current_bits=result.bits,
    )
