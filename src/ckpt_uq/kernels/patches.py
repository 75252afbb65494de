"""Means over every patch of a map, axis by axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ckpt_uq.kernels.blocks import map_blocks
from ckpt_uq.kernels.jit import jit

Array = np.ndarray[Any, Any]

_COLUMNS = 256  # done together: their sums stay in the cache


def patch_means(values: Array, sides: Sequence[int]) -> Array:
    """Mean of every box of voxels that lies within the grid.

    Parameters
    ----------
    values : numpy.ndarray
        float32 or float64, of any shape without an axis of length 0.
    sides : sequence of int
        Voxels of the box along each axis, at least one and at most the grid's.

    Returns
    -------
    numpy.ndarray
        float64, for every place of the box's first corner: differences of cumulated sums.
    """
    means = values
    for axis, n in enumerate(sides):
        means = _running_means(means, n, axis)
    return means


def _running_means(values: Array, n: int, axis: int) -> Array:
    shape = values.shape
    outer, length, inner = math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
    blocks = np.ascontiguousarray(values).reshape(outer, length, inner)
    means = np.empty((outer, length - n + 1, inner))

    def fill(start: int, stop: int) -> None:
        for index in range(start, stop):
            block, first = divmod(index, n_parts)
            last = min((first + 1) * _COLUMNS, inner)
            _fill(blocks[block], n, first * _COLUMNS, last, means[block])

    n_parts = -(-inner // _COLUMNS)
    map_blocks(fill, outer * n_parts, length * min(inner, _COLUMNS))
    return means.reshape(*shape[:axis], -1, *shape[axis + 1 :])


@jit
def _fill(values: Array, n: int, start: int, stop: int, means: Array) -> None:
    """Running means of n rows, for the columns from ``start`` to ``stop``."""
    width = stop - start
    sums, before = np.zeros(width), np.zeros((n, width))  # cumulated, of a row and of the n rows before it
    for i in range(len(values)):
        row, kept = values[i, start:stop], before[i % n]
        for j in range(width):
            sums[j] += np.float64(row[j])
        if i >= n - 1:
            mean = means[i - n + 1, start:stop]
            for j in range(width):
                mean[j] = (sums[j] - kept[j]) / n
        for j in range(width):
            kept[j] = sums[j]
