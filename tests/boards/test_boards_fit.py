"""Memories against boards: what is sure before any synthesis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spikeloom.boards import Fit, check_fit, fit, list_boards, load_board, synthesise
from spikeloom.boards._fit import bits_text
from spikeloom.codegen import Manifest
from spikeloom.ir import ResourceError

KINDS = ["weights", "currents", "membranes", "events", "streams", "tables"]
# iCE40 UP5K: 30 blocks of 4 kbit, 4 SPRAMs of 256 kbit, 5280 cells of a LUT4 and a flip-flop.
BLOCK_RAM, SPRAM, LOGIC = 30 * 4096, 4 * 262144, 5280 * 17


def memory(holds: str, words: int, bits: int, owner: str = "fc") -> dict[str, Any]:
    return {"owner": owner, "holds": holds, "words": words, "bits": bits}


def synapse(name: str, kind: str) -> dict[str, Any]:
    numbers = ("lanes", "event_ports", "weight_bits", "weights", "current_bits")
    return {"name": name, "kind": kind, "engine": "event", **dict.fromkeys(numbers, 1)}


@pytest.fixture
def fit_of(manifest_with: Callable[..., Manifest]) -> Callable[..., Fit]:
    """Compare some memories with the iCEBreaker."""

    def compare(*memories: dict[str, Any]) -> Fit:
        layer = {"name": "one", "shape": [1], "instances": ["u_one"]}
        layer |= dict.fromkeys(("neuron_lanes", "membrane_bits", "neurons"), 1)
        layer["synapses"] = [synapse("fc", "dense"), synapse("gate", "product")]
        manifest = manifest_with(memories=list(memories), layers=[layer])
        return fit(manifest, load_board("icebreaker"))

    return compare


def test_memories_are_added_up_by_what_they_hold(fit_of: Callable[..., Fit]) -> None:
    found = fit_of(memory("weights", 10, 8), memory("weights", 5, 4), memory("events", 7, 3))
    assert list(found.needed) == KINDS
    assert (found.needed["weights"], found.needed["events"]) == (100, 21)
    assert found.total == 121
    assert found.available == {"block RAM": BLOCK_RAM, "SPRAM": SPRAM, "logic": LOGIC}
    assert found.capacity == BLOCK_RAM + SPRAM + LOGIC


def test_weights_of_products_and_all_but_tables_are_written(fit_of: Callable[..., Fit]) -> None:
    found = fit_of(
        memory("weights", 10, 8),
        memory("weights", 1000, 8, owner="gate"),
        memory("tables", 3, 5),
        *(memory(kind, 1000, 1) for kind in KINDS[1:5]),
    )
    assert found.constant == 10 * 8 + 3 * 5


def test_the_last_bit_decides(fit_of: Callable[..., Fit]) -> None:
    everything = BLOCK_RAM + SPRAM + LOGIC
    assert fit_of(memory("membranes", everything, 1)).fits
    assert not fit_of(memory("membranes", everything + 1, 1)).fits


def test_memory_without_a_start_value_takes_no_weights(fit_of: Callable[..., Fit]) -> None:
    most = BLOCK_RAM + LOGIC
    assert fit_of(memory("weights", most, 1)).fits
    assert fit_of(memory("weights", most + 1, 1, owner="gate")).fits
    found = fit_of(memory("weights", most + 1, 1))
    assert not found.fits
    assert str(found) == (
        "does not fit icebreaker: weights and tables 212.6 kbit of 212.6 kbit that can have a "
        "start value (block RAM 122.9 kbit, logic 89.8 kbit)"
    )


def test_text_of_what_does_not_fit(manifest_with: Callable[..., Manifest]) -> None:
    memories = [
        memory("tables", 32, 1000),
        memory("events", 64, 1000),
        memory("weights", 446_000, 100),
        memory("membranes", 166_000, 100),
    ]
    found = fit(manifest_with(memories=memories), load_board("ulx3s"))
    assert str(found) == (
        "does not fit ulx3s: memories 61.3 Mbit (weights 44.6 Mbit, membranes 16.6 Mbit, events "
        "64.0 kbit) of 5.3 Mbit (block RAM 3.8 Mbit, logic 1.4 Mbit)"
    )


def test_text_of_what_may_fit_says_nothing_about_logic(fit_of: Callable[..., Fit]) -> None:
    assert str(fit_of(memory("weights", 100, 8))) == (
        "icebreaker: memories fit, 800 bit of 1.3 Mbit; logic is known after synth"
    )


def test_json_has_numbers_and_text(fit_of: Callable[..., Fit]) -> None:
    found = fit_of(memory("tables", 100, 8))
    value = found.to_json()
    assert value["board"] == "icebreaker"
    assert value["fits"] is True
    assert (value["memory_bits"], value["capacity_bits"]) == (800, found.capacity)
    assert (value["needed"]["tables"], value["constant_bits"]) == (800, 800)
    assert value["text"] == str(found)


def test_a_look_up_table_holds_a_bit_for_each_of_its_inputs_values() -> None:
    for board in list_boards():
        assert board.lut_bits == (64 if board.family == "xc7" else 16)


def test_synthesis_is_refused_before_any_tool_runs(
    standin: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spikeloom.boards._synth.find_yosys", None)
    out = standin(memories=[memory("weights", 1_000_000, 4)])
    message = (
        r"^standin does not fit hx8k: memories 4\.0 Mbit \(weights 4\.0 Mbit\) of 261\.6 kbit "
        r"\(block RAM 131\.1 kbit, logic 130\.6 kbit\); use fewer weight bits, fewer channels or a "
        r"smaller input, or a larger device$"
    )
    with pytest.raises(ResourceError, match=message):
        synthesise(out, board="hx8k")
    assert not (out / "synth-hx8k.json").exists()


def test_what_may_fit_is_not_refused(manifest: Manifest) -> None:
    for board in list_boards():
        check_fit(manifest, board)


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        (0, "0 bit"),
        (999, "999 bit"),
        (1000, "1.0 kbit"),
        (44_600_000, "44.6 Mbit"),
        (2_400_000_000, "2,400.0 Mbit"),
    ],
)
def test_bits_are_told_in_decimal_units(bits: int, text: str) -> None:
    assert bits_text(bits) == text
