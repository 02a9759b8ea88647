"""Emission: the files of a design, in memory."""

from __future__ import annotations

from spikeloom.codegen._files import FileSet
from spikeloom.codegen._literals import vector
from spikeloom.codegen._views import Design
from spikeloom.hdl_templates import environment, library_modules
from spikeloom.ir import graph_files

# Bottom up: a module stands behind those that it instantiates.
_LIBRARY = (
    "spikeloom_fifo",
    "spikeloom_rom",
    "spikeloom_word_queue",
    "spikeloom_event_queue",
    "spikeloom_address_rule",
    "spikeloom_sparse_rows",
    "spikeloom_accumulator",
    "spikeloom_synapse",
    "spikeloom_channelwise",
    "spikeloom_product",
    "spikeloom_neuron",
    "spikeloom_unrolled",
    "spikeloom_neuron_array",
    "spikeloom_fork",
    "spikeloom_resize",
    "spikeloom_add",
    "spikeloom_concat",
    "spikeloom_delay",
    "spikeloom_rate_encoder",
    "spikeloom_gate",
    "spikeloom_decision",
    "spikeloom_argmax",
)
# What a module of the library instantiates.
_PARTS = {
    "spikeloom_word_queue": ("spikeloom_fifo",),
    "spikeloom_event_queue": ("spikeloom_word_queue",),
    "spikeloom_address_rule": ("spikeloom_rom",),
    "spikeloom_synapse": (
        "spikeloom_event_queue",
        "spikeloom_address_rule",
        "spikeloom_sparse_rows",
        "spikeloom_accumulator",
    ),
    "spikeloom_channelwise": (
        "spikeloom_word_queue",
        "spikeloom_address_rule",
        "spikeloom_accumulator",
    ),
    "spikeloom_product": (
        "spikeloom_event_queue",
        "spikeloom_address_rule",
        "spikeloom_accumulator",
    ),
    "spikeloom_neuron": ("spikeloom_rom",),
    "spikeloom_add": ("spikeloom_rom",),
    "spikeloom_delay": ("spikeloom_fifo",),
    "spikeloom_decision": ("spikeloom_rom",),
}


def sources_of(design: Design) -> tuple[str, ...]:
    """Paths of the Verilog sources of a design, in compile order."""
    generated = (name for name, _ in design.modules)
    return tuple(f"rtl/{name}.v" for name in (*_modules(design), *generated, design.top))


def emit(design: Design, *, version: str) -> FileSet:
    """Return Verilog, memory files and the graph of `design`."""
    files = FileSet()
    for name, content in library_modules(_modules(design)).items():
        files.add(f"rtl/{name}", content)
    for name, content in design.modules:
        files.add(f"rtl/{name}.v", content)
    files.add(f"rtl/{design.top}.v", _top(design, version))
    for path, content in design.memories:
        files.add(path, content)
    for path, data in graph_files(design.graph).items():
        files.add(f"graph/{path}", data)
    return files


def _modules(design: Design) -> tuple[str, ...]:
    """The library modules that a design needs, in compile order."""
    needed = {instance.module for block in design.blocks for instance in block.instances}
    for name in reversed(_LIBRARY):  # parts stand in front of what they are part of
        if name in needed:
            needed.update(_PARTS.get(name, ()))
    return tuple(name for name in _LIBRARY if name in needed)


def _top(design: Design, version: str) -> str:
    templates = environment()
    templates.filters["vector"] = vector
    template = templates.get_template("top.v.j2")
    return template.render(design=design, version=version)
