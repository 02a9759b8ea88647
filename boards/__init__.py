"""Boards: their data, synthesis flows to a bitstream, and the host's side."""

from __future__ import annotations

from spikeloom.boards._board import Board, Family, Resources, Support, list_boards, load_board
from spikeloom.boards._emit import emit_board
from spikeloom.boards._fit import Fit, check_fit, fit
from spikeloom.boards._host import Answers, classify
from spikeloom.boards._layers import REST, layer_resources
from spikeloom.boards._synth import SynthResult, synthesise

__all__ = [
    "REST",
    "Answers",
    "Board",
    "Family",
    "Fit",
    "Resources",
    "Support",
    "SynthResult",
    "check_fit",
    "classify",
    "emit_board",
    "fit",
    "layer_resources",
    "list_boards",
    "load_board",
    "synthesise",
]
