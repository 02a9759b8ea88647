"""The Verilog library and the Jinja templates, as package data."""

from __future__ import annotations

from spikeloom.hdl_templates._load import environment, library_modules, taken_names

__all__ = ["environment", "library_modules", "taken_names"]
