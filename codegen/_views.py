"""Typed views of a design: what the templates print and the manifest records."""

from __future__ import annotations

from dataclasses import dataclass

from spikeloom.ir import Encoder, Graph, Reset, Shape


@dataclass(frozen=True, slots=True)
class Parameter:
    """One named parameter of a library module, its value printed as Verilog."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Section:
    """Parameters that belong together, under a comment."""

    title: str
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """An AXI4-Stream inside the design: names of its wires and width of its data."""

    name: str
    bits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputView:
    """The input of a design; a frame is `beats` beats of `lanes` values."""

    name: str
    encoder: Encoder
    shape: Shape
    bits: int
    lanes: int
    beats: int
    frames: int
    data_bits: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerView:
    """One layer: a synapse and its neurons as one instance of `spikeloom_layer`."""

    name: str
    synapse: str
    kind: str
    instance: str
    summary: tuple[str, ...]
    sections: tuple[Section, ...]
    source: Stream
    output: Stream
    lanes: int
    event_ports: int
    neuron_lanes: int
    weight_bits: int
    weights: int
    current_bits: int
    membrane_bits: int
    shape: Shape
    neurons: int
    words: int
    spiking: bool
    reset: Reset
    memories: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadoutView:
    """Counting of spikes, if any, and the choice of the largest score."""

    name: str
    classes: int
    class_bits: int
    score_bits: int
    lanes: int
    words: int
    counts_spikes: bool
    source: Stream
    scores: Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Everything that emission needs."""

    name: str
    top: str
    graph: Graph
    graph_digest: str
    time_steps: int
    input: InputView
    layers: tuple[LayerView, ...]
    readout: ReadoutView
