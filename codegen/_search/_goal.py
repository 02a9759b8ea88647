"""What is searched for: the goal, and what must be kept to."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from enum import StrEnum

from spikeloom.codegen._estimate import Area
from spikeloom.ir import ConfigError


class Goal(StrEnum):
    """What is to be as good as possible."""

    LATENCY = "latency"  # clock cycles of one inference
    THROUGHPUT = "throughput"  # clock cycles from inference to inference
    AREA = "area"  # look-up tables, flip-flops and block RAMs, as shares of a device
    ENERGY = "energy"  # additions; among equals, area


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a design may take at most, and how fast it has to be at least; None: no limit.

    Raises:
        ConfigError: If a limit is not above 0 (a number of block RAMs may be 0).
    """

    lut: int | None = None
    ff: int | None = None
    bram: int | None = None
    min_fps: float | None = None  # inferences per second
    max_latency_us: float | None = None

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            least = 0 if option.name == "bram" else math.nextafter(0, 1)
            if value is not None and not least <= value < math.inf:
                legal = "0 or more" if option.name == "bram" else "a number above 0"
                raise ConfigError(
                    f"{flag_of(option.name)} must be {legal}, not {value!r}; "
                    "leave it out for no limit"
                )


def flag_of(limit: str) -> str:
    """Name a limit as the command line does."""
    name = limit if limit.startswith(("min_", "max_")) else f"max_{limit}"
    return "--" + name.replace("_", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A goal with its limits, for a device and a clock.

    `device` is what area is measured by: a design costs the sum of the shares that it
    takes of the look-up tables, flip-flops and block RAMs.
    """

    goal: Goal
    limits: Limits = field(default_factory=Limits)
    device: Area
    clock_mhz: float

    def cost(self, area: Area) -> float:
        """Share of the device that an area is, summed over its three kinds of resources."""
        pairs = ((area.lut, self.device.lut), (area.ff, self.device.ff))
        logic = sum(taken / max(1, there) for taken, there in pairs)
        return logic + area.bram / max(1, self.device.bram)

    @property
    def most_interval(self) -> float:
        """Clock cycles from inference to inference that `min_fps` leaves."""
        return self.clock_mhz * 1e6 / self.limits.min_fps if self.limits.min_fps else math.inf

    @property
    def most_latency(self) -> float:
        """Clock cycles that `max_latency_us` leaves."""
        micros = self.limits.max_latency_us
        return math.inf if micros is None else micros * self.clock_mhz
