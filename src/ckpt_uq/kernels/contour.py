"""Count the voxels that a dilation would add to a mask, without making the dilated mask.

Several masks are read at once, each a bit of a byte, or of labels each a class. Most rows of a segmentation
look like all rows around them and have no contour in any mask; several are told at once. In the others the
neighbours are united, a register of voxels in one operation, and what is new is counted bit by bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.kernels.blocks import map_blocks
from ckpt_uq.kernels.jit import inline, jit

Array = np.ndarray[Any, Any]

_BLOCK = 4096  # voxels that are asked at once whether they are like all around them
_SEGMENT = 512  # voxels of a row that are looked at when they are not


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
    steps = _steps(element)
    reach = len(element)
    sizes: Array = np.zeros((1, len(plane)), np.int64)

    def count(start: int, stop: int) -> None:
        first, last = max(0, start - reach), min(len(plane), stop + reach)
        mask = np.ascontiguousarray(plane[first:last] > 0.5).view(np.uint8)
        _count(mask, steps, start - first, False, sizes[:, start:stop])

    map_blocks(count, len(plane), max(1, plane[:1].size // 8))
    return sizes.reshape(-1)


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
    return _sizes(np.ascontiguousarray(labels), element, n_classes, of_labels=True)


def bit_contours(bits: Array, element: Array, n_bits: int) -> Array:
    """Count as :func:`contour_sizes` for the masks in the lowest bits of uint8, shape (Z, Y, X)."""
    return _sizes(np.ascontiguousarray(bits), element, n_bits, of_labels=False)


def _sizes(voxels: Array, element: Array, n_masks: int, *, of_labels: bool) -> Array:
    steps = _steps(element)
    sizes: Array = np.zeros((n_masks, len(voxels)), np.int64)

    def count(start: int, stop: int) -> None:
        _count(voxels, steps, start, of_labels, sizes[:, start:stop])

    map_blocks(count, len(voxels), voxels[:1].size)
    return sizes


def _steps(element: Array) -> Array:
    steps = np.argwhere(element) - np.array(element.shape) // 2
    others: Array = steps[steps.any(axis=1)]  # a voxel's being in the mask itself puts it in no contour
    return others


@jit
def _count(voxels: Array, steps: Array, first: int, of_labels: bool, sizes: Array) -> None:
    """Count the slices from ``first`` on."""
    shape, flat = voxels.shape, voxels.reshape(-1)
    height, width = shape[1:]
    ring = np.zeros(_SEGMENT, np.uint8)
    n_rows = max(1, _BLOCK // max(1, width))
    for i in range(sizes.shape[1]):
        z = first + i
        distances = _distances(steps, shape, z)
        for y in range(0, height, n_rows):
            end = min(y + n_rows, height)
            start = (z * height + y) * width
            if _all_alike(flat, start, start + (end - y) * width, distances):
                continue
            for row in range(y, end):
                start = (z * height + row) * width
                for x in range(0, width, _SEGMENT):
                    stop = min(x + _SEGMENT, width)
                    if not _all_alike(flat, start + x, start + stop, distances):
                        _count_segment(flat, shape, steps, (z, row, x, stop), of_labels, ring, sizes[:, i])


@jit
def _distances(steps: Array, shape: tuple[int, int, int], z: int) -> Array:
    """How far away in memory the neighbours of a slice's voxels lie, six in a row."""
    depth, height, width = shape
    distances, n = np.zeros((len(steps) + 5) // 6 * 6, np.int64), 0
    for k in range(len(steps)):
        if 0 <= z - steps[k, 0] < depth:
            distances[n] = (steps[k, 0] * height + steps[k, 1]) * width + steps[k, 2]
            n += 1
    return distances.reshape(-1, 6)


@jit
def _all_alike(flat: Array, start: int, stop: int, distances: Array) -> Any:
    """Whether no voxel differs from its neighbours; those beyond a row's end are looked at in vain.

    What has no neighbours in memory is said to differ.
    """
    for k in range(len(distances)):
        for j in range(6):
            if start < distances[k, j] or stop - distances[k, j] > len(flat):
                return False
        if _differ(flat, start, stop - start, distances[k]):
            return False
    return True


@jit
def _differ(flat: Array, start: int, n: int, distances: Array) -> Any:
    here = np.uint64(start)
    a, b = np.uint64(start - distances[0]), np.uint64(start - distances[1])
    c, d = np.uint64(start - distances[2]), np.uint64(start - distances[3])
    e, f = np.uint64(start - distances[4]), np.uint64(start - distances[5])
    difference = np.uint8(0)
    for i in range(np.uint64(n)):
        value = flat[here + i]
        one = np.uint8(np.uint8(value ^ flat[a + i]) | np.uint8(value ^ flat[b + i]))
        two = np.uint8(np.uint8(value ^ flat[c + i]) | np.uint8(value ^ flat[d + i]))
        three = np.uint8(np.uint8(value ^ flat[e + i]) | np.uint8(value ^ flat[f + i]))
        difference = np.uint8(difference | np.uint8(np.uint8(one | two) | three))
    return difference != 0


@jit
def _count_segment(
    flat: Array,
    shape: tuple[int, int, int],
    steps: Array,
    where: tuple[int, int, int, int],
    of_labels: bool,
    ring: Array,
    sizes: Array,
) -> None:
    depth, height, width = shape
    z, y, start, stop = where
    row = (z * height + y) * width
    for group in range(0, len(sizes), 8):
        n_masks = min(8, len(sizes) - group)
        ring[:] = 0
        for k in range(len(steps)):
            u, v, step = z - steps[k, 0], y - steps[k, 1], steps[k, 2]
            a, b = max(start, step), min(stop, width + step)
            if 0 <= u < depth and 0 <= v < height and a < b:
                beside = (u * height + v) * width - step
                _unite(ring[a - start : b - start], flat[beside + a : beside + b], group, n_masks, of_labels)
        _take_away(ring[: stop - start], flat[row + start : row + stop], group, n_masks, of_labels)
        words = ring[: (stop - start + 7) // 8 * 8].view(np.uint64)
        _count_bits(words, sizes[group : group + n_masks])


@jit
def _unite(ring: Array, values: Array, group: int, n_masks: int, of_labels: bool) -> None:
    """Set the bits of the masks that the values lie in."""
    if not of_labels:
        for x in range(len(ring)):
            ring[x] = np.uint8(ring[x] | values[x])
        return
    for k in range(0, n_masks, 4):
        label, bit = np.uint8(group + k), np.uint8(1 << k)
        for x in range(len(ring)):
            ring[x] = np.uint8(ring[x] | _four_bits(values[x], label, bit))


@jit
def _take_away(ring: Array, values: Array, group: int, n_masks: int, of_labels: bool) -> None:
    """Clear the bits of the masks that the values lie in."""
    if not of_labels:
        for x in range(len(ring)):
            ring[x] = np.uint8(ring[x] & ~values[x])
        return
    for k in range(0, n_masks, 4):
        label, bit = np.uint8(group + k), np.uint8(1 << k)
        for x in range(len(ring)):
            ring[x] = np.uint8(ring[x] & ~_four_bits(values[x], label, bit))


@inline
def _four_bits(value: Any, label: Any, bit: Any) -> Any:
    """The bit of a value that is one of four labels; bits beyond the masks are set too and not counted."""
    none = np.uint8(0)
    a = np.uint8(bit if value == label else none)
    b = np.uint8(np.uint8(bit << np.uint8(1)) if value == np.uint8(label + np.uint8(1)) else none)
    c = np.uint8(np.uint8(bit << np.uint8(2)) if value == np.uint8(label + np.uint8(2)) else none)
    d = np.uint8(np.uint8(bit << np.uint8(3)) if value == np.uint8(label + np.uint8(3)) else none)
    return np.uint8(np.uint8(a | b) | np.uint8(c | d))


@jit
def _count_bits(words: Array, sizes: Array) -> None:
    """Count bit k of all bytes, for every k, eight bytes in a word, which hold 255 at most."""
    one, half = np.uint64(0x0101010101010101), np.uint64(0x00FF00FF00FF00FF)
    for k in range(len(sizes)):
        total = np.uint64(0)
        for i in range(len(words)):
            total += (words[i] >> np.uint64(k)) & one
        pairs = (total & half) + ((total >> np.uint64(8)) & half)
        pairs += pairs >> np.uint64(16)
        sizes[k] += np.int64((pairs + (pairs >> np.uint64(32))) & np.uint64(0xFFFF))
