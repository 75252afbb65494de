"""Distances in space, by SciPy's exact Euclidean distance transform."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import distance_transform_edt

Array = np.ndarray[Any, Any]


def distance_to(mask: Array, spacing: tuple[float, ...]) -> Array:
    """Distance in mm of every voxel's centre to the nearest voxel of a mask; infinite without one."""
    if not mask.any():
        return np.full(mask.shape, np.inf)
    distance: Array = distance_transform_edt(~mask, sampling=spacing)
    return distance


def distance_to_other_side(mask: Array, spacing: tuple[float, ...]) -> Array:
    """Distance in mm of every voxel's centre to the nearest voxel across the mask's boundary, float64.

    For a voxel inside that is the nearest outside, and the other way round; infinite where a mask that is
    empty or full has no boundary. Nothing lies beyond the grid's border.
    """
    outside = distance_to(mask, spacing)
    return np.where(mask, distance_to(~mask, spacing), outside)
