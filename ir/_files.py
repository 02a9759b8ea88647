"""Graphs on disk: `graph.json` with the structure, `graph.npz` with the integers.

`docs/ir.md` describes the format.  The bytes depend on the graph alone: sorted
entries, no compression and fixed time stamps in the archive.
"""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from spikeloom.ir._archive import npz_bytes
from spikeloom.ir._errors import BuildError, DataError
from spikeloom.ir._graph import Graph, IntArray
from spikeloom.ir._records import graph_from_record, graph_to_record
from spikeloom.ir._validate import check

FORMAT = 2
JSON_NAME, ARRAYS_NAME = "graph.json", "graph.npz"


def graph_digest(graph: Graph) -> str:
    """Return the SHA-256, in hex, of everything that the graph means.

    It covers names, structure and every integer, not how they are stored.
    """
    record, arrays = graph_to_record(graph)
    return _digest(record, arrays)


def graph_files(graph: Graph) -> dict[str, bytes]:
    """Return the two files of a graph by name; the same graph gives the same bytes."""
    record, arrays = graph_to_record(graph)
    head = {"format": FORMAT, "digest": _digest(record, arrays)}
    stored = {name: _narrowed(values) for name, values in arrays.items()}
    return {JSON_NAME: _layout(head | record).encode(), ARRAYS_NAME: npz_bytes(stored)}


def save_graph(graph: Graph, folder: Path) -> None:
    """Write `graph.json` and `graph.npz` into `folder`, which is made if needed.

    Both are written beside their place and then renamed, arrays first: an
    interruption or a full disk leaves the old files, and a mixture of old and
    new ones would be found by the digest.

    Raises:
        GraphError: If the graph breaks a rule; nothing is written then.
        BuildError: If the disk refuses; the message says why.
    """
    check(graph)
    files = graph_files(graph)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".graph.", dir=folder) as stage:
            for name, content in files.items():
                (Path(stage) / name).write_bytes(content)
            for name in (ARRAYS_NAME, JSON_NAME):
                (Path(stage) / name).replace(folder / name)
    except OSError as error:
        raise BuildError(
            f"graph cannot be written to {folder}: {error.strerror}; what was there is "
            "unchanged, free some space or choose another folder"
        ) from error


def load_graph(path: Path) -> Graph:
    """Read a graph from its folder, or from its `graph.json`.

    Raises:
        DataError: If a file is missing, truncated, newer than this version or
            does not have the digest that it names.
        GraphError: If the graph breaks a rule; all are listed.
    """
    place = path / JSON_NAME if path.is_dir() else path
    record = _read_record(place)
    arrays = _read_arrays(place.with_suffix(".npz"))
    digest = record.pop("digest", None)
    graph = graph_from_record(record, arrays, place)
    if digest != graph_digest(graph):
        raise DataError(
            f"{place} and its arrays must have the digest {digest!r} that it names, but do not: "
            "one of them was changed or damaged; restore both, or save the graph again"
        )
    check(graph)
    return graph


def _digest(record: dict[str, Any], arrays: dict[str, IntArray]) -> str:
    """Hash the record in one spelling, then every array as little-endian int64."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    total = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        total.update(f"\n{name} {list(arrays[name].shape)}\n".encode())
        total.update(arrays[name].astype("<i8").tobytes())
    return total.hexdigest()


def _layout(record: dict[str, Any]) -> str:
    """Return the record as JSON with one node per line: short, and easy to compare."""
    nodes = ",\n    ".join(json.dumps(node) for node in record["nodes"])
    head = (f"{json.dumps(key)}: {json.dumps(record[key])}" for key in record if key != "nodes")
    lines = ",\n  ".join([*head, f'"nodes": [\n    {nodes}\n  ]'])
    return f"{{\n  {lines}\n}}\n"


def _narrowed(values: IntArray) -> np.ndarray[Any, np.dtype[np.signedinteger[Any]]]:
    """Return the values in their narrowest type, the low byte first."""
    for dtype in (np.int8, np.int16, np.int32):
        limits = np.iinfo(dtype)
        if not values.size or (values.min() >= limits.min and values.max() <= limits.max):
            return values.astype(np.dtype(dtype).newbyteorder("<"))
    return values.astype("<i8")


def _read_record(place: Path) -> dict[str, Any]:
    try:
        record = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(
            f"{place} must be the {JSON_NAME} of a graph or its folder, but there is no such "
            "file; name the folder that save_graph wrote"
        ) from error
    except OSError as error:
        raise DataError(f"{place} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{place} must be a JSON file, but is truncated or damaged ({error}); "
            "save the graph again"
        ) from error
    _check_format(record, place)
    return {key: value for key, value in record.items() if key != "format"}


def _check_format(record: object, place: Path) -> None:
    if not isinstance(record, dict) or "format" not in record:
        raise DataError(f'{place} must be a Spikeloom graph with a "format", but has none')
    found = record["format"]
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise DataError(f'"format" of {place} must be {FORMAT}, not {found!r}')
    if found > FORMAT:
        raise DataError(
            f'"format" of {place} must be at most {FORMAT}, not {found}: a newer Spikeloom wrote '
            "it; upgrade Spikeloom, or save the graph with this version"
        )
    if found < FORMAT:
        raise DataError(
            f'"format" of {place} must be {FORMAT}, not {found}: an older Spikeloom wrote it; '
            "export the network again with this version"
        )


def _read_arrays(place: Path) -> dict[str, IntArray]:
    try:
        content = place.read_bytes()
    except FileNotFoundError as error:
        raise DataError(
            f"{place} must lie beside the JSON file of the graph, but there is no such file; "
            "copy both files together"
        ) from error
    except OSError as error:
        raise DataError(f"{place} cannot be read: {error.strerror}") from error
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    # On damaged bytes numpy and zipfile raise whatever they trip over.
    except Exception as error:
        raise DataError(
            f"{place} must be an npz archive of arrays, but is truncated or damaged ({error}); "
            "save the graph again"
        ) from error
