"""Rules of how layers are put together, and what is said when they are broken."""

from __future__ import annotations

import pytest

from spikeloom.ir import ConfigError, Shape
from spikeloom.model import (
    AddLayer,
    ConcatLayer,
    ConvLayer,
    DelayLayer,
    DenseLayer,
    LayerConfig,
    MaxPoolLayer,
    MixLayer,
    Network,
    NetworkConfig,
    NeuronConfig,
    NeuronsLayer,
    PoolLayer,
    ProductLayer,
    expand,
)
from spikeloom.model._architectures import SkipNetworkConfig
from spikeloom.model._flow import Flow, cycles, infer_flows, stages
from spikeloom.model._shapes import layer_shapes

SHAPE = (2, 6, 6)
NONE = NeuronConfig(kind="none")
LAST = DenseLayer(name="last", features=3)
CONV = ConvLayer(name="conv", channels=4, padding=(1, 1))
BARE = ConvLayer(name="bare", source="input", channels=4, padding=(1, 1), neuron=NONE)
SPIKES = NeuronsLayer(name="spikes", source="bare")


def _message(*layers: LayerConfig, shape: Shape = SHAPE, **options: object) -> str:
    """What is said of a network of these layers; it must be wrong."""
    config = NetworkConfig(layers=layers, **options)  # type: ignore[arg-type]  # what a test needs
    with pytest.raises(ConfigError) as caught:
        Network(config, shape=shape, input_bits=4)
    return str(caught.value)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            (CONV, DenseLayer(name="last", source="cnov", features=3)),
            "network.layers[1] 'last': no layer is called 'cnov'; did you mean 'conv'?",
        ),
        (
            (ConcatLayer(name="none", sources=()), LAST),
            "network.layers[0] 'none': sources must name at least 2 of the layers before it",
        ),
        (
            (AddLayer(name="none", sources=()), LAST),
            "network.layers[0] 'none': sources must name at least 1 of the layers before it",
        ),
        (
            (CONV, DelayLayer(name="late", source="late", shape=SHAPE), LAST),
            "network.layers[1] 'late': a layer must not read itself",
        ),
        (
            (CONV, AddLayer(name="sum", sources=("conv", "last")), LAST),
            "network.layers[1] 'sum': 'last' comes later; only a delay may read what comes later, "
            "so move it or read it through a delay",
        ),
        (
            (
                CONV,
                DelayLayer(name="late", source="sum"),
                AddLayer(name="sum", sources=("conv", "late")),
                LAST,
            ),
            "network.layers[1] 'late': its source comes later, so give its shape",
        ),
        (
            (CONV, MaxPoolLayer(name="dead"), DenseLayer(name="last", source="conv", features=3)),
            "network.layers[1] 'dead': nothing reads it; remove it, or name it as a source",
        ),
        (
            (
                CONV,
                DelayLayer(name="late", source="sum", shape=(4, 6, 6)),
                AddLayer(name="sum", sources=("conv", "late")),
                DenseLayer(name="last", source="conv", features=3),
            ),
            "network.layers[2] 'sum': no way leads from it to the last layer, only round a loop; "
            "remove the loop, or name it as a source",
        ),
        (
            (
                DelayLayer(name="late", source="loop", shape=(4, 6, 6)),
                NeuronsLayer(name="loop", source="late"),
                CONV,
                DenseLayer(name="other", source="loop", features=4),
                DenseLayer(name="more", source="conv", features=4),
                AddLayer(name="sum", sources=("other", "more")),
                LAST,
            ),
            "network.layers[1] 'loop': no way leads to it from the input; name one of the layers "
            "before it as a source",
        ),
        (
            (
                DelayLayer(name="late", source="last", shape=(3,)),
                AddLayer(name="sum", sources=("late", "input")),
                LAST,
            ),
            "network.layers[2] 'last': nothing may read the last layer, but 'late' does",
        ),
    ],
)
def test_sources_have_rules(layers: tuple[LayerConfig, ...], message: str) -> None:
    assert message in _message(*layers).split("\n  ")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            (DenseLayer(name="flat", features=8), MixLayer(name="mix", axis="rows"), LAST),
            "'mix': a mix layer needs a feature map, but gets (8,)",
        ),
        (
            (
                CONV,
                DenseLayer(name="flat", source="input", features=8, neuron=NONE),
                ProductLayer(name="gate", source="conv", weights="flat"),
                LAST,
            ),
            "'gate': a product layer needs a feature map, but gets (8,)",
        ),
        (
            (ConvLayer(name="split", channels=4, groups=4), LAST),
            "'split': groups = 4 must divide its 2 input channels and its 4 channels",
        ),
        (
            (ConvLayer(name="split", channels=3, groups=2), LAST),
            "'split': groups = 2 must divide its 2 input channels and its 3 channels",
        ),
        (
            (CONV, MaxPoolLayer(name="p", padding=(0, 2)), LAST),
            "'p': padding (0, 2) must be below the kernel (2, 2)",
        ),
        ((CONV, PoolLayer(name="p", padding=(2, 0)), LAST), "'p': padding (2, 0) must be below"),
        (
            (ConvLayer(name="wide", channels=2, dilation=(3, 3)), LAST),
            "'wide': the kernel must fit its input; the output would be (2, 0, 0)",
        ),
        (
            (
                CONV,
                ConvLayer(name="b", channels=2),
                AddLayer(name="sum", sources=("conv", "b")),
                LAST,
            ),
            "'sum': all sources must have one shape, but they have (4, 6, 6), (2, 4, 4)",
        ),
        (
            (
                CONV,
                ConvLayer(name="b", channels=2),
                ConcatLayer(name="both", sources=("conv", "b")),
                LAST,
            ),
            "'both': all sources must agree but for channels, but they have (4, 6, 6), (2, 4, 4)",
        ),
        (
            (
                CONV,
                DelayLayer(name="late", source="sum", shape=(4, 6, 6)),
                AddLayer(name="first", sources=("conv", "late")),
                ConvLayer(name="sum", channels=3),
                LAST,
            ),
            "'late': shape must be that of 'sum', (3, 4, 4), not (4, 6, 6)",
        ),
        (
            (CONV, BARE, ProductLayer(name="gate", source="conv", weights="bare", heads=3), LAST),
            "'gate': heads = 3 must divide the 4 channels of 'conv' and the 4 of 'bare'",
        ),
        (
            (CONV, BARE, ProductLayer(name="gate", source="conv", weights="bare", heads=2), LAST),
            "'gate': 'conv' must have 72 channels, heads times the positions of its weights, not 4",
        ),
        (
            (
                ConvLayer(name="two", channels=2),
                BARE,
                ProductLayer(name="gate", source="two", weights="bare", transposed=True),
                LAST,
            ),
            "'gate': 'two' must have 4 channels, as its weights, not 2",
        ),
    ],
)
def test_shapes_have_rules(layers: tuple[LayerConfig, ...], message: str) -> None:
    assert message in _message(*layers)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            (BARE, LAST),
            "'last': it reads spikes, but 'bare' is a current; put a layer of kind 'neurons' "
            "between them",
        ),
        (
            (BARE, ProductLayer(name="gate", source="bare", weights="bare", transposed=True), LAST),
            "'gate': it reads spikes, but 'bare' is a current",
        ),
        (
            (BARE, SPIKES, ConcatLayer(name="both", sources=("bare", "spikes")), LAST),
            "'both': its sources must be all spikes or all currents; put neurons behind the "
            "currents",
        ),
        (
            (MaxPoolLayer(name="p"), LAST),
            "'p': with encoder = 'direct' only dense and conv layers, and pools side by side "
            "without padding, read the input; put a conv layer before it, or use encoder = 'rate'",
        ),
        ((PoolLayer(name="p", stride=(1, 1)), LAST), "'p': with encoder = 'direct' only dense"),
        ((PoolLayer(), NeuronsLayer(name="n"), LAST), "'n': with encoder = 'direct' only dense"),
        (
            (
                BARE,
                DelayLayer(name="late", source="smooth", shape=(4, 6, 6)),
                AddLayer(name="sum", sources=("bare", "late")),
                PoolLayer(name="smooth", kernel=(3, 3), stride=(1, 1), padding=(1, 1)),
                NeuronsLayer(name="n"),
                LAST,
            ),
            "'smooth': a loop without neurons must not pass a pool layer, which makes its values "
            "finer each time; put neurons into the loop",
        ),
    ],
)
def test_kinds_have_rules(layers: tuple[LayerConfig, ...], message: str) -> None:
    assert message in _message(*layers)


def test_counts_stay_within_the_bits_of_an_operand() -> None:
    """Each sum doubles what the delay before it brought."""
    layers = (
        CONV,
        DelayLayer(name="late", source="sum", shape=(4, 6, 6)),
        AddLayer(name="sum", sources=("conv", "late", "late")),
        LAST,
    )
    assert (
        "network.layers[2] 'sum': its values may reach 131071, but must stay within 16 bits; "
        "sum fewer spikes, or lower data.input_bits"
    ) in _message(*layers, time_steps=17)
    Network(NetworkConfig(layers=layers, time_steps=16), shape=SHAPE)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            (
                CONV,
                BARE,
                ProductLayer(weights="bare", source="bare", transposed=True, neuron=NONE),
                LAST,
            ),
            "network.layers[2].neuron.kind must not be 'none': a product layer needs neurons",
        ),
        (
            (BARE, NeuronsLayer(neuron=NONE), LAST),
            "network.layers[1].neuron.kind must not be 'none': a neurons layer needs neurons",
        ),
        (
            (ConvLayer(channels=2, neuron=NeuronConfig(kind="none", leak=1)), LAST),
            "network.layers[0].neuron.leak has no effect with kind 'none'; remove it",
        ),
        (
            (CONV, MixLayer(axis="rows", batch_norm=True, neuron=NONE), LAST),
            "network.layers[1].batch_norm must be false without neurons, as its bias would differ "
            "from place to place; give the layer neurons, or put a conv layer with batch_norm "
            "behind it",
        ),
        (
            (CONV, DenseLayer(features=3, neuron=NONE)),
            "network.layers[1].neuron.kind must not be 'none' in the last layer",
        ),
        (
            (
                CONV,
                ConvLayer(name="a", channels=4),
                ConcatLayer(name="c", sources=("a", "a")),
                ConvLayer(name="c_source0", channels=1),
                LAST,
            ),
            "network.layers: the name 'c_source0' is that of a part of a concat layer; rename it",
        ),
    ],
)
def test_currents_have_rules(layers: tuple[LayerConfig, ...], message: str) -> None:
    assert message in _message(*layers).split("\n  ")


def test_expanding_fills_in_names_and_sources() -> None:
    config = NetworkConfig(
        layers=(
            ConvLayer(channels=2, kernel=3),  # type: ignore[arg-type]  # one number for a pair
            AddLayer(sources=("conv0", "conv0")),
            MaxPoolLayer(source="conv0", stride=1),  # type: ignore[arg-type]  # as above
            DenseLayer(features=3),
        )
    )
    network = expand(config, SHAPE)
    assert [layer.name for layer in network.layers] == ["conv0", "add1", "max_pool2", "dense3"]
    sources = [getattr(layer, "source", None) for layer in network.layers]
    assert sources == ["input", None, "conv0", "max_pool2"]
    assert layer_shapes(network.layers, SHAPE) == {
        "input": (2, 6, 6),
        "conv0": (2, 4, 4),
        "add1": (2, 4, 4),
        "max_pool2": (2, 3, 3),
        "dense3": (3,),
    }
    assert expand(network, SHAPE) == network


def test_layers_and_an_architecture_exclude_each_other() -> None:
    architecture = SkipNetworkConfig()
    both = NetworkConfig(layers=(LAST,), architecture=architecture)
    with pytest.raises(ConfigError, match="must have layers or an architecture, not both"):
        expand(both, SHAPE, 3)
    with pytest.raises(ConfigError, match=r"an architecture needs the number of classes"):
        expand(NetworkConfig(architecture=architecture), SHAPE)


def test_flows_follow_sums_pools_and_loops() -> None:
    layers = expand(
        NetworkConfig(
            layers=(
                BARE,
                NeuronsLayer(name="spikes"),
                PoolLayer(name="nine", kernel=(3, 3)),
                PoolLayer(name="four", source="spikes", kernel=(3, 3)),
                AddLayer(name="sum", sources=("nine", "four")),
                MaxPoolLayer(name="two", source="spikes", kernel=(3, 3)),
                AddLayer(name="mixed", sources=("sum", "two")),
                DelayLayer(name="late", source="more", shape=(4, 2, 2)),
                AddLayer(name="more", sources=("two", "late")),
                PoolLayer(name="slow", source="bare", kernel=(3, 3)),
                AddLayer(name="current", sources=("slow", "more", "mixed")),
            )
        ),
        SHAPE,
    ).layers
    flows = infer_flows(layers, Flow(SHAPE, largest=15, steps=15, is_static=True), 3)
    assert flows["bare"] == Flow((4, 6, 6), is_current=True, is_static=True)
    assert flows["spikes"] == Flow((4, 6, 6))
    assert flows["nine"] == Flow((4, 2, 2), largest=9, steps=9)
    assert flows["sum"] == Flow((4, 2, 2), largest=18, steps=9)  # one unit: no shift
    assert flows["mixed"] == Flow((4, 2, 2), largest=18 + 8, steps=8)  # nine counts as eight
    assert flows["more"] == Flow((4, 2, 2), largest=3)
    assert flows["slow"].is_static
    assert flows["current"] == Flow((4, 2, 2), is_current=True)


def test_loops_run_in_one_stage_and_what_nobody_reads_is_dropped() -> None:
    layers = expand(
        NetworkConfig(
            layers=(
                CONV,
                DelayLayer(name="late", source="back", shape=(4, 6, 6)),
                AddLayer(name="sum", sources=("conv", "late")),
                ConvLayer(name="aside", source="conv", channels=4, kernel=(1, 1)),
                AddLayer(name="back", sources=("sum", "aside")),
                DenseLayer(name="last", source="sum", features=3),
            )
        ),
        SHAPE,
    ).layers
    found = stages(layers)
    assert [stage.names for stage in found] == [
        ("conv",),
        ("aside",),
        ("late", "sum", "back"),
        ("last",),
    ]
    assert [stage.read_outside for stage in found][2] == ("sum",)
    assert [stage.read_last for stage in found][1:] == [
        (),
        ("aside", "back", "conv", "late"),
        ("sum",),
    ]
    assert cycles({"a": ("b",), "b": ("c",), "c": ("a", "d"), "d": ()}) == [{"a", "b", "c"}]
    assert cycles({"a": (), "b": ("a",)}) == []
