"""Slices of a grid, and what a dilation within them or across them needs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError


def slices_first(array: Any, axis: int) -> np.ndarray[Any, Any]:
    """View a 2D or 3D map as slices (Z, Y, X); what lies on an accelerator is copied."""
    grid = on_host(array, "prediction")
    return grid[None] if grid.ndim == 2 else np.moveaxis(grid, axis, 0)


def checked_slice_axis(grid: tuple[int, ...], slice_axis: int, ndim: int, name: str = "prediction") -> int:
    """Count the axis from the front; a 2D grid is one slice along a new axis 0."""
    if len(grid) not in (2, 3) or len(grid) < ndim:
        raise ArgumentError(f"{name} must have a grid of {ndim} to 3 dimensions for ndim={ndim}, got {grid}")
    n_axes = 3 if len(grid) == 3 else 1
    if not -n_axes <= slice_axis < n_axes:
        raise ArgumentError(f"slice_axis must be an axis of the grid {grid} to slice along, got {slice_axis}")
    return slice_axis % n_axes


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
