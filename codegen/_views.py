"""Typed views of a design: what the templates print and the manifest records."""

from __future__ import annotations

from dataclasses import dataclass

from spikeloom.codegen._literals import vector
from spikeloom.ir import Encoder, Graph, Shape


@dataclass(frozen=True, slots=True)
class Parameter:
    """One named parameter of a library module, its value printed as Verilog."""

    name: str
    value: str
    comment: str = ""  # what an encoded value means


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

    @property
    def range(self) -> str:
        """The range of its data wire."""
        return vector(self.bits)


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

    @property
    def value_bits(self) -> int:
        """Bits of a beat that carry values; the data is padded to whole bytes."""
        return self.lanes * self.bits

    @property
    def padded(self) -> bool:
        """Whether the data has bits that carry nothing."""
        return self.data_bits > self.value_bits


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
    memories: tuple[tuple[str, str], ...]

    @property
    def probe_bits(self) -> int:
        """Bits of the membranes in one beat."""
        return self.neuron_lanes * self.membrane_bits


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

    @property
    def ones_bits(self) -> int:
        """Bits of a beat of spikes as currents: 0 or 1, signed, 2 bits each."""
        return 2 * self.lanes


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
    notes: tuple[str, ...]  # what a user should know about the folding
