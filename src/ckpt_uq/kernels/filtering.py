"""Count voxels by the first of some thresholds that keeps them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.kernels.blocks import map_blocks
from ckpt_uq.kernels.jit import jit

Array = np.ndarray[Any, Any]


def count_by_first_level(values: Array, prediction: Array, labels: Array, levels: Array) -> Array:
    """Count the voxels of each outcome that every level is the first not to be below.

    Parameters
    ----------
    values : numpy.ndarray
        float32 or float64, shape (N,), >= 0; what is above the last level counts as that.
    prediction, labels : numpy.ndarray
        Boolean, shape (N,).
    levels : numpy.ndarray
        float64, shape (L,), from 0 on in equal steps but for rounding.

    Returns
    -------
    numpy.ndarray
        int64, shape (L, 4): neither, the label alone, the prediction alone, and both.
    """

    def count(start: int, stop: int) -> Array:
        counts = np.zeros((len(levels), 4), np.int64)
        _count(values[start:stop], prediction[start:stop], labels[start:stop], levels, counts)
        return counts

    return np.asarray(sum(map_blocks(count, len(values)), np.zeros((len(levels), 4), np.int64)))


@jit
def _count(values: Array, prediction: Array, labels: Array, levels: Array, counts: Array) -> None:
    last = len(levels) - 1
    a_unit = last / levels[last]
    for i in range(len(values)):
        value = np.float64(values[i])
        k = min(int(value * a_unit), last)  # near it; the comparisons decide
        while k > 0 and levels[k - 1] >= value:
            k -= 1
        while k < last and levels[k] < value:
            k += 1
        counts[k, 2 * prediction[i] + labels[i]] += 1
