"""What the geometry of a node must be before its shape can be computed."""

from __future__ import annotations

from collections.abc import Iterator

from spikeloom.ir._graph import (
    Add,
    Concat,
    Conv2d,
    Delay,
    Dense,
    Input,
    MaxPool2d,
    Node,
    Product,
    SumPool2d,
    Synapse,
    TokenMix,
)
from spikeloom.ir._shapes import Pool

MAX_ADD_SHIFT = 31

_AXES: dict[type[Synapse], str] = {
    Dense: "[out, in]",
    Conv2d: "[out, in, kh, kw]",
    TokenMix: "[n, n]",
}


def geometry_problems(node: Node) -> Iterator[str]:
    """Yield what keeps the output shape of `node` from being computed."""
    match node:
        case Input() | Delay():
            yield from _shape(node)
        case Dense() | TokenMix():
            yield from _weight_shape(node)
        case Conv2d():
            yield from _weight_shape(node)
            yield from _convolution(node)
        case SumPool2d() | MaxPool2d():
            yield from _pool(node)
        case Concat() | Add():
            yield from _joint(node)
        case Product():
            yield from _count(node.name, "heads", node.heads)
        case _:
            pass


def _shape(node: Input | Delay) -> Iterator[str]:
    if len(node.shape) not in (1, 3) or min(node.shape) < 1:
        remedy = "reshape the input" if isinstance(node, Input) else "give that of its source"
        yield (
            f"shape of {node.name!r} must be (N,) or (C, H, W) with sizes of at least 1, "
            f"not {node.shape}; {remedy}"
        )


def _weight_shape(synapse: Synapse) -> Iterator[str]:
    weight, axes = synapse.weight, _AXES[type(synapse)]
    if weight.ndim != axes.count(",") + 1 or weight.size == 0:
        yield (
            f"weight of {synapse.name!r} must have shape {axes} with sizes of at least 1, "
            f"not {list(weight.shape)}; reshape it"
        )


def _convolution(node: Conv2d) -> Iterator[str]:
    yield from _pair(node.name, "stride", node.stride, least=1)
    yield from _pair(node.name, "padding", node.padding, least=0)
    yield from _pair(node.name, "dilation", node.dilation, least=1)
    yield from _count(node.name, "groups", node.groups)


def _pool(node: Pool) -> Iterator[str]:
    pairs = [*_pair(node.name, "kernel", node.kernel, least=1)]
    if node.stride is not None:
        pairs += _pair(node.name, "stride", node.stride, least=1)
    pairs += _pair(node.name, "padding", node.padding, least=0)
    yield from pairs
    if not pairs and any(pad >= size for pad, size in zip(node.padding, node.kernel, strict=True)):
        yield (
            f"padding of {node.name!r} must be below its kernel {node.kernel}, not {node.padding}: "
            "a window of padding alone has no value; use less padding or a larger kernel"
        )


def _joint(node: Concat | Add) -> Iterator[str]:
    least = 1 if isinstance(node, Add) else 2
    if len(node.sources) < least:
        yield f"sources of {node.name!r} must be at least {least}, not {len(node.sources)}"
    if not isinstance(node, Add):
        return
    if len(node.shifts) != len(node.sources):
        yield (
            f"shifts of {node.name!r} must be one for each of its {len(node.sources)} sources, "
            f"not {len(node.shifts)}; leave them out for no shifts"
        )
    wrong = [shift for shift in node.shifts if not 0 <= shift <= MAX_ADD_SHIFT]
    if wrong:
        yield f"shifts of {node.name!r} must be 0 to {MAX_ADD_SHIFT}, not {wrong[0]}"


def _count(name: str, what: str, value: int) -> Iterator[str]:
    if value < 1:
        yield f"{what} of {name!r} must be at least 1, not {value}"


def _pair(name: str, what: str, values: tuple[int, int], *, least: int) -> Iterator[str]:
    if len(values) != 2 or min(values) < least:
        yield f"{what} of {name!r} must be two integers of at least {least}, not {values}"
