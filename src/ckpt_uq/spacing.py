"""How far apart voxels are, in millimetres."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ckpt_uq.errors import ArgumentError


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
