"""The two ends of a design: the encoder of the input, and the readout."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spikeloom.codegen._early import decision, gate, step_bits
from spikeloom.codegen._literals import address_bits, sized, vector
from spikeloom.codegen._stream import Stream
from spikeloom.codegen._views import (
    TOP_RESET,
    InputView,
    Instance,
    Port,
    ReadoutView,
    Section,
    Wire,
)
from spikeloom.codegen._wiring import Draft, Wiring
from spikeloom.ir import EXACT, BuildError, Encoder, Interval, Readout, ReadoutKind, readout_of


def input_block(wiring: Wiring) -> InputView:
    """Add the block of the input."""
    node, facts = wiring.facts.input, wiring.facts
    lanes = wiring.folder.input_lanes()
    values = math.prod(node.shape)
    view = InputView(
        name=node.name,
        encoder=node.encoder,
        shape=node.shape,
        bits=node.bits,
        lanes=lanes,
        beats=values // lanes,
        frames=facts.graph.time_steps if node.encoder is Encoder.SPIKES else 1,
        data_bits=math.ceil(lanes * node.bits / 8) * 8,
        seed=node.seed,
    )
    draft = Draft(node.name)
    entry = _Entry()
    if readout_of(facts.graph).early is not None:
        entry = _Entry(*gate(draft, view))
    bits = node.bits if node.encoder is Encoder.DIRECT else 1
    stream = draft.stream(Stream.named("encoded", lanes=lanes, bits=bits, signed=False))
    if node.encoder is Encoder.RATE:
        draft.instances.append(_rate_encoder(view, entry, facts.graph.time_steps, stream))
        wiring.store(node.name, "streams", view.beats, view.value_bits)
    else:
        draft.assigns += _passed(view, entry, stream)
    if view.data_bits > view.value_bits:
        draft.unused.append(f"s_axis_tdata[{view.data_bits - 1}:{view.value_bits}]")
    wiring.publish(draft, node.name, stream)
    shape = "x".join(map(str, node.shape))
    wiring.finish(
        draft, f'Input "{node.name}"', f"shape {shape}, {node.bits} bits, encoder {node.encoder}"
    )
    return view


@dataclass(frozen=True, slots=True)
class _Entry:
    """The handshake with which input beats come to the core."""

    valid: str = "s_axis_tvalid"
    ready: str = "s_axis_tready"


def _passed(view: InputView, entry: _Entry, stream: Stream) -> list[Port]:
    return [
        Port(stream.data, f"s_axis_tdata{vector(view.value_bits)}"),
        Port(stream.valid, entry.valid),
        Port(stream.last, "s_axis_tlast"),
        Port(entry.ready, stream.ready),
    ]


def _rate_encoder(view: InputView, entry: _Entry, time_steps: int, stream: Stream) -> Instance:
    return Instance(
        module="spikeloom_rate_encoder",
        name=f"u_{view.name}",
        sections=(
            Section.of(
                "Encoder",
                Lanes=view.lanes,
                ValueBits=view.bits,
                Words=view.beats,
                TimeSteps=time_steps,
                Seed=sized(view.seed, 16),
            ),
        ),
        ports=(
            Port("s_axis_tdata", f"s_axis_tdata{vector(view.value_bits)}"),
            Port("s_axis_tvalid", entry.valid),
            Port("s_axis_tready", entry.ready),
            Port("s_axis_tlast", "s_axis_tlast"),
            *stream.ports("m_axis"),
        ),
    )


def readout_block(wiring: Wiring, node: Readout) -> ReadoutView:
    """Add the block of the readout."""
    facts = wiring.facts
    shape = facts.shapes[node.source]
    if len(shape) == 3 and shape[0] > 1 and shape[1:] != (1, 1):
        raise BuildError(
            f"readout {node.name!r}: the classes must be a vector, but {node.source!r} is a map of "
            f"shape {'x'.join(map(str, shape))}; put a dense layer in front of the readout"
        )
    draft = Draft(node.name)
    scores = wiring.take(draft)
    if node.kind is ReadoutKind.SPIKE_COUNT:
        scores = _count(wiring, draft, node, scores)
    classes = math.prod(shape)
    view = ReadoutView(
        name=node.name,
        classes=classes,
        class_bits=address_bits(classes),
        score_bits=scores.bits,
        early=node.early,
        step_bits=0 if node.early is None else step_bits(facts.graph),
    )
    if node.early is None:
        draft.unused.append(scores.last)
    else:
        scores = decision(wiring, draft, scores, classes // scores.lanes)
    draft.instances.append(
        Instance(
            module="spikeloom_argmax",
            name=f"u_{node.name}",
            reset=TOP_RESET,
            sections=(
                Section.of(
                    "Scores",
                    Lanes=scores.lanes,
                    Words=classes // scores.lanes,
                    ScoreBits=scores.bits,
                    ClassBits=view.class_bits,
                ),
            ),
            ports=(
                *scores.ports("s_axis")[:3],
                Port("m_axis_tdata", "m_axis_tdata"),
                Port("m_axis_tuser", "m_axis_tuser"),
                Port("m_axis_tvalid", "m_axis_tvalid"),
                Port("m_axis_tready", "m_axis_tready"),
                Port("m_axis_tlast", "m_axis_tlast"),
            ),
        )
    )
    wiring.finish(
        draft,
        f'Readout "{node.name}"',
        f"scores of {classes} classes, {scores.bits} bits, and the class of the largest",
        *_early_text(node),
    )
    return view


def _early_text(node: Readout) -> tuple[str, ...]:
    if node.early is None:
        return ()
    if node.early == EXACT:
        return ("decided as soon as nothing can change the prediction any more",)
    return (f"decided as soon as one score is {node.early} or more ahead of all others",)


def _count(wiring: Wiring, draft: Draft, node: Readout, spikes: Stream) -> Stream:
    """Integrators without threshold: a spike counts 1."""
    steps = wiring.facts.graph.time_steps
    bits = Interval(0, steps).bits
    ones = wiring.as_currents(draft, spikes, 0)
    words = wiring.words(wiring.facts.sources[draft.node][0].name, spikes.lanes)
    counts = draft.stream(
        Stream.named(f"counts_{draft.node}", lanes=spikes.lanes, bits=bits, signed=True)
    )
    probes = _silent_probes(draft, counts)
    # As fast as the neurons whose spikes it counts.
    array = wiring.folder.is_array(wiring.facts.sources[draft.node][0].name)
    sizes = {"Neurons": counts.lanes} if array else {"Lanes": counts.lanes, "Words": words}
    draft.instances.append(
        Instance(
            module="spikeloom_neuron_array" if array else "spikeloom_neuron",
            name=f"u_{draft.node}__counts",
            sections=(
                Section.of(
                    "Spike counts: integrators without threshold",
                    **sizes,
                    TimeSteps=steps,
                    CurrentBits=ones.bits,
                    SumBits=max(bits, ones.bits),
                    MembraneBits=bits,
                    Spiking=0,
                    **({} if node.early is None else {"EveryStep": 1}),
                ),
            ),
            ports=(*ones.ports("s_axis"), *counts.ports("m_axis"), *probes),
        )
    )
    if not array:
        wiring.store(draft.node, "membranes", words, counts.width)
    return counts


def _silent_probes(draft: Draft, counts: Stream) -> tuple[Port, ...]:
    """The probes of the spike counts, which nobody reads."""
    widths = (("valid", 0), ("spikes", counts.lanes), ("membranes", counts.width))
    ports = []
    for what, bits in widths:
        name = f"{draft.node}__counts_probe_{what}"
        draft.wires.append(Wire((name,), bits))
        draft.unused.append(name)
        ports.append(Port(f"probe_{what}_o", name))
    return tuple(ports)
