"""What a user may choose about the hardware; everything left out is chosen for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from spikeloom.ir import BuildError

EVENT = "event"
UNROLLED = "unrolled"
ENGINES = (EVENT, UNROLLED)
FAMILY = "ecp5"  # of the device, where no board is given
CLOCK_MHZ = 100.0  # where nobody says how fast the logic has to be


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerOptions:
    """Engine and folding of one layer.

    `engine` is "event" (by default), or "unrolled": a dense synapse in logic, one time step
    per clock.  What follows is the folding of the event engine.
    `lanes` weights are added per clock and event, `event_ports` events are
    taken per clock from `weight_banks` memories (each read once per clock, or twice), and with
    `event_field` an event is a field of so many neighbouring values instead of a set bit.
    `current_buffers` is 2 if the currents of a time step leave while those of the next are
    added up.  `neuron_lanes` neurons are updated per clock.  With `sparse`, words of `lanes`
    weights that are all 0 are neither stored nor visited (by itself where half of the words are).
    """

    engine: str | None = None
    lanes: int | None = None
    event_ports: int | None = None
    event_field: int | None = None
    weight_banks: int | None = None
    current_buffers: int | None = None
    neuron_lanes: int | None = None
    sparse: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """Folding of a design: by name of the neuron group, and values per input beat.

    `clock_mhz` is the clock that the pipelines of unrolled layers are cut for, 100 by default.
    """

    layers: Mapping[str, LayerOptions] = field(default_factory=dict)
    input_lanes: int | None = None
    clock_mhz: float | None = None


def divisors(of: int, *, at_most: int | None = None, step: int = 1) -> list[int]:
    """Divisors of a number, smallest first: up to `at_most`, and multiples of `step`."""
    most = of if at_most is None else min(of, at_most)
    return [n for n in range(step, most + 1, step) if of % n == 0]


def choose_divisor(
    place: str, what: str, wanted: int | None, *, of: int, at_most: int, step: int = 1
) -> int:
    """Return `wanted` if it is a multiple of `step` that divides `of`, or choose one.

    The choice is the largest legal value up to `at_most` (or the smallest
    there is).  `step`, which divides `of`, is what the layer behind needs.

    Raises:
        BuildError: If `wanted` is not legal; the message names the nearest that are.
    """
    legal = divisors(of, step=step)
    if wanted is None:
        return max((n for n in legal if n <= at_most), default=legal[0])
    if wanted in legal:
        return wanted
    reason = (
        f" (a multiple of {step}, for the weight banks and fields behind it)" if step > 1 else ""
    )
    raise BuildError(f"{place}: {what} must divide {of}{reason}: {nearest(legal, wanted)}")


def nearest(legal: Sequence[int], wanted: int) -> str:
    """Say which legal values are nearest to one that is not."""
    close = sorted(sorted(legal, key=lambda n: abs(n - wanted))[:3])
    return f"{' or '.join(map(str, close))}, not {wanted}"
