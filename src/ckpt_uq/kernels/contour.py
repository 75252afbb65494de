"""Count the voxels that a dilation would add to a mask, without making the dilated mask.

A mask is packed, a bit a voxel, with zeros around every slice. So a step leads from any voxel to its
neighbour by the same distance in memory and the same shift, whether or not there is one, and hundreds of
neighbours are united by one operation. A few slices are packed at a time; bands of rows that are all in the
mask, or have none of it around them, are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.kernels.bits import count_ones
from ckpt_uq.kernels.blocks import BLOCK_VOXELS, map_blocks, thread_count
from ckpt_uq.kernels.jit import jit
from ckpt_uq.kernels.vectors import ALL, WORD, as_word, first_bits, load

Array = np.ndarray[Any, Any]

_MASKS_VOXELS = 1 << 21  # of a slice, in all masks that are packed at once
_BLOCKS = 2  # of slices, a thread
_HALF, _INFINITE = 0x3F00, 0x7F80  # the bits of bfloat16; above are NaN and what is negative
_BAND = 256  # words of rows that are done together


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
    """Count as :func:`contour_sizes` for the mask ``plane > 1/2``, made a few slices at a time.

    A dtype of uint16 means the bits of bfloat16.
    """
    return _sizes(plane, element, _bit_masks(1), _above_one_half).reshape(-1)


def label_contours(labels: Array, element: Array, classes: Sequence[int]) -> Array:
    """Count as :func:`contour_sizes` for the masks ``labels == k`` of all classes k at once.

    Parameters
    ----------
    labels : numpy.ndarray
        uint8, shape (Z, Y, X); other labels than classes are allowed.
    element : numpy.ndarray
        As for :func:`contour_sizes`.
    classes : sequence of int
        Each below 256.

    Returns
    -------
    numpy.ndarray
        int64, shape (len(classes), Z).
    """
    values = np.array(classes, np.uint8)
    return _sizes(np.ascontiguousarray(labels), element, np.stack([np.full_like(values, 255), values]))


def bit_contours(bits: Array, element: Array, n_bits: int) -> Array:
    """Count as :func:`contour_sizes` for the masks in the lowest bits of uint8, shape (Z, Y, X)."""
    return _sizes(np.ascontiguousarray(bits), element, _bit_masks(n_bits))


def _bit_masks(n_bits: int) -> Array:
    bits = np.uint8(1) << np.arange(n_bits, dtype=np.uint8)
    return np.stack([bits, bits])


def _sizes(
    voxels: Array, element: Array, masks: Array, as_bytes: Callable[[Array], Array] | None = None
) -> Array:
    """Count slice by slice.

    ``masks`` (2, M): a byte that is masks[1, m] in the bits masks[0, m] belongs to mask m. ``as_bytes`` makes
    bytes of some slices that are none already.
    """
    steps = np.argwhere(element) - np.array(element.shape) // 2
    steps = steps[steps.any(axis=1)]  # a voxel's being in the mask itself puts it in no contour
    steps = steps[np.argsort(steps[:, 2] % WORD, kind="stable")]  # those without a shift first
    reach = int(abs(steps[:, 0]).max(initial=0))
    sizes: Array = np.zeros((masks.shape[1], len(voxels)), np.int64)

    def count(start: int, stop: int) -> None:
        first, last = max(0, start - reach), min(len(voxels), stop + reach)
        slices = voxels[first:last] if as_bytes is None else as_bytes(voxels[first:last])
        at_once = max(1, _MASKS_VOXELS // slices[:1].size)
        for m in range(0, len(sizes), at_once):
            some = slice(m, m + at_once)
            _count(slices, start - first, masks[:, some], steps, sizes[some, start:stop])

    if voxels.size and len(steps):
        at_once = max(1, len(voxels) // (_BLOCKS * thread_count()))  # what surrounds a block is packed twice
        map_blocks(count, len(voxels), BLOCK_VOXELS // at_once)
    return sizes


def _above_one_half(plane: Array) -> Array:
    above = (plane > _HALF) & (plane <= _INFINITE) if plane.dtype == np.uint16 else plane > 0.5
    return np.ascontiguousarray(above).view(np.uint8)


class _Layout(NamedTuple):
    """Where in memory packed slices are, in words."""

    row: int
    """From row to row, with zeros between."""
    slice: int
    """From slice to slice, with zeros between."""
    top: int
    """Before the first row of the first slice."""
    kept: int
    """Slices that are there at a time: one, and those around it."""
    n_words: int
    """Of the rows of a slice."""
    band: int
    """Of the rows that are done together."""
    reach: int
    """Bands, on either side, in which the neighbours of a band's voxels lie."""


@jit
def _layout(height: int, width: int, steps: Array) -> _Layout:
    side = (np.abs(steps[:, 2]).max() + WORD - 1) // WORD
    row = (width + WORD - 1) // WORD + side
    up, down = max(0, steps[:, 1].max()), max(0, -steps[:, 1].min())
    back, ahead = max(0, steps[:, 0].max()), max(0, -steps[:, 0].min())
    band = max(1, _BAND // row) * row
    reach = (max(up, down) * row + band - 1) // band
    return _Layout(
        row, (up + height + down) * row, side + up * row, back + 1 + ahead, height * row, band, reach
    )


@jit
def _count(voxels: Array, first: int, masks: Array, steps: Array, sizes: Array) -> None:
    """Count the slices from ``first`` on; others are only neighbours."""
    n_masks, (depth, height, width) = len(sizes), voxels.shape
    layout, back = _layout(height, width, steps), max(0, steps[:, 0].max())
    packed = np.zeros((n_masks, 2 * layout.top + layout.kept * layout.slice), np.uint64)
    n_bands = (layout.n_words + layout.band - 1) // layout.band
    bands = np.zeros((2, n_masks, layout.kept, n_bands), np.bool_)
    inside, near = _inside(width, layout), np.empty(layout.band, np.uint64)
    distances, shifts = np.empty(len(steps), np.int64), np.empty(len(steps), np.uint64)
    n_packed = 0
    for i in range(sizes.shape[1]):
        while n_packed < i + layout.kept:
            place, z = n_packed % layout.kept, first - back + n_packed
            at = layout.top + place * layout.slice
            if 0 <= z < depth:
                _pack(voxels[z].reshape(-1), width, masks, packed, at, layout.row)
            else:
                packed[:, at : at + layout.n_words] = 0
            for m in range(n_masks):
                _look(packed[m, at : at + layout.n_words], inside, bands[:, m, place])
            n_packed += 1
        place = (back + i) % layout.kept
        for k in range(len(steps)):
            there = (back + i - steps[k, 0]) % layout.kept
            over, shifts[k] = steps[k, 2] // WORD, steps[k, 2] % WORD
            distances[k] = (place - there) * layout.slice + steps[k, 1] * layout.row + over
        for m in range(n_masks):
            sizes[m, i] = _contour(packed[m], bands[:, m], place, distances, shifts, inside, near, layout)


@jit
def _contour(
    packed: Array,
    bands: Array,
    place: int,
    distances: Array,
    shifts: Array,
    inside: Array,
    near: Array,
    layout: _Layout,
) -> np.int64:
    """Count the voxels of a slice that are next to the mask, but not in it."""
    n_voxels, n_straight = np.uint64(0), np.count_nonzero(shifts == 0)
    for band in range(bands.shape[2]):
        around = bands[0, :, max(0, band - layout.reach) : band + layout.reach + 1]
        if not (bands[1, place, band] and around.any()):
            continue
        at = layout.top + place * layout.slice + band * layout.band
        here = near[: min(layout.band, layout.n_words - band * layout.band)]
        here[:] = 0
        for k in range(0, n_straight, 4):
            _unite_straight(packed, at, distances[k : min(k + 4, n_straight)], here)
        for k in range(n_straight, len(shifts), 2):
            _unite_leaning(packed, at, distances[k : k + 2], shifts[k : k + 2], here)
        n_voxels += _count_outside(packed, at, inside, here)
    return np.int64(n_voxels)


@jit
def _inside(width: int, layout: _Layout) -> Array:
    """Which bits of a band are voxels."""
    bits = np.zeros((layout.band // layout.row, layout.row), np.uint64)
    bits[:, : width // WORD] = ALL
    if width % WORD:
        bits[:, width // WORD] = first_bits(width % WORD)
    return bits.reshape(-1)


@jit
def _look(packed: Array, inside: Array, bands: Array) -> None:
    """Whether a band has a voxel of the mask, and whether it has another."""
    for band in range(bands.shape[1]):
        some, more, first = np.uint64(0), np.uint64(0), np.uint64(band * len(inside))
        for i in range(np.uint64(min(len(inside), len(packed) - band * len(inside)))):
            some |= packed[first + i]
            more |= inside[i] & ~packed[first + i]
        bands[0, band], bands[1, band] = some != 0, more != 0


@jit
def _pack(voxels: Array, width: int, masks: Array, packed: Array, at: int, row: int) -> None:
    """Pack the rows of a slice into the words from ``at`` on."""
    n_whole, rest = width // WORD, width % WORD
    for y in range(len(voxels) // width):  # of few words, so that to slice them once more would cost as much
        start, word = y * width, at + y * row
        for m in range(len(packed)):
            _pack_whole(voxels, start, masks[0, m], masks[1, m], packed[m, word : word + n_whole])
        if rest:
            start, word = start + n_whole * WORD, word + n_whole
            for m in range(len(packed)):
                packed[m, word] = _pack_part(voxels, start, rest, masks[0, m], masks[1, m])


@jit
def _pack_whole(voxels: Array, start: int, bits: np.uint8, value: np.uint8, words: Array) -> None:
    """Set the bits of the bytes, from ``start`` on, that are ``value`` in the ``bits``; whole words."""
    for i in range(np.uint64(len(words))):
        at = np.int64(np.uint64(start) + i * np.uint64(WORD))
        words[i] = as_word((load(voxels, at) & bits) == value)


@jit
def _pack_part(voxels: Array, start: int, n: int, bits: np.uint8, value: np.uint8) -> Any:
    """A last word, of n bytes from ``start`` on."""
    if start + WORD <= len(voxels):
        return as_word((load(voxels, start) & bits) == value) & first_bits(n)
    word = np.uint64(0)
    for i in range(n):
        word |= np.uint64((voxels[start + i] & bits) == value) << np.uint64(i)
    return word


@jit
def _unite_straight(packed: Array, at: int, distances: Array, near: Array) -> None:
    """Add the words that lie at up to four distances."""
    n = len(distances)
    a, b = np.uint64(at - distances[0]), np.uint64(at - distances[min(1, n - 1)])
    c, d = np.uint64(at - distances[min(2, n - 1)]), np.uint64(at - distances[n - 1])
    for i in range(np.uint64(len(near))):
        near[i] |= packed[a + i] | packed[b + i] | packed[c + i] | packed[d + i]


@jit
def _unite_leaning(packed: Array, at: int, distances: Array, shifts: Array, near: Array) -> None:
    """Add the words that begin within the words at up to two distances."""
    a, b = np.uint64(at - distances[0]), np.uint64(at - distances[-1])
    s, t = shifts[0], shifts[-1]
    before, rest_s, rest_t = np.uint64(1), np.uint64(WORD) - s, np.uint64(WORD) - t
    for i in range(np.uint64(len(near))):
        one = (packed[a + i] << s) | (packed[a + i - before] >> rest_s)
        two = (packed[b + i] << t) | (packed[b + i - before] >> rest_t)
        near[i] |= one | two


@jit
def _count_outside(packed: Array, at: int, inside: Array, near: Array) -> Any:
    here, n_voxels = np.uint64(at), np.uint64(0)
    for i in range(np.uint64(len(near))):
        n_voxels += count_ones(near[i] & ~packed[here + i] & inside[i])
    return n_voxels
