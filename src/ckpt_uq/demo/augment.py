"""Random flips, turns, scales and noise, all from one generator."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

MAX_TURN = math.radians(15)
MAX_SCALE = 0.15
MAX_NOISE = 0.15


def augment(images: Tensor, labels: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Move each image and its labels together, and add noise to the image.

    Parameters
    ----------
    images : Tensor
        Shape (B, 1, y, x), standardised.
    labels : Tensor
        Shape (B, y, x), int64; what comes in from outside the image is background.
    generator : Generator
        Decides everything random.
    """
    grid = F.affine_grid(_motions(images, generator), list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    moved_labels = F.grid_sample(labels[:, None].float(), grid, mode="nearest", align_corners=False)
    level = MAX_NOISE * torch.rand(len(images), 1, 1, 1, generator=generator)
    noise = level * torch.randn(moved.shape, generator=generator)
    return moved + noise, moved_labels[:, 0].long()


def _motions(images: Tensor, generator: Generator) -> Tensor:
    """Affine maps (B, 2, 3) in the units of `affine_grid`, where both half-axes are 1 whatever the shape."""
    n, _, rows, columns = images.shape
    turn = MAX_TURN * (2 * torch.rand(n, generator=generator) - 1)
    scale = 1 + MAX_SCALE * (2 * torch.rand(n, generator=generator) - 1)
    flip = 2.0 * torch.randint(2, (n,), generator=generator) - 1
    cos, sin = scale * turn.cos(), scale * turn.sin()
    aspect = rows / columns
    x_row = torch.stack([flip * cos, -flip * sin * aspect, torch.zeros(n)], dim=1)
    y_row = torch.stack([sin / aspect, cos, torch.zeros(n)], dim=1)
    return torch.stack([x_row, y_row], dim=1)
