"""The block of a dense synapse in logic: its matrix, and the handshake beside it."""

from __future__ import annotations

import numpy as np

from spikeloom.codegen._geometry import stream_weights
from spikeloom.codegen._options import UNROLLED
from spikeloom.codegen._stream import Stream
from spikeloom.codegen._synapse import busy, busy_wire, pair_text
from spikeloom.codegen._unrolled import Netlist
from spikeloom.codegen._views import Instance, Matrix, Port, Section, SynapseView, Wire
from spikeloom.codegen._wiring import Draft, Wiring
from spikeloom.hdl_templates import taken_names
from spikeloom.ir import BuildError, Dense, Shape

# Every bit that counts in an output takes a look-up table or more by the time that all are
# added: beyond this no device of any board could hold the matrix, nor any tool map it.
_MOST_BITS = 100_000


def unrolled_block(wiring: Wiring, node: Dense) -> SynapseView:
    """Add the block of a dense synapse in logic.

    Raises:
        BuildError: If it is far too large, or its module would be called like another.
    """
    draft = Draft(node.name)
    shape, pool = _source(wiring, node)
    weights = stream_weights(node.weight, shape, pool)
    _check_size(wiring, node, int(np.count_nonzero(weights)))
    source = wiring.take(draft, lanes=weights.shape[1])
    netlist = wiring.unroller.netlist(
        weights,
        input_bits=source.bits,
        fabric=wiring.fabric,
        period_ns=1000 / wiring.clock_mhz,
    )
    result = draft.stream(
        Stream.named(
            f"currents_{node.name}",
            lanes=weights.shape[0],
            bits=wiring.facts.widths.currents[node.name].bits,
            signed=True,
        )
    )
    draft.wires += [busy_wire(node.name), Wire((_enable(node.name),))]
    draft.instances += [
        _handshake(wiring, node, source, result, netlist.latency),
        _matrix(wiring, node, source, result, netlist),
    ]
    wiring.publish(draft, node.name, result)
    wiring.finish(draft, f'Synapse "{node.name}" in logic', *_summary(wiring, node, netlist))
    wiring.notes.append(
        f"synapse {node.name!r} in logic: about {netlist.luts:,} look-up tables, "
        f"pipeline stages for {wiring.clock_mhz:g} MHz: {netlist.latency}"
    )
    return _view(node, source, result)


def _source(wiring: Wiring, node: Dense) -> tuple[Shape, tuple[int, int]]:
    source = wiring.facts.sources[node.name][0]
    return wiring.facts.shapes[source.name], source.pool


def _check_size(wiring: Wiring, node: Dense, weights: int) -> None:
    count = weights * wiring.present(node.name).bits
    if count > _MOST_BITS:
        raise BuildError(
            f"{wiring.folder.choice(node.name).place}: synapse {node.name!r} cannot be unrolled, "
            f"because {count:,} bits of inputs count in it and {_MOST_BITS:,} is the most; prune "
            "its weights, or leave its engine at event"
        )


def _handshake(
    wiring: Wiring, node: Dense, source: Stream, result: Stream, latency: int
) -> Instance:
    return Instance(
        module="spikeloom_unrolled",
        name=f"u_{node.name}",
        sections=(
            Section.of("Time steps", Latency=latency, Repeats=wiring.facts.repeats(node.name)),
        ),
        ports=(
            *source.ports("s_axis")[1:],
            *result.ports("m_axis")[1:],
            Port("en_o", _enable(node.name)),
            Port("busy_o", busy(node.name)),
        ),
    )


def _matrix(
    wiring: Wiring, node: Dense, source: Stream, result: Stream, netlist: Netlist
) -> Instance:
    """The instance of the matrix, and its module."""
    graph = wiring.facts.graph.name
    module = f"spikeloom_{graph}_{node.name}"
    if module in taken_names():
        raise BuildError(
            f"synapse {node.name!r} of graph {graph!r} cannot be unrolled under this name, "
            f"because {module} is another module; rename one of the two"
        )
    title = (f'Synapse "{node.name}" of network "{graph}": all currents of a time step at once.',)
    text = wiring.unroller.module(netlist, name=module, current_bits=result.bits, title=title)
    wiring.modules.append((module, text))
    wiring.matrices.append(
        Matrix(
            module=module,
            luts=netlist.luts,
            register_bits=netlist.register_bits,
            outputs=len(netlist.outputs),
            current_bits=result.bits,
        )
    )
    return Instance(
        module=module,
        name=f"u_{node.name}__matrix",
        ports=(
            Port("en_i", _enable(node.name)),
            Port("values_i", source.data),
            Port("currents_o", result.data),
        ),
        resets=False,
    )


def _enable(name: str) -> str:
    """The wire that moves a matrix."""
    return f"moves_{name}"


def _summary(wiring: Wiring, node: Dense, netlist: Netlist) -> tuple[str, ...]:
    """Lines of comment above the instances: shape, number format, logic, timing."""
    facts = wiring.facts
    pool = _source(wiring, node)[1]
    pooled = "" if pool == (1, 1) else f", sum pooling {pair_text(pool)} in front"
    outputs, inputs = node.weight.shape
    return (
        f"dense {inputs} to {outputs}{pooled}; output {outputs}",
        f"weights {node.weight_bits} bits, currents {facts.widths.currents[node.name].bits}, "
        f"signed integers; engine unrolled for {wiring.clock_mhz:g} MHz",
        f"tables {netlist.tables}, adders {netlist.adders}; clocks: 1 per time step, "
        f"{netlist.latency} from a beat to its currents",
    )


def _view(node: Dense, source: Stream, result: Stream) -> SynapseView:
    return SynapseView(
        name=node.name,
        kind="dense",
        engine=UNROLLED,
        lanes=result.lanes,
        event_ports=source.lanes,
        weight_bits=node.weight_bits,
        weights=int(node.weight.size),
        current_bits=result.bits,
    )
