"""The templates of this package."""

from __future__ import annotations

from pathlib import Path

import jinja2

_FOLDER = Path(__file__).parent / "templates"


def render(name: str, **values: object) -> str:
    """Render the template `name`; a value that is missing is an error of ours."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # C++ and make, not HTML
    )
    return environment.get_template(name).render(**values)
