"""Rules of a configuration that no single key can break alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeloom.ir import ConfigError, Shape, is_name
from spikeloom.model._flow import input_flow
from spikeloom.model._layer_config import (
    ConcatLayer,
    ConvLayer,
    DenseLayer,
    LayerConfig,
    MixLayer,
    NeuronConfig,
    NeuronLayer,
    NeuronsLayer,
    ProductLayer,
    SynapseLayer,
    neuron_problems,
)
from spikeloom.model._network_config import NetworkConfig, expand
from spikeloom.model._schema import nearest_hint
from spikeloom.model._wiring import wiring_problems

if TYPE_CHECKING:
    from spikeloom.model._config import Config

IMAGE_SHAPES = {"digits": (1, 8, 8), "mnist": (1, 28, 28), "fashion_mnist": (1, 28, 28)}
PIXEL_BITS = {"digits": 4, "mnist": 8, "fashion_mnist": 8}
CLASSES = 10
NAME_RULE = "a lower-case letter, then lower-case letters, digits and single underscores"
RESERVED = ("input", "readout")
SPIKING_KEYS = ("threshold", "learn_threshold", "surrogate", "sharpness", "detach_reset")


def config_problems(config: Config) -> list[str]:
    """Everything that is wrong with a configuration whose keys are all valid."""
    shape = IMAGE_SHAPES[config.data.set]
    problems = [*_name_problems(config), *_data_problems(config)]
    try:
        network = expand(config.network, shape, CLASSES)
    except ConfigError as error:
        return [*problems, str(error)]
    problems += network_problems(
        network,
        config.readout.kind,
        shape=shape,
        input_bits=config.data.input_bits,
        classes=CLASSES,
    )
    return problems + _hardware_problems(config, network)


def network_problems(
    network: NetworkConfig,
    readout: str,
    *,
    shape: Shape,
    input_bits: int,
    classes: int | None = None,
) -> list[str]:
    """Everything that is wrong with a network, written out by `expand`, for inputs of `shape`."""
    if not network.layers:
        return ["network.layers must have at least one layer"]
    problems = _layer_name_problems(network)
    if len({layer.name for layer in network.layers}) == len(network.layers):
        source = input_flow(shape, input_bits, network.encoder)
        problems += wiring_problems(network.layers, source, network.time_steps)
    for i, layer in enumerate(network.layers):
        if isinstance(layer, NeuronLayer):
            problems += neuron_problems(layer.neuron, f"network.layers[{i}].neuron")
            problems += _current_problems(layer, f"network.layers[{i}]")
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
    names = [layer.name for layer in network.layers]
    problems = [
        f"network.layers[{i}].name must be {NAME_RULE} (not {' or '.join(RESERVED)}), not {name!r}"
        for i, name in enumerate(names)
        if not is_name(name) or name in RESERVED
    ]
    twice = sorted({name for name in names if names.count(name) > 1})
    problems += [f"network.layers: the name {name!r} is used twice" for name in twice]
    synapses = {
        f"{layer.name}_synapse"
        for layer in network.layers
        if isinstance(layer, SynapseLayer | ProductLayer)
    }
    problems += [
        f"network.layers: the name {name!r} is that of another layer's synapse; rename it"
        for name in sorted(synapses & set(names))
    ]
    parts = {
        f"{layer.name}_source{k}"
        for layer in network.layers
        if isinstance(layer, ConcatLayer)
        for k in range(len(layer.sources))
    }
    return problems + [
        f"network.layers: the name {name!r} is that of a part of a concat layer; rename it"
        for name in sorted(parts & set(names))
    ]


def _current_problems(layer: NeuronLayer, where: str) -> list[str]:
    """Layers whose neurons are of kind "none"."""
    if layer.neuron.kind != "none":
        return []
    if isinstance(layer, ProductLayer | NeuronsLayer):
        return [f"{where}.neuron.kind must not be 'none': a {layer.kind} layer needs neurons"]
    problems = [
        f"{where}.neuron.{key} has no effect with kind 'none'; remove it"
        for key in NeuronConfig.__slots__
        if key != "kind" and getattr(layer.neuron, key) != getattr(NeuronConfig(), key)
    ]
    if isinstance(layer, MixLayer) and layer.batch_norm:
        problems.append(
            f"{where}.batch_norm must be false without neurons, as its bias would differ from "
            "place to place; give the layer neurons, or put a conv layer with batch_norm behind it"
        )
    return problems


def _last_problems(network: NetworkConfig, readout: str, classes: int | None) -> list[str]:
    where = f"network.layers[{len(network.layers) - 1}]"
    last = network.layers[-1]
    if last.kind != "dense":
        return [f"{where}: the last layer must be of kind 'dense', not {last.kind!r}"]
    if last.neuron.kind == "none":
        return [f"{where}.neuron.kind must not be 'none' in the last layer"]
    problems = []
    if classes is not None and last.features != classes:
        problems.append(f"{where}.features must be {classes}, the number of classes")
    if readout == "membrane":
        problems += _integrator_problems(last, where)
    return problems


def _integrator_problems(layer: DenseLayer, where: str) -> list[str]:
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


def _hardware_problems(config: Config, network: NetworkConfig) -> list[str]:
    names = [name for layer in network.layers for name in _hardware_names(layer)]
    problems = []
    for name in config.hardware.layers:
        if name not in names:
            hint = nearest_hint(name, names)
            problems.append(f"hardware.layers.{name}: no layer has that name; {hint}")
    return problems


def _hardware_names(layer: LayerConfig) -> list[str]:
    """Names of what can be folded: neurons, synapses and products."""
    match layer:
        case NeuronsLayer():
            return [layer.name]
        case DenseLayer() | ConvLayer() | MixLayer() | ProductLayer():
            return [layer.name, f"{layer.name}_synapse"]
        case _:
            return []
