"""Rules of a configuration that no single key can break alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeloom.ir import Shape, is_name
from spikeloom.model._schema import nearest_hint

if TYPE_CHECKING:
    from spikeloom.model._config import (
        Config,
        ConvLayer,
        LayerConfig,
        NetworkConfig,
        NeuronConfig,
        PoolLayer,
        SynapseLayer,
    )

IMAGE_SIDE = {"digits": 8, "mnist": 28, "fashion_mnist": 28}
PIXEL_BITS = {"digits": 4, "mnist": 8, "fashion_mnist": 8}
CLASSES = 10
NAME_RULE = "a lower-case letter, then lower-case letters, digits and single underscores"
RESERVED = ("input", "readout")
SPIKING_KEYS = ("threshold", "learn_threshold", "surrogate", "sharpness", "detach_reset")


def layer_names(network: NetworkConfig) -> list[str]:
    """Name of every layer: the one given, or its kind and position."""
    return [layer.name or f"{layer.kind}{i}" for i, layer in enumerate(network.layers)]


def layer_shape(layer: LayerConfig, shape: Shape) -> Shape:
    """Shape of the layer's output for an input of `shape`; sides may come out below 1."""
    match layer.kind:
        case "dense":
            return (layer.features,)
        case "conv":
            return (layer.channels, *_conv_sides(layer, shape))
        case "pool":
            return (shape[0], *_pool_sides(layer, shape))


def _conv_sides(layer: ConvLayer, shape: Shape) -> Shape:
    sides = zip(shape[1:], layer.kernel, layer.stride, layer.padding, strict=True)
    return tuple((side + 2 * pad - kernel) // step + 1 for side, kernel, step, pad in sides)


def _pool_sides(layer: PoolLayer, shape: Shape) -> Shape:
    return tuple(side // kernel for side, kernel in zip(shape[1:], layer.kernel, strict=True))


def config_problems(config: Config) -> list[str]:
    """Everything that is wrong with a configuration whose keys are all valid."""
    side = IMAGE_SIDE[config.data.set]
    return [
        *_name_problems(config),
        *_data_problems(config),
        *network_problems(
            config.network, config.readout.kind, shape=(1, side, side), classes=CLASSES
        ),
        *_hardware_problems(config),
    ]


def network_problems(
    network: NetworkConfig, readout: str, *, shape: Shape, classes: int | None = None
) -> list[str]:
    """Everything that is wrong with a network for inputs of `shape`."""
    problems = [*_layer_name_problems(network), *_shape_problems(network, shape)]
    for i, layer in enumerate(network.layers):
        if layer.kind != "pool":
            problems += _neuron_problems(layer.neuron, f"network.layers[{i}].neuron")
    return problems + _last_problems(network, readout, classes)


def _name_problems(config: Config) -> list[str]:
    if is_name(config.name):
        return []
    return [f"name must be {NAME_RULE}, not {config.name!r}"]


def _data_problems(config: Config) -> list[str]:
    most = PIXEL_BITS[config.data.set]
    if config.data.input_bits <= most:
        return []
    return [f"data.input_bits must be at most {most} for {config.data.set!r}"]


def _layer_name_problems(network: NetworkConfig) -> list[str]:
    names = layer_names(network)
    problems = [
        f"network.layers[{i}].name must be {NAME_RULE} (not {' or '.join(RESERVED)}), not {name!r}"
        for i, name in enumerate(names)
        if not is_name(name) or name in RESERVED
    ]
    twice = sorted({name for name in names if names.count(name) > 1})
    problems += [f"network.layers: the name {name!r} is used twice" for name in twice]
    taken = sorted({f"{name}_synapse" for name in names} & set(names))
    return problems + [
        f"network.layers: the name {name!r} is that of another layer's synapse; rename it"
        for name in taken
    ]


def _shape_problems(network: NetworkConfig, shape: Shape) -> list[str]:
    for i, layer in enumerate(network.layers):
        where = f"network.layers[{i}]"
        if layer.kind != "dense" and len(shape) != 3:
            return [f"{where}: a {layer.kind} layer needs a feature map, but gets {shape}"]
        shape = layer_shape(layer, shape)
        if min(shape) < 1:
            return [f"{where}: the kernel must fit its input; the output would be {shape}"]
    return []


def _neuron_problems(neuron: NeuronConfig, where: str) -> list[str]:
    given = [key for key in ("leak", "beta", "tau") if getattr(neuron, key) is not None]
    problems = []
    if len(given) > 1:
        problems.append(f"{where}: give only one of {', '.join(given)}")
    if neuron.kind == "if" and given:
        problems.append(f"{where}: kind 'if' has no leak; remove {given[0]!r} or use 'lif'")
    if neuron.kind == "plif" and neuron.leak is not None:
        problems.append(f"{where}: kind 'plif' learns its decay; give its start as beta or tau")
    if neuron.beta == 0.0 or neuron.tau == 1.0:
        problems.append(f"{where}: the decay factor must be above 0")
    if neuron.kind == "plif" and neuron.beta == 1.0:
        problems.append(f"{where}: the initial beta of kind 'plif' must be below 1")
    return problems


def _last_problems(network: NetworkConfig, readout: str, classes: int | None) -> list[str]:
    if not network.layers:
        return ["network.layers must have at least one layer"]
    where = f"network.layers[{len(network.layers) - 1}]"
    last = network.layers[-1]
    if last.kind != "dense":
        return [f"{where}: the last layer must be of kind 'dense', not {last.kind!r}"]
    problems = []
    if classes is not None and last.features != classes:
        problems.append(f"{where}.features must be {classes}, the number of classes")
    if readout == "membrane":
        problems += _integrator_problems(last, where)
    return problems


def _integrator_problems(layer: SynapseLayer, where: str) -> list[str]:
    """The last layer of a membrane readout never spikes."""
    problems = []
    if layer.batch_norm:
        problems.append(
            f"{where}.batch_norm must be false with readout.kind = 'membrane': "
            "there is no threshold to fold it into"
        )
    if layer.neuron.kind == "plif":
        problems.append(f"{where}.neuron.kind must be 'lif' or 'if' with a membrane readout")
    if layer.neuron.reset not in (None, "none"):
        problems.append(
            f"{where}.neuron.reset must be 'none' with readout.kind = 'membrane', "
            f"not {layer.neuron.reset!r}"
        )
    return problems + _unused_problems(layer.neuron, where)


def _unused_problems(neuron: NeuronConfig, where: str) -> list[str]:
    """Keys that only neurons with a threshold look at."""
    defaults = type(neuron)()
    return [
        f"{where}.neuron.{key} has no effect with readout.kind = 'membrane', whose last layer "
        "never spikes; remove it"
        for key in SPIKING_KEYS
        if getattr(neuron, key) != getattr(defaults, key)
    ]


def _hardware_problems(config: Config) -> list[str]:
    layers = config.network.layers
    names = [
        name
        for name, layer in zip(layer_names(config.network), layers, strict=True)
        if layer.kind != "pool"
    ]
    problems = []
    for name in config.hardware.layers:
        if name not in names:
            hint = nearest_hint(name, names)
            problems.append(f"hardware.layers.{name}: no layer has that name; {hint}")
    return problems
