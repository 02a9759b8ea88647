"""The block of a neuron group: number formats and constants."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spikeloom.codegen._literals import memory_file, pack, sized, text, unsigned_bits
from spikeloom.codegen._stream import Stream
from spikeloom.codegen._synapse import busy
from spikeloom.codegen._views import Instance, Parameter, Port, ProbeView, Section
from spikeloom.codegen._wiring import Draft, Wiring
from spikeloom.ir import (
    IntArray,
    Interval,
    Leak,
    Neurons,
    Reset,
    Shape,
    per_neuron,
    readout_of,
)

_TURNAROUND = 4  # clocks from reading a membrane until it may be read again
_RESET_MODE = {Reset.SUBTRACT: 0, Reset.ZERO: 1, Reset.NONE: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class NeuronPlan:
    """Widths, constants and text of one neuron group.

    `entries` is `[words, lanes, 2]`: bias and threshold of the neurons of
    every beat that differs; one uniform entry needs no table.  An `array` takes all
    neurons in one beat, and has their constants in its logic.
    """

    neurons: Neurons
    lanes: int
    words: int
    time_steps: int
    current_bits: int
    sum_bits: int
    membrane_bits: int
    bias_bits: int
    threshold_bits: int
    saturates: bool
    entries: IntArray
    array: bool
    every_step: bool  # integrators whose membranes an early decision looks at

    @property
    def module(self) -> str:
        """The module that does it."""
        return "spikeloom_neuron_array" if self.array else "spikeloom_neuron"

    @property
    def spiking(self) -> bool:
        """Whether the group ever spikes."""
        return self.neurons.threshold is not None

    @property
    def carries(self) -> str:
        """What the stream that leaves carries."""
        return "spikes" if self.spiking else "membranes"

    @property
    def uniform(self) -> bool:
        """Whether all neurons share one bias and one threshold."""
        return bool((self.entries == self.entries[0, 0]).all())

    @property
    def summary(self) -> str:
        """One line of comment: leak, reset and threshold."""
        if not self.spiking:
            return f"integrators without threshold, {leak_text(self.neurons.leak)}"
        low, high = int(self.entries[..., 1].min()), int(self.entries[..., 1].max())
        threshold = str(low) if low == high else f"{low} to {high}"
        late = ", one step later" if self.neurons.reset_delay else ""
        return (
            f"{leak_text(self.neurons.leak)}, threshold {threshold}, "
            f"reset {self.neurons.reset.value}{late}"
        )

    def formats(self) -> tuple[str, ...]:
        """Lines of comment: number formats and timing."""
        saturating = " saturating" * self.saturates
        clocks = 1 if self.array else max(self.words, _TURNAROUND)
        return (
            f"currents {self.current_bits} bits, membranes {self.membrane_bits}{saturating}, "
            "signed integers",
            f"per clock: neurons updated {self.lanes}; clocks: {clocks} per time step",
        )

    def sections(self, name: str) -> tuple[Section, ...]:
        """The parameters of the module."""
        return (
            self._sizes(),
            Section.of(
                "Number formats",
                CurrentBits=self.current_bits,
                SumBits=self.sum_bits,
                MembraneBits=self.membrane_bits,
                Saturate=int(self.saturates),
            ),
            self._dynamics(),
            Section.of(
                "Bias and threshold",
                BiasBits=self.bias_bits,
                ThresholdBits=self.threshold_bits,
                **self._constants(name),
            ),
        )

    def _sizes(self) -> Section:
        if self.array:
            return Section.of("Neurons", Neurons=self.lanes, TimeSteps=self.time_steps)
        return Section.of("Neurons", Lanes=self.lanes, Words=self.words, TimeSteps=self.time_steps)

    def _dynamics(self) -> Section:
        terms = self.neurons.leak.terms
        leak = sized(pack(((t.sign < 0) << 5 | t.shift, 6) for t in terms), 6 * len(terms))
        reset = self.neurons.reset
        return Section(
            "Leak and reset",
            (
                Parameter("Spiking", str(int(self.spiking))),
                *((Parameter("EveryStep", "1"),) if self.every_step else ()),
                Parameter("LeakTerms", str(len(terms))),
                Parameter("Leak", leak, leak_text(self.neurons.leak)),
                Parameter("ResetMode", str(_RESET_MODE[reset]), reset.value),
                Parameter("ResetDelay", str(int(self.neurons.reset_delay))),
            ),
        )

    def _constants(self, name: str) -> dict[str, int | str]:
        if self.array:
            biases, thresholds = self.entries[0].T.tolist()
            return {
                "Biases": _packed(biases, self.bias_bits),
                "Thresholds": _packed(thresholds, self.threshold_bits),
            }
        if self.uniform:
            bias, threshold = self.entries[0, 0].tolist()
            return {"Table": 0, "Bias": bias, "Threshold": threshold}
        depth = self.entries.shape[0]
        return {"Table": 1, "TableDepth": depth, "TableFile": text(f"mem/{name}_neurons.mem")}

    def memories(self, name: str) -> tuple[tuple[str, str], ...]:
        """The table of biases and thresholds, if there is one."""
        if self.uniform:
            return ()
        widths = (self.bias_bits, self.threshold_bits)
        words = [
            pack(pair for lane in word for pair in zip(lane, widths, strict=True))
            for word in self.entries.tolist()
        ]
        return ((f"mem/{name}_neurons.mem", memory_file(words, self.lanes * sum(widths))),)


def neuron_block(wiring: Wiring, node: Neurons) -> tuple[ProbeView, NeuronPlan]:
    """Add the block of a neuron group."""
    draft = Draft(node.name)
    present = wiring.present(node.name)
    source = wiring.as_currents(draft, wiring.take(draft), 0)
    source = wiring.resized(draft, source, wiring.folder.neuron_lanes(node.name, present.lanes), 0)
    plan = _plan(wiring, node, source)
    result = draft.stream(
        Stream.named(
            f"{plan.carries}_{node.name}",
            lanes=plan.lanes,
            bits=1 if plan.spiking else plan.membrane_bits,
            signed=not plan.spiking,
        )
    )
    draft.instances.append(
        Instance(
            module=plan.module,
            name=f"u_{node.name}",
            sections=plan.sections(node.name),
            ports=(*source.ports("s_axis"), *result.ports("m_axis"), *_probe_ports(node.name)),
        )
    )
    if not plan.array:
        _store(wiring, node.name, plan)
    wiring.publish(draft, node.name, result)
    shape = "x".join(map(str, wiring.facts.shapes[node.name]))
    wiring.finish(draft, f'Neurons "{node.name}"', f"{shape}, {plan.summary}", *plan.formats())
    return _probe(wiring, node.name, plan), plan


def _store(wiring: Wiring, name: str, plan: NeuronPlan) -> None:
    """Note the memories of a group."""
    wiring.memories += plan.memories(name)
    wiring.store(name, "membranes", plan.words, plan.lanes * plan.membrane_bits)
    if not plan.uniform:
        depth = plan.entries.shape[0]
        wiring.store(name, "tables", depth, plan.lanes * (plan.bias_bits + plan.threshold_bits))


def _probe(wiring: Wiring, name: str, plan: NeuronPlan) -> ProbeView:
    workers = tuple(busy(worker) for worker in wiring.facts.workers(name))
    return ProbeView(
        name=name, lanes=plan.lanes, bits=plan.lanes * plan.membrane_bits, busy=workers
    )


def _probe_ports(name: str) -> tuple[Port, ...]:
    return (
        Port("probe_valid_o", f"probe_{name}_valid"),
        Port("probe_spikes_o", f"probe_{name}_spikes"),
        Port("probe_membranes_o", f"probe_{name}_membranes"),
    )


def _plan(wiring: Wiring, neurons: Neurons, source: Stream) -> NeuronPlan:
    """Choose the number formats of a group and lay out its constants."""
    facts = wiring.facts
    width = facts.widths.membranes[neurons.name]
    shape = facts.shapes[neurons.name]
    entries = _entries(neurons, shape, source.lanes)
    biases, thresholds = entries[..., 0], entries[..., 1]
    bias_bits = Interval(int(biases.min()), int(biases.max())).bits
    threshold_bits = unsigned_bits(int(thresholds.max()))
    # Where the clamp acts its width is part of the contract, and holds every threshold.
    clamped = neurons.membrane_bits if width.saturates else None
    membrane_bits = clamped or max(width.bits, threshold_bits + 1)
    return NeuronPlan(
        neurons=neurons,
        lanes=source.lanes,
        words=math.prod(shape) // source.lanes,
        time_steps=facts.graph.time_steps,
        current_bits=source.bits,
        sum_bits=max(width.interval.bits, membrane_bits, source.bits, bias_bits),
        membrane_bits=membrane_bits,
        bias_bits=bias_bits,
        threshold_bits=threshold_bits,
        saturates=width.saturates,
        entries=entries,
        array=wiring.folder.is_array(neurons.name),
        every_step=neurons.threshold is None and readout_of(facts.graph).early is not None,
    )


def _entries(neurons: Neurons, shape: Shape, lanes: int) -> IntArray:
    """Bias and threshold of every beat, in stream order, without repetitions."""
    threshold = np.int64(1) if neurons.threshold is None else neurons.threshold
    pair = [
        np.broadcast_to(per_neuron(np.asarray(values), shape), shape)
        for values in (neurons.bias, threshold)
    ]
    stacked = np.stack(pair, axis=-1)
    if len(shape) == 3:
        stacked = np.transpose(stacked, (1, 2, 0, 3))
        if (stacked == stacked[0, 0]).all():  # per channel: the table repeats
            stacked = stacked[0, 0]
    return np.ascontiguousarray(stacked).reshape(-1, lanes, 2)


def _packed(values: list[int], bits: int) -> str:
    """Print one number for each neuron as a parameter, the first lowest."""
    if len(set(values)) == 1:
        return f"{{{len(values)}{{{sized(values[0], bits)}}}}}"
    return sized(pack((value, bits) for value in values), bits * len(values))


def leak_text(leak: Leak) -> str:
    """Print a leak as the sum of shifts that it is, e.g. `v - (v >> 2)`."""
    if leak == Leak.none():
        return "no leak"
    parts = []
    for term in leak.terms:
        shifted = f"(v >> {term.shift})" if term.shift else "v"
        parts.append(f"{'-' if term.sign < 0 else '+'} {shifted}")
    return "leak " + " ".join(parts).removeprefix("+ ")
