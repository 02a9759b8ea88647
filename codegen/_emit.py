"""Emission: the files of a design, in memory."""

from __future__ import annotations

from spikeloom.codegen._files import FileSet
from spikeloom.codegen._literals import sized, vector
from spikeloom.codegen._views import Design
from spikeloom.hdl_templates import environment, library_modules
from spikeloom.ir import Encoder, graph_files

# Bottom up: a module stands behind those that it instantiates.
_LIBRARY = (
    "spikeloom_fifo",
    "spikeloom_rom",
    "spikeloom_event_queue",
    "spikeloom_address_rule",
    "spikeloom_accumulator",
    "spikeloom_synapse",
    "spikeloom_neuron",
    "spikeloom_layer",
    "spikeloom_argmax",
)


def sources_of(design: Design) -> tuple[str, ...]:
    """Paths of the Verilog sources of a design, in compile order."""
    return (*(f"rtl/{name}.v" for name in _modules(design)), f"rtl/{design.top}.v")


def emit(design: Design, *, version: str) -> FileSet:
    """Return Verilog, memory files and the graph of `design`."""
    files = FileSet()
    for name, content in library_modules(_modules(design)).items():
        files.add(f"rtl/{name}", content)
    files.add(f"rtl/{design.top}.v", _top(design, version))
    for layer in design.layers:
        for path, content in layer.memories:
            files.add(path, content)
    for path, data in graph_files(design.graph).items():
        files.add(f"graph/{path}", data)
    return files


def _modules(design: Design) -> tuple[str, ...]:
    rate = design.input.encoder is Encoder.RATE
    return (*_LIBRARY, "spikeloom_rate_encoder") if rate else _LIBRARY


def _top(design: Design, version: str) -> str:
    templates = environment()
    templates.filters["vector"] = vector
    template = templates.get_template("top.v.j2")
    return template.render(design=design, version=version, seed=sized(design.input.seed, 16))
