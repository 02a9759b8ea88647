"""Loading of templates and library modules from the package."""

from __future__ import annotations

from importlib.resources import files

import jinja2


def environment(
    package: str = "spikeloom.hdl_templates", folder: str = "jinja"
) -> jinja2.Environment:
    """Return the one way in which templates are rendered: strict, with tidy blocks."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # the output is Verilog, not HTML
    )


def library_modules(names: tuple[str, ...]) -> dict[str, str]:
    """Return the text of hand-written modules by file name, in the given order."""
    folder = files("spikeloom.hdl_templates") / "verilog"
    return {f"{name}.v": (folder / f"{name}.v").read_text("utf-8") for name in names}


def taken_names() -> frozenset[str]:
    """Return names that no generated module may have: the library, and a board's top module."""
    folder = files("spikeloom.hdl_templates") / "verilog"
    library = (file.name.removesuffix(".v") for file in folder.iterdir())
    return frozenset((*library, "spikeloom_board_top"))
