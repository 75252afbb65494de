"""Dice by sets of voxel positions."""

from __future__ import annotations

import math

import numpy as np


def dice(prediction, labels, class_index: int) -> float:
    """Twice the common voxels over the sum of both sets; NaN when both are empty."""
    a = set(np.flatnonzero(np.asarray(prediction) == class_index).tolist())
    b = set(np.flatnonzero(np.asarray(labels) == class_index).tolist())
    return 2 * len(a & b) / (len(a) + len(b)) if a or b else math.nan
