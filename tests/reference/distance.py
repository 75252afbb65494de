"""Distances by looking at every pair of voxels."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist


def distances_to(mask, spacing):
    """Distance of every voxel to the nearest of a mask, in mm; infinite without one."""
    everywhere = np.argwhere(np.ones(mask.shape, bool)) * np.asarray(spacing)
    if not mask.any():
        return np.full(mask.shape, np.inf)
    return cdist(everywhere, np.argwhere(mask) * np.asarray(spacing)).min(1).reshape(mask.shape)


def distances_to_other_side(mask, spacing):
    return np.where(mask, distances_to(~mask, spacing), distances_to(mask, spacing))
