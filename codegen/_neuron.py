"""The neuron part of a layer: number formats and constants."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spikeloom.codegen._chain import Folding, Link
from spikeloom.codegen._literals import memory_file, pack, sized, text, unsigned_bits
from spikeloom.codegen._views import Parameter, Section
from spikeloom.ir import IntArray, Interval, Leak, Neurons, Reset, Shape, Widths, per_neuron

_RESET_MODE = {Reset.SUBTRACT: 0, Reset.ZERO: 1, Reset.NONE: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class NeuronPlan:
    """Widths, constants and text of one neuron group.

    `entries` is `[words, lanes, 2]`: bias and threshold of the neurons of
    every beat that differs; one uniform entry needs no table.
    """

    neurons: Neurons
    lanes: int
    words: int
    time_steps: int
    sum_bits: int
    membrane_bits: int
    bias_bits: int
    threshold_bits: int
    saturates: bool
    entries: IntArray

    @property
    def spiking(self) -> bool:
        """Whether the group ever spikes."""
        return self.neurons.threshold is not None

    @property
    def out_bits(self) -> int:
        """Width of the stream that leaves."""
        return self.lanes if self.spiking else self.lanes * self.membrane_bits

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

    def section(self, name: str) -> Section:
        """The parameters of `spikeloom_neuron`."""
        terms = self.neurons.leak.terms
        values: dict[str, int | str] = {
            "NeuronLanes": self.lanes,
            "Words": self.words,
            "TimeSteps": self.time_steps,
            "SumBits": self.sum_bits,
            "MembraneBits": self.membrane_bits,
            "Saturate": int(self.saturates),
            "Spiking": int(self.spiking),
            "LeakTerms": len(terms),
            "Leak": sized(pack(((t.sign < 0) << 5 | t.shift, 6) for t in terms), 6 * len(terms)),
            "ResetMode": _RESET_MODE[self.neurons.reset],
            "ResetDelay": int(self.neurons.reset_delay),
            "BiasBits": self.bias_bits,
            "ThresholdBits": self.threshold_bits,
            **self._constants(name),
        }
        comments = {"Leak": leak_text(self.neurons.leak), "ResetMode": self.neurons.reset.value}
        return Section(
            "Neurons",
            tuple(Parameter(n, str(v), comments.get(n, "")) for n, v in values.items()),
        )

    def _constants(self, name: str) -> dict[str, int | str]:
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


def plan_neurons(
    link: Link, folding: Folding, widths: Widths, current_bits: int, time_steps: int
) -> NeuronPlan:
    """Choose the number formats of a group and lay out its constants."""
    neurons = link.neurons
    width = widths.membranes[neurons.name]
    entries = _entries(neurons, link.output, folding.neuron_lanes)
    biases, thresholds = entries[..., 0], entries[..., 1]
    bias_bits = Interval(int(biases.min()), int(biases.max())).bits
    threshold_bits = unsigned_bits(int(thresholds.max()))
    # Where the clamp acts its width is part of the contract, and holds every threshold.
    clamped = neurons.membrane_bits if width.saturates else None
    membrane_bits = clamped or max(width.bits, threshold_bits + 1)
    return NeuronPlan(
        neurons=neurons,
        lanes=folding.neuron_lanes,
        words=math.prod(link.output) // folding.neuron_lanes,
        time_steps=time_steps,
        sum_bits=max(width.interval.bits, membrane_bits, current_bits, bias_bits),
        membrane_bits=membrane_bits,
        bias_bits=bias_bits,
        threshold_bits=threshold_bits,
        saturates=width.saturates,
        entries=entries,
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


def leak_text(leak: Leak) -> str:
    """Print a leak as the sum of shifts that it is, e.g. `v - (v >> 2)`."""
    if leak == Leak.none():
        return "no leak"
    parts = []
    for term in leak.terms:
        shifted = f"(v >> {term.shift})" if term.shift else "v"
        parts.append(f"{'-' if term.sign < 0 else '+'} {shifted}")
    return "leak " + " ".join(parts).removeprefix("+ ")
