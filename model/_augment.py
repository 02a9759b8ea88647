"""Random shifts, rotations and zooms of a whole batch of images at once."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812  # its usual name
from torch import Tensor

from spikeloom.model._config import TrainConfig


def augment(images: Tensor, config: TrainConfig, generator: torch.Generator) -> Tensor:
    """Move every image `[N, C, H, W]` (floats) by an affine map of its own.

    Bilinear, with zeros from outside, rounded to whole pixel values.
    """
    if config.shift == config.rotation == config.zoom == 0.0:
        return images
    maps = _random_maps(images, config, generator)
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, mode="bilinear", align_corners=False)
    return moved.round_()


def _random_maps(images: Tensor, config: TrainConfig, generator: torch.Generator) -> Tensor:
    """Affine maps `[N, 2, 3]` in the coordinates of `affine_grid`, -1 to 1 across an image."""
    count, _, height, width = images.shape
    random = torch.rand(count, 4, generator=generator).mul_(2.0).sub_(1.0)
    angle = random[:, 0] * math.radians(config.rotation)
    size = 1.0 + random[:, 1] * config.zoom
    shift = random[:, 2:] * (2.0 * config.shift)
    cos, sin = angle.cos() * size, angle.sin() * size
    rows = [cos, -sin, shift[:, 0] / width, sin, cos, shift[:, 1] / height]
    return torch.stack(rows, dim=1).view(count, 2, 3)
