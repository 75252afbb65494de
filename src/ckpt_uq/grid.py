"""A grid: which axis its slices follow each other along, and how far apart its voxels are, in millimetres."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import SupportsIndex

from ckpt_uq.errors import ArgumentError


def as_slice_axis(slice_axis: SupportsIndex, ndim: int) -> int:
    """Count an axis from the front.

    Parameters
    ----------
    slice_axis : int
        An axis of a 3D grid, from -3 to 2; a grid of fewer dimensions is one slice, along axis 0.
    ndim : int
        Dimensions of the grid.

    Raises
    ------
    ArgumentError
        If `slice_axis` is no integer, or no axis of the grid.

    Examples
    --------
    >>> as_slice_axis(-1, ndim=3), as_slice_axis(-1, ndim=2)
    (2, 0)
    """
    n_axes = ndim if ndim > 2 else 1
    try:
        axis = operator.index(slice_axis)
    except TypeError:
        axis = n_axes
    if not -n_axes <= axis < n_axes:
        raise ArgumentError(
            f"slice_axis must be an integer in [{-n_axes}, {n_axes}), the axis of a {ndim}D grid along which "
            f"slices follow each other, got {slice_axis!r}"
        )
    return axis % n_axes


def as_spacing(spacing: Sequence[float] | None, ndim: int) -> tuple[float, ...]:
    """Distance between neighbouring voxels along each axis of a grid, in mm.

    Parameters
    ----------
    spacing : sequence of float or None
        One positive number an axis, in the order of the grid's axes; None is 1 mm each, so that lengths count
        voxels.
    ndim : int
        Number of axes of the grid.

    Raises
    ------
    ArgumentError
        If there is not one positive finite number an axis.

    Examples
    --------
    >>> as_spacing((5, 0.75, 0.75), 3), as_spacing(None, 2)
    ((5.0, 0.75, 0.75), (1.0, 1.0))
    """
    if spacing is None:
        return (1.0,) * ndim
    steps = tuple(float(step) for step in spacing)
    if len(steps) != ndim or not all(math.isfinite(step) and step > 0 for step in steps):
        raise ArgumentError(
            f"spacing must be {ndim} positive numbers in mm, in the order of the grid's axes, got {steps}"
        )
    return steps


def require_length(length: float, name: str) -> float:
    """Raise ArgumentError if a length in mm is not positive and finite."""
    if not (math.isfinite(length) and length > 0):
        raise ArgumentError(f"{name} must be a positive length in mm, got {length}")
    return float(length)
