"""Early decision: the gate of the input, and what looks at the scores of every time step."""

from __future__ import annotations

from spikeloom.codegen._literals import address_bits, memory_file, sized, text
from spikeloom.codegen._stream import Stream
from spikeloom.codegen._views import CORE_RESET, TOP_RESET, InputView, Instance, Port, Section, Wire
from spikeloom.codegen._wiring import Draft, Wiring
from spikeloom.ir import EarlyRule, Graph, early_rule

# Between gate and decision.
_STOP, _BEGUN, STEPS = "early_stop", "early_begun", "early_steps"


def step_bits(graph: Graph) -> int:
    """Bits of a number of time steps, all of them included."""
    return graph.time_steps.bit_length()


def gate(draft: Draft, view: InputView) -> tuple[str, str]:
    """Add the gate of the input; return the handshake behind it, `tvalid` and `tready`."""
    valid, ready = f"{view.name}__gate_valid", f"{view.name}__gate_ready"
    draft.wires += [Wire((valid, ready)), Wire((CORE_RESET, _STOP, _BEGUN))]
    draft.instances.append(
        Instance(
            module="spikeloom_gate",
            name=f"u_{view.name}__gate",
            reset=TOP_RESET,
            sections=(Section.of("One inference at a time", Frames=view.frames),),
            ports=(
                Port("s_axis_tvalid", "s_axis_tvalid"),
                Port("s_axis_tready", "s_axis_tready"),
                Port("s_axis_tlast", "s_axis_tlast"),
                Port("m_axis_tvalid", valid),
                Port("m_axis_tready", ready),
                Port("stop_i", _STOP),
                Port("begun_o", _BEGUN),
                Port("core_rst_no", CORE_RESET),
            ),
        )
    )
    return valid, ready


def decision(wiring: Wiring, draft: Draft, scores: Stream, words: int) -> Stream:
    """Add what decides; return the scores of the time step that settles the prediction."""
    graph = wiring.facts.graph
    rule = early_rule(graph)
    assert rule is not None  # the readout has one
    settled = draft.stream(
        Stream.named(f"settled_{draft.node}", lanes=scores.lanes, bits=scores.bits, signed=True)
    )
    steps = Wire((STEPS,), step_bits(graph))
    draft.wires.append(steps)
    draft.unused += [f"{settled.last}", STEPS]
    draft.assigns.append(Port(settled.last, "1'b0"))
    wiring.store(draft.node, "streams", _held(scores.lanes, words), scores.width)
    draft.instances.append(
        Instance(
            module="spikeloom_decision",
            name=f"u_{draft.node}__decision",
            reset=TOP_RESET,
            sections=(
                Section.of("Scores", Lanes=scores.lanes, Words=words, ScoreBits=scores.bits),
                Section.of(
                    "Leads that settle the prediction",
                    TimeSteps=graph.time_steps,
                    Ties=int(rule.ties),
                    **_leads(wiring, draft.node, rule, scores.bits + 1),
                ),
            ),
            ports=(
                Port("core_rst_ni", CORE_RESET),
                *scores.ports("s_axis"),
                *settled.ports("m_axis")[:3],
                Port("begun_i", _BEGUN),
                Port("stop_o", _STOP),
                Port("steps_o", STEPS),
            ),
        )
    )
    return settled


def _held(lanes: int, words: int) -> int:
    """Beats of scores that wait for their judgement: a power of two, as the module has them."""
    latency = address_bits(lanes) * (lanes > 1) + 1 + (words > 1)
    return 1 << address_bits(words + latency)


def _leads(wiring: Wiring, name: str, rule: EarlyRule, bits: int) -> dict[str, int | str]:
    """The leads as parameters: one for all time steps, or a table."""
    *leads, _ = rule.leads  # with the last step every inference is decided
    if len(set(leads)) <= 1:
        return {"Margin": sized(leads[0] if leads else 0, 33)}
    path = f"mem/{name}_leads.mem"
    wiring.memories.append((path, memory_file(rule.leads, bits)))
    wiring.store(name, "tables", len(rule.leads), bits)
    return {"Table": 1, "TableFile": text(path)}
