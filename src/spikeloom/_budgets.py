"""Budgets of hardware: what a network takes in the design that is built of it, by estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial

from spikeloom._early import decided_early
from spikeloom._folding import estimator_of, family_of, limits_on
from spikeloom._source import Source
from spikeloom._vectors import Vectors
from spikeloom.boards import Board, load_board
from spikeloom.codegen import (
    UNROLLED,
    Area,
    BuildOptions,
    Estimate,
    LayerOptions,
    Limits,
    RoughUnroller,
    Unroller,
    estimate_area,
    lower,
)
from spikeloom.ir import ConfigError, Early, Graph, SpikeloomError
from spikeloom.model import (
    HARDWARE_LIMITS,
    Budget,
    Candidate,
    CompressConfig,
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
        early: The rule by which an inference ends early.
        board: The device; None for one of the usual family.
        unroller: What makes logic of matrices.
    """

    vectors: Vectors
    options: BuildOptions
    early: Early | None
    board: Board | None
    unroller: Unroller = field(default_factory=Unroller)
    _seen: Graph | None = None
    _graph: Graph = field(init=False)
    _area: Area | None = None
    _estimate: Estimate | None = None

    def area(self, candidate: Candidate) -> Area:
        """Look-up tables, flip-flops and block RAMs."""
        graph = self._look_at(candidate)
        if self._area is None:
            family = family_of(self.board)
            design = lower(graph, self.options, family=family, unroller=self.unroller)
            self._area = estimate_area(design, family).total
        return self._area

    def estimate(self, candidate: Candidate) -> Estimate:
        """Clock cycles and additions too."""
        graph = self._look_at(candidate)
        if self._estimate is None:
            source = Source(graph, self.vectors, self.options)
            estimator = estimator_of(source, self.options, self.board, None, self.unroller)
            self._estimate = estimator.estimate(self.options)
            self._area = self._estimate.area
        return self._estimate

    def _look_at(self, candidate: Candidate) -> Graph:
        """The graph that is built of a candidate."""
        graph = candidate.graph()
        if self._seen is not graph:
            self._seen, self._area, self._estimate = graph, None, None
            self._graph = decided_early(graph, None, self.early)
        return self._graph


def hardware_budgets(config: Config, least: Candidate, vectors: Vectors) -> list[Budget]:
    """The budgets that a configuration sets for the hardware that is built with it.

    What a board has is a budget up to the share that can be routed, or to the number that is given
    beside it.  A matrix in logic is measured roughly while words go, as it takes long to unroll.

    Raises:
        ConfigError: If there is no such board, or the hardware cannot be built of the `least` that
            may be left of the network.
    """
    options = config.compress
    board = load_board(options.board) if options.board else None
    folding, early = _folding_of(config.hardware), config.hardware.early
    meter = Meter(vectors, folding, early, board)
    _check_buildable(config, meter, least)
    resource = partial(_resource, meter)
    if any(layer.engine == UNROLLED for layer in folding.layers.values()):
        unroller = RoughUnroller()
        rough = Meter(vectors, folding, early, board, unroller)
        resource = partial(_resource, meter, rough=rough, forget=unroller.forget)
    return [Budget(resource(name), limit) for name, limit in _limits(options, board).items()]


def _resource(
    meter: Meter,
    name: str,
    *,
    rough: Meter | None = None,
    forget: Callable[[], None] | None = None,
) -> Resource:
    """What meters measure under a name."""
    roughly = partial(_use, rough, name) if rough else None
    return Resource(name, _UNITS.get(name, ""), partial(_use, meter, name), roughly, forget)


def _check_buildable(config: Config, meter: Meter, least: Candidate) -> None:
    """Refuse lanes that do not go with the rest of the folding, before anything is trained."""
    try:
        meter.area(least)
    except SpikeloomError as error:
        raise ConfigError(
            f"what compress.lanes = {config.compress.lanes} leaves could not be built with the "
            f"[hardware] table of the network: {error}; give other lanes, or change that table"
        ) from error


def _folding_of(hardware: HardwareConfig) -> BuildOptions:
    layers = {name: LayerOptions(**asdict(layer)) for name, layer in hardware.layers.items()}
    return BuildOptions(
        layers=layers, input_lanes=hardware.input_lanes, clock_mhz=hardware.clock_mhz
    )


def _limits(options: CompressConfig, board: Board | None) -> dict[str, float]:
    """How much there may be of each resource."""
    given = {resource: getattr(options, name) for name, resource in HARDWARE_LIMITS.items()}
    on_board = limits_on(board, Limits(lut=given["lut"], ff=given["ff"], bram=given["bram"]))
    given |= {"lut": on_board.lut, "ff": on_board.ff, "bram": on_board.bram}
    return {resource: float(limit) for resource, limit in given.items() if limit is not None}


def _use(meter: Meter, name: str, candidate: Candidate) -> float:
    match name:
        case "cycles":
            return meter.estimate(candidate).latency
        case "additions":
            return meter.estimate(candidate).additions
        case "energy":
            return 1e-3 * meter.estimate(candidate).energy_pj
        case _:
            return float(getattr(meter.area(candidate), name))
