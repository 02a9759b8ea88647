"""Configuration files: what they may hold, and what is said when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikeloom.ir import ConfigError
from spikeloom.model import (
    Config,
    ConvLayer,
    DataConfig,
    DelayLayer,
    DenseLayer,
    HardwareConfig,
    LayerHardware,
    MaxPoolLayer,
    NetworkConfig,
    NeuronConfig,
    PoolLayer,
    TrainConfig,
    check_config,
    dump_config,
    load_config,
    parse_config,
)

EXAMPLES = Path(__file__).parent.parent / "examples"
GOOD = """
name = "small"

[data]
set = "mnist"
input_bits = 2

[network]
time_steps = 3

[[network.layers]]
kind = "conv"
name = "first"
channels = 4
kernel = [3, 5]
padding = 1
neuron = { kind = "lif", tau = 2, surrogate = "sigmoid" }

[[network.layers]]
kind = "pool"

[[network.layers]]
kind = "dense"
features = 10

[train]
epochs = 3
learning_rate = 1

[hardware]
input_lanes = 8
clock_mhz = 120

[hardware.layers.first]
engine = "event"
lanes = 4
"""


def test_file_becomes_frozen_dataclasses() -> None:
    config = parse_config(GOOD)
    assert config == Config(
        name="small",
        data=DataConfig(set="mnist", input_bits=2),
        network=NetworkConfig(
            time_steps=3,
            layers=(
                ConvLayer(
                    name="first",
                    channels=4,
                    kernel=(3, 5),
                    padding=(1, 1),
                    neuron=NeuronConfig(kind="lif", tau=2.0, surrogate="sigmoid"),
                ),
                PoolLayer(),
                DenseLayer(features=10),
            ),
        ),
        train=TrainConfig(epochs=3, learning_rate=1.0),
        hardware=HardwareConfig(
            input_lanes=8,
            clock_mhz=120.0,
            layers={"first": LayerHardware(engine="event", lanes=4)},
        ),
    )


def test_dumped_configuration_reads_back_unchanged() -> None:
    config = parse_config(GOOD)
    assert parse_config(dump_config(config)) == config
    check_config(config)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.toml")), ids=lambda file: file.stem)
def test_examples_are_valid(file: Path) -> None:
    config = load_config(file)
    assert config.name == file.stem
    assert parse_config(dump_config(config)) == config


def test_every_problem_is_listed_with_its_place_and_the_nearest_name() -> None:
    text = """
        nam = "x"
        seed = "one"
        [data]
        set = "minst"
        input_bits = 12
        [network]
        time_step = 4
        [[network.layers]]
        kind = "dense"
        weight_bits = true
        [[network.layers]]
        kind = "cnov"
        [[network.layers]]
        kind = "conv"
        channels = 4
        kernel = [3, 3, 3]
        neuron = { surrogate = "atna", leak = 1.5 }
        [train]
        epochs = 0
        colour = "red"
        [hardware.layers.x]
        lane = 4
    """
    with pytest.raises(ConfigError) as caught:
        parse_config(text, source="bad.toml")
    assert str(caught.value).split("\n  ") == [
        "bad.toml has 15 problems:",
        "unknown key 'nam' in the top level; did you mean 'name'?",
        "name is missing",
        "seed must be an integer, not 'one'",
        "data.set must be one of 'digits', 'mnist', 'fashion_mnist', not 'minst'; "
        "did you mean 'mnist'?",
        "data.input_bits must be 1 to 8, not 12",
        "unknown key 'time_step' in table [network]; did you mean 'time_steps'?",
        "network.layers[0].features is missing",
        "network.layers[0].weight_bits must be an integer, not True",
        "network.layers[1].kind must be one of 'dense', 'conv', 'mix', 'product', 'pool', "
        "'max_pool', 'concat', 'add', 'delay', 'neurons', not 'cnov'; did you mean 'conv'?",
        "network.layers[2].kernel must be one integer or 2, not [3, 3, 3]",
        "network.layers[2].neuron.leak must be an integer, not 1.5",
        "network.layers[2].neuron.surrogate must be one of 'atan', 'sigmoid', 'fast_sigmoid', "
        "'triangular', 'rectangular', 'straight_through', not 'atna'; did you mean 'atan'?",
        "unknown key 'colour' in table [train]; valid: epochs, float_epochs, batch_size, "
        "learning_rate, weight_decay, schedule, early_stopping, label_smoothing, shift, "
        "rotation, zoom, threads",
        "train.epochs must be 1 to 10000, not 0",
        "unknown key 'lane' in table [hardware.layers.x]; did you mean 'lanes'?",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "small"', 'name = "Small one"', r"name must be a lower-case letter, then"),
        ('name = "first"', 'name = "input"', r"network\.layers\[0\]\.name must be .* not 'input'"),
        ('name = "first"', 'name = "dense2"', r"the name 'dense2' is used twice"),
        (
            "features = 10",
            'features = 10\nname = "first_synapse"',
            r"the name 'first_synapse' is that of another layer's synapse; rename it",
        ),
        (
            "features = 10",
            "features = 10\nweight_step = 0.0",
            r"network\.layers\[2\]\.weight_step must be 0\.01 to 10, not 0\.0",
        ),
        ("features = 10", "features = 9", r"network\.layers\[2\]\.features must be 10, the number"),
        (
            "features = 10",
            "features = 10\nbatch_norm = true",
            r"network\.layers\[2\]\.batch_norm must be false with readout\.kind = 'membrane'",
        ),
        (
            "features = 10",
            'features = 10\nneuron = { reset = "zero" }',
            r"network\.layers\[2\]\.neuron\.reset must be 'none' with readout\.kind",
        ),
        (
            "features = 10",
            'features = 10\nneuron = { kind = "plif" }',
            r"network\.layers\[2\]\.neuron\.kind must be 'lif' or 'if' with a membrane",
        ),
        (
            "features = 10",
            "features = 10\nneuron = { threshold = 2.0 }",
            r"network\.layers\[2\]\.neuron\.threshold has no effect with readout\.kind = 'membr",
        ),
        (
            "features = 10",
            'features = 10\nneuron = { surrogate = "sigmoid" }',
            r"network\.layers\[2\]\.neuron\.surrogate has no effect .*; remove it",
        ),
        (
            "features = 10",
            "features = 10\nneuron = { learn_threshold = true }",
            r"network\.layers\[2\]\.neuron\.learn_threshold has no effect .*; remove it",
        ),
        (
            'kind = "pool"',
            'kind = ["pool"]',
            r"network\.layers\[1\]\.kind must be one of 'dense', 'conv', .*, not \['pool'\]",
        ),
        (
            'kind = "pool"',
            "kind = { pool = 1 }",
            r"network\.layers\[1\]\.kind must be one of .*, not \{'pool': 1\}",
        ),
        ('kind = "pool"', 'kind = "pol"', r"not 'pol'; did you mean 'pool'\?"),
        (
            'kind = "pool"',
            "kernel = 2",
            r"layers\[1\]\.kind is missing; it must be one of 'dense'",
        ),
        ('name = "first"', 'name = "a__b"', r"network\.layers\[0\]\.name must be .* not 'a__b'"),
        ("tau = 2", "tau = 2, leak = 1", r"network\.layers\[0\]\.neuron: give only one of leak"),
        ('"lif", tau = 2', '"if", tau = 2', r"kind 'if' has no leak; remove 'tau' or use 'lif'"),
        ('"lif", tau = 2', '"plif", leak = 2', r"kind 'plif' learns its decay"),
        ("tau = 2", "beta = 0", r"the decay factor must be above 0"),
        ('"lif", tau = 2', '"plif", beta = 1', r"the initial beta of kind 'plif' must be below 1"),
        (
            "kernel = [3, 5]",
            "kernel = 31",
            r"network\.layers\[0\] 'first': the kernel must fit its",
        ),
        ('set = "mnist"\ninput_bits = 2', "input_bits = 5", r"must be at most 4 for 'digits'"),
        (
            "[hardware.layers.first]",
            "[hardware.layers.frist]",
            r"hardware\.layers\.frist: no layer has that name; did you mean 'first'\?",
        ),
        ("input_lanes = 8", "input_lanes = 0", r"hardware\.input_lanes must be 1 to 4096, not 0"),
        ("[train]", "[[train]]", r"train must be a table, not \[\{"),
        ('kind = "pool"', 'kind = "pool"\nkernel = "2"', r"layers\[1\]\.kernel must be an integer"),
    ],
)
def test_each_rule_has_its_message(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match=r"^x\.toml has \d+ problems?:\n  ") as caught:
        parse_config(GOOD.replace(old, new), source="x.toml")
    caught.match(message)


def test_last_layer_must_be_dense() -> None:
    text = GOOD.replace("features = 10", "features = 10\n[[network.layers]]\nkind = 'pool'")
    with pytest.raises(ConfigError, match="the last layer must be of kind 'dense', not 'pool'"):
        parse_config(text)
    with pytest.raises(ConfigError, match=r"network\.layers must have at least one layer"):
        parse_config('name = "x"\nnetwork = { layers = [] }')


GRAPH = """
name = "graph"
[network]
layers = [
    { kind = "conv", name = "stem", channels = 4, neuron = { kind = "none" } },
    { kind = "delay", name = "late", source = "sum", shape = [4, 6, 6] },
    { kind = "add", name = "sum", sources = ["stem", "late"] },
    { kind = "neurons", name = "spikes" },
    { kind = "mix", name = "rows", axis = "rows" },
    { kind = "max_pool", name = "large", kernel = 2, stride = 1, padding = 1 },
    { kind = "dense", features = 10 },
]
[hardware.layers.rows_synapse]
lanes = 2
"""


def test_graph_of_layers_is_read_and_dumped() -> None:
    config = parse_config(GRAPH)
    assert parse_config(dump_config(config)) == config
    assert config.network.layers[1] == DelayLayer(name="late", source="sum", shape=(4, 6, 6))
    assert config.network.layers[5] == MaxPoolLayer(
        name="large", kernel=(2, 2), stride=(1, 1), padding=(1, 1)
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"large"', '"sum_synapse"', None),
        ('"large"', '"rows_synapse"', "the name 'rows_synapse' is that of another layer's synapse"),
        ("[4, 6, 6]", "[4, 0, 6]", r"network\.layers\[1\]\.shape\[1\] must be 1 to 65536, not 0"),
        (
            "[4, 6, 6]",
            "[4, 6]",
            r"'sum': all sources must have one shape, but they have \(4, 6, 6\), ",
        ),
        ('"rows" }', '"row" }', r"layers\[4\]\.axis must be one of 'rows', 'columns', 'tokens'"),
        (
            '["stem", "late"]',
            '["stem", "latte"]',
            r"no layer is called 'latte'; did you mean 'late'",
        ),
        ("layers.rows_synapse", "layers.sum", r"hardware\.layers\.sum: no layer has that name"),
        ('"rows" }', '"rows", neuron = { kind = "none", tau = 2 } }', r"neuron\.tau has no effect"),
    ],
)
def test_rules_of_a_graph_reach_the_file(old: str, new: str, message: str | None) -> None:
    assert old in GRAPH
    text = GRAPH.replace(old, new)
    if message is None:
        parse_config(text)
    else:
        with pytest.raises(ConfigError, match=message):
            parse_config(text)


def test_architecture_takes_the_place_of_layers() -> None:
    text = """
        name = "cell"
        data = { set = "mnist" }
        [network.architecture]
        kind = "cell_network"
        [hardware.layers.nobody]
        lanes = 1
    """
    with pytest.raises(ConfigError, match="nobody: no layer has that name") as caught:
        parse_config(text)
    assert str(caught.value).startswith("configuration has 1 problem:")
    text = text[: text.index("[hardware")]
    config = parse_config(text)
    assert parse_config(dump_config(config)) == config
    assert config.network.layers == ()
    wrong = text.replace('"cell_network"', '"cel_network"')
    with pytest.raises(ConfigError, match="did you mean 'cell_network'"):
        parse_config(wrong)
    both = text.replace("[network.arch", "[[network.layers]]\nkind = 'pool'\n[network.arch")
    with pytest.raises(ConfigError, match="network must have layers or an architecture, not both"):
        parse_config(both)


def test_broken_toml_names_the_line() -> None:
    with pytest.raises(ConfigError, match=r"^x\.toml is not valid TOML: .*line 2"):
        parse_config('name = "x"\nseed = = 3', source="x.toml")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^cannot read the configuration .*nowhere\.toml"):
        load_config(tmp_path / "nowhere.toml")


def test_configuration_made_in_python_is_checked_too() -> None:
    config = Config(name="x", network=NetworkConfig(time_steps=0, layers=(DenseLayer(features=3),)))
    with pytest.raises(ConfigError, match=r"network\.time_steps must be 1 to 64, not 0"):
        check_config(config)


def test_list_of_layers_is_as_good_as_a_tuple() -> None:
    layers = [DenseLayer(features=4), DenseLayer(features=10)]
    config = Config(name="x", network=NetworkConfig(layers=layers))  # type: ignore[arg-type]  # a list
    assert config.network == NetworkConfig(layers=tuple(layers))
    check_config(config)
    assert parse_config(dump_config(config)) == config


def test_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_config(file) == parse_config(GOOD)
