"""The manifest of an output folder: what is in it, for every later step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from spikeloom.codegen._emit import sources_of
from spikeloom.codegen._files import MARKER, FileSet
from spikeloom.codegen._views import Design, LayerView
from spikeloom.ir import BuildError, Early

FORMAT = 2
_Record = TypeVar("_Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestInput:
    """The input stream: `frames` frames of `beats` beats of `lanes` values of `bits` bits."""

    name: str
    encoder: str
    shape: tuple[int, ...]
    bits: int
    lanes: int
    beats: int
    frames: int
    data_bits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestOutput:
    """The output stream: one signed score of `score_bits` bits per class.

    `early` is the rule of early decision, and `step_bits` the bits of the number of time
    steps until then, 0 without one.
    """

    classes: int
    score_bits: int
    class_bits: int
    early: Early | None = None
    step_bits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSynapse:
    """One synapse or product as built; the weights of a product are those it holds at a time.

    Of `words` of `lanes` weights the memories hold `stored_words`; both are 0 where there are
    no such memories.  `field_values` neighbouring values are one event together, 0 without event
    fields; where `sparse`, words that are all 0 are neither stored nor visited.
    """

    name: str
    kind: str
    engine: str
    lanes: int
    event_ports: int
    weight_bits: int
    weights: int
    current_bits: int
    words: int = 0
    stored_words: int = 0
    field_values: int = 0
    sparse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestLayer:
    """One layer as built: a neuron group, and what works for it alone or first.

    `instances` are the names of its modules inside the top module.
    """

    name: str
    synapses: tuple[ManifestSynapse, ...]
    neuron_lanes: int
    membrane_bits: int
    shape: tuple[int, ...]
    neurons: int
    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestMemory:
    """A memory: whose it is, what it holds, and its size."""

    owner: str
    holds: str
    words: int
    bits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything that simulation, synthesis and reports need to know of a design."""

    spikeloom: str
    name: str
    top: str
    graph_digest: str
    time_steps: int
    board: str | None
    input: ManifestInput
    output: ManifestOutput
    layers: tuple[ManifestLayer, ...]
    memories: tuple[ManifestMemory, ...]
    sources: tuple[str, ...]
    files: Mapping[str, str]

    def to_json(self) -> str:
        """Print the manifest, with sorted keys."""
        record = {"format": FORMAT, **asdict(self)}
        return json.dumps(record, indent=2, sort_keys=True) + "\n"


def manifest_of(
    design: Design, *, version: str, board: str | None, files: FileSet | None = None
) -> Manifest:
    """Describe `design`; `files` are all the files that go into the folder with it."""
    return Manifest(
        spikeloom=version,
        name=design.name,
        top=design.top,
        graph_digest=design.graph_digest,
        time_steps=design.time_steps,
        board=board,
        input=_same_named(ManifestInput, design.input, encoder=design.input.encoder.value),
        output=_same_named(ManifestOutput, design.readout),
        layers=tuple(map(_layer_of, design.layers)),
        memories=tuple(_same_named(ManifestMemory, memory) for memory in design.storages),
        sources=sources_of(design),
        files={} if files is None else files.digests(),
    )


def load_manifest(folder: Path) -> Manifest:
    """Read the manifest of an output folder.

    Raises:
        BuildError: If there is none, or it is damaged or from another version.
    """
    path = folder / MARKER
    if not path.is_file():
        raise BuildError(
            f"{folder} is not a Spikeloom output: it has no {MARKER}; "
            "make one with `spikeloom build`"
        )
    try:
        record = json.loads(path.read_text("utf-8"))
        if record["format"] != FORMAT:
            raise BuildError(
                f"{path} has format {record['format']}, but this Spikeloom reads {FORMAT}; "
                "build the folder again"
            )
        return _manifest(record)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BuildError(f"{path} is damaged ({error!r}); build the folder again") from error


def _layer_of(layer: LayerView) -> ManifestLayer:
    synapses = tuple(_same_named(ManifestSynapse, synapse) for synapse in layer.synapses)
    return _same_named(ManifestLayer, layer, synapses=synapses)


def _same_named(kind: type[_Record], view: object, **others: object) -> _Record:
    """Fill a record from the fields of the same name of a view."""
    names = [field.name for field in fields(kind) if field.name not in others]  # type: ignore[arg-type]  # a dataclass
    values = {name: getattr(view, name) for name in names}
    return kind(**values, **others)


def _manifest(record: dict[str, Any]) -> Manifest:
    values = {field.name: record[field.name] for field in fields(Manifest)}
    values["input"] = _typed(ManifestInput, record["input"])
    values["output"] = _typed(ManifestOutput, record["output"])
    values["layers"] = tuple(map(_read_layer, record["layers"]))
    values["memories"] = tuple(_typed(ManifestMemory, memory) for memory in record["memories"])
    values["sources"] = tuple(record["sources"])
    return Manifest(**values)


def _read_layer(record: dict[str, Any]) -> ManifestLayer:
    synapses = tuple(_typed(ManifestSynapse, synapse) for synapse in record["synapses"])
    instances = tuple(record["instances"])
    return _typed(ManifestLayer, {**record, "synapses": synapses, "instances": instances})


def _typed(kind: type[_Record], record: dict[str, Any]) -> _Record:
    values = dict(record)
    if "shape" in values:
        values["shape"] = tuple(values["shape"])
    return kind(**values)
