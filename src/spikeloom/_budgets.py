"""Budgets of hardware: what a network takes in the design that is built of it, by estimate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial

from spikeloom._folding import SHARE, estimator_of, family_of
from spikeloom._source import Source
from spikeloom._vectors import Vectors
from spikeloom.boards import Board, load_board
from spikeloom.codegen import (
    Area,
    BuildOptions,
    Estimate,
    LayerOptions,
    estimate_area,
    lower,
)
from spikeloom.ir import Graph
from spikeloom.model import (
    HARDWARE_LIMITS,
    Budget,
    Candidate,
    Config,
    HardwareConfig,
    Resource,
)

_UNITS = {"bram": "block RAMs", "cycles": "clock cycles", "energy": "nJ"}


@dataclass(slots=True)
class Meter:
    """Estimates the designs of candidates, each once: folding and board stay the same.

    Attributes:
        vectors: Inputs that clock cycles and additions are estimated for.
        options: Engines and folding.
        board: The device; None for one of the usual family.
    """

    vectors: Vectors
    options: BuildOptions
    board: Board | None
    _graph: Graph | None = None
    _area: Area | None = None
    _estimate: Estimate | None = None

    def area(self, candidate: Candidate) -> Area:
        """Look-up tables, flip-flops and block RAMs."""
        graph = self._look_at(candidate)
        if self._area is None:
            family = family_of(self.board)
            self._area = estimate_area(lower(graph, self.options, family=family), family).total
        return self._area

    def estimate(self, candidate: Candidate) -> Estimate:
        """Clock cycles and additions too."""
        graph = self._look_at(candidate)
        if self._estimate is None:
            source = Source(graph, self.vectors, self.options)
            estimator = estimator_of(source, self.options, self.board, None)
            self._estimate = estimator.estimate(self.options)
            self._area = self._estimate.area
        return self._estimate

    def _look_at(self, candidate: Candidate) -> Graph:
        graph = candidate.graph()
        if graph is not self._graph:
            self._graph, self._area, self._estimate = graph, None, None
        return graph


def hardware_budgets(config: Config, vectors: Vectors) -> list[Budget]:
    """The budgets that a configuration sets for the hardware that is built with it.

    A board's look-up tables and flip-flops are budgets up to the share that can be routed, and all
    of its block RAMs; a number that is given beside it counts if it is less.

    Raises:
        ConfigError: If there is no such board.
    """
    options = config.compress
    board = load_board(options.board) if options.board else None
    meter = Meter(vectors, _folding_of(config.hardware), board)
    limits = _of_board(board) if board else {}
    for name, resource in HARDWARE_LIMITS.items():
        given = getattr(options, name)
        if given is not None:
            limits[resource] = min(float(given), limits.get(resource, float(given)))
    return [
        Budget(Resource(name, _UNITS.get(name, ""), partial(_use, meter, name)), limit)
        for name, limit in limits.items()
    ]


def _folding_of(hardware: HardwareConfig) -> BuildOptions:
    layers = {name: LayerOptions(**asdict(layer)) for name, layer in hardware.layers.items()}
    return BuildOptions(
        layers=layers, input_lanes=hardware.input_lanes, clock_mhz=hardware.clock_mhz
    )


def _of_board(board: Board) -> dict[str, float]:
    has = board.resources
    return {"lut": SHARE * has.lut, "ff": SHARE * has.ff, "bram": float(has.bram)}


def _use(meter: Meter, name: str, candidate: Candidate) -> float:
    match name:
        case "cycles":
            return meter.estimate(candidate).latency
        case "operations":
            return meter.estimate(candidate).additions
        case "energy":
            return 1e-3 * meter.estimate(candidate).energy_pj
        case _:
            return float(getattr(meter.area(candidate), name))
