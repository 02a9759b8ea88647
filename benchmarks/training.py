"""Training step time of the same network here, in snnTorch and in SpikingJelly.

    python benchmarks/training.py [--steps 15] [--threads 2] [--cpu-time] [--quantisers]
                                  [--json FILE]

One step is forward over T time steps, cross-entropy on the spike counts,
backward and Adam.  All contenders take turns within one process, so that a
busy machine slows them alike; medians and quartiles are printed.  Peers that
are not installed are left out (`pip install spikeloom[benchmarks]`).  On a machine
that others use too, `--threads 1 --cpu-time` counts processor time instead of
the clock on the wall.

"4-bit" uses Brevitas layers everywhere: `QuantLinear` and `QuantConv2d` with
4-bit weights, in Spikeloom on the integer lattice.  "float" is the same
network without quantisation.  The input is either static (the first layer is
computed once in every contender) or spikes at every step.

Last come the weight quantisers by themselves, forward and backward over the
weights of the largest dense layer, in turns: Brevitas' stock one, ours as a
layer of ours calls it, and ours as the quantiser of a plain Brevitas layer.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import brevitas.nn as qnn  # type: ignore[import-untyped]  # has no stubs
import torch
import torch.nn.functional as F  # noqa: N812  # its usual name
from torch import Tensor, nn

from spikeloom.model import (
    ConvLayer,
    DenseLayer,
    DenseSynapse,
    Network,
    NetworkConfig,
    NeuronConfig,
    PoolLayer,
    ReadoutConfig,
    RoundedWeightQuant,
)

TIME_STEPS = 4
BATCH = 128
BITS = 4
CLASSES = 10
QUANTISED = (784, 512)  # the layer whose weight quantisers are timed
SHAPES = {"784-512-10": (784,), "conv16-conv32-fc10": (1, 28, 28)}
Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    network: str
    weights: str  # "4-bit" or "float"
    input: str  # "static" or "spikes"

    @property
    def is_dense(self) -> bool:
        """Whether it has no convolution."""
        return self.network.startswith("784")


def our_network(case: Case) -> tuple[nn.Module, Forward]:
    neuron = NeuronConfig(leak=1)
    if case.is_dense:
        hidden = [DenseLayer(features=512, weight_bits=BITS, neuron=neuron)]
    else:
        convs = [
            ConvLayer(channels=channels, padding=(1, 1), weight_bits=BITS, neuron=neuron)
            for channels in (16, 32)
        ]
        hidden = [convs[0], PoolLayer(), convs[1], PoolLayer()]
    last = DenseLayer(features=CLASSES, weight_bits=BITS, neuron=neuron)
    network = Network(
        NetworkConfig(time_steps=TIME_STEPS, layers=(*hidden, last)),
        readout=ReadoutConfig(kind="spike_count"),
        shape=SHAPES[case.network],
    )
    network.use("lattice" if case.weights == "4-bit" else "float")
    if case.input == "static":
        return network, network.logits
    network.encode = lambda inputs: inputs  # type: ignore[method-assign]  # spikes are given
    return network, network.logits


def _weights(case: Case) -> list[nn.Module]:
    """The peers' synapses, without bias."""
    if case.weights == "4-bit":

        def linear(i: int, o: int) -> nn.Module:
            return qnn.QuantLinear(i, o, bias=False, weight_bit_width=BITS)

        def conv(i: int, o: int) -> nn.Module:
            return qnn.QuantConv2d(i, o, 3, padding=1, bias=False, weight_bit_width=BITS)
    else:

        def linear(i: int, o: int) -> nn.Module:
            return nn.Linear(i, o, bias=False)

        def conv(i: int, o: int) -> nn.Module:
            return nn.Conv2d(i, o, 3, padding=1, bias=False)

    if case.is_dense:
        return [linear(784, 512), linear(512, CLASSES)]
    return [
        conv(1, 16),
        nn.Sequential(nn.AvgPool2d(2), conv(16, 32)),
        nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), linear(32 * 49, CLASSES)),
    ]


def snntorch_network(case: Case) -> tuple[nn.Module, Forward]:
    """A loop over time, as in snnTorch's tutorials."""
    import snntorch as snn
    from snntorch import surrogate

    synapses = nn.ModuleList(_weights(case))
    neurons = [snn.Leaky(beta=0.5, spike_grad=surrogate.atan()) for _ in synapses]

    def forward(x: Tensor) -> Tensor:
        states = [neuron.init_leaky() for neuron in neurons]
        static = synapses[0](x) if case.input == "static" else None
        count = torch.zeros(())
        for t in range(TIME_STEPS):
            spikes = x
            for i, (synapse, neuron) in enumerate(zip(synapses, neurons, strict=True)):
                if i == 0:
                    current = synapse(x[t]) if static is None else static
                else:
                    current = synapse(spikes)
                spikes, states[i] = neuron(current, states[i])
            count = count + spikes
        return count

    return synapses, forward


def spikingjelly_network(case: Case) -> tuple[nn.Module, Forward]:
    """Multi-step neurons, with time folded into the batch of every synapse."""
    from spikingjelly.activation_based import functional, neuron, surrogate

    synapses = nn.ModuleList(_weights(case))
    neurons = [
        neuron.LIFNode(
            tau=2.0,
            decay_input=False,
            v_reset=None,
            surrogate_function=surrogate.ATan(),
            detach_reset=True,
            step_mode="m",
        )
        for _ in synapses
    ]

    def forward(x: Tensor) -> Tensor:
        for i, (synapse, group) in enumerate(zip(synapses, neurons, strict=True)):
            if i == 0 and case.input == "static":
                current = synapse(x)
                current = current.unsqueeze(0).repeat(TIME_STEPS, *[1] * current.dim())
            else:
                current = functional.seq_to_ann_forward(x, synapse)
            x = group(current)
            functional.reset_net(group)
        return x.sum(0)

    return synapses, forward


CONTENDERS = {
    "spikeloom": our_network,
    "snntorch": snntorch_network,
    "spikingjelly": spikingjelly_network,
}


def installed() -> list[str]:
    """Contenders that can run here."""
    return [name for name in CONTENDERS if importlib.util.find_spec(name) is not None]


def make_step(name: str, case: Case) -> Callable[[], None]:
    """One training step of a contender, on data of its own."""
    torch.manual_seed(0)
    module, forward = CONTENDERS[name](case)
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-4, fused=True)
    frames = () if case.input == "static" else (TIME_STEPS,)
    inputs = (torch.rand(*frames, BATCH, *SHAPES[case.network]) < 0.2).float()
    labels = torch.randint(0, CLASSES, (BATCH,))

    def step() -> None:
        loss = F.cross_entropy(forward(inputs), labels)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        optimiser.step()

    return step


def make_quantisation(quantiser: type | None) -> Callable[[], None]:
    """Quantising the weights of a dense layer once, and its backward pass."""
    chosen = {} if quantiser is None else {"weight_quant": quantiser}
    layer = qnn.QuantLinear(*QUANTISED, bias=False, weight_bit_width=BITS, **chosen)
    grad = torch.randn_like(layer.weight)

    def step() -> None:
        layer.weight.grad = None
        torch.autograd.backward(layer.quant_weight().value, grad)

    return step


def make_codes() -> Callable[[], None]:
    """The same as a layer of ours does it: integer codes, without Brevitas' wrapping."""
    synapse = DenseSynapse("dense", *QUANTISED, weight_bits=BITS, lattice=True)
    grad = torch.randn_like(synapse.weight)

    def step() -> None:
        synapse.weight.grad = None
        torch.autograd.backward(synapse.codes()[0], grad)

    return step


def measure_quantisers(steps: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Milliseconds of every forward and backward pass by quantiser."""
    contenders = {
        "brevitas": make_quantisation(None),
        "spikeloom": make_codes(),
        "spikeloom_in_brevitas": make_quantisation(RoundedWeightQuant),
    }
    return take_turns(contenders, steps, clock)


def measure(case: Case, steps: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Milliseconds of every training step by contender."""
    return take_turns({name: make_step(name, case) for name in installed()}, steps, clock)


def take_turns(
    contenders: dict[str, Callable[[], None]], steps: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Milliseconds of every step by contender; they take turns."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(steps + 2):
        for name, step in contenders.items():
            start = clock()
            step()
            if turn >= 2:  # the first two warm up
                times[name].append(1e3 * (clock() - start))
    return times


def cases() -> Iterator[Case]:
    for weights in ("4-bit", "float"):
        for network in SHAPES:
            for kind in ("static", "spikes"):
                yield Case(network, weights, kind)


def summarise(times: dict[str, list[float]]) -> dict[str, object]:
    quartiles = {name: statistics.quantiles(values, n=4) for name, values in times.items()}
    ours = quartiles["spikeloom"][1]
    return {
        "ms": {
            name: {"median": round(q[1], 2), "quartiles": [round(q[0], 2), round(q[2], 2)]}
            for name, q in quartiles.items()
        },
        "speed_up": {name: round(q[1] / ours, 2) for name, q in quartiles.items()},
    }


def show(result: dict[str, object], names: list[str]) -> None:
    ms, speed_up = result["ms"], result["speed_up"]
    assert isinstance(ms, dict)
    assert isinstance(speed_up, dict)
    cells = []
    for name in names:
        low, high = ms[name]["quartiles"]
        cells.append(
            f"{ms[name]['median']:8.1f} ({low:.1f}-{high:.1f}) {speed_up[name]:5.2f}x".rjust(32)
        )
    print(f"{result['network']:20}{result['weights']:7}{result['input']:8}" + "".join(cells))


def show_quantisers(result: dict[str, object]) -> None:
    ms = result["ms"]
    assert isinstance(ms, dict)
    cells = [
        f"{name} {q['median']:.2f} ({q['quartiles'][0]:.2f}-{q['quartiles'][1]:.2f})"
        for name, q in ms.items()
    ]
    size = " x ".join(map(str, QUANTISED))
    print(f"{BITS}-bit weight quantiser, {size}, forward and backward: " + ", ".join(cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cpu-time", action="store_true")
    parser.add_argument("--quantisers", action="store_true", help="time only the quantisers")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # the peers' deprecations
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.cpu_time else time.perf_counter
    kind = "processor time" if options.cpu_time else "wall time"
    names = installed()
    print(f"training step, T={TIME_STEPS}, batch {BATCH}, {options.threads} thread(s), {kind}:")
    print("median ms (quartiles), time relative to spikeloom's")
    print(f"{'network':20}{'weights':7}{'input':8}" + "".join(name.rjust(32) for name in names))
    results = []
    for case in () if options.quantisers else cases():
        results.append(asdict(case) | summarise(measure(case, options.steps, clock)))
        show(results[-1], names)
    quantisers = summarise(measure_quantisers(options.steps, clock))
    show_quantisers(quantisers)
    if options.json:
        settings = {
            "time_steps": TIME_STEPS,
            "batch": BATCH,
            "threads": options.threads,
            "clock": kind,
        }
        found = {"results": results, "weight_quantiser": quantisers}
        options.json.write_text(json.dumps(settings | found, indent=2) + "\n")


if __name__ == "__main__":
    main()
