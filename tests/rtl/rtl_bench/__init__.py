"""Benches of the library modules; imported by pytest and inside the simulator."""
