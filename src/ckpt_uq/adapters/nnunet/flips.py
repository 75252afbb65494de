"""Mirroring of the input: averaged as nnU-Net does it, or every flip a member of its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import torch
from torch import Tensor

Mirroring = Literal["average", "members", "none"]


def flips_of(axes: Sequence[int] | None) -> list[tuple[int, ...]]:
    """Every set of axes to flip, none first.

    Parameters
    ----------
    axes : sequence of int, optional
        Spatial axes along which the network saw mirrored images.

    Examples
    --------
    >>> flips_of([0, 1])
    [(), (0,), (1,), (0, 1)]
    """
    return [flip for n in range(len(axes or ()) + 1) for flip in combinations(axes or (), n)]


class Flipped(torch.nn.Module):
    """A network that sees its input mirrored, and whose output is mirrored back.

    Parameters
    ----------
    network : torch.nn.Module
        Maps (B, C_in, *S) to (B, C, *S).
    axes : tuple of int
        Spatial axes; none leave the network as it is.
    """

    def __init__(self, network: torch.nn.Module, axes: tuple[int, ...]) -> None:
        super().__init__()
        self.network = network
        self.axes = tuple(axis + 2 for axis in axes)

    def forward(self, batch: Tensor) -> Tensor:
        """Predict the mirrored batch."""
        output: Tensor = self.network(torch.flip(batch, self.axes))
        return torch.flip(output, self.axes)
