"""The block of a synapse whose events reach all channels: dense layers and convolutions."""

from __future__ import annotations

from dataclasses import dataclass

from spikeloom.codegen._fold import Folding
from spikeloom.codegen._geometry import Tables, offset_file
from spikeloom.codegen._kernel import Kernel, kernel_of, weights_of
from spikeloom.codegen._literals import address_bits, memory_file, rows_file, text
from spikeloom.codegen._sparse import SparseRows
from spikeloom.codegen._stream import Stream
from spikeloom.codegen._views import Instance, Port, Section, SynapseView, Wire
from spikeloom.codegen._weights import WeightMemories
from spikeloom.codegen._wiring import Draft, Wiring
from spikeloom.ir import Conv2d, Dense

# Words that the queue behind the input holds: the input can always wait.
_INPUT_QUEUE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """A dense or convolution synapse in hardware."""

    node: Dense | Conv2d
    kernel: Kernel
    tables: Tables
    folding: Folding
    weights: WeightMemories | SparseRows

    @property
    def channels(self) -> int:
        """Input channels per position."""
        return self.kernel.channels

    @property
    def words(self) -> int:
        """Words of results that an event reaches at a position."""
        return self.kernel.outputs // self.folding.lanes


def synapse_block(wiring: Wiring, node: Dense | Conv2d) -> SynapseView:
    """Add the block of a synapse whose events reach all channels (of their group)."""
    layout = _layout(wiring, node)
    draft = Draft(node.name)
    present = wiring.present(node.name)
    step = layout.folding.events.word_step
    lanes = present.lanes if present.lanes % step == 0 else step
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
    kernel = kernel_of(facts, node)
    folding = wiring.folder.engine(node.name, outputs=kernel.outputs)
    wiring.notes += wiring.folder.note(node.name, kernel.outputs, folding)
    words = kernel.outputs // folding.lanes
    value_bits = facts.value_bits(facts.sources[node.name][0].name)
    weights = weights_of(kernel, folding, value_bits)
    sparse = isinstance(weights, SparseRows)
    if folding.sparse is None and isinstance(weights, SparseRows):
        wiring.notes.append(_sparse_note(facts.layers[node.name], weights))
    rows = kernel.channels // folding.events.word_step
    return _Layout(
        node=node,
        kernel=kernel,
        tables=Tables(
            rows=kernel.rows,
            columns=kernel.columns,
            taps=int(kernel.weight.shape[2] * kernel.weight.shape[3]),
            row_taps=int(kernel.weight.shape[3]),
            tap_words=rows if sparse else rows * words,
            position_words=words * kernel.groups,
        ),
        folding=folding,
        weights=weights,
    )


def _sparse_note(layer: str, rows: SparseRows) -> str:
    """Say that words are left out where nobody has asked for it."""
    return (
        f"layer {layer!r} leaves out words of weights that are all 0: {rows.depth:,} of "
        f"{rows.all_words:,} are stored (--sparse {layer}=off stores all of them)"
    )


def _result(wiring: Wiring, name: str, lanes: int) -> Stream:
    bits = wiring.facts.widths.currents[name].bits
    return Stream.named(f"currents_{name}", lanes=lanes, bits=bits, signed=True)


def _connect(draft: Draft, wiring: Wiring, layout: _Layout, source: Stream, result: Stream) -> None:
    name, tables, folding = layout.node.name, layout.tables, layout.folding
    words = tables.positions * layout.channels // source.lanes
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
                    FieldValues=folding.events.field_values,
                    Banks=folding.events.banks,
                    Ports=folding.events.ports,
                    InGroups=layout.channels // source.lanes,
                    Columns=tables.columns.size,
                    Rows=tables.rows.size,
                    QueueDepth=depth,
                ),
                _rule_section(layout),
                Section.of(
                    "Weights and currents",
                    **_weight_values(name, layout.weights),
                    Lanes=folding.lanes,
                    OutLanes=result.lanes,
                    Groups=layout.words,
                    Depth=tables.depth,
                    CurrentBits=result.bits,
                    Buffers=folding.buffers,
                    Repeats=wiring.facts.repeats(name),
                ),
            ),
            ports=(*source.ports("s_axis"), *result.ports("m_axis"), Port("busy_o", busy(name))),
        )
    )
    if isinstance(layout.weights, SparseRows):
        _store_rows(wiring, name, layout.weights)
    else:
        _store_weights(wiring, name, layout.weights)
    _store(wiring, layout, source, result, depth)


def busy_wire(name: str) -> Wire:
    """The declaration of `busy`."""
    return Wire((busy(name),))


def _rule_section(layout: _Layout) -> Section:
    if layout.kernel.is_flat:
        return Section.of("Address rule", Spatial=0)
    rule = rule_values(layout.tables, layout.node.name)
    channel_table: dict[str, int | str] = {}
    if layout.kernel.groups > 1:
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
    wiring.store(name, "events", depth, source.width)
    for _ in range(folding.buffers):
        wiring.store(name, "currents", tables.depth, folding.lanes * result.bits)
    if not layout.kernel.is_flat:
        store_tables(wiring, tables, name)
    if layout.kernel.groups > 1:
        content = offset_file(layout.channels, layout.kernel.groups, layout.words, tables.depth)
        wiring.memories.append((f"mem/{name}_channels.mem", content))
        wiring.store(name, "tables", layout.channels, address_bits(tables.depth))


def _weight_values(name: str, weights: WeightMemories | SparseRows) -> dict[str, int | str]:
    values: dict[str, int | str] = {
        "WeightBits": weights.bits,
        "WeightDepth": weights.depth,
        "WeightPrefix": text(f"mem/{name}_weights_"),
    }
    if isinstance(weights, SparseRows):
        values["SparseRows"] = len(weights.counts)
        values["SparseFile"] = text(f"mem/{name}_sparse.mem")
        if weights.groups > 1:
            values["OffsetFile"] = text(f"mem/{name}_offsets.mem")
    elif weights.lookups:
        values["Lookups"] = len(weights.lookups[0])
        values["LookupPrefix"] = text(f"mem/{name}_lookup_")
    return values


def _store_weights(wiring: Wiring, name: str, weights: WeightMemories) -> None:
    for bank, words in enumerate(weights.words):
        wiring.memories.append((f"mem/{name}_weights_{bank}.mem", rows_file(words, weights.bits)))
        wiring.store(name, "weights", words.shape[0], words.shape[1] * weights.bits)
    for bank, rows in enumerate(weights.lookups):
        content = memory_file(rows.tolist(), weights.row_bits)
        wiring.memories.append((f"mem/{name}_lookup_{bank}.mem", content))
        wiring.store(name, "tables", len(rows), weights.row_bits)


def _store_rows(wiring: Wiring, name: str, rows: SparseRows) -> None:
    content = rows_file(rows.words, rows.bits)
    wiring.memories.append((f"mem/{name}_weights_0.mem", content))
    wiring.store(name, "weights", rows.depth, rows.words.shape[1] * rows.bits)
    wiring.memories.append((f"mem/{name}_sparse.mem", rows.row_file()))
    wiring.store(name, "tables", len(rows.counts), rows.entry_bits)
    if rows.groups > 1:
        wiring.memories.append((f"mem/{name}_offsets.mem", rows.offset_file()))
        wiring.store(name, "tables", rows.depth, rows.offset_bits)


def _summary(wiring: Wiring, layout: _Layout, result: Stream) -> tuple[str, ...]:
    """Lines of comment above the instance: shape, number format, latency."""
    node, facts = layout.node, wiring.facts
    source = facts.sources[node.name][0]
    pool = "" if source.pool == (1, 1) else f", sum pooling {pair_text(source.pool)} in front"
    shape = "x".join(map(str, facts.shapes[node.name]))
    count = f"{layout.words}"
    if isinstance(layout.weights, SparseRows):
        count = f"as many as words are stored, 1 to {layout.words},"
    visits = f"{count} per tap of" if not layout.kernel.is_flat else f"{count} for"
    static = facts.is_static(source.name)
    what = "a field" if layout.folding.events.field_values else "a set bit"
    event = f"{what} of the input, once per inference" if static else "an event"
    return (
        f"{_what(node)}{pool}; output {shape}",
        f"weights {node.weight_bits} bits, currents {result.bits}, signed integers",
        *_sparse_text(layout.weights),
        f"per clock: events {layout.folding.events.ports}, weights added per event "
        f"{layout.folding.lanes}" + _field_text(layout),
        f"clocks: {visits} {event}; {layout.tables.depth * layout.folding.lanes // result.lanes} "
        "per time step for the currents",
    )


def _sparse_text(weights: WeightMemories | SparseRows) -> tuple[str, ...]:
    if not isinstance(weights, SparseRows):
        return ()
    return (
        f"sparse: words of {weights.words.shape[1]} weight(s) that are all 0 are left out; "
        f"{weights.depth} of {weights.all_words} are stored",
    )


def _field_text(layout: _Layout) -> str:
    values = layout.folding.events.field_values
    return f"; an event is a field of {values} value(s) that is not 0" if values else ""


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
        event_ports=layout.folding.events.ports,
        weight_bits=layout.node.weight_bits,
        weights=int(layout.node.weight.size),
        current_bits=result.bits,
        words=layout.words * layout.tables.taps * layout.channels,
        stored_words=_stored_words(layout.weights),
        field_values=layout.folding.events.field_values,
        sparse=isinstance(layout.weights, SparseRows),
    )


def _stored_words(weights: WeightMemories | SparseRows) -> int:
    if isinstance(weights, SparseRows):
        return weights.depth
    return sum(len(words) for words in weights.words)
