"""Between volumes and a 2D network: standardise, cut into slices, put back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from ckpt_uq.demo.cases import Case
from ckpt_uq.errors import DataError

MULTIPLE = 8  # three poolings of the small U-Net


@dataclass(frozen=True)
class Slicewise:
    """An inferer: runs a 2D network over the slices of volumes and answers on the volumes' own grid.

    Parameters
    ----------
    grid : tuple of int
        Rows and columns the network was trained on; smaller slices are padded to it by their edge.
    factor : int
        The network sees slices reduced this many times in-plane; its logits are interpolated back.
    """

    grid: tuple[int, int]
    factor: int = 1

    def __call__(self, volumes: Tensor, network: Callable[[Tensor], Tensor]) -> Tensor:
        """Logits (B, C, z, y, x) of volumes (B, 1, z, y, x)."""
        n_volumes, _, n_slices, *plane = volumes.shape
        slices = self.reduced(volumes.transpose(1, 2).flatten(0, 1))
        rows, columns = slices.shape[-2:]
        logits: Tensor = network(self.padded(slices))[..., :rows, :columns]
        if self.factor > 1:
            logits = F.interpolate(logits, size=plane, mode="bilinear", align_corners=False)
        return logits.reshape(n_volumes, n_slices, *logits.shape[1:]).transpose(1, 2)

    def reduced(self, slices: Tensor) -> Tensor:
        """Slices (N, 1, y, x) averaged in blocks of ``factor`` pixels."""
        return F.avg_pool2d(slices, self.factor, ceil_mode=True) if self.factor > 1 else slices

    def padded(self, slices: Tensor) -> Tensor:
        """Slices (N, 1, y, x) continued at the far edges to the training grid, or a multiple of 8 beyond."""
        sizes = zip(slices.shape[-2:], self.grid, strict=True)
        missing = [max(least, math.ceil(n / MULTIPLE) * MULTIPLE) - n for n, least in sizes]
        return F.pad(slices, (0, missing[1], 0, missing[0]), mode="replicate")

    def training_pairs(
        self, images: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8]
    ) -> tuple[Tensor, Tensor]:
        """Slices (z, 1, *grid) of one volume and labels (z, *grid) for the network to learn from."""
        slices = self.padded(self.reduced(torch.from_numpy(images)[:, None]))
        if slices.shape[-2:] != self.grid:
            raise DataError(f"slices must fit the training grid {self.grid}, got {tuple(slices.shape[-2:])}")
        middle = self.factor // 2
        truth = torch.from_numpy(labels)[:, middle :: self.factor, middle :: self.factor]
        missing = [n - m for n, m in zip(self.grid, truth.shape[-2:], strict=True)]
        return slices, F.pad(truth, (0, missing[1], 0, missing[0])).long()


def standardised(case: Case, window: tuple[float, float] | None) -> npt.NDArray[np.float32]:
    """The case's image, clipped to `window`, with zero mean and unit variance; shape (z, y, x)."""
    image = case.image if window is None else case.image.clip(*window)
    return np.asarray((image - image.mean()) / (image.std() + 1e-6), dtype=np.float32)


def training_slices(
    cases: Sequence[Case], slicewise: Slicewise, window: tuple[float, float] | None, step: int
) -> tuple[Tensor, Tensor]:
    """Every `step`-th slice of the cases: images (N, 1, y, x) and labels (N, y, x)."""
    pairs = [slicewise.training_pairs(standardised(c, window)[::step], c.labels[::step]) for c in cases]
    images, labels = zip(*pairs, strict=True)
    return torch.cat(images), torch.cat(labels)
