"""Blocks between engines: addition, concatenation, delay."""

from __future__ import annotations

import math

from spikeloom.codegen._channelwise import result_stream
from spikeloom.codegen._literals import rows_file, text
from spikeloom.codegen._options import divisors
from spikeloom.codegen._stream import Stream
from spikeloom.codegen._views import Instance, Section
from spikeloom.codegen._wiring import Draft, Wiring, adder, flags, merged_ports, numbers
from spikeloom.ir import Add, Concat, Delay, Interval


def add_block(wiring: Wiring, node: Add) -> None:
    """Add the block of an addition, and of a bias."""
    draft = Draft(node.name)
    count = len(node.sources)
    lanes = max(wiring.present(node.name, index).lanes for index in range(count))
    sources = _inputs(wiring, draft, count, lanes)
    result = draft.stream(result_stream(wiring, node.name, lanes))
    draft.instances.append(
        adder(
            f"u_{node.name}",
            sources,
            result,
            shifts=list(node.shifts),
            bias=_bias(wiring, node, lanes),
        )
    )
    wiring.publish(draft, node.name, result)
    terms = " + ".join(
        f"{name} << {shift}" if shift else name
        for name, shift in zip(node.sources, node.shifts, strict=True)
    )
    bias = " + bias" * bool(node.bias.any())
    wiring.finish(
        draft, f'Sum "{node.name}"', f"{terms}{bias}; {_format(wiring, result, node.name)}"
    )


def _inputs(wiring: Wiring, draft: Draft, count: int, lanes: int) -> list[Stream]:
    """The streams on all inputs; several wait for each other, and then each is held."""
    taken = [wiring.take(draft, index, lanes=lanes) for index in range(count)]
    if count == 1:
        return taken
    return [wiring.held(draft, stream, index) for index, stream in enumerate(taken)]


def _bias(wiring: Wiring, node: Add, lanes: int) -> dict[str, int | str]:
    if (node.bias == node.bias.flat[0]).all():
        return {"Bias": int(node.bias.flat[0])}
    words = node.bias.reshape(-1, lanes)
    bits = Interval(int(words.min()), int(words.max())).bits
    path = f"mem/{node.name}_bias.mem"
    wiring.memories.append((path, rows_file(words, bits)))
    wiring.store(node.name, "tables", words.shape[0], lanes * bits)
    return {
        "Table": 1,
        "BiasBits": bits,
        "TableDepth": words.shape[0],
        "TableFile": text(path),
    }


def concat_block(wiring: Wiring, node: Concat) -> None:
    """Add the block of a concatenation."""
    facts = wiring.facts
    draft = Draft(node.name)
    count = len(node.sources)
    channels = [facts.shapes[name][0] for name in node.sources]
    most = max(wiring.present(node.name, index).lanes for index in range(count))
    common = math.gcd(*channels)
    lanes = divisors(common, at_most=most)[-1]
    sources = _inputs(wiring, draft, count, lanes)
    result = draft.stream(result_stream(wiring, node.name, lanes))
    slot = max(stream.width for stream in sources)
    draft.instances.append(
        Instance(
            module="spikeloom_concat",
            name=f"u_{node.name}",
            sections=(
                Section.of(
                    "Inputs",
                    Inputs=count,
                    Lanes=lanes,
                    SlotBits=slot,
                    InBits=numbers([stream.bits for stream in sources], 8),
                    Signed=flags(sources),
                    Groups=numbers([c // lanes for c in channels], 32),
                ),
                Section.of("Result", OutBits=result.bits),
            ),
            ports=(*merged_ports(sources, slot), *result.ports("m_axis")),
        )
    )
    wiring.publish(draft, node.name, result)
    wiring.finish(
        draft,
        f'Concatenation "{node.name}"',
        f"{', '.join(node.sources)}; {_format(wiring, result, node.name)}",
    )


def delay_stream(wiring: Wiring, node: Delay) -> None:
    """Offer what a delay puts out, in front of the block itself if its source comes later."""
    draft = Draft(node.name)
    result = draft.stream(_delay_result(wiring, node))
    wiring.publish(draft, node.name, result)
    wiring.finish(draft, f'What delay "{node.name}" puts out', _format(wiring, result, node.name))


def _delay_result(wiring: Wiring, node: Delay) -> Stream:
    """What a delay puts out: as many values per clock as its source, where that is known."""
    lanes = wiring.folder.stream_lanes(node.shape[0])
    if not wiring.facts.is_backward(node.name):
        lanes = wiring.present(node.name).lanes
    return result_stream(wiring, node.name, lanes)


def delay_block(wiring: Wiring, node: Delay) -> None:
    """Add the block of a delay, behind that of its source."""
    draft = Draft(node.name)
    result = _delay_result(wiring, node)
    source = wiring.narrowed(draft, wiring.take(draft, lanes=result.lanes), result.bits)
    words = math.prod(node.shape) // source.lanes
    # In front of its source it is read before it is written, else the other way round.
    depth = words if wiring.facts.is_backward(node.name) else 2 * words
    draft.instances.append(
        Instance(
            module="spikeloom_delay",
            name=f"u_{node.name}",
            sections=(
                Section.of(
                    "One time step",
                    Width=source.width,
                    Words=words,
                    TimeSteps=wiring.facts.graph.time_steps,
                    Depth=depth,
                ),
            ),
            ports=(*source.ports("s_axis"), *result.ports("m_axis")),
        )
    )
    wiring.store(node.name, "streams", depth, source.width)
    wiring.finish(draft, f'Delay "{node.name}"', f'"{node.source}", one time step later')


def _format(wiring: Wiring, result: Stream, name: str) -> str:
    shape = "x".join(map(str, wiring.facts.shapes[name]))
    sign = "signed" if result.signed else "unsigned"
    return f"{shape}, {result.bits} bits, {sign}; {result.lanes} values per clock"
