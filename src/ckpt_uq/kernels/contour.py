"""Count the voxels that a dilation would add to a mask, without making the dilated mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.kernels.blocks import map_blocks
from ckpt_uq.kernels.jit import jit

Array = np.ndarray[Any, Any]


def contour_sizes(mask: Array, element: Array) -> Array:
    """Count, per slice of axis 0, the voxels of ``dilate(mask, element) & ~mask`` (Eqs. 7 and 8).

    Parameters
    ----------
    mask : numpy.ndarray
        Boolean, shape (Z, Y, X). Nothing lies beyond its border.
    element : numpy.ndarray
        Structuring element, boolean, 3D; its centre is at ``shape // 2``.

    Returns
    -------
    numpy.ndarray
        int64, shape (Z,).
    """
    voxels = np.ascontiguousarray(mask).view(np.uint8)
    offsets = np.argwhere(element) - np.array(element.shape) // 2
    sizes = np.zeros(len(mask), np.int64)

    def count(start: int, stop: int) -> None:
        _count(voxels, offsets, start, sizes[start:stop])

    map_blocks(count, len(mask), mask[:1].size)
    return sizes


@jit
def _count(mask: Array, offsets: Array, start: int, sizes: Array) -> None:
    depth, height, width = mask.shape
    for i in range(len(sizes)):
        z = start + i
        size = 0
        for y in range(height):
            for x in range(width):
                if mask[z, y, x]:
                    continue
                for k in range(len(offsets)):
                    u, v, w = z - offsets[k, 0], y - offsets[k, 1], x - offsets[k, 2]
                    if 0 <= u < depth and 0 <= v < height and 0 <= w < width and mask[u, v, w]:
                        size += 1
                        break
        sizes[i] = size
