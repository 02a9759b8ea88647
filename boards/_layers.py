"""What each layer of a network takes, as synthesised.

A flat synthesis gives the best result but forgets which look-up table came
from which layer.  So the core is synthesised a second time with every instance
of a layer kept as a module of its own, and counted before packing.  The counts
add up to that synthesis; the flat one is a few per cent smaller.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikeloom.boards._board import Resources
from spikeloom.boards._job import Job, locked, prepare
from spikeloom.boards._reports import count_cells
from spikeloom.boards._tools import find_yosys, warm_up
from spikeloom.ir import Progress, ToolError, write_json

REST = "rest"  # what is in the top module but in no layer: streams, encoder, readout


def layer_resources(
    out: Path, board: str | None = None, *, progress: Progress | None = None
) -> dict[str, Resources]:
    """Return what each layer of a generated network takes on a board.

    The result is stored beside the board's files and used again as long as
    neither the network nor the script changes.

    Args:
        out: Output folder of `spikeloom build`.
        board: Name of a board; None takes the one that `out` was built for.
        progress: Told what is going on.

    Returns:
        Resources by name of the neuron group, and those in no layer as
        `REST`.  Their sum is the whole core.

    Raises:
        ConfigError: If there is no such board, or none is given.
        BuildError: If `out` is not an output folder.
        ToolError: If Yosys is missing or fails.
    """
    job = prepare(out, board=board, seed=1, core_only=True, progress=progress)
    store, digest = job.file(f"{job.paths.folder}/layers.json"), _digest(job)
    with locked(job):
        stored = _stored(store, digest)
        if stored is None:
            stored = {name: used.to_json() for name, used in _measure(job).items()}
            content = {"digest": digest, "layers": stored}
            write_json(store, content)
    return {name: Resources(**used) for name, used in stored.items()}


def _digest(job: Job) -> str:
    """Digest everything that the counts depend on."""
    digest = hashlib.sha256(job.file(job.paths.layers_script).read_bytes())
    memories = sorted((job.out / "mem").glob("*"))
    for path in (*(job.out / source for source in job.manifest.sources), *memories):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _stored(path: Path, digest: str) -> dict[str, dict[str, int]] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return None
    return dict(content["layers"]) if content.get("digest") == digest else None


def _measure(job: Job) -> dict[str, Resources]:
    yosys = find_yosys()
    warm_up([yosys], job.progress)
    job.file(job.paths.build).mkdir(parents=True, exist_ok=True)
    job.run(yosys, ["-s", job.paths.layers_script], "layers", log_option="-l")
    netlist = json.loads(job.file(job.paths.layers).read_text(encoding="utf-8"))
    return split_layers(netlist["modules"], job)


def split_layers(modules: Mapping[str, Any], job: Job) -> dict[str, Resources]:
    """Share the cells of a mapped hierarchy out among the layers of a core."""
    top = modules[job.manifest.top]["cells"]
    owners = {name: layer.name for layer in job.manifest.layers for name in layer.instances}
    missing = sorted(set(owners) - set(top))
    if missing:
        raise ToolError(f"{job.manifest.top} must have the instance {missing[0]}, and it is gone")
    cells = {
        name: Counter[str]() for name in (*(layer.name for layer in job.manifest.layers), REST)
    }
    for instance, cell in top.items():
        cells[owners.get(instance, REST)].update(_leaves(modules, cell["type"]))
    return {name: count_cells(found, job.paths.flow) for name, found in cells.items()}


def _leaves(modules: Mapping[str, Any], kind: str) -> Counter[str]:
    """Count the primitive cells in one instance of `kind`."""
    module = modules.get(kind)
    if module is None or int(module.get("attributes", {}).get("blackbox", "0"), 2):
        return Counter({kind: 1})
    total = Counter[str]()
    for cell in module["cells"].values():
        total.update(_leaves(modules, cell["type"]))
    return total
