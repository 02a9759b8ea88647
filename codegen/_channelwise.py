"""Blocks that keep channels: depthwise convolution, token mixing, pooling."""

from __future__ import annotations

from dataclasses import dataclass

from spikeloom.codegen._geometry import (
    Tables,
    channel_weights,
    convolution_axes,
    mixing_tables,
    mixing_weights,
    pooling_axes,
)
from spikeloom.codegen._literals import rows_file, text
from spikeloom.codegen._stream import Stream
from spikeloom.codegen._synapse import busy, busy_wire, pair_text, rule_values, store_tables
from spikeloom.codegen._views import Instance, Port, Section, SynapseView
from spikeloom.codegen._wiring import Draft, Wiring
from spikeloom.ir import Conv2d, IntArray, MaxPool2d, SumPool2d, TokenMix, pool_stride

_WEIGHTS, _SUM, _MAXIMUM = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """An engine that keeps channels; `weights` is `[words, lanes or 1]`."""

    name: str
    mode: int
    tables: Tables
    shared: bool = False
    weights: IntArray | None = None
    weight_bits: int = 1

    @property
    def words(self) -> int:
        """Words of a time step in front of the engine."""
        return self.tables.positions * self.tables.position_words


def is_channelwise(wiring: Wiring, node: Conv2d) -> bool:
    """Whether a convolution is depthwise: one output channel for each of several input channels."""
    return wiring.facts.is_channelwise(node.name)


def depthwise_block(wiring: Wiring, node: Conv2d) -> SynapseView:
    """Add the block of a depthwise convolution."""
    draft, source = _begin(wiring, node.name)
    height, width = node.weight.shape[2:]
    words = int(node.weight.shape[0]) // source.lanes
    rows, columns = convolution_axes(
        node,
        _source_size(wiring, node.name),
        _pool(wiring, node.name),
        wiring.facts.positions(node.name),
    )
    layout = _Layout(
        name=node.name,
        mode=_WEIGHTS,
        tables=Tables(
            rows=rows,
            columns=columns,
            taps=int(height * width),
            row_taps=int(width),
            tap_words=words,
            position_words=words,
        ),
        weights=channel_weights(node.weight, source.lanes),
        weight_bits=node.weight_bits,
    )
    title = f'Depthwise convolution "{node.name}"'
    what = (
        f"channels {node.weight.shape[0]}, kernel {height}x{width}, stride "
        f"{pair_text(node.stride)}, padding {pair_text(node.padding)}, dilation "
        f"{pair_text(node.dilation)}"
    )
    result = _finish(wiring, draft, layout, source, title, what)
    return _synapse_view(layout, "depthwise", int(node.weight.size), source, result)


def mix_block(wiring: Wiring, node: TokenMix) -> SynapseView:
    """Add the block of a token mixing."""
    draft, source = _begin(wiring, node.name)
    channels, height, width = wiring.facts.shapes[node.name]
    size, pool = _source_size(wiring, node.name), _pool(wiring, node.name)
    layout = _Layout(
        name=node.name,
        mode=_WEIGHTS,
        tables=mixing_tables(node, size, pool, channels // source.lanes),
        shared=True,
        weights=mixing_weights(node, height, width),
        weight_bits=node.weight_bits,
    )
    title = f'Token mixing "{node.name}"'
    what = f"over {node.axis.value}, {node.weight.shape[0]} by {node.weight.shape[1]} weights"
    result = _finish(wiring, draft, layout, source, title, what)
    return _synapse_view(layout, "token_mix", int(node.weight.size), source, result)


def pool_block(wiring: Wiring, node: SumPool2d | MaxPool2d) -> None:
    """Add the block of a pooling."""
    draft, source = _begin(wiring, node.name)
    stride = pool_stride(node)
    words = wiring.facts.shapes[node.name][0] // source.lanes
    rows, columns = pooling_axes(
        _source_size(wiring, node.name),
        wiring.facts.positions(node.name),
        kernel=node.kernel,
        stride=stride,
        padding=node.padding,
    )
    layout = _Layout(
        name=node.name,
        mode=_SUM if isinstance(node, SumPool2d) else _MAXIMUM,
        tables=Tables(
            rows=rows,
            columns=columns,
            taps=1,
            row_taps=0,
            tap_words=0,
            position_words=words,
        ),
    )
    kind = "Sum" if isinstance(node, SumPool2d) else "Max"
    what = (
        f"windows {pair_text(node.kernel)}, stride {pair_text(stride)}, "
        f"padding {pair_text(node.padding)}"
    )
    _finish(wiring, draft, layout, source, f'{kind} pooling "{node.name}"', what)


def _begin(wiring: Wiring, name: str) -> tuple[Draft, Stream]:
    draft = Draft(name)
    present = wiring.present(name)
    return draft, wiring.take(draft, lanes=wiring.folder.channelwise_lanes(name, present.lanes))


def _source_size(wiring: Wiring, name: str) -> tuple[int, int]:
    """Height and width of what a node reads, in front of the pools that it does itself."""
    return wiring.facts.positions(wiring.facts.sources[name][0].name)


def _pool(wiring: Wiring, name: str) -> tuple[int, int]:
    return wiring.facts.sources[name][0].pool


def result_stream(wiring: Wiring, name: str, lanes: int) -> Stream:
    """The stream that a node puts out, in the width that its values need."""
    facts = wiring.facts
    if facts.is_signed(name):
        bits = facts.widths.currents[name].bits
        return Stream.named(f"currents_{name}", lanes=lanes, bits=bits, signed=True)
    bits = facts.value_bits(name)
    return Stream.named(f"values_{name}", lanes=lanes, bits=bits, signed=False)


def _finish(
    wiring: Wiring, draft: Draft, layout: _Layout, source: Stream, title: str, what: str
) -> Stream:
    result = draft.stream(result_stream(wiring, layout.name, source.lanes))
    draft.wires.append(busy_wire(layout.name))
    buffers, repeats = wiring.folder.buffers(layout.name), wiring.facts.repeats(layout.name)
    draft.instances.append(_instance(layout, source, result, buffers=buffers, repeats=repeats))
    store_tables(wiring, layout.tables, layout.name)
    wiring.store(layout.name, "events", layout.words, source.width)
    for _ in range(buffers):
        wiring.store(layout.name, "currents", layout.tables.depth, result.width)
    _store_weights(wiring, layout)
    wiring.publish(draft, layout.name, result)
    shape = "x".join(map(str, wiring.facts.shapes[layout.name]))
    wiring.finish(draft, title, f"{what}; output {shape}", *_summary(layout, source, result))
    return result


def _instance(
    layout: _Layout, source: Stream, result: Stream, *, buffers: int, repeats: int
) -> Instance:
    tables, name = layout.tables, layout.name
    return Instance(
        module="spikeloom_channelwise",
        name=f"u_{name}",
        sections=(
            Section.of(
                "Input words",
                Lanes=source.lanes,
                ValueBits=source.bits,
                InGroups=tables.position_words,
                Columns=tables.columns.size,
                Rows=tables.rows.size,
                QueueDepth=layout.words,
            ),
            Section.of("Address rule", **rule_values(tables, name)),
            Section.of(
                "Weights and currents",
                Mode=layout.mode,
                Signed=int(source.signed),
                Shared=int(layout.shared),
                **_weight_values(layout),
                OutLanes=result.lanes,
                Depth=tables.depth,
                CurrentBits=result.bits,
                Buffers=buffers,
                Repeats=repeats,
            ),
        ),
        ports=(*source.ports("s_axis"), *result.ports("m_axis"), Port("busy_o", busy(name))),
    )


def _weight_values(layout: _Layout) -> dict[str, int | str]:
    if layout.weights is None:
        return {}
    return {
        "WeightBits": layout.weight_bits,
        "WeightDepth": layout.tables.weight_depth,
        "WeightFile": text(f"mem/{layout.name}_weights_0.mem"),
    }


def _store_weights(wiring: Wiring, layout: _Layout) -> None:
    if layout.weights is None:
        return
    words, lanes = layout.weights.shape
    content = rows_file(layout.weights, layout.weight_bits)
    wiring.memories.append((f"mem/{layout.name}_weights_0.mem", content))
    wiring.store(layout.name, "weights", words, lanes * layout.weight_bits)


def _summary(layout: _Layout, source: Stream, result: Stream) -> tuple[str, ...]:
    sign = "signed" if result.signed else "unsigned"
    weights = "" if layout.weights is None else f"weights {layout.weight_bits} bits, "
    words = layout.tables.depth
    return (
        f"{weights}results {result.bits} bits, {sign} integers; {source.lanes} channels per clock",
        f"clocks: one per tap of {_event(layout, source)}; {words} per time step for the results",
    )


def _event(layout: _Layout, source: Stream) -> str:
    """What takes clocks, in words: all else is dropped on arrival."""
    if layout.mode == _WEIGHTS and source.bits > 1:
        return "each bit plane of a word with any set bit in it"
    if layout.mode == _MAXIMUM and source.signed:
        return f"a word with any value above {-(1 << (source.bits - 1))}"
    return "a word with any set bit"


def _synapse_view(
    layout: _Layout, kind: str, weights: int, source: Stream, result: Stream
) -> SynapseView:
    return SynapseView(
        name=layout.name,
        kind=kind,
        engine="event",
        lanes=source.lanes,
        event_ports=1,
        weight_bits=layout.weight_bits,
        weights=weights,
        current_bits=result.bits,
    )
