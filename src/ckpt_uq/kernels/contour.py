"""Count the voxels that a dilation would add to a mask, without making the dilated mask.

Up to eight masks are read at once, each a bit of a byte. Some rows are done together as if they were one: the
neighbours of all their voxels are united, a register of voxels in one operation, wherever they lie in memory.
That is wrong at the ends of the rows, where the voxels are looked at again one by one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ckpt_uq.kernels.bits import count_ones
from ckpt_uq.kernels.blocks import map_blocks
from ckpt_uq.kernels.jit import jit

Array = np.ndarray[Any, Any]

_ROWS_VOXELS = 16384  # in rows that are done together
_SLICES_AT_ONCE = 8  # as long as they are small: the slices around them are made into bits too


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
    return bit_contours(np.ascontiguousarray(mask).view(np.uint8), element, 1).reshape(-1)


def threshold_contours(plane: Array, element: Array) -> Array:
    """Count as :func:`contour_sizes` for the mask ``plane > 1/2``, made a few slices at a time."""
    return _sizes(plane, element, 1, _above_one_half).reshape(-1)


def label_contours(labels: Array, element: Array, n_classes: int) -> Array:
    """Count as :func:`contour_sizes` for the masks ``labels == k`` of all classes k at once.

    Parameters
    ----------
    labels : numpy.ndarray
        uint8, shape (Z, Y, X); other labels than classes are allowed.
    element : numpy.ndarray
        As for :func:`contour_sizes`.
    n_classes : int
        C, up to 256.

    Returns
    -------
    numpy.ndarray
        int64, shape (C, Z).
    """
    labels, groups = np.ascontiguousarray(labels), range(0, n_classes, 8)
    parts = [
        _sizes(labels, element, min(8, n_classes - group), partial(_labels_as_bits, group=group))
        for group in groups
    ]
    return np.concatenate(parts)


def bit_contours(bits: Array, element: Array, n_bits: int) -> Array:
    """Count as :func:`contour_sizes` for the masks in the lowest bits of uint8, shape (Z, Y, X)."""
    return _sizes(np.ascontiguousarray(bits), element, n_bits)


def _sizes(
    voxels: Array, element: Array, n_masks: int, as_bits: Callable[[Array, Array], None] | None = None
) -> Array:
    """Count slice by slice; ``as_bits`` fills bytes with the bits of some slices that are no bits already."""
    steps = np.argwhere(element) - np.array(element.shape) // 2
    steps = steps[steps.any(axis=1)]  # a voxel's being in the mask itself puts it in no contour
    reach = int(abs(steps[:, 0]).max(initial=0))
    sizes: Array = np.zeros((n_masks, len(voxels)), np.int64)
    kept = threading.local()  # fresh memory costs as much as what is done in it

    def bits_of(slices: Array) -> Array:
        if as_bits is None:
            return slices
        if getattr(kept, "bits", np.empty(0)).size < slices.size:
            kept.bits = np.empty(slices.size, np.uint8)
        bits: Array = kept.bits[: slices.size].reshape(slices.shape)
        as_bits(slices, bits)
        return bits

    def count(start: int, stop: int) -> None:
        first, last = max(0, start - reach), min(len(voxels), stop + reach)
        _count(bits_of(voxels[first:last]), steps, start - first, sizes[:, start:stop])

    if voxels.size and len(steps):
        map_blocks(count, len(voxels), voxels[:1].size // _SLICES_AT_ONCE)
    return sizes


def _above_one_half(plane: Array, bits: Array) -> None:
    np.greater(plane, 0.5, out=bits.view(np.bool_))


def _labels_as_bits(labels: Array, bits: Array, group: int) -> None:
    _set_bits(labels.reshape(-1), np.uint8(group), bits.reshape(-1))


@jit
def _set_bits(labels: Array, group: np.uint8, bits: Array) -> None:
    """Set the bit of a label that is one of the eight from ``group`` on."""
    for i in range(len(bits)):
        label, two = np.uint8(labels[i] - group), np.uint8(0)
        for k in range(8):
            two = np.uint8(two | np.uint8(np.uint8(1 << k) if label == np.uint8(k) else np.uint8(0)))
        bits[i] = two


@jit
def _count(bits: Array, steps: Array, first: int, sizes: Array) -> None:
    """Count the slices from ``first`` on."""
    _, height, width = bits.shape
    up, down = max(0, steps[:, 1].max()), max(0, -steps[:, 1].min())
    n_rows = max(1, _ROWS_VOXELS // width)
    ring = np.empty((n_rows * width + 7) // 8, np.uint64)
    for i in range(sizes.shape[1]):
        y = 0
        while y < height:
            inside = up <= y < height - down
            end = min(y + n_rows, height - down) if inside else y + 1
            _surround(bits, steps, first + i, y, end, ring.view(np.uint8))
            _count_bits(ring[: ((end - y) * width + 7) // 8], sizes[:, i])
            y = end


@jit
def _surround(bits: Array, steps: Array, z: int, y: int, end: int, ring: Array) -> None:
    """Set, for the rows from ``y`` to ``end``, the bits that a neighbour has and the voxel has not."""
    _, height, width = bits.shape
    flat, start, n = bits.reshape(-1), (z * height + y) * width, (end - y) * width
    left, right = max(0, steps[:, 2].max()), max(0, -steps[:, 2].min())
    ring[:] = 0
    if n > left + right:
        for distances in _distances(steps, bits.shape, z, y, end, left, width - right).reshape(-1, 6):
            _unite(flat, start + left, distances, ring[left : n - right])
    for x in range(min(left, width)):
        _unite_column(flat, start + x, width, _distances(steps, bits.shape, z, y, end, x, x + 1), ring[x:n])
    for x in range(max(left, width - right), width):
        _unite_column(flat, start + x, width, _distances(steps, bits.shape, z, y, end, x, x + 1), ring[x:n])


@jit
def _distances(
    steps: Array, shape: tuple[int, int, int], z: int, first: int, last: int, left: int, right: int
) -> Array:
    """How far away in memory the neighbours of a rectangle of voxels lie, if all are there; 0 for itself.

    Six at a time are asked for.
    """
    depth, height, width = shape
    distances, n = np.zeros((len(steps) + 5) // 6 * 6, np.int64), 0
    for k in range(len(steps)):
        up, over = steps[k, 1], steps[k, 2]
        inside = up <= first and last - up <= height and over <= left and right - over <= width
        if inside and 0 <= z - steps[k, 0] < depth:
            distances[n] = (steps[k, 0] * height + up) * width + over
            n += 1
    return distances[: (n + 5) // 6 * 6]


@jit
def _unite(flat: Array, start: int, distances: Array, ring: Array) -> None:
    here = np.uint64(start)
    a, b = np.uint64(start - distances[0]), np.uint64(start - distances[1])
    c, d = np.uint64(start - distances[2]), np.uint64(start - distances[3])
    e, f = np.uint64(start - distances[4]), np.uint64(start - distances[5])
    for i in range(np.uint64(len(ring))):
        one = np.uint8(np.uint8(flat[a + i] | flat[b + i]) | flat[c + i])
        two = np.uint8(np.uint8(flat[d + i] | flat[e + i]) | flat[f + i])
        ring[i] = np.uint8(ring[i] | np.uint8(np.uint8(one | two) & ~flat[here + i]))


@jit
def _unite_column(flat: Array, start: int, width: int, distances: Array, ring: Array) -> None:
    """As :func:`_unite` for one voxel in a row, whatever is there."""
    for i in range(0, len(ring), width):
        near, here = np.uint8(0), np.uint64(start + i)
        for distance in distances:
            near = np.uint8(near | flat[np.uint64(here - np.uint64(distance))])
        ring[i] = np.uint8(near & ~flat[here])


@jit
def _count_bits(words: Array, sizes: Array) -> None:
    """Count bit k of all bytes, for every k."""
    for k in range(len(sizes)):
        mask, total = np.uint64(0x0101010101010101) << np.uint64(k), np.uint64(0)
        for i in range(len(words)):
            total += count_ones(words[i] & mask)
        sizes[k] += np.int64(total)
