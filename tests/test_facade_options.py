"""Build options of the command line and of a run's [hardware] table."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikeloom._options import check_layers, merge_options, options_of_run, parse_options
from spikeloom._tables import _options_text
from spikeloom.codegen import BuildOptions, LayerOptions
from spikeloom.ir import ConfigError, Graph


def test_assignments_become_options_by_layer() -> None:
    knobs = {"lanes": ["hidden=16", "output=2"], "event_ports": ["hidden=4"]}
    options = parse_options(knobs, input_lanes=8, clock_mhz=125.0)
    assert options.layers == {
        "hidden": LayerOptions(lanes=16, event_ports=4),
        "output": LayerOptions(lanes=2),
    }
    assert options.input_lanes == 8
    assert options.clock_mhz == 125.0


def test_an_engine_is_a_word() -> None:
    options = parse_options({"engine": ["hidden=unrolled", "output=event"]})
    assert options.layers == {
        "hidden": LayerOptions(engine="unrolled"),
        "output": LayerOptions(engine="event"),
    }


@pytest.mark.parametrize("text", ["hidden", "hidden=", "=unrolled", "hidden=4", "hidden=Event"])
def test_another_engine_is_refused(text: str) -> None:
    message = (
        r"^--engine must be LAYER=ENGINE with event or unrolled, such as hidden=unrolled, "
        rf"not '{text}'$"
    )
    with pytest.raises(ConfigError, match=message):
        parse_options({"engine": [text]})


def test_sparse_is_on_or_off() -> None:
    options = parse_options({"sparse": ["hidden=on", "output=off"], "lanes": ["output=2"]})
    assert options.layers == {
        "hidden": LayerOptions(sparse=True),
        "output": LayerOptions(sparse=False, lanes=2),
    }


@pytest.mark.parametrize("text", ["hidden", "hidden=", "=on", "hidden=1", "hidden=true"])
def test_another_word_for_sparse_is_refused(text: str) -> None:
    message = rf"^--sparse must be LAYER=on or LAYER=off, such as hidden=on, not '{text}'$"
    with pytest.raises(ConfigError, match=message):
        parse_options({"sparse": [text]})


@pytest.mark.parametrize("pinned", [True, False])
def test_sparse_that_is_pinned_wins(pinned: bool) -> None:
    options, defaults = (
        BuildOptions(layers={"a": LayerOptions(sparse=sparse)}) for sparse in (pinned, not pinned)
    )
    assert merge_options(options, defaults) == options
    assert merge_options(BuildOptions(), defaults) == defaults


@pytest.mark.parametrize("text", ["hidden", "hidden=", "=4", "hidden=x", "hidden=-1", "hidden=0"])
def test_assignment_of_another_form_is_refused(text: str) -> None:
    message = rf"^--event-ports must be LAYER=NUMBER such as hidden=16, not '{text}'$"
    with pytest.raises(ConfigError, match=message):
        parse_options({"event_ports": [text]})


def test_layer_given_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^--lanes names layer 'a' twice; give it once$"):
        parse_options({"lanes": ["a=1", "a=2"]})


def test_pinned_options_win_over_defaults_knob_by_knob() -> None:
    pinned = BuildOptions(layers={"a": LayerOptions(lanes=4)})
    layers = {"a": LayerOptions(lanes=8, event_ports=2), "b": LayerOptions(neuron_lanes=5)}
    merged = merge_options(pinned, BuildOptions(layers=layers, input_lanes=3))
    assert merged.layers == {
        "a": LayerOptions(lanes=4, event_ports=2),
        "b": LayerOptions(neuron_lanes=5),
    }
    assert merged.input_lanes == 3


@pytest.mark.parametrize(("pinned", "merged"), [(None, 90.0), (150.0, 150.0)])
def test_a_pinned_clock_wins_as_well(pinned: float | None, merged: float) -> None:
    found = merge_options(BuildOptions(clock_mhz=pinned), BuildOptions(clock_mhz=90.0))
    assert found.clock_mhz == merged


@pytest.mark.parametrize(
    ("pinned", "default", "merged"),
    [
        ({"engine": "unrolled"}, {"lanes": 8}, {"engine": "unrolled"}),
        ({"engine": "event"}, {"engine": "unrolled"}, {"engine": "event"}),
        ({"engine": "event"}, {"lanes": 8}, {"engine": "event", "lanes": 8}),
        ({}, {"engine": "unrolled"}, {"engine": "unrolled"}),
    ],
)
def test_a_folding_for_another_engine_is_left_out(
    pinned: dict[str, str], default: dict[str, str | int], merged: dict[str, str | int]
) -> None:
    options, defaults, wanted = (
        BuildOptions(layers={"a": LayerOptions(**knobs)})  # type: ignore[arg-type]  # of a test
        for knobs in (pinned, default, merged)
    )
    assert merge_options(options, defaults) == wanted


def test_unknown_layer_is_refused_with_the_nearest(tiny_graph: Graph) -> None:
    options = BuildOptions(layers={"hiden": LayerOptions(lanes=1)})
    message = r"^layer or synapse 'hiden' is unknown; did you mean 'hidden'\?$"
    with pytest.raises(ConfigError, match=message):
        check_layers(options, tiny_graph)


def test_unknown_layer_far_from_all_lists_them(tiny_graph: Graph) -> None:
    options = BuildOptions(layers={"zzz": LayerOptions(lanes=1)})
    message = r"^layer or synapse 'zzz' is unknown; valid are fc1, fc2, hidden, output$"
    with pytest.raises(ConfigError, match=message):
        check_layers(options, tiny_graph)


@pytest.mark.parametrize("name", ["hidden", "fc1"])
def test_layers_and_synapses_have_options(tiny_graph: Graph, name: str) -> None:
    check_layers(BuildOptions(layers={name: LayerOptions(lanes=1)}), tiny_graph)


@pytest.mark.parametrize("name", ["pixels", "readout"])
def test_ends_of_a_graph_have_none(tiny_graph: Graph, name: str) -> None:
    options = BuildOptions(layers={name: LayerOptions(lanes=1)})
    with pytest.raises(ConfigError, match=f"^layer or synapse '{name}' is unknown; "):
        check_layers(options, tiny_graph)


def write_config(folder: Path, text: str) -> Path:
    (folder / "config.toml").write_text(text)
    return folder


def test_hardware_table_of_a_run_gives_defaults(tmp_path: Path) -> None:
    text = (
        "[hardware]\ninput_lanes = 7\nclock_mhz = 62.5\n"
        "[hardware.layers.hidden]\nlanes = 16\nevent_ports = 2\n"
        "[hardware.layers.last]\nengine = 'unrolled'\n"
        "[hardware.layers.between]\nsparse = true\n"
    )
    options = options_of_run(write_config(tmp_path, text))
    assert options.layers == {
        "hidden": LayerOptions(lanes=16, event_ports=2),
        "last": LayerOptions(engine="unrolled"),
        "between": LayerOptions(sparse=True),
    }
    assert (options.input_lanes, options.clock_mhz) == (7, 62.5)


@pytest.mark.parametrize("text", ["", "[hardware]\n", "name = 'x'\n"])
def test_run_without_hardware_options_pins_nothing(tmp_path: Path, text: str) -> None:
    assert options_of_run(write_config(tmp_path, text)) == BuildOptions()


def test_folder_without_configuration_pins_nothing(tmp_path: Path) -> None:
    assert options_of_run(tmp_path) == BuildOptions()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[hardware", "config.toml is not valid TOML: "),
        ("hardware = 3", "config.toml: hardware must be a table, not 3$"),
        (
            "[hardware]\ninput_lane = 3",
            r"key of \[hardware\] 'input_lane' is unknown; did you mean 'input_lanes'\?$",
        ),
        (
            "[hardware]\ninput_lanes = 0",
            "hardware.input_lanes must be a positive integer, not 0$",
        ),
        ("[hardware.layers]\na = 3", "hardware.layers.a must be a table, not 3$"),
        (
            "[hardware.layers.a]\nlane = 3",
            r"key of \[hardware.layers.a\] 'lane' is unknown; did you mean 'lanes'\?$",
        ),
        (
            "[hardware]\nclock_mhz = 0",
            "hardware.clock_mhz must be a number of MHz above 0, not 0$",
        ),
        (
            "[hardware]\nclock_mhz = '100'",
            "hardware.clock_mhz must be a number of MHz above 0, not '100'$",
        ),
        (
            "[hardware.layers.a]\nengine = 'unroled'",
            "hardware.layers.a.engine must be event or unrolled, not 'unroled'$",
        ),
        (
            "[hardware.layers.a]\nlanes = true",
            "hardware.layers.a.lanes must be a positive integer, not True$",
        ),
        (
            "[hardware.layers.a]\nsparse = 'on'",
            "hardware.layers.a.sparse must be true or false, not 'on'$",
        ),
        (
            "[hardware.layers.a]\nsparse = 1",
            "hardware.layers.a.sparse must be true or false, not 1$",
        ),
    ],
)
def test_wrong_hardware_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        options_of_run(write_config(tmp_path, text))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"engine": "event", "lanes": 8, "event_ports": 1, "sparse": True}, "lanes 8, sparse"),
        ({"lanes": 8, "sparse": False}, "lanes 8, sparse False"),
        ({"lanes": 1}, "-"),
    ],
)
def test_options_are_shown_without_what_is_usual(values: dict[str, object], text: str) -> None:
    assert _options_text(values) == text
