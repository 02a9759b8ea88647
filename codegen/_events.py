"""How an engine takes its events: which are one event, how many per clock, from which memories."""

from __future__ import annotations

from dataclasses import dataclass

from spikeloom.codegen._options import LayerOptions, divisors, nearest
from spikeloom.ir import BuildError

_MOST_BANKS = 8  # weight memories of a synapse
_MOST_FIELD_BITS = 8  # a row of weights takes two to the power of so many words


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """`ports` events per clock, their weights from `banks` memories read once or twice each.

    An event is a set bit, or with `field_values` a field of so many neighbouring values that
    is not zero.
    """

    ports: int = 1
    banks: int = 1
    field_values: int = 0

    @property
    def word_step(self) -> int:
        """What the number of values in a word is a multiple of."""
        return self.banks * max(1, self.field_values)

    @property
    def is_single(self) -> bool:
        """Whether one set bit is taken at a time, as sparse weights need it."""
        return self.ports == 1 and not self.field_values


def choose_events(
    place: str, options: LayerOptions, *, channels: int, value_bits: int, many: bool
) -> Events:
    """Check what the user asked for; one event per clock where he did not.

    Args:
        place: The start of an error message.
        options: What was asked for.
        channels: Neighbouring values that a word of the input may hold.
        value_bits: Bits of a value.
        many: Whether the engine can take several events, or fields, at all.

    Raises:
        BuildError: If a choice is not legal; the message names the nearest that are.
    """
    asked = options.event_field
    if not many and asked is not None:
        raise BuildError(f"{place}: event_field is for dense layers and convolutions in one group")
    field = 0 if asked is None else _field(place, asked, channels, value_bits)
    units = channels // max(1, field)
    most = _MOST_BANKS if many else 1
    legal = divisors(units, at_most=most)
    ports = 1 if options.event_ports is None else options.event_ports
    name, banks = (
        ("event_ports", ports)
        if options.weight_banks is None
        else ("weight_banks", options.weight_banks)
    )
    if banks not in legal:
        raise BuildError(
            f"{place}: {name} must divide the {units} {'fields' if field else 'channels'} "
            f"in front and be {most} at most: {nearest(legal, banks)}"
        )
    if ports not in (banks, 2 * banks) or (ports > 1 and not many):
        raise BuildError(
            f"{place}: event_ports must be one or two for each of the {banks} weight_banks: "
            f"{banks} or {2 * banks}, not {ports}"
        )
    return Events(ports=ports, banks=banks, field_values=field)


def check_sparse(place: str, options: LayerOptions, events: Events, *, mixes: bool) -> None:
    """Check that an engine can leave words without a weight out, if the user asked for it.

    Args:
        place: The start of an error message.
        options: What was asked for.
        events: How the engine takes events.
        mixes: Whether it is a dense layer or a convolution that mixes channels.

    Raises:
        BuildError: If it cannot; the message says what is in the way.
    """
    if not options.sparse:
        return
    if not mixes:
        raise BuildError(
            f"{place}: sparse is for dense layers and for convolutions that mix channels; "
            "leave it out"
        )
    if not events.is_single:
        names = ("event_ports", "weight_banks", "event_field")
        asked = {name: getattr(options, name) for name in names}
        given = [
            f"{name} {value}"
            for name, value in asked.items()
            if value is not None and (value > 1 or name == "event_field")
        ]
        raise BuildError(
            f"{place}: sparse weights are for one event at a time, a set bit from one memory; "
            f"leave out {' and '.join(given)}, or sparse"
        )


def _field(place: str, field: int, channels: int, value_bits: int) -> int:
    most = max(1, _MOST_FIELD_BITS // value_bits)
    legal = divisors(channels, at_most=most)
    if field in legal and field * value_bits <= _MOST_FIELD_BITS:
        return field
    limit = f"divide the {channels} channels in front and have {_MOST_FIELD_BITS} bits at most"
    if value_bits > _MOST_FIELD_BITS:
        raise BuildError(
            f"{place}: a field must {limit}, but a value has {value_bits}; leave event_field out"
        )
    raise BuildError(
        f"{place}: event_field counts values of {value_bits} bit(s), which must {limit}: "
        f"{nearest(legal, field)}"
    )
