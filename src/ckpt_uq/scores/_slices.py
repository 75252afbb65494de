"""Slices of a grid, and what a dilation within them or across them needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ckpt_uq.arrays import Borrowed, borrow, is_tensor
from ckpt_uq.errors import ArgumentError
from ckpt_uq.grid import as_slice_axis


def slices_first(array: Any, axis: int, lend: Callable[[Any, str], Borrowed] = borrow) -> Any:
    """View a 2D or 3D map as slices (Z, Y, X), where it lies."""
    grid = lend(array, "prediction").data
    if grid.ndim == 2:
        return grid[None]
    return grid.movedim(axis, 0) if is_tensor(grid) else np.moveaxis(grid, axis, 0)


def sum_of_slices(slices: Any) -> np.ndarray[Any, Any]:
    """Sum of each slice of a map (Z, Y, X), float64; only the sums leave an accelerator."""
    if is_tensor(slices):
        from ckpt_uq.kernels.on_device import wide  # imports torch

        return np.asarray(slices.sum((1, 2), dtype=wide(slices)).cpu().numpy(), np.float64)
    return np.asarray(slices.sum(axis=(1, 2), dtype=np.float64))


def checked_slice_axis(grid: tuple[int, ...], slice_axis: int, ndim: int, name: str = "prediction") -> int:
    """Count the axis from the front; a 2D grid is one slice along a new axis 0."""
    if len(grid) not in (2, 3) or len(grid) < ndim:
        raise ArgumentError(f"{name} must have a grid of {ndim} to 3 dimensions for ndim={ndim}, got {grid}")
    return as_slice_axis(slice_axis, len(grid))


def checked_element(element: Any, ndim: int) -> np.ndarray[Any, Any]:
    """A structuring element of so many dimensions; one step along each axis by default."""
    if element is None:
        steps = np.abs(np.indices((3,) * ndim) - 1).sum(axis=0)
        return np.asarray(steps <= 1)  # the cross: scipy.ndimage.generate_binary_structure(ndim, 1)
    shape = np.asarray(element).astype(bool)
    if shape.ndim != ndim or not shape.any():
        raise ArgumentError(
            f"element must have {ndim} dimensions and a voxel set, got shape {shape.shape} with "
            f"{shape.sum()} set; leave it out for one step along each axis"
        )
    return shape
