"""Early decision as users choose it, and what it brings on the vectors of a build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloom._vectors import Vectors
from spikeloom.ir import EXACT, ConfigError, Early, Executor, Graph, readout_of, with_early

OFF = "off"
MOST = 1000  # inferences: means of so many differ from those of all by a per cent or two


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What early decision brings: means over so many inferences.

    `steps` of `time_steps` are taken.  The accuracies, with early decision and with all time
    steps, are None without labels; `unchanged` is the share of equal predictions.
    """

    rule: Early
    inferences: int
    time_steps: int
    steps: float
    unchanged: float
    accuracy: float | None
    full_accuracy: float | None

    def __str__(self) -> str:
        rule = EXACT if self.rule == EXACT else f"margin {self.rule}"
        text = (
            f"early decision ({rule}): {self.steps:.2f} of {self.time_steps} time steps, "
            f"{100 * self.unchanged:.2f} % of the predictions unchanged"
        )
        if self.accuracy is not None and self.full_accuracy is not None:
            text += (
                f", accuracy {100 * self.accuracy:.2f} % "
                f"({100 * self.full_accuracy:.2f} % with all time steps)"
            )
        return f"{text}; means of {self.inferences:,} inferences"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def parse_early(text: str) -> Early | str:
    """Read `exact`, a margin or `off`.

    Raises:
        ConfigError: If it is none of them.
    """
    if text in (EXACT, OFF):
        return text
    if text.isdecimal() and int(text):
        return int(text)
    raise ConfigError(f"--early must be exact, a margin of 1 or more, or off, not {text!r}")


def early_of_table(table: Mapping[str, Any]) -> Early | None:
    """Return the rule of a [hardware] table.

    Raises:
        ConfigError: If it is neither "exact" nor a margin.
    """
    rule = table.get("early")
    is_margin = isinstance(rule, int) and not isinstance(rule, bool) and rule > 0
    if rule is None or rule == EXACT or is_margin:
        return rule
    raise ConfigError(f'hardware.early must be "exact" or a margin of 1 or more, not {rule!r}')


def decided_early(graph: Graph, asked: Early | str | None, default: Early | None) -> Graph:
    """Return the graph with the rule that is asked for, or the default, or its own.

    Raises:
        ConfigError: If what is asked for is no rule.
        GraphError: If the rule is impossible.
    """
    rule = parse_early(asked) if isinstance(asked, str) else asked
    rule = default if rule is None else rule
    if rule is None:
        return graph
    if isinstance(rule, str):
        return with_early(graph, None if rule == OFF else EXACT)
    return with_early(graph, rule)


def measure_early(graph: Graph, vectors: Vectors) -> Decision | None:
    """Measure early decision on the first thousand vectors; None if the graph has none."""
    rule = readout_of(graph).early
    if rule is None:
        return None
    inputs = vectors.inputs[:MOST]
    labels = None if vectors.labels is None else vectors.labels[:MOST]
    trace = Executor(graph).run(inputs)
    full = Executor(with_early(graph, None)).run(inputs).predictions
    return Decision(
        rule=rule,
        inferences=len(inputs),
        time_steps=graph.time_steps,
        steps=float(trace.steps.mean()),
        unchanged=float((trace.predictions == full).mean()),
        accuracy=_accuracy(trace.predictions, labels),
        full_accuracy=_accuracy(full, labels),
    )


def _accuracy(predictions: NDArray[np.int64], labels: NDArray[np.int64] | None) -> float | None:
    return None if labels is None else float((predictions == labels).mean())
