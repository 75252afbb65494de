"""Entropy by the definition: Python floats, one voxel after the other, exact summation."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np


def entropy(p: Iterable[float]) -> float:
    """Shannon entropy of one distribution, in bits; 0 log 0 = 0."""
    return math.fsum(-q * math.log2(q) for q in map(float, p) if q > 0)


def entropy_map(probs, class_axis: int = 0) -> np.ndarray:
    """Entropy of every voxel, cut at log2 C where rounded probabilities sum to more than 1."""
    voxels = np.moveaxis(np.asarray(probs, np.float64), class_axis, -1)
    bits = [entropy(p) for p in voxels.reshape(-1, voxels.shape[-1])]
    return np.clip(bits, 0, math.log2(voxels.shape[-1])).reshape(voxels.shape[:-1])


def binary_entropy_map(probs) -> np.ndarray:
    """Entropy of (p, 1 - p) for every value."""
    values = np.asarray(probs, np.float64)
    flat = [entropy((p, 1 - p)) for p in values.ravel()]
    return np.array(flat, np.float64).reshape(values.shape)
