"""From a design to the network of its processes, instance by instance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from spikeloom.codegen._estimate._cycles._ends import encoder, judge, readout, sender
from spikeloom.codegen._estimate._cycles._engine import Engine
from spikeloom.codegen._estimate._cycles._joins import (
    added,
    concatenated,
    delay_drained,
    delay_filled,
    drained,
    filled,
    fork,
    gather,
    split,
)
from spikeloom.codegen._estimate._cycles._network import Network, Run, Span, Stream, Times
from spikeloom.codegen._estimate._cycles._neurons import Pipeline
from spikeloom.codegen._estimate._cycles._parameters import Parameters, joined, table_taps
from spikeloom.codegen._estimate._cycles._words import (
    RowWords,
    Words,
    bit_events,
    plane_events,
    stream_words,
    word_events,
)
from spikeloom.codegen._estimate._modules import bits_for
from spikeloom.codegen._views import Design, Instance
from spikeloom.ir import IntArray

_VALID = "_axis_tvalid"
_TURNAROUND = 4  # clocks from reading a membrane until it may be read again
_MAXIMUM = 2  # mode of a channelwise engine


@dataclass(slots=True)
class Model:
    """A design as a network of processes.

    `values` is what each engine reads, by its node, `[inferences, T, *shape]`.  The design
    decides early if there is a decision: then `judged` are the clocks in which it has
    the scores of a step, from clock `open` on.
    """

    design: Design
    values: Mapping[str, IntArray]
    open: int = 0
    network: Network = field(default_factory=Network)
    streams: dict[str, Stream] = field(default_factory=lambda: defaultdict(Stream))
    completes: Times = field(default_factory=Times)  # the last score of an inference is taken
    judged: Times = field(default_factory=Times)
    spans: dict[str, Callable[[], list[Span]]] = field(default_factory=dict)
    transfers: dict[str, list[Times]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for block in self.design.blocks:
            for assign in block.assigns:
                if assign.signal == self._entry:
                    self.streams[assign.name] = self.input
            for instance in block.instances:
                if any(port.name.endswith(_VALID) for port in instance.ports):
                    _MODULES[instance.module](self, _Part.of(self, instance))

    @property
    def input(self) -> Stream:
        """The input of the design, behind its gate if there is one."""
        return self.streams[self._entry]

    @property
    def _entry(self) -> str:
        for instance in self.design.blocks[0].instances:
            if instance.module == "spikeloom_gate":
                return next(p.signal for p in instance.ports if p.name == f"m{_VALID}")
        return f"s{_VALID}"

    def send(self, inferences: int, *, waits: bool, first: int = 0) -> None:
        """Send inferences, as soon as they are taken or (`waits`) one at a time."""
        port, stream = self.design.input, self.input
        beats = port.beats * port.frames
        run = sender(
            stream, self.completes, inferences=inferences, beats=beats, waits=waits, first=first
        )
        reads = (self.completes,) if waits else ()
        self.network.add(run, reads=reads, writes=(stream.valid,))

    def busy(self, wires: tuple[str, ...]) -> IntArray:
        """First and last clocks `[spans, 2]` in which engines were at work, by their wires."""
        found: list[Span] = []
        for wire in wires:
            found += self.spans[wire]()
            for times in self.transfers.get(wire, ()):
                found += zip(times, times, strict=True)
        return np.array(found, np.int64).reshape(-1, 2)

    def table(self, path: str) -> str:
        """The content of a memory file."""
        return dict(self.design.memories)[path]


@dataclass(frozen=True, slots=True)
class _Part:
    """One instance: its parameters and its streams."""

    instance: Instance
    parameters: Parameters
    streams: Mapping[str, list[Stream]]
    busy: str

    @classmethod
    def of(cls, model: Model, instance: Instance) -> _Part:
        signals = {port.name: port.signal for port in instance.ports}
        streams = {
            name.removesuffix(_VALID): [model.streams[part] for part in joined(signal)]
            for name, signal in signals.items()
            if name.endswith(_VALID)
        }
        return cls(instance, Parameters.of(instance), streams, signals.get("busy_o", ""))

    @property
    def node(self) -> str:
        return self.instance.name.removeprefix("u_")

    @property
    def source(self) -> Stream:
        return self.streams["s"][0]

    @property
    def result(self) -> Stream:
        return self.streams["m"][0]

    def number(self, name: str, default: int | None = None) -> int:
        return self.parameters.number(name, default)


def _fork(model: Model, part: _Part) -> None:
    branches = part.streams["m"]
    model.network.add(
        fork(part.source, branches),
        reads=(part.source.valid, *(branch.taken for branch in branches)),
        writes=(part.source.taken, *(branch.valid for branch in branches)),
    )


def _resize(model: Model, part: _Part) -> None:
    lanes, out_lanes = part.number("InLanes"), part.number("OutLanes")
    source, result = part.source, part.result
    run = (
        split(source, result, lanes // out_lanes)
        if lanes > out_lanes
        else gather(source, result, out_lanes // lanes)
    )
    model.network.add(run, reads=(source.valid, result.taken), writes=(source.taken, result.valid))


def _fifo(model: Model, part: _Part) -> None:
    source, result, writes, reads = part.source, part.result, Times(), Times()
    model.network.add(
        filled(source, writes, reads, part.number("Depth")),
        reads=(source.valid, reads),
        writes=(source.taken, writes),
    )
    model.network.add(
        drained(result, writes, reads), reads=(writes, result.taken), writes=(reads, result.valid)
    )


def _delay(model: Model, part: _Part) -> None:
    source, result, writes, reads = part.source, part.result, Times(), Times()
    words, steps = part.number("Words"), part.number("TimeSteps")
    model.network.add(
        delay_filled(source, writes, reads, depth=part.number("Depth"), words=words, steps=steps),
        reads=(source.valid, reads),
        writes=(source.taken, writes),
    )
    model.network.add(
        delay_drained(result, writes, reads, words=words, steps=steps),
        reads=(writes, result.taken),
        writes=(reads, result.valid),
    )


def _add(model: Model, part: _Part) -> None:
    _join(model, part, added(part.streams["s"], part.result))


def _concat(model: Model, part: _Part) -> None:
    groups = part.parameters.numbers("Groups")
    _join(model, part, concatenated(part.streams["s"], part.result, groups))


def _join(model: Model, part: _Part, run: Run) -> None:
    sources, result = part.streams["s"], part.result
    model.network.add(
        run,
        reads=(*(source.valid for source in sources), result.taken),
        writes=(*(source.taken for source in sources), result.valid),
    )


def _neurons(model: Model, part: _Part) -> None:
    words = part.number("Words")
    Pipeline(
        source=part.source,
        result=part.result,
        stages=4,
        words=words,
        gap=max(0, _TURNAROUND - words),
        steps=part.number("TimeSteps"),
        last_only=_sends_last(part),
    ).add_to(model.network)


def _neuron_array(model: Model, part: _Part) -> None:
    Pipeline(
        source=part.source,
        result=part.result,
        stages=3,
        spare=True,
        steps=part.number("TimeSteps"),
        last_only=_sends_last(part),
    ).add_to(model.network)


def _sends_last(part: _Part) -> bool:
    """Whether integrators send nothing but their last membranes."""
    return not part.number("Spiking", 1) and not part.number("EveryStep", 0)


def _unrolled(model: Model, part: _Part) -> None:
    pipeline = Pipeline(
        source=part.source,
        result=part.result,
        stages=part.number("Latency"),
        repeats=part.number("Repeats"),
    )
    pipeline.add_to(model.network)
    model.spans[part.busy] = pipeline.spans


def _synapse(model: Model, part: _Part) -> None:
    lanes, banks, ports = part.number("InLanes"), part.number("Banks"), part.number("Ports")
    words = stream_words(model.values[part.node], lanes)
    if part.number("SparseRows", 0):
        rows = RowWords.of(words, _rows(model, part, channels=lanes * part.number("InGroups")))
        _add_engine(model, part, _engine(part, rows, front=2, stages=2))
        return
    counts = bit_events(
        words, field=part.number("FieldValues"), banks=banks, bank_ports=ports // banks
    )
    read = 2 if part.number("Lookups", 0) else 1
    taps = part.number("Groups") * _taps(model, part, groups=part.number("InGroups"))
    engine = _engine(part, Words.of(counts, taps), front=2, stages=read + (ports - 1).bit_length())
    _add_engine(model, part, engine)


def _channelwise(model: Model, part: _Part) -> None:
    mode, bits = part.number("Mode"), part.number("ValueBits")
    words = stream_words(model.values[part.node], part.number("Lanes"))
    planes = mode == 0 and bits > 1
    silent = -(1 << bits - 1) if mode == _MAXIMUM and part.number("Signed") else 0
    counts = plane_events(words) if planes else word_events(words, silent=silent)
    taps = _taps(model, part, groups=part.number("InGroups"))
    _add_engine(model, part, _engine(part, Words.of(counts, taps), front=int(planes), stages=1))


def _product(model: Model, part: _Part) -> None:
    words = stream_words(model.values[part.node], part.number("InLanes"))
    counts = bit_events(words, field=0, banks=1, bank_ports=1)
    taps = part.number("Groups") * _taps(model, part, groups=part.number("InGroups"))
    engine = _engine(part, Words.of(counts, taps), front=2, stages=1)
    engine.weights = part.streams["w"][0]
    engine.weight_beats = (
        part.number("Tokens") * part.number("Heads") * part.number("HeadInputs")
        if part.number("Transposed")
        else part.number("Tokens") * part.number("Heads") * part.number("Groups")
    )
    _add_engine(model, part, engine)
    model.transfers[part.busy].append(engine.weights.taken)


def _rows(model: Model, part: _Part, *, channels: int) -> list[tuple[int, ...]]:
    """The words of the rows that an event of each value of a time step reaches, in order."""
    mask = (1 << part.number("Groups").bit_length()) - 1
    entries = model.table(part.parameters.path("SparseFile")).split()
    counts = np.array([int(entry, 16) & mask for entry in entries])
    firsts = [np.zeros(1, np.int64)]  # of each position, the rows of its first channel
    if part.number("Spatial"):
        rows, columns = (_axis(model, part, name) for name in ("Row", "Column"))
        firsts = [np.add.outer(row, column).ravel() for row in rows for column in columns]
    return [
        tuple(counts[first + channel].tolist()) for first in firsts for channel in range(channels)
    ]


def _axis(model: Model, part: _Part, name: str) -> list[IntArray]:
    """What every coordinate of an axis adds to the number of a row, for each of its taps."""
    table = model.table(part.parameters.path(f"{name}File"))
    tap_bits, skipped = part.number("TapBits"), bits_for(part.number("Depth"))
    step = part.number(f"{name}TapStep")
    return [
        (entry >> tap_bits + skipped) + step * np.arange(entry & (1 << tap_bits) - 1)
        for entry in (int(line, 16) for line in table.split())
    ]


def _taps(model: Model, part: _Part, *, groups: int) -> IntArray:
    """Taps of each word of a time step: of its row times those of its column."""
    if not part.number("Spatial", 1):
        return np.ones(groups, np.int64)
    bits = part.number("TapBits")
    rows, columns = (
        table_taps(model.table(part.parameters.path(name)), bits)
        for name in ("RowFile", "ColumnFile")
    )
    return np.repeat(np.outer(rows, columns).ravel(), groups)


def _engine(part: _Part, words: Words | RowWords, *, front: int, stages: int) -> Engine:
    return Engine(
        words=words,
        source=part.source,
        result=part.result,
        front=front,
        queue=part.number("QueueDepth"),
        stages=stages,
        depth=part.number("Depth"),
        beats=part.number("Lanes") // part.number("OutLanes"),
        buffers=part.number("Buffers", 1),
        repeats=part.number("Repeats", 1),
    )


def _add_engine(model: Model, part: _Part, engine: Engine) -> None:
    engine.add_to(model.network)
    model.spans[part.busy] = lambda: engine.spans
    model.transfers[part.busy] = [part.result.taken]


def _encoder(model: Model, part: _Part) -> None:
    source, result = part.source, part.result
    words, steps = part.number("Words"), part.number("TimeSteps")
    model.network.add(
        encoder(source, result, words=words, steps=steps),
        reads=(source.valid, result.taken),
        writes=(source.taken, result.valid),
    )


def _argmax(model: Model, part: _Part) -> None:
    run = readout(
        part.source, model.completes, lanes=part.number("Lanes"), words=part.number("Words")
    )
    reads, writes = (part.source.valid,), (part.source.taken, model.completes)
    model.network.add(run, reads=reads, writes=writes)


def _decision(model: Model, part: _Part) -> None:
    run = judge(part.source, model.judged, words=part.number("Words"), first=model.open)
    reads, writes = (part.source.valid,), (part.source.taken, model.judged)
    model.network.add(run, reads=reads, writes=writes)


def _gate(model: Model, part: _Part) -> None:
    """`spikeloom_gate`: whoever sends an inference knows what it does."""


_MODULES: dict[str, Callable[[Model, _Part], None]] = {
    "spikeloom_add": _add,
    "spikeloom_argmax": _argmax,
    "spikeloom_channelwise": _channelwise,
    "spikeloom_concat": _concat,
    "spikeloom_decision": _decision,
    "spikeloom_delay": _delay,
    "spikeloom_fifo": _fifo,
    "spikeloom_fork": _fork,
    "spikeloom_gate": _gate,
    "spikeloom_neuron": _neurons,
    "spikeloom_neuron_array": _neuron_array,
    "spikeloom_product": _product,
    "spikeloom_rate_encoder": _encoder,
    "spikeloom_resize": _resize,
    "spikeloom_synapse": _synapse,
    "spikeloom_unrolled": _unrolled,
}


def known_modules() -> frozenset[str]:
    """The modules of the library that a design may have in its top."""
    return frozenset(_MODULES)
