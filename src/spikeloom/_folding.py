"""Estimates of a build, and the folding that is found for a goal on a board."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spikeloom._options import check_layers
from spikeloom._source import Source
from spikeloom.codegen import (
    CLOCK_MHZ,
    FAMILY,
    Area,
    BuildOptions,
    Choice,
    Design,
    DesignEstimator,
    Found,
    Goal,
    Limits,
    Problem,
    Target,
    Unroller,
    explore,
    random_signals,
    recorded_signals,
    search,
)
from spikeloom.ir import ConfigError, IntArray, Progress

if TYPE_CHECKING:
    from spikeloom.boards import Board

INFERENCES = 16  # that estimates are made of, at most
SEED = 0x5EED
BRIDGE_BRAM = 1  # block RAMs of the serial bridge, in families where small memories take one
SHARE = 0.85  # of a board's logic that is used: place and route needs room, an estimate errs


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the hardware is wanted for: a goal with limits, at recorded inputs or a rate."""

    goal: Goal | None = None
    limits: Limits = field(default_factory=Limits)
    rate: float | None = None

    @classmethod
    def of(cls, goal: Goal | str | None, limits: Limits | None, rate: float | None) -> Wish:
        """Check a wish.

        Raises:
            ConfigError: If there is no such goal, or limits without one.
        """
        known = [str(name) for name in Goal]
        if goal is not None and goal not in known:
            choices = f"{', '.join(known[:-1])} or {known[-1]}"
            raise ConfigError(f"--goal must be {choices}, not {goal!r}")
        if goal is None and limits not in (None, Limits()):
            raise ConfigError(
                "limits are kept by a search, which needs a goal; add --goal, such as "
                "--goal area for the smallest design within them"
            )
        check_rate(rate)
        return cls(goal=Goal(goal) if goal else None, limits=limits or Limits(), rate=rate)


def check_rate(rate: float | None) -> None:
    """Refuse a rate that is none (ConfigError)."""
    if rate is not None and not 0 <= rate <= 1:
        raise ConfigError(f"--rate must be 0 to 1, the share of values that are events, not {rate}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """Designs that no other one beats in area, throughput and latency together.

    `device` is what area is measured by, and `board` the board whose it is, if one was named.
    """

    name: str
    board: str | None
    family: str
    target: Target
    choices: tuple[Choice, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the designs as plain JSON values."""
        return {
            "name": self.name,
            "board": self.board,
            "family": self.family,
            "clock_mhz": self.target.clock_mhz,
            "designs": [choice.to_json() for choice in self.choices],
        }


def family_of(board: Board | None) -> str:
    """Return the family that a design is lowered to."""
    return str(board.family) if board else FAMILY


def clock_of(board: Board | None, options: BuildOptions) -> float:
    """Return the clock that times are told for: as asked for, or that of the board."""
    return options.clock_mhz or (board.clock_mhz if board else CLOCK_MHZ)


def estimator_of(
    source: Source,
    options: BuildOptions,
    board: Board | None,
    rate: float | None,
    unroller: Unroller | None = None,
) -> DesignEstimator:
    """Return what estimates designs of a graph, for recorded inputs or a rate of events.

    Raises:
        ConfigError: If the rate is not from 0 to 1.
    """
    return DesignEstimator.of(
        source.graph,
        _signals(source, rate),
        family=family_of(board),
        clock_mhz=clock_of(board, options),
        unroller=unroller,
    )


def _signals(source: Source, rate: float | None) -> Mapping[str, IntArray]:
    """What every node puts out, for inputs from all over the test set or at random."""
    if rate is not None:
        return random_signals(source.graph, rate, inferences=INFERENCES, seed=SEED)
    inputs = source.vectors.inputs
    places = np.linspace(0, len(inputs) - 1, min(INFERENCES, len(inputs))).round().astype(int)
    return recorded_signals(source.graph, inputs[places])


def find_folding(
    source: Source, options: BuildOptions, board: Board | None, wish: Wish, progress: Progress
) -> Found:
    """Find the folding for a goal; `options` stay as they are.

    Raises:
        BuildError: If what is pinned cannot be built.
        ConfigError: If an option is for nothing in the graph, or the rate is wrong.
        ResourceError: If no folding that was found keeps the limits.
    """
    assert wish.goal is not None
    target = _target(wish.goal, wish.limits, board, options)
    return search(_problem(source, options, board, wish.rate, progress), target, progress)


def explore_foldings(
    source: Source, options: BuildOptions, board: Board | None, wish: Wish, progress: Progress
) -> Exploration:
    """Find the designs that are best in something; `options` stay as they are.

    Raises:
        BuildError: If what is pinned cannot be built.
        ConfigError: If an option is for nothing in the graph, or the rate is wrong.
        ResourceError: If no design that was found keeps the limits.
    """
    target = _target(Goal.AREA, wish.limits, board, options)
    problem = _problem(source, options, board, wish.rate, progress)
    return Exploration(
        name=source.graph.name,
        board=board.name if board else None,
        family=family_of(board),
        target=target,
        choices=explore(problem, target, progress),
    )


def _problem(
    source: Source,
    options: BuildOptions,
    board: Board | None,
    rate: float | None,
    progress: Progress,
) -> Problem:
    check_layers(options, source.graph)
    if source.options != BuildOptions():
        progress.message(
            "the [hardware] table of the run is left aside; what an option of this command "
            "says is kept"
        )
    progress.start("recording values")
    estimator = estimator_of(source, options, board, rate)
    return Problem.of(source.graph, options, estimator.signals, estimator)


def _target(goal: Goal, limits: Limits, board: Board | None, options: BuildOptions) -> Target:
    return Target(
        goal=goal,
        limits=limits_on(board, limits),
        device=_device(board),
        clock_mhz=clock_of(board, options),
    )


def limits_on(board: Board | None, limits: Limits) -> Limits:
    """Limits as asked for, up to all that the board has, and its share where nothing was."""
    if board is None:
        return limits
    has = board.resources
    own = {
        "lut": int(has.lut * SHARE),
        "ff": int(has.ff * SHARE),
        "bram": max(0, has.bram - BRIDGE_BRAM),
    }
    asked = {name: getattr(limits, name) for name in own}
    return replace(
        limits,
        **{
            name: share if asked[name] is None else min(asked[name], getattr(has, name))
            for name, share in own.items()
        },
    )


def _device(board: Board | None) -> Area:
    """The resources that area is measured by: of the board, or of the first of the family."""
    from spikeloom.boards import list_boards

    chosen = board or next(found for found in list_boards() if found.family == FAMILY)
    has = chosen.resources
    return Area(lut=has.lut, ff=has.ff, bram=has.bram)


def estimate_json(
    source: Source,
    design: Design,
    options: BuildOptions,
    board: Board | None,
    *,
    rate: float | None,
    found: Found | None,
) -> dict[str, Any]:
    """Return what `estimate.json` of an output folder holds.

    `excess` is what the estimate has more of than the board: by resource, both numbers.
    """
    estimate = estimator_of(source, options, board, rate).of_design(design)
    return {
        "values": "recorded" if rate is None else f"random at rate {rate:g}",
        "estimate": estimate.to_json(),
        "excess": _excess(estimate.area, board),
        "search": found.to_json() if found else None,
    }


def _excess(area: Area, board: Board | None) -> dict[str, dict[str, int]]:
    if board is None:
        return {}
    has = board.resources.to_json()
    wanted = {"lut": area.lut, "ff": area.ff, "bram": area.bram}
    return {
        name: {"estimated": count, "available": has[name]}
        for name, count in wanted.items()
        if count > has[name]
    }
