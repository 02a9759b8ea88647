"""What `build` starts from: a trained run, or a graph alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spikeloom._options import early_of_run, options_of_run
from spikeloom._vectors import Vectors, make_vectors, read_vectors
from spikeloom.codegen import BuildOptions
from spikeloom.ir import DataError, Early, Graph, check, load_graph


@dataclass(frozen=True, slots=True)
class Source:
    """A graph, the inferences that verify it, and the options that go with it.

    `early` is the rule of early decision that goes with it, beside the graph's own.
    """

    graph: Graph
    vectors: Vectors
    options: BuildOptions
    early: Early | None = None


def load_source(source: Path | Graph) -> Source:
    """Load a run folder, a graph folder, a graph.json file or a graph in memory.

    A folder with test.npz is a run: its test set and its [hardware] table
    are taken. Anything else gets vectors made from its shape.

    Raises:
        DataError: If a file is missing, truncated or does not belong.
        GraphError: If the graph breaks a rule.
        ConfigError: If the [hardware] table of the run is wrong.
    """
    if isinstance(source, Graph):
        check(source)
        return Source(source, make_vectors(source), BuildOptions())
    _check_finished(source)
    graph = load_graph(source)
    tests = source / "test.npz"
    vectors = read_vectors(tests, graph) if tests.is_file() else make_vectors(graph)
    return Source(graph, vectors, options_of_run(source), early_of_run(source))


def _check_finished(source: Path) -> None:
    if not source.exists():
        raise DataError(
            f"{source} does not exist; it must be a run of `spikeloom train`, "
            "the folder of a graph or its graph.json"
        )
    if source.is_dir() and (source / "config.toml").is_file():
        needed = ("graph.json", "test.npz", "metrics.json")  # the last one that training writes
        missing = [name for name in needed if not (source / name).is_file()]
        if missing:
            raise DataError(
                f"run {source} is not finished ({', '.join(missing)} missing); "
                "run `spikeloom train` on the same configuration to go on"
            )
