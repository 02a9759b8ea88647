"""AXI4-Streams inside a design: their signals, and what a beat carries."""

from __future__ import annotations

from dataclasses import dataclass, replace

from spikeloom.codegen._views import Port, Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """The signals of a stream; a beat has `lanes` values of `bits` bits.

    Operands are unsigned, currents signed.
    """

    data: str
    valid: str
    ready: str
    last: str
    lanes: int
    bits: int
    signed: bool

    @classmethod
    def named(cls, name: str, *, lanes: int, bits: int, signed: bool) -> Stream:
        """A stream with signals of its own."""
        return cls(
            data=f"{name}_data",
            valid=f"{name}_valid",
            ready=f"{name}_ready",
            last=f"{name}_last",
            lanes=lanes,
            bits=bits,
            signed=signed,
        )

    @property
    def width(self) -> int:
        """Bits of a beat."""
        return self.lanes * self.bits

    @property
    def signed_bits(self) -> int:
        """Bits of a value as a signed number."""
        return self.bits if self.signed else self.bits + 1

    def wires(self) -> tuple[Wire, ...]:
        """The declarations of a stream with signals of its own."""
        return (
            Wire((self.data,), self.width),
            Wire((self.valid, self.ready, self.last)),
        )

    def branch(self, reader: str) -> Stream:
        """One of several copies of a stream `NAME__all`: own handshake, shared data."""
        stem = self.data.removesuffix("__all_data")
        return replace(self, valid=f"{stem}__{reader}_valid", ready=f"{stem}__{reader}_ready")

    def handshake(self) -> Wire:
        """The declaration of a branch."""
        return Wire((self.valid, self.ready))

    def ports(self, prefix: str) -> tuple[Port, ...]:
        """Connections of the ports `prefix_t*` of a module."""
        return (
            Port(f"{prefix}_tdata", self.data),
            Port(f"{prefix}_tvalid", self.valid),
            Port(f"{prefix}_tready", self.ready),
            Port(f"{prefix}_tlast", self.last),
        )
