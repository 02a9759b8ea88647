"""One typed door to torch's untyped autograd functions."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor
from torch.autograd import Function


def apply(function: type[Function], *arguments: object) -> Tensor:
    """Run an autograd function that returns one tensor."""
    return cast("Tensor", cast("Any", function).apply(*arguments))


def apply_pair(function: type[Function], *arguments: object) -> tuple[Tensor, Tensor]:
    """Run an autograd function that returns two tensors."""
    return cast("tuple[Tensor, Tensor]", cast("Any", function).apply(*arguments))
