"""Typed views of a design: what the templates print and the manifest records."""

from __future__ import annotations

from dataclasses import dataclass

from spikeloom.codegen._literals import vector
from spikeloom.ir import Early, Encoder, Graph, Shape

TOP_RESET = "rst_ni"
CORE_RESET = "core_rst_n"  # where inferences end early, which resets the core


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

    @classmethod
    def of(cls, title: str, **values: int | str) -> Section:
        """A section of parameters by name."""
        return cls(title, tuple(Parameter(name, str(value)) for name, value in values.items()))


@dataclass(frozen=True, slots=True)
class Port:
    """One named port of an instance, and the signal on it."""

    name: str
    signal: str


@dataclass(frozen=True, slots=True)
class Wire:
    """Wires of one width, declared together; width 0 is a single bit without a range."""

    names: tuple[str, ...]
    bits: int = 0

    @property
    def declaration(self) -> str:
        """Range and names."""
        width = f"{vector(self.bits)} " if self.bits else ""
        return width + ", ".join(self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance of a library module, or of one that is generated beside the top."""

    module: str
    name: str
    sections: tuple[Section, ...] = ()
    ports: tuple[Port, ...]
    resets: bool = True  # whether it has a reset
    reset: str = ""  # the signal on it; by default that of the core

    @property
    def connections(self) -> tuple[Port, ...]:
        """All ports: clock and reset, and what tells instances apart."""
        reset = (Port("rst_ni", self.reset or TOP_RESET),) if self.resets else ()
        return (Port("clk_i", "clk_i"), *reset, *self.ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What a node becomes: a banner, wires, assignments and instances.

    `unused` are outputs that nothing reads.
    """

    node: str
    title: str
    summary: tuple[str, ...] = ()
    wires: tuple[Wire, ...] = ()
    assigns: tuple[Port, ...] = ()
    unused: tuple[str, ...] = ()
    instances: tuple[Instance, ...] = ()


@dataclass(frozen=True, slots=True)
class Storage:
    """A memory of a design: whose it is, what it holds, and how large it is."""

    owner: str
    holds: str  # weights, currents, membranes, events, streams, tables
    words: int
    bits: int  # of a word

    @property
    def total(self) -> int:
        """Bits."""
        return self.words * self.bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The size of a module that is generated for a constant matrix."""

    module: str
    luts: int  # estimated, of tables and carry chains
    register_bits: int
    outputs: int
    current_bits: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeView:
    """The probe of a neuron group, and the engines that work for it."""

    name: str
    lanes: int
    bits: int  # of the membranes in a beat
    busy: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SynapseView:
    """One synapse or product as built."""

    name: str
    kind: str
    engine: str
    lanes: int
    event_ports: int
    weight_bits: int
    weights: int
    current_bits: int
    words: int = 0  # of `lanes` weights, where the event engine reads them from memories
    stored_words: int = 0  # of these; sparse weights leave some out, equal rows are there once
    field_values: int = 0  # neighbouring values that are one event together, 0 without fields
    sparse: bool = False  # words of weights that are all 0 are neither stored nor visited


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerView:
    """A neuron group and what works for it alone or first: see `layer_of` in `spikeloom.ir`."""

    name: str
    synapses: tuple[SynapseView, ...]
    neuron_lanes: int
    membrane_bits: int
    shape: Shape
    neurons: int
    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadoutView:
    """The output of a design: one score per class.

    `step_bits` are those of the number of time steps until an early decision, 0 without one.
    """

    name: str
    classes: int
    class_bits: int
    score_bits: int
    early: Early | None
    step_bits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Everything that emission needs."""

    name: str
    top: str
    graph: Graph
    graph_digest: str
    time_steps: int
    input: InputView
    blocks: tuple[Block, ...]
    probes: tuple[ProbeView, ...]
    layers: tuple[LayerView, ...]
    readout: ReadoutView
    modules: tuple[tuple[str, str], ...]  # generated beside the top, Verilog by name
    matrices: tuple[Matrix, ...]  # what these are
    memories: tuple[tuple[str, str], ...]  # files by path
    storages: tuple[Storage, ...]
    notes: tuple[str, ...]  # what a user should know about the folding
