"""A 2D network on volumes: slice by slice."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

AT_ONCE = 8
"""Slices in one batch: enough to keep a device busy, few enough for its memory."""


def slices(volumes: Tensor, network: Callable[[Tensor], Tensor]) -> Tensor:
    """Run a 2D network over the slices of volumes, an inferer for an ensemble.

    Parameters
    ----------
    volumes : Tensor
        Shape (B, C_in, z, y, x).
    network : callable
        Maps (n, C_in, y, x) to (n, C, y', x').

    Returns
    -------
    Tensor
        Shape (B, C, z, y', x').

    Examples
    --------
    >>> slices(torch.zeros(1, 1, 20, 4, 4), lambda planes: planes.repeat(1, 3, 1, 1)).shape
    torch.Size([1, 3, 20, 4, 4])
    """
    n_volumes, _, n_slices = volumes.shape[:3]
    planes = volumes.transpose(1, 2).flatten(0, 1)
    out = torch.cat([network(part) for part in planes.split(AT_ONCE)])
    together: Tensor = out.unflatten(0, (n_volumes, n_slices)).transpose(1, 2)
    return together
