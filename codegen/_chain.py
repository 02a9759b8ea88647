"""A graph seen as a chain of layers: pools, one synapse and one neuron group each."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spikeloom.codegen._geometry import Geometry, kernel_of
from spikeloom.codegen._options import BuildOptions, LayerOptions, choose_divisor, nearest
from spikeloom.codegen._rule import Axis
from spikeloom.ir import (
    BuildError,
    Conv2d,
    Dense,
    Graph,
    Input,
    Neurons,
    Readout,
    Shape,
    SumPool2d,
    Synapse,
    infer_shapes,
)

# Defaults where neither the user nor the budget says otherwise.
_DENSE_LANES = 128
_CONV_LANES = 16
_NEURON_LANES = 16
_INPUT_LANES = 16
_MOST_PORTS = 8
_POOR = 4  # a folding so many times slower than it could be is worth a word


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One layer of the chain, and the shapes around its synapse."""

    synapse: Synapse
    neurons: Neurons
    source: Shape  # in front of the pools
    pooled: Shape  # behind the pools
    output: Shape
    pool: tuple[int, int]

    @property
    def flat(self) -> bool:
        """Whether the input words are read as one long vector."""
        return isinstance(self.synapse, Dense) and self.pool == (1, 1)

    @property
    def in_channels(self) -> int:
        """Input channels per position."""
        return math.prod(self.source) if self.flat else self.source[0]


@dataclass(frozen=True, slots=True)
class Folding:
    """The folding of one layer, chosen and checked."""

    in_lanes: int
    ports: int
    lanes: int
    neuron_lanes: int


def links_of(graph: Graph) -> tuple[Link, ...]:
    """Split a checked graph into its layers, in order."""
    shapes = infer_shapes(graph)
    links: list[Link] = []
    source: Shape = ()
    pool = (1, 1)
    synapse: Synapse | None = None
    for node in graph.nodes:
        match node:
            case Input():
                source, pool = shapes[node.name], (1, 1)
            case SumPool2d():
                pool = (pool[0] * node.kernel[0], pool[1] * node.kernel[1])
            case Dense() | Conv2d():
                synapse = node
            case Neurons():
                assert synapse is not None  # the validator demands it
                output = shapes[node.name]
                links.append(
                    Link(
                        synapse=synapse,
                        neurons=node,
                        source=source,
                        pooled=shapes[synapse.source],
                        output=output,
                        pool=pool,
                    )
                )
                source, pool = output, (1, 1)
            case Readout():
                pass
    return tuple(links)


def fold(links: tuple[Link, ...], options: BuildOptions) -> tuple[Folding, ...]:
    """Choose what the user left open and check what the user chose.

    Raises:
        BuildError: If a choice is impossible, naming the layer and what is legal.
    """
    _check_names(links, options)
    wanted = [options.layers.get(link.neurons.name, LayerOptions()) for link in links]
    # Channels that one input word can carry: of a position, or of a whole flat input.
    channels = [links[0].in_channels, *(link.output[0] for link in links)]
    ports = [_ports(*each) for each in zip(links, wanted, channels, strict=False)]
    in_lanes = choose_divisor(
        "input", "lanes", options.input_lanes, of=channels[0], at_most=_INPUT_LANES, step=ports[0]
    )
    foldings: list[Folding] = []
    for link, want, own, following in zip(links, wanted, ports, [*ports[1:], 1], strict=True):
        lanes, neuron_lanes = _lanes(link, want, following)
        foldings.append(Folding(in_lanes, own, lanes, neuron_lanes))
        in_lanes = neuron_lanes
    return tuple(foldings)


def folding_notes(
    links: tuple[Link, ...], foldings: tuple[Folding, ...], options: BuildOptions
) -> tuple[str, ...]:
    """Say where a number of outputs without good divisors makes a layer slow."""
    notes = []
    for link, folding in zip(links, foldings, strict=True):
        wanted = options.layers.get(link.neurons.name, LayerOptions())
        outputs = link.output[0]
        most = min(outputs, _most_lanes(link))
        if wanted.lanes is None and folding.lanes * _POOR <= most:
            larger = range(outputs + 1, 2 * outputs + 1)
            better = next(n for n in larger if 2 * _largest(n, most) >= most)
            notes.append(
                f"layer {link.neurons.name!r} adds {folding.lanes} weight(s) per clock, because "
                f"{outputs} outputs have no divisor near {most}; {better} outputs would allow "
                f"{_largest(better, most)}"
            )
    return tuple(notes)


def _largest(outputs: int, most: int) -> int:
    return max(n for n in range(1, most + 1) if outputs % n == 0)


def _most_lanes(link: Link) -> int:
    return _DENSE_LANES if isinstance(link.synapse, Dense) else _CONV_LANES


def geometry_of(link: Link, folding: Folding) -> Geometry:
    """Lay a layer out with a given folding."""
    weight = kernel_of(link.synapse, link.source, link.pooled, flat=link.flat)
    stride, padding = (1, 1), (0, 0)
    if isinstance(link.synapse, Conv2d):
        stride, padding = link.synapse.stride, link.synapse.padding
    plain = link.flat or len(link.source) == 1
    sizes = (1, 1) if plain else (link.source[1], link.source[2])
    outputs = (1, 1) if len(link.output) == 1 else (link.output[1], link.output[2])
    rows, columns = (
        Axis(
            size=sizes[axis],
            pool=link.pool[axis],
            kernel=int(weight.shape[2 + axis]),
            stride=stride[axis],
            padding=padding[axis],
            outputs=outputs[axis],
        )
        for axis in (0, 1)
    )
    return Geometry(
        spatial=not plain,
        rows=rows,
        columns=columns,
        weight=weight,
        in_lanes=folding.in_lanes,
        ports=folding.ports,
        lanes=folding.lanes,
    )


def _check_names(links: tuple[Link, ...], options: BuildOptions) -> None:
    known = [link.neurons.name for link in links]
    unknown = sorted(set(options.layers) - set(known))
    if unknown:
        raise BuildError(
            f"there is no layer {', '.join(map(repr, unknown))} to fold; "
            f"the layers are {', '.join(known)}"
        )


def _ports(link: Link, want: LayerOptions, channels: int) -> int:
    ports = 1 if want.event_ports is None else want.event_ports
    legal = [n for n in range(1, min(_MOST_PORTS, channels) + 1) if channels % n == 0]
    if ports not in legal:
        raise BuildError(
            f"layer {link.neurons.name!r}: event_ports must divide the {channels} channels in "
            f"front and be {_MOST_PORTS} at most: {nearest(legal, ports)}"
        )
    return ports


def _lanes(link: Link, want: LayerOptions, following_ports: int) -> tuple[int, int]:
    place = f"layer {link.neurons.name!r}"
    channels, step = link.output[0], following_ports
    most = _most_lanes(link)
    lanes = choose_divisor(place, "lanes", want.lanes, of=channels, at_most=most, step=step)
    neuron_lanes = choose_divisor(
        place, "neuron_lanes", want.neuron_lanes, of=lanes, at_most=_NEURON_LANES, step=step
    )
    return lanes, neuron_lanes
