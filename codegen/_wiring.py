"""Puts blocks together: streams by name, copies for several readers, and what lies between."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from spikeloom.codegen._facts import Facts, Reader
from spikeloom.codegen._fold import Folder
from spikeloom.codegen._literals import joined, sized
from spikeloom.codegen._stream import Stream
from spikeloom.codegen._unrolled import Fabric, Unroller
from spikeloom.codegen._views import (
    CORE_RESET,
    Block,
    Instance,
    Matrix,
    Port,
    Section,
    Storage,
    Wire,
)
from spikeloom.ir import (
    Conv2d,
    Delay,
    Dense,
    MaxPool2d,
    Product,
    SumPool2d,
    TokenMix,
    readout_of,
)

# Nodes whose own memory holds what they put out until it is taken.
_HOLDERS = (Dense, Conv2d, TokenMix, Product, SumPool2d, MaxPool2d)


@dataclass(slots=True)
class Draft:
    """A block under construction: what stands in front of its own instance."""

    node: str
    wires: list[Wire] = field(default_factory=list)
    assigns: list[Port] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)

    def stream(self, stream: Stream) -> Stream:
        """Declare the signals of a stream."""
        self.wires += stream.wires()
        return stream

    def block(self, title: str, *summary: str) -> Block:
        """The finished block."""
        return Block(
            node=self.node,
            title=title,
            summary=summary,
            wires=tuple(self.wires),
            assigns=tuple(self.assigns),
            unused=tuple(self.unused),
            instances=tuple(self.instances),
        )


@dataclass(slots=True)
class Wiring:
    """A design under construction: its blocks in order, and the streams that lie open."""

    facts: Facts
    folder: Folder
    fabric: Fabric
    clock_mhz: float
    unroller: Unroller
    blocks: list[Block] = field(default_factory=list)
    modules: list[tuple[str, str]] = field(default_factory=list)
    matrices: list[Matrix] = field(default_factory=list)
    memories: list[tuple[str, str]] = field(default_factory=list)
    storages: list[Storage] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    instances: dict[str, list[str]] = field(default_factory=dict)  # by node
    _open: dict[Reader, Stream] = field(default_factory=dict)

    def finish(self, draft: Draft, title: str, *summary: str) -> None:
        """Add a finished block; its instances have the reset of the core unless they say else."""
        if readout_of(self.facts.graph).early is not None:
            draft.instances = [
                instance if instance.reset else replace(instance, reset=CORE_RESET)
                for instance in draft.instances
            ]
        self.blocks.append(draft.block(title, *summary))
        self.instances.setdefault(draft.node, []).extend(i.name for i in draft.instances)

    def store(self, owner: str, holds: str, words: int, bits: int) -> None:
        """Note a memory."""
        self.storages.append(Storage(owner, holds, words, bits))

    def publish(self, draft: Draft, name: str, stream: Stream) -> None:
        """Offer the stream that node `name` puts out to all that read it."""
        readers = self.facts.readers[name]
        if len(readers) == 1:
            self._open[readers[0]] = stream
            return
        copy = Stream.named(
            f"{stream.data.removesuffix('_data')}__all",
            lanes=stream.lanes,
            bits=stream.bits,
            signed=stream.signed,
        )
        branches = [copy.branch(_label(reader, readers)) for reader in readers]
        draft.wires.append(Wire((copy.data,), copy.width))
        draft.wires.append(Wire((copy.last,)))
        draft.wires += [branch.handshake() for branch in branches]
        draft.instances.append(_fork(name, stream, copy, branches))
        self._open.update(zip(readers, branches, strict=True))

    def take(self, draft: Draft, index: int = 0, *, lanes: int | None = None) -> Stream:
        """The stream on an input of the draft's node, with another width if asked."""
        stream = self._open.pop(Reader(draft.node, index))
        return self.resized(draft, stream, lanes or stream.lanes, index)

    def present(self, name: str, index: int = 0) -> Stream:
        """The stream on an input of a node, not taken yet."""
        return self._open[Reader(name, index)]

    def resized(self, draft: Draft, stream: Stream, lanes: int, index: int) -> Stream:
        """The stream with `lanes` values per beat."""
        if stream.lanes % lanes and lanes % stream.lanes:  # neither divides the other
            stream = _resize(draft, stream, math.gcd(stream.lanes, lanes), index)
        return stream if stream.lanes == lanes else _resize(draft, stream, lanes, index)

    def as_currents(self, draft: Draft, stream: Stream, index: int) -> Stream:
        """Operands as signed numbers."""
        if stream.signed:
            return stream
        wide = Stream.named(
            f"currents_{draft.node}__{index}",
            lanes=stream.lanes,
            bits=stream.bits + 1,
            signed=True,
        )
        return _converted(draft, stream, wide, f"u_{draft.node}__signed_{index}")

    def narrowed(self, draft: Draft, stream: Stream, bits: int) -> Stream:
        """The low bits of all values: what a delay never shows may be wider than what it does."""
        if stream.bits == bits:
            return stream
        narrow = Stream.named(
            f"narrowed_{draft.node}", lanes=stream.lanes, bits=bits, signed=stream.signed
        )
        return _converted(draft, stream, narrow, f"u_{draft.node}__narrowed")

    def held(self, draft: Draft, stream: Stream, index: int) -> Stream:
        """The stream behind a memory of a whole time step, unless its source is one.

        A block that waits for several streams must not keep any of them
        waiting: this is why no graph can deadlock (docs/architecture.md).
        """
        source = self.facts.sources[draft.node][index].name
        if len(self.facts.readers[source]) == 1 and self._holds(source, draft.node):
            return stream
        words = self.words(source, stream.lanes)
        self.store(f"{draft.node}__queue_{index}", "streams", words, stream.width + 1)
        return _queue(draft, stream, words, index)

    def _holds(self, source: str, reader: str) -> bool:
        """Whether a node keeps a step for its only reader, and its own source going meanwhile."""
        node = self.facts.nodes[source]
        if isinstance(node, Delay):
            return self.facts.precedes(node.source, source) or self.facts.precedes(
                reader, node.source
            )
        return isinstance(node, _HOLDERS)

    def words(self, name: str, lanes: int) -> int:
        """Beats per time step of what node `name` puts out."""
        return math.prod(self.facts.shapes[name]) // lanes


def _converted(draft: Draft, stream: Stream, result: Stream, instance: str) -> Stream:
    """The same values in the format of `result`: a sum of one term."""
    draft.stream(result)
    draft.instances.append(adder(instance, [stream], result, shifts=[0], bias={"Bias": 0}))
    return result


def adder(
    name: str,
    sources: list[Stream],
    result: Stream,
    *,
    shifts: list[int],
    bias: dict[str, int | str],
) -> Instance:
    """An instance of `spikeloom_add`."""
    slot = max(stream.width for stream in sources)
    return Instance(
        module="spikeloom_add",
        name=name,
        sections=(
            Section.of(
                "Inputs",
                Inputs=len(sources),
                Lanes=result.lanes,
                SlotBits=slot,
                InBits=numbers([stream.bits for stream in sources], 8),
                Shifts=numbers(shifts, 8),
                Signed=flags(sources),
            ),
            Section.of("Result", OutBits=result.bits, **bias),
        ),
        ports=(*merged_ports(sources, slot), *result.ports("m_axis")),
    )


def merged_ports(sources: list[Stream], slot: int) -> tuple[Port, ...]:
    """The input ports of a module that reads several streams at once."""
    return (
        Port("s_axis_tdata", joined([_slot(stream, slot) for stream in sources])),
        Port("s_axis_tvalid", joined([stream.valid for stream in sources])),
        Port("s_axis_tready", joined([stream.ready for stream in sources])),
        Port("s_axis_tlast", joined([stream.last for stream in sources])),
    )


def numbers(values: list[int], bits: int) -> str:
    """A parameter that holds one number of `bits` bits for each input."""
    return joined([f"{bits}'d{value}" for value in values])


def flags(sources: list[Stream]) -> str:
    """A parameter that says which inputs are signed."""
    return joined([f"1'b{int(stream.signed)}" for stream in sources])


def _slot(stream: Stream, slot: int) -> str:
    pad = slot - stream.width
    return f"{sized(0, pad)}, {stream.data}" if pad else stream.data


def _label(reader: Reader, readers: tuple[Reader, ...]) -> str:
    twice = sum(other.name == reader.name for other in readers) > 1
    return f"{reader.name}__{reader.index}" if twice else reader.name


def _fork(name: str, stream: Stream, copy: Stream, branches: list[Stream]) -> Instance:
    return Instance(
        module="spikeloom_fork",
        name=f"u_{name}__fork",
        sections=(Section.of("Copies", Outputs=len(branches), Width=stream.width),),
        ports=(
            *stream.ports("s_axis"),
            Port("m_axis_tdata", copy.data),
            Port("m_axis_tvalid", joined([branch.valid for branch in branches])),
            Port("m_axis_tready", joined([branch.ready for branch in branches])),
            Port("m_axis_tlast", copy.last),
        ),
    )


def _resize(draft: Draft, stream: Stream, lanes: int, index: int) -> Stream:
    name = f"{draft.node}__{index}_by_{lanes}"
    result = draft.stream(
        Stream.named(f"resized_{name}", lanes=lanes, bits=stream.bits, signed=stream.signed)
    )
    draft.instances.append(
        Instance(
            module="spikeloom_resize",
            name=f"u_{name}",
            sections=(Section.of("Lanes", Bits=stream.bits, InLanes=stream.lanes, OutLanes=lanes),),
            ports=(*stream.ports("s_axis"), *result.ports("m_axis")),
        )
    )
    return result


def _queue(draft: Draft, stream: Stream, words: int, index: int) -> Stream:
    result = draft.stream(
        Stream.named(
            f"queued_{draft.node}__{index}",
            lanes=stream.lanes,
            bits=stream.bits,
            signed=stream.signed,
        )
    )
    draft.instances.append(
        Instance(
            module="spikeloom_fifo",
            name=f"u_{draft.node}__queue_{index}",
            sections=(Section.of("A whole time step", Width=stream.width + 1, Depth=words),),
            ports=(
                Port("s_axis_tdata", joined([stream.data, stream.last])),
                Port("s_axis_tvalid", stream.valid),
                Port("s_axis_tready", stream.ready),
                Port("m_axis_tdata", joined([result.data, result.last])),
                Port("m_axis_tvalid", result.valid),
                Port("m_axis_tready", result.ready),
            ),
        )
    )
    return result
