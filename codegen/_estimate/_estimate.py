"""Area, clock cycles, clock and operation count of a design, together and layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from spikeloom.codegen._estimate._area import Area, estimate_area
from spikeloom.codegen._estimate._cycles import estimate_cycles
from spikeloom.codegen._estimate._fmax import Fmax, estimate_fmax
from spikeloom.codegen._estimate._load import Load, additions_in, load_of
from spikeloom.codegen._facts import Engine, Facts, facts_of
from spikeloom.codegen._lower import lower
from spikeloom.codegen._options import BuildOptions
from spikeloom.codegen._unrolled import Unroller
from spikeloom.codegen._views import Design
from spikeloom.ir import Graph, IntArray

_MOST_INFERENCES, _LEAST_INFERENCES = 16, 2  # whose clock cycles are estimated
_MOST_EFFORT = 60_000  # events and words that they have together, where more than the least
_LITTLE_EFFORT = 10_000
PICOJOULES_PER_ADDITION = 0.9  # 45 nm, the constant of the literature


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerEstimate:
    """One layer; means of an inference.

    `busy` are the clock cycles in which an engine of the layer works.  `additions` are those
    that the hardware makes: of a weight for every event and output (with sparse weights only of
    words that hold any), of a field's sum with event fields, and of all weights but 0 in every
    time step where a synapse is in logic.
    """

    name: str
    area: Area
    busy: float
    additions: float

    @property
    def energy_pj(self) -> float:
        """Operation count in picojoules, no measured energy."""
        return self.additions * PICOJOULES_PER_ADDITION


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a design is estimated to cost on devices of a family; means over `inferences`.

    `latency` and `interval` are clock cycles of one inference, and from one to the next when
    they follow each other without gaps.  `by_node` is the area of each node of the graph.
    `fmax` is the class of clock that place and route is thought to reach.
    """

    family: str
    clock_mhz: float
    inferences: int
    area: Area
    by_node: Mapping[str, Area]
    layers: tuple[LayerEstimate, ...]
    latency: float
    latency_most: int
    interval: float
    fmax: Fmax

    @property
    def fps(self) -> float:
        """Inferences per second."""
        return self.clock_mhz * 1e6 / self.interval

    @property
    def latency_us(self) -> float:
        """Microseconds of one inference."""
        return self.latency / self.clock_mhz

    @property
    def additions(self) -> float:
        """Additions of an inference."""
        return sum(layer.additions for layer in self.layers)

    @property
    def energy_pj(self) -> float:
        """Operation count in picojoules, no measured energy."""
        return sum(layer.energy_pj for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values, means to a tenth."""
        return {
            "family": self.family,
            "clock_mhz": self.clock_mhz,
            "inferences": self.inferences,
            **asdict(self.area),
            "latency_cycles": round(self.latency, 1),
            "latency_cycles_max": self.latency_most,
            "interval_cycles": round(self.interval, 1),
            "latency_us": round(self.latency_us, 3),
            "fps": round(self.fps, 1),
            "fmax_low_mhz": round(self.fmax.low_mhz),
            "fmax_high_mhz": round(self.fmax.high_mhz),
            "fmax_limit": self.fmax.limit,
            "additions": round(self.additions, 1),
            "energy_pj": round(self.energy_pj, 1),
            "layers": [_layer_json(layer) for layer in self.layers],
        }


def _layer_json(layer: LayerEstimate) -> dict[str, Any]:
    return {
        "name": layer.name,
        **asdict(layer.area),
        "busy_cycles": round(layer.busy, 1),
        "additions": round(layer.additions, 1),
        "energy_pj": round(layer.energy_pj, 1),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignEstimator:
    """Estimates designs of one graph for recorded values `[inferences, time_steps, *shape]`.

    Clock cycles are those of the first few inferences, of large networks fewer, and additions
    those of all.  `is_quick` is whether that takes about as long as lowering a design.
    """

    facts: Facts
    signals: Mapping[str, IntArray]
    loads: Mapping[str, Load]
    family: str
    clock_mhz: float
    is_quick: bool
    unroller: Unroller = field(default_factory=Unroller)

    @classmethod
    def of(
        cls,
        graph: Graph,
        signals: Mapping[str, IntArray],
        *,
        family: str,
        clock_mhz: float,
        unroller: Unroller | None = None,
    ) -> DesignEstimator:
        """Prepare estimates.

        Args:
            graph: The graph; it is checked first.
            signals: By node, what it puts out: see `estimate_cycles`.
            family: The devices that area is estimated for.
            clock_mhz: The clock that times are told for.
            unroller: What has unrolled matrices before; see `lower`.

        Raises:
            GraphError: If the graph breaks a rule.
        """
        facts = facts_of(graph)
        engines = [name for name, node in facts.nodes.items() if isinstance(node, Engine)]
        loads = {name: load_of(facts, name, signals) for name in engines}
        effort = sum(load.effort for load in loads.values())
        count = int(min(_MOST_INFERENCES, max(_LEAST_INFERENCES, _MOST_EFFORT // max(1, effort))))
        return cls(
            facts=facts,
            signals={name: values[:count] for name, values in signals.items()},
            loads=loads,
            family=family,
            clock_mhz=clock_mhz,
            is_quick=effort * count <= _LITTLE_EFFORT,
            unroller=unroller or Unroller(),
        )

    def area(self, options: BuildOptions) -> Mapping[str, Area]:
        """Return the area of each node.

        Raises:
            BuildError: If an option is impossible.
        """
        return estimate_area(self._lowered(options), self.family).by_node

    def estimate(self, options: BuildOptions) -> Estimate:
        """Return area, clock cycles and additions.

        Raises:
            BuildError: If an option is impossible.
        """
        return self.of_design(self._lowered(options))

    def of_design(self, design: Design) -> Estimate:
        """Estimate a design of the graph that is lowered already."""
        area = estimate_area(design, self.family)
        cycles = estimate_cycles(design, self.signals)
        synapses = {view.name: view for layer in design.layers for view in layer.synapses}
        interval = cycles.interval if cycles.interval.size else cycles.latency
        layers = tuple(
            LayerEstimate(
                name=layer.name,
                area=sum(
                    (area.by_node.get(node, Area()) for node in self._nodes(layer.name)), Area()
                ),
                busy=float(cycles.busy[layer.name].mean()),
                additions=sum(
                    additions_in(self.facts, synapses[name], self.loads[name])
                    for name in self.facts.engines(layer.name)
                ),
            )
            for layer in design.layers
        )
        return Estimate(
            family=self.family,
            clock_mhz=self.clock_mhz,
            inferences=len(cycles.latency),
            area=area.total,
            by_node=area.by_node,
            layers=layers,
            latency=float(cycles.latency.mean()),
            latency_most=int(cycles.latency.max()),
            interval=float(interval.mean()),
            fmax=estimate_fmax(design, self.family),
        )

    def _lowered(self, options: BuildOptions) -> Design:
        return lower(self.facts.graph, options, family=self.family, unroller=self.unroller)

    def _nodes(self, layer: str) -> list[str]:
        first = self.facts.input.name  # belongs to no layer of a report
        return [n for n, owner in self.facts.layers.items() if owner == layer and n != first]
