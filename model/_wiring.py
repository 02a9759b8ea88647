"""Rules of how layers are put together, for networks that `expand` has written out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from spikeloom.ir import Shape
from spikeloom.model._flow import (
    Flow,
    Layers,
    current_names,
    cycles,
    infer_flows,
    reached,
    readers_of,
)
from spikeloom.model._layer_config import (
    AddLayer,
    ConcatLayer,
    ConvLayer,
    DelayLayer,
    DenseLayer,
    LayerConfig,
    MaxPoolLayer,
    MixLayer,
    NeuronLayer,
    PoolLayer,
    ProductLayer,
    WindowLayer,
    layer_sources,
)
from spikeloom.model._schema import nearest_hint
from spikeloom.model._shapes import output_shape

OPERAND_BITS = 16


def places(layers: Layers) -> dict[str, str]:
    """How messages call a layer, by its name."""
    return {layer.name: f"network.layers[{i}] {layer.name!r}" for i, layer in enumerate(layers)}


def wiring_problems(layers: Layers, source: Flow, time_steps: int) -> list[str]:
    """What is wrong with sources, shapes and kinds of value; later rules need the earlier ones."""
    return (
        list(_source_problems(layers))
        or list(_reading_problems(layers))
        or _shape_problems(layers, source.shape)
        or list(_kind_problems(layers, source))
        or list(_loop_problems(layers))
        or list(_delay_problems(layers, time_steps))
        or list(_size_problems(layers, source, time_steps))
    )


def _source_problems(layers: Layers) -> Iterator[str]:
    at = places(layers)
    names = ["input", *at]
    known = {"input"}
    for layer in layers:
        sources = layer_sources(layer)
        least = 2 if isinstance(layer, ConcatLayer) else 1
        if len(sources) < least:
            yield f"{at[layer.name]}: sources must name at least {least} of the layers before it"
        for name in sources:
            if name not in names:
                yield f"{at[layer.name]}: no layer is called {name!r}; {nearest_hint(name, names)}"
            elif name == layer.name:
                yield f"{at[layer.name]}: a layer must not read itself"
            elif name not in known and not isinstance(layer, DelayLayer):
                yield (
                    f"{at[layer.name]}: {name!r} comes later; only a delay may read what comes "
                    "later, so move it or read it through a delay"
                )
            elif name not in known and isinstance(layer, DelayLayer) and not layer.shape:
                yield f"{at[layer.name]}: its source comes later, so give its shape"
        known.add(layer.name)


def _reading_problems(layers: Layers) -> Iterator[str]:
    """Everything lies on a way from the input to the last layer."""
    at = places(layers)
    readers = readers_of(layers)
    last = layers[-1].name
    if readers[last]:
        yield f"{at[last]}: nothing may read the last layer, but {readers[last][0]!r} does"
    sources = {layer.name: layer_sources(layer) for layer in layers}
    fed, used = reached("input", readers), reached(last, sources)
    for layer in layers[:-1]:
        if not readers[layer.name]:
            yield f"{at[layer.name]}: nothing reads it; remove it, or name it as a source"
        elif layer.name not in used:
            yield (
                f"{at[layer.name]}: no way leads from it to the last layer, only round a loop; "
                "remove the loop, or name it as a source"
            )
    for layer in layers:
        if layer.name not in fed:
            yield (
                f"{at[layer.name]}: no way leads to it from the input; name one of the layers "
                "before it as a source"
            )


def _shape_problems(layers: Layers, shape: Shape) -> list[str]:
    """The first shape that is wrong; what follows from it would only confuse."""
    at = places(layers)
    shapes = {"input": shape}
    for layer in layers:
        sources = [shapes[name] for name in layer_sources(layer) if name in shapes]
        problem = _shape_problem(layer, sources)
        if problem:
            return [f"{at[layer.name]}: {problem}"]
        shapes[layer.name] = output_shape(layer, sources)
        if min(shapes[layer.name]) < 1:
            made = shapes[layer.name]
            return [f"{at[layer.name]}: the kernel must fit its input; the output would be {made}"]
    return [
        f"{at[layer.name]}: shape must be that of {layer.source!r}, {shapes[layer.source]}, "
        f"not {layer.shape}"
        for layer in layers
        if isinstance(layer, DelayLayer) and shapes[layer.name] != shapes[layer.source]
    ]


def _shape_problem(layer: LayerConfig, sources: Sequence[Shape]) -> str | None:
    mapped = ConvLayer | MixLayer | ProductLayer | PoolLayer | MaxPoolLayer
    if isinstance(layer, mapped) and any(len(shape) != 3 for shape in sources):
        flat = next(shape for shape in sources if len(shape) != 3)
        return f"a {layer.kind} layer needs a feature map, but gets {flat}"
    match layer:
        case ConvLayer() if sources[0][0] % layer.groups or layer.channels % layer.groups:
            return (
                f"groups = {layer.groups} must divide its {sources[0][0]} input channels and "
                f"its {layer.channels} channels"
            )
        case PoolLayer() | MaxPoolLayer() if any(map(int.__ge__, layer.padding, layer.kernel)):
            return f"padding {layer.padding} must be below the kernel {layer.kernel}"
        case AddLayer() if len(set(sources)) > 1:
            return f"all sources must have one shape, but they have {_listed(sources)}"
        case ConcatLayer() if len({shape[1:] for shape in sources}) > 1:
            return f"all sources must agree but for channels, but they have {_listed(sources)}"
        case ProductLayer():
            return _product_problem(layer, sources[0], sources[1])
    return None


def _listed(shapes: Sequence[Shape]) -> str:
    return ", ".join(map(str, shapes))


def _product_problem(layer: ProductLayer, source: Shape, weights: Shape) -> str | None:
    if source[0] % layer.heads or weights[0] % layer.heads:
        return (
            f"heads = {layer.heads} must divide the {source[0]} channels of {layer.source!r} and "
            f"the {weights[0]} of {layer.weights!r}"
        )
    wanted = weights[0] if layer.transposed else layer.heads * math.prod(weights[1:])
    if source[0] == wanted:
        return None
    why = "as its weights" if layer.transposed else "heads times the positions of its weights"
    return f"{layer.source!r} must have {wanted} channels, {why}, not {source[0]}"


def _kind_problems(layers: Layers, source: Flow) -> Iterator[str]:
    """Who reads spikes where there are currents, or the other way round."""
    at = places(layers)
    currents = current_names(layers)
    for layer in layers:
        match layer:
            case DenseLayer() | ConvLayer() | MixLayer() | ProductLayer():
                if layer.source in currents:
                    yield (
                        f"{at[layer.name]}: it reads spikes, but {layer.source!r} is a current; "
                        "put a layer of kind 'neurons' between them"
                    )
            case ConcatLayer():
                kinds = {name in currents for name in layer.sources}
                if len(kinds) > 1:
                    yield (
                        f"{at[layer.name]}: its sources must be all spikes or all currents; "
                        "put neurons behind the currents"
                    )
    if source.is_static:
        yield from _direct_problems(layers)


def _direct_problems(layers: Layers) -> Iterator[str]:
    """Values of several bits enter through the first synapses alone."""
    at = places(layers)
    direct = {"input"}
    for layer in layers:
        if direct.isdisjoint(layer_sources(layer)):
            continue
        if isinstance(layer, PoolLayer) and _is_side_by_side(layer):
            direct.add(layer.name)
        elif not isinstance(layer, DenseLayer | ConvLayer):
            yield (
                f"{at[layer.name]}: with encoder = 'direct' only dense and conv layers, and pools "
                "side by side without padding, read the input; put a conv layer before it, or use "
                "encoder = 'rate'"
            )


def _is_side_by_side(layer: WindowLayer) -> bool:
    return layer.stride in (None, layer.kernel) and layer.padding == (0, 0)


def _loop_problems(layers: Layers) -> Iterator[str]:
    """A loop without weights or neurons must not make its own lattice finer at each pass."""
    at = places(layers)
    routes = {x.name: layer_sources(x) for x in layers if not isinstance(x, NeuronLayer)}
    looped = {name for cycle in cycles(routes) for name in cycle}
    for layer in layers:
        if layer.name in looped and isinstance(layer, PoolLayer):
            yield (
                f"{at[layer.name]}: a loop without neurons must not pass a pool layer, which makes "
                "its values finer each time; put neurons into the loop"
            )


def _delay_problems(layers: Layers, time_steps: int) -> Iterator[str]:
    """The input reaches the last layer before the time is over."""
    delays = {"input": 0}
    for _ in layers:  # every pass settles at least one more layer
        for layer in layers:
            found = [delays[name] for name in layer_sources(layer) if name in delays]
            if found:
                delays[layer.name] = min(found) + isinstance(layer, DelayLayer)
    last = layers[-1].name
    if delays[last] >= time_steps:
        yield (
            f"{places(layers)[last]}: every way from the input to it passes at least "
            f"{delays[last]} delays, which takes more than network.time_steps = {time_steps}; "
            "remove a delay, or raise network.time_steps"
        )


def _size_problems(layers: Layers, source: Flow, time_steps: int) -> Iterator[str]:
    at = places(layers)
    flows = infer_flows(layers, source, time_steps)
    for layer in layers:
        flow = flows[layer.name]
        if not flow.is_current and flow.largest >= 1 << OPERAND_BITS:
            yield (
                f"{at[layer.name]}: its values may reach {flow.largest}, but must stay within "
                f"{OPERAND_BITS} bits; sum fewer spikes, or lower data.input_bits"
            )
