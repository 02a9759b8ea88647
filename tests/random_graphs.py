"""Random spike graphs over all kinds of nodes, and random foldings of them.

For tests that compare two executions: equal seeds give equal graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from spikeloom.codegen import BuildOptions, LayerOptions
from spikeloom.ir import (
    Add,
    Concat,
    Conv2d,
    Delay,
    Dense,
    Encoder,
    Graph,
    Input,
    Leak,
    LeakTerm,
    MaxPool2d,
    MixAxis,
    Neurons,
    Node,
    Product,
    Readout,
    ReadoutKind,
    Reset,
    Shape,
    SumPool2d,
    TokenMix,
    infer_shapes,
    sources_of,
)
from spikeloom.ir._order import delays_from_input

_LEAKS = (
    Leak.none(),
    Leak.shift(1),
    Leak.shift(3),
    Leak((LeakTerm(1, 1), LeakTerm(1, 2))),
    Leak((LeakTerm(1, 0), LeakTerm(-1, 2), LeakTerm(-1, 4))),
)
_MOST_OPERAND = 15  # larger ones only make widths grow


@dataclass(frozen=True, slots=True)
class Value:
    """What a node puts out; `largest` is 0 for currents."""

    name: str
    shape: Shape
    largest: int

    @property
    def is_operand(self) -> bool:
        """Whether a synapse may read it."""
        return self.largest > 0

    @property
    def is_map(self) -> bool:
        """Whether it has rows and columns."""
        return len(self.shape) == 3


@dataclass(slots=True)
class Sketch:
    """A graph under construction: its nodes, and what they put out."""

    rng: np.random.Generator
    nodes: list[Node] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    static: bool = False  # the input may only be read by synapses

    def integer(self, low: int, high: int) -> int:
        """A random integer from `low` to `high`, both included."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, of: float) -> bool:
        """True with the probability `of`."""
        return bool(self.rng.random() < of)

    def divisor(self, of: int, most: int | None = None) -> int:
        """A random divisor of `of`."""
        divisors = [n for n in range(1, (most or of) + 1) if of % n == 0]
        return divisors[self.integer(0, len(divisors) - 1)]

    def fresh(self, stem: str) -> str:
        """A name that no node has yet."""
        return f"{stem}{len(self.nodes)}"

    def append(self, node: Node, shape: Shape, largest: int = 0) -> Value:
        """Add a node and what it puts out."""
        self.nodes.append(node)
        value = Value(node.name, shape, largest)
        self.values.append(value)
        return value

    def pick(self, test: Callable[[Value], bool] | None = None) -> Value | None:
        """A random value that passes `test`, often one that nothing reads yet."""
        usable = self.values[1:] if self.static else self.values
        found = [value for value in usable if test is None or test(value)]
        if not found:
            return None
        read = self.read()
        fresh = [value for value in found if value.name not in read]
        choice = fresh if fresh and self.chance(0.7) else found
        return choice[self.integer(0, len(choice) - 1)]

    def read(self) -> set[str]:
        """Names of the nodes that something reads, beside the delay of a loop."""
        seen: set[str] = set()
        read: set[str] = set()
        for node in self.nodes:
            read.update(seen.intersection(sources_of(node)))
            seen.add(node.name)
        return read

    def weights(self, shape: tuple[int, ...], bits: int) -> np.ndarray:
        """Weights of all values that fit, a fifth of them 0."""
        top = 2 ** (bits - 1)
        return self.rng.integers(-top, top, shape) * (self.rng.random(shape) < 0.8)


def random_graph(seed: int) -> Graph:
    """Draw an acyclic graph with delayed feedback; the same for the same seed."""
    rng = np.random.default_rng(seed)
    sketch = Sketch(rng)
    time_steps = sketch.integer(1, 4)
    _start(sketch)
    for _ in range(sketch.integer(1, 7)):
        _STEPS[sketch.integer(0, len(_STEPS) - 1)](sketch)
    kind = list(ReadoutKind)[sketch.integer(0, 1)]
    last = _gather(sketch, kind)
    sketch.nodes.append(Readout(name="scores", source=last.name, kind=kind))
    unchecked = Graph(f"random{seed}", time_steps, tuple(sketch.nodes))
    delays = delays_from_input(unchecked)["scores"]  # the input has to get through
    return Graph.of(unchecked.name, max(time_steps, delays + 1), sketch.nodes)


def random_options(graph: Graph, seed: int) -> BuildOptions:
    """Draw a legal folding of `graph`, of its input too."""
    rng = np.random.default_rng(seed)
    sketch = Sketch(rng)
    shapes = infer_shapes(graph)
    layers: dict[str, LayerOptions] = {}
    for node in graph.nodes:
        if isinstance(node, Neurons) and sketch.chance(0.3) and not _feeds(graph, node.source):
            layers[node.name] = LayerOptions(neuron_lanes=sketch.divisor(shapes[node.name][0]))
        elif isinstance(node, Dense) and sketch.chance(0.25):
            layers[node.name] = LayerOptions(engine="unrolled")
        elif isinstance(node, Dense | Conv2d | Product) and sketch.chance(0.5):
            heads = node.heads if isinstance(node, Product) else getattr(node, "groups", 1)
            layers[node.name] = LayerOptions(lanes=sketch.divisor(shapes[node.name][0] // heads))
        elif isinstance(node, TokenMix) and sketch.chance(0.5):
            layers[node.name] = LayerOptions(lanes=sketch.divisor(shapes[node.name][0]))
    first = graph.nodes[0]
    assert isinstance(first, Input)
    lanes = sketch.divisor(first.shape[0])
    return BuildOptions(
        layers=layers,
        input_lanes=lanes if sketch.chance(0.5) else None,
        clock_mhz=float(sketch.integer(50, 400)),
    )


def _feeds(graph: Graph, name: str) -> bool:
    """Whether an engine puts out `name`: its own lanes then bound those of the neurons."""
    kinds = Dense | Conv2d | Product
    return any(node.name == name and isinstance(node, kinds) for node in graph.nodes)


def random_inputs(graph: Graph, count: int, seed: int) -> np.ndarray:
    """Draw inputs from silent to saturated: the first all zero, the last all maximum."""
    rng = np.random.default_rng(seed)
    node = graph.nodes[0]
    assert isinstance(node, Input)
    steps = (graph.time_steps,) if node.encoder is Encoder.SPIKES else ()
    shape = (count, *steps, *node.shape)
    density = rng.random(count).reshape((count,) + (1,) * (len(shape) - 1))
    values = rng.integers(0, 2**node.bits, shape) * (rng.random(shape) < density)
    values[0] = 0
    values[-1] = 2**node.bits - 1
    return values.astype(np.uint16)


def _start(sketch: Sketch) -> None:
    encoder = list(Encoder)[sketch.integer(0, 2)]
    bits = 1 if encoder is Encoder.SPIKES else sketch.integer(1, 5)
    shape: Shape = (sketch.integer(1, 30),)
    if sketch.chance(0.85):
        shape = (sketch.integer(1, 6), sketch.integer(2, 7), sketch.integer(2, 7))
    seed = sketch.integer(1, 65535)
    node = Input(name="pixels", shape=shape, bits=bits, encoder=encoder, seed=seed)
    direct = encoder is Encoder.DIRECT
    source = sketch.append(node, shape, 2**bits - 1 if direct else 1)
    if direct:
        sketch.static = True
        if source.is_map and sketch.chance(0.3):
            source = _sum_pool_of(sketch, source, plain=True)
            sketch.values.pop()
        for _ in range(sketch.integer(1, 2)):
            _neurons_of(sketch, _synapse_of(sketch, source))


def _gather(sketch: Sketch, kind: ReadoutKind) -> Value:
    """Let one last group read, through dense synapses, all that nothing reads yet."""
    outputs = sketch.integer(2, 9)
    read = sketch.read()
    loose = [value for value in sketch.values if value.name not in read]
    if sketch.static and loose and loose[0].name == "pixels":
        loose = loose[1:]
    loose = loose or sketch.values[-1:]
    spikes = [value if value.is_operand else _neurons_of(sketch, value) for value in loose]
    sums = [_dense_of(sketch, value, outputs) for value in spikes]
    current = sums[0] if len(sums) == 1 else _add_of(sketch, sums)
    return _neurons_of(sketch, current, silent=kind is ReadoutKind.MEMBRANE)


def _synapse_of(sketch: Sketch, source: Value) -> Value:
    if source.is_map and sketch.chance(0.8):
        return _conv_of(sketch, source)
    return _dense_of(sketch, source, sketch.integer(1, 16))


def _dense_of(sketch: Sketch, source: Value, outputs: int) -> Value:
    bits = sketch.integer(2, 6)
    weight = sketch.weights((outputs, int(np.prod(source.shape))), bits)
    name = sketch.fresh("dense")
    node = Dense(name=name, source=source.name, weight=weight, weight_bits=bits)
    return sketch.append(node, (outputs,))


def _conv_of(sketch: Sketch, source: Value, outputs: int = 0, *, same: bool = False) -> Value:
    """A convolution of any form; `same` keeps rows and columns."""
    channels, height, width = source.shape
    groups = 1 if outputs else sketch.divisor(channels)
    if not outputs:
        outputs = channels if sketch.chance(0.3) else groups * sketch.integer(1, 4)
    kernel, dilation = _pair(sketch, 3), _pair(sketch, 2)
    if same:
        kernel = (2 * sketch.integer(0, 1) + 1, 2 * sketch.integer(0, 1) + 1)
    reach = tuple((k - 1) * d for k, d in zip(kernel, dilation, strict=True))
    padding = tuple(r // 2 if same else sketch.integer((r + 1) // 2, r) for r in reach)
    stride = (1, 1) if same else _pair(sketch, 3)
    sizes = [
        (size + 2 * pad - r - 1) // step + 1
        for size, pad, r, step in zip((height, width), padding, reach, stride, strict=True)
    ]
    bits = sketch.integer(2, 6)
    node = Conv2d(
        name=sketch.fresh("conv"),
        source=source.name,
        weight=sketch.weights((outputs, channels // groups, *kernel), bits),
        weight_bits=bits,
        stride=stride,
        padding=(padding[0], padding[1]),
        dilation=dilation,
        groups=groups,
    )
    return sketch.append(node, (outputs, *sizes))


def _pair(sketch: Sketch, most: int) -> tuple[int, int]:
    return sketch.integer(1, most), sketch.integer(1, most)


def _neurons_of(sketch: Sketch, source: Value, *, silent: bool = False) -> Value:
    forms: list[tuple[int, ...]] = [(), source.shape[:1], source.shape]
    rng, form = sketch.rng, forms[sketch.integer(0, 2)]
    membrane_bits = sketch.integer(3, 12) if sketch.chance(0.5) else None
    top = 40 if membrane_bits is None else min(40, 2 ** (membrane_bits - 1))
    bias = 2 ** sketch.integer(0, 7)  # up to far beyond what the membrane holds
    node = Neurons(
        name=sketch.fresh("layer"),
        source=source.name,
        threshold=None if silent else rng.integers(1, top, form),
        bias=rng.integers(-bias, bias + 1, form),
        leak=_LEAKS[sketch.integer(0, len(_LEAKS) - 1)],
        reset=Reset.NONE if silent else list(Reset)[sketch.integer(0, 2)],
        reset_delay=not silent and sketch.chance(0.3),
        membrane_bits=membrane_bits,
    )
    return sketch.append(node, source.shape, 1)


def _sum_pool_of(sketch: Sketch, source: Value, *, plain: bool) -> Value:
    kernel, stride, padding, sizes = _window(sketch, source.shape, plain=plain)
    node = SumPool2d(
        name=sketch.fresh("pool"),
        source=source.name,
        kernel=kernel,
        stride=None if plain else stride,
        padding=padding,
    )
    return sketch.append(node, (source.shape[0], *sizes), source.largest * kernel[0] * kernel[1])


def _window(
    sketch: Sketch, shape: Shape, *, plain: bool
) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]:
    kernel = (sketch.integer(1, min(3, shape[1])), sketch.integer(1, min(3, shape[2])))
    if plain:
        return kernel, kernel, (0, 0), (shape[1] // kernel[0], shape[2] // kernel[1])
    padding = (sketch.integer(0, kernel[0] - 1), sketch.integer(0, kernel[1] - 1))
    stride = _pair(sketch, 3)
    height, width = (
        (size + 2 * pad - window) // step + 1
        for size, pad, window, step in zip(shape[1:], padding, kernel, stride, strict=True)
    )
    return kernel, stride, padding, (height, width)


def _add_of(sketch: Sketch, sources: Sequence[Value]) -> Value:
    shifts = tuple(sketch.integer(0, 2) if sketch.chance(0.3) else 0 for _ in sources)
    shape = sources[0].shape
    forms: list[tuple[int, ...]] = [(), shape[:1]]
    bias = np.zeros((), dtype=int)
    if sketch.chance(0.4):
        bias = sketch.rng.integers(-20, 20, forms[sketch.integer(0, 1)])
    node = Add(
        name=sketch.fresh("sum"),
        sources=tuple(source.name for source in sources),
        shifts=shifts,
        bias=bias,
    )
    unsigned = all(source.is_operand for source in sources) and not bias.any()
    largest = sum(source.largest << shift for source, shift in zip(sources, shifts, strict=True))
    return sketch.append(node, shape, largest if unsigned else 0)


# ---------------------------------------------------------------------------
# Steps: each adds some nodes, or none where nothing fits
# ---------------------------------------------------------------------------
def _step_synapse(sketch: Sketch) -> None:
    source = sketch.pick(lambda value: value.is_operand)
    if source is not None:
        _synapse_of(sketch, source)


def _step_layer(sketch: Sketch) -> None:
    source = sketch.pick(lambda value: value.is_operand)
    if source is not None:
        _neurons_of(sketch, _synapse_of(sketch, source))


def _step_neurons(sketch: Sketch) -> None:
    source = sketch.pick()
    if source is not None:
        _neurons_of(sketch, source)


def _step_mix(sketch: Sketch) -> None:
    source = sketch.pick(lambda value: value.is_operand and value.is_map)
    if source is None:
        return
    axis = list(MixAxis)[sketch.integer(0, 2)]
    _, height, width = source.shape
    size = {MixAxis.ROWS: height, MixAxis.COLUMNS: width, MixAxis.TOKENS: height * width}[axis]
    bits = sketch.integer(2, 6)
    weight = sketch.weights((size, size), bits)
    name = sketch.fresh("mix")
    node = TokenMix(name=name, source=source.name, weight=weight, weight_bits=bits, axis=axis)
    sketch.append(node, source.shape)


def _step_pool(sketch: Sketch) -> None:
    source = sketch.pick(lambda value: value.is_map and value.largest <= 1)
    if source is None:
        return
    if sketch.chance(0.5):
        _sum_pool_of(sketch, source, plain=sketch.chance(0.5))
        return
    kernel, stride, padding, sizes = _window(sketch, source.shape, plain=sketch.chance(0.3))
    name = sketch.fresh("largest")
    node = MaxPool2d(name=name, source=source.name, kernel=kernel, stride=stride, padding=padding)
    sketch.append(node, (source.shape[0], *sizes), source.largest)


def _step_add(sketch: Sketch) -> None:
    first = sketch.pick(lambda value: value.largest <= _MOST_OPERAND)
    if first is None:
        return
    others = []
    for _ in range(sketch.integer(0, 2)):
        other = sketch.pick(
            lambda value: value.shape == first.shape and value.largest <= _MOST_OPERAND
        )
        others += [other] if other else []
    _add_of(sketch, [first, *others])


def _step_concat(sketch: Sketch) -> None:
    first = sketch.pick()
    if first is None:
        return
    second = sketch.pick(
        lambda value: value.shape[1:] == first.shape[1:] and value.is_operand == first.is_operand
    )
    sources = [first] if second is None else [first, second]
    shape = (sum(source.shape[0] for source in sources), *first.shape[1:])
    names = tuple(source.name for source in sources)
    largest = max(source.largest for source in sources)
    sketch.append(Concat(name=sketch.fresh("both"), sources=names), shape, largest)


def _step_delay(sketch: Sketch) -> None:
    source = sketch.pick()
    if source is not None:
        name = sketch.fresh("late")
        node = Delay(name=name, source=source.name, shape=source.shape)
        sketch.append(node, source.shape, source.largest)


def _step_loop(sketch: Sketch) -> None:
    """Neurons that read their own spikes, or a current that feeds itself."""
    source = sketch.pick(lambda value: value.is_operand)
    if source is None:
        return
    drive = _synapse_of(sketch, source)
    place = len(sketch.nodes)
    late = Delay(name=sketch.fresh("late"), source="later", shape=drive.shape)
    of_spikes = sketch.chance(0.7)
    value = sketch.append(late, drive.shape, int(of_spikes))
    if of_spikes:
        if value.is_map and sketch.chance(0.3):
            product = _attention_of(sketch, value)
            value = _neurons_of(sketch, product) if product else value
        if value.is_map:
            fed_back = _conv_of(sketch, value, drive.shape[0], same=True)
        else:
            fed_back = _dense_of(sketch, value, drive.shape[0])
        end = _neurons_of(sketch, _add_of(sketch, [drive, fed_back]))
    else:
        end = _add_of(sketch, [drive, value])
    sketch.nodes[place] = replace(late, source=end.name)


def _step_attention(sketch: Sketch) -> None:
    """Spikes that gate their own image, then a second product with the map of attention."""
    source = sketch.pick(lambda value: value.is_operand and value.is_map)
    if source is not None:
        _attention_of(sketch, source)


def _attention_of(sketch: Sketch, source: Value) -> Value | None:
    channels = source.shape[0]
    heads = sketch.divisor(channels)
    keys = _conv_of(sketch, source, channels)
    tokens = keys.shape[1] * keys.shape[2]
    if tokens > 16:
        return None
    shape = (heads * tokens, *source.shape[1:])
    node = Product(
        name=sketch.fresh("product"),
        source=source.name,
        weights=keys.name,
        heads=heads,
        transposed=True,
    )
    attention = _neurons_of(sketch, sketch.append(node, shape))
    values = keys if sketch.chance(0.5) else _values_of(sketch, heads, keys)
    shape = (values.shape[0], *source.shape[1:])
    name = sketch.fresh("product")
    node = Product(name=name, source=attention.name, weights=values.name, heads=heads)
    return sketch.append(node, shape)


def _values_of(sketch: Sketch, heads: int, keys: Value) -> Value:
    """Currents of as many tokens as the keys, with any number of channels per head."""
    node = sketch.nodes[[node.name for node in sketch.nodes].index(keys.name)]
    assert isinstance(node, Conv2d)
    outputs = heads * sketch.integer(1, 4)
    weight = sketch.weights((outputs, *node.weight.shape[1:]), node.weight_bits)
    copy = replace(node, name=sketch.fresh("conv"), weight=weight)
    return sketch.append(copy, (outputs, *keys.shape[1:]))


_STEPS = (
    _step_synapse,
    _step_layer,
    _step_layer,
    _step_neurons,
    _step_mix,
    _step_pool,
    _step_pool,
    _step_add,
    _step_add,
    _step_concat,
    _step_delay,
    _step_loop,
    _step_attention,
)
