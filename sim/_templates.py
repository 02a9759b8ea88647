"""The templates of this package."""

from __future__ import annotations

from spikeloom.hdl_templates import environment


def render(name: str, **values: object) -> str:
    """Render the template `name`; a value that is missing is an error of ours."""
    return environment("spikeloom.sim", "templates").get_template(name).render(**values)
