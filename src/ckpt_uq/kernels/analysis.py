"""Everything that is asked of a volume of probabilities, slice by slice, each read once.

A stretch of voxels is taken from memory, and all loops run over it in the caches. Contours need the
slices around a slice, so what lies in which mask is kept, a byte for eight masks, for a batch of slices, and
counted when the batch is done. Single precision; what is not plainly a distribution is left to others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.kernels.bins import BinSums
from ckpt_uq.kernels.bits import float_bits
from ckpt_uq.kernels.blocks import map_blocks
from ckpt_uq.kernels.books import add_likeliest, new_books, settle
from ckpt_uq.kernels.confusion import count_classes
from ckpt_uq.kernels.contour import bit_contours, label_contours
from ckpt_uq.kernels.entropy import finish, in_bits, sum_over_classes, with_class
from ckpt_uq.kernels.jit import MOST_UNROLLED, inline, jit, unrolled
from ckpt_uq.kernels.labels import as_bytes, count_chosen, label_range, outside_none, plain_integers
from ckpt_uq.kernels.planes import CHUNK, STRETCH, Piece, pieces
from ckpt_uq.kernels.ranges import LEAST, MOST, is_plain
from ckpt_uq.kernels.top import top
from ckpt_uq.probabilities import max_entropy_bits

Array = np.ndarray[Any, Any]
Loop = Callable[..., Any]

_BATCH_BYTES = 1 << 24


class Question(NamedTuple):
    """What is asked, of probabilities on a grid (Z, Y, X)."""

    labels: Array | None
    """Integers, shape (Z, Y, X)."""
    mask: Array | None
    """Boolean, shape (Z, Y, X): the labels that count."""
    ignore_label: int | None
    edges: Array
    """Of the bins, float64."""
    element: Array
    """Structuring element, 3D."""
    by_threshold: bool
    """Whether the contour of class k is of p_k > 1/2, or of the voxels where k is the likeliest."""


class Answer(NamedTuple):
    """What was found."""

    entropy_bits: Array
    """float64, shape (Z,)."""
    contour_voxels: Array
    """int64, shape (C, Z)."""
    bins: BinSums
    confusion: Array
    """int64, shape (C, C)."""


def analyze_slices(
    probs: Array, question: Question, entropy: Array | None, winner: Array | None
) -> Answer | None:
    """Answer the question for probabilities (C, Z, Y, X), not of double precision, of up to 256 classes.

    Fills `entropy`, float32, and `winner`, uint8, of shape (Z, Y, X), where they are given. Returns None
    where something is not plainly a probability or a class. Needs 16 MB, and memory for twice as many slices
    more as the element is thick.
    """
    n_classes, depth, height, width = probs.shape
    n_planes = (n_classes + 7) // 8 if question.by_threshold else 1
    reach = len(question.element)
    at_once = max(1, _BATCH_BYTES // max(1, n_planes * height * width))
    masks = np.empty((n_planes, 0, height, width), np.uint8)
    contours = np.zeros((n_classes, depth), np.int64)
    blocks: list[_Block] = []
    for start in range(0, depth, at_once):
        stop = min(start + at_once, depth)
        n_kept = min(2 * reach, masks.shape[1])
        kept = masks[:, masks.shape[1] - n_kept :]
        masks = np.empty((n_planes, n_kept + stop - start, height, width), np.uint8)
        masks[:, :n_kept] = kept
        for block in _blocks(probs, question, start, stop, (entropy, winner), masks[:, n_kept:]):
            if block is None:
                return None
            blocks.append(block)
        first = stop - masks.shape[1]
        done = slice(max(0, start - reach), depth if stop == depth else max(0, stop - reach))
        counted = _contours(masks, question, n_classes)
        contours[:, done] = counted[:, done.start - first : done.stop - first]
    bins = BinSums.empty(1, len(question.edges) - 1)
    for block in blocks:
        bins.absorb(block.bins)
    confusion = sum((block.confusion for block in blocks), np.zeros((n_classes, n_classes), np.int64))
    bits = np.concatenate([block.entropy_bits for block in blocks])
    return Answer(bits if depth > 1 else bits.sum(keepdims=True), contours, bins, confusion)


class _Block(NamedTuple):
    """Some slices, or a part of one."""

    entropy_bits: Array
    bins: BinSums
    confusion: Array


def _blocks(
    probs: Array,
    question: Question,
    start: int,
    stop: int,
    maps: tuple[Array | None, Array | None],
    masks: Array,
) -> list[_Block | None]:
    """Look at the slices from ``start`` to ``stop``, some at a time; None where they are not plain.

    A slice that is alone is cut into rows, so that all threads look at it.
    """
    alone = probs.shape[1] == 1
    if alone:
        labels, mask, entropy, winner = (
            None if grid is None else _rows(grid) for grid in (question.labels, question.mask, *maps)
        )
        probs, question, maps = _rows(probs), question._replace(labels=labels, mask=mask), (entropy, winner)
        start, stop = 0, probs.shape[1]
    n_classes, size = len(probs), math.prod(probs.shape[2:])
    upper = np.float32(max_entropy_bits(n_classes, "float32"))
    whole = probs.reshape(n_classes, -1) if probs.dtype == np.float32 and probs.flags.c_contiguous else None
    masks = masks.reshape(len(masks), -1)

    def look(first: int, last: int) -> _Block | None:
        bits, bins = [], BinSums.empty(1, len(question.edges) - 1)
        confusion = np.zeros((n_classes, n_classes), np.int64)
        parts = [Piece(whole, first * size, last * size, first, last)] if whole is not None else None
        for piece in parts or pieces(probs, first, last):
            here = slice(piece.first, piece.last)
            there = slice((piece.first - start) * size, (piece.last - start) * size)
            n_rows = piece.last - piece.first
            targets = [
                _Target(grid, here, dtype, size)
                for grid, dtype in zip(maps, (np.float32, np.uint8), strict=True)
            ]
            bits.append(np.empty(1 if alone else n_rows))
            plain = _analyze(  # type: ignore[call-arg]
                piece.planes,
                piece.start,
                n_rows * size if alone else size,
                _NO_LABELS if question.labels is None else plain_integers(question.labels[here]),
                outside_none(question.mask, piece.first, piece.last),
                question.ignore_label is not None,
                question.ignore_label or 0,
                question.edges,
                upper,
                question.by_threshold,
                *(target.flat for target in targets),
                masks[0, there],
                masks[1:, there],
                bits[-1],
                *bins,
                confusion,
            )
            if not plain:
                return None
            for target in targets:
                target.put_back()
        return _Block(np.concatenate(bits), bins, confusion)

    return map_blocks(lambda a, b: look(start + a, start + b), stop - start, size)


def _rows(slices: Array) -> Array:
    """View what has one slice, (..., 1, Y, X), as rows of voxels, or as voxels where it has one row."""
    return slices[..., 0, :, :] if slices.shape[-2] > 1 else slices[..., 0, 0, :, None]


class _Target:
    """Slices of a map to fill: themselves, or what is copied there where they have gaps or are not wanted."""

    def __init__(self, grid: Array | None, slices: slice, dtype: Any, size: int) -> None:
        self._slices = None if grid is None else grid[slices]
        direct = self._slices is not None and self._slices.flags.c_contiguous
        n_voxels = (slices.stop - slices.start) * size
        self.flat = (
            self._slices.reshape(-1) if direct and self._slices is not None else np.empty(n_voxels, dtype)
        )
        self._direct = direct

    def put_back(self) -> None:
        if self._slices is not None and not self._direct:
            self._slices[...] = self.flat.reshape(self._slices.shape)


def _contours(masks: Array, question: Question, n_classes: int) -> Array:
    if not question.by_threshold:
        return label_contours(masks[0], question.element, range(n_classes))
    return np.concatenate(
        [
            bit_contours(eight, question.element, min(8, n_classes - 8 * group))
            for group, eight in enumerate(masks)
        ]
    )


_NO_LABELS = np.empty(0, np.uint8)


@unrolled
def _look_of(n_classes: int) -> Loop:
    def look(
        p: Array, start: int, upper: np.float32, entropy: Array, winner: Array, likelier: Array, best: Array
    ) -> Any:
        low, high, low_sum, high_sum = MOST, LEAST, MOST, LEAST
        first = np.uint64(start)
        for i in range(np.uint64(len(entropy))):
            most, which, bits = np.float32(0), np.uint8(0), np.uint8(0)
            surprise, total = np.float32(0), np.float32(0)
            for k in range(n_classes):
                q = p[np.uint64(k), first + i]
                surprise, total, low, high = with_class(q, surprise, total, low, high)
                which = np.uint8(k) if q > most else which
                most = q if q > most else most
                bits = np.uint8(bits | (np.uint8(1 << k) if q > np.float32(0.5) else np.uint8(0)))
            entropy[i], winner[i], likelier[i], best[i] = in_bits(surprise, upper), which, bits, most
            mass = float_bits(total)
            low_sum, high_sum = min(low_sum, mass), max(high_sum, mass)
        return low, high, low_sum, high_sum

    return look


_LOOK_2, _LOOK_3, _LOOK_4 = map(_look_of, range(2, 5))


@jit
def _look(
    p: Array, start: int, upper: np.float32, entropy: Array, winner: Array, likelier: Array, best: Array
) -> Any:
    """Entropy, likeliest class, and which of the first eight classes are likelier than not; what was seen."""
    if len(p) == 2:
        return _LOOK_2(p, start, upper, entropy, winner, likelier, best)
    if len(p) == 3:
        return _LOOK_3(p, start, upper, entropy, winner, likelier, best)
    if len(p) == 4:
        return _LOOK_4(p, start, upper, entropy, winner, likelier, best)
    surprise, total = np.empty(len(best), np.float32), np.empty(len(best), np.float32)
    low, high = sum_over_classes(p, start, surprise, total)
    low_sum, high_sum = finish(surprise, total, entropy, upper)
    top(p, start, best, winner, total)
    _set_bits(p, start, 0, likelier)
    return low, high, low_sum, high_sum


@jit
def _analyze(
    p: Array,
    start: int,
    size: int,
    labels: Array,
    mask: Array,
    some_ignored: bool,
    ignored: int,
    edges: Array,
    upper: np.float32,
    by_threshold: bool,
    entropy: Array,
    winner: Array,
    first_mask: Array,
    more_masks: Array,
    entropy_bits: Array,
    counts: Array,
    hits: Array,
    sums: Array,
    confusion: Array,
) -> bool:
    step = STRETCH if len(p) <= MOST_UNROLLED else CHUNK
    best, likelier = np.empty(step, np.float32), np.empty(step, np.uint8)
    some_best, some_winner = np.empty(step, np.float32), np.empty(step, np.uint8)
    some_labels, classes = np.empty(step, labels.dtype), np.empty(step, np.uint8)
    lanes, books = np.zeros(CHUNK), new_books(edges, counts, hits, sums)
    n_steps = (size + step - 1) // step  # in a slice
    for index in range(len(entropy_bits) * n_steps):
        a = index // n_steps * size + index % n_steps * step
        b = min(a + step, (index // n_steps + 1) * size)
        n = b - a
        kept = first_mask[a:b] if by_threshold else likelier[:n]
        if not is_plain(*_look(p, start + a, upper, entropy[a:b], winner[a:b], kept, best[:n])):
            return False
        _add_to_lanes(entropy[a:b], lanes)
        if index % n_steps == n_steps - 1:
            entropy_bits[index // n_steps] = lanes.sum()
            lanes[:] = 0.0
        if not by_threshold:
            as_bytes(winner[a:b], first_mask[a:b])
        for group in range(len(more_masks)):
            _set_bits(p, start + a, 8 * (group + 1), more_masks[group, a:b])
        if not len(labels):
            continue
        here = mask[a:b] if len(mask) else mask
        n_chosen = count_chosen(labels[a:b], here, some_ignored, ignored)
        q, said, truth = best[:n], winner[a:b], labels[a:b]
        if n_chosen < n:
            _choose(q, said, truth, here, some_ignored, ignored, some_best, some_winner, some_labels)
            q, said, truth = some_best[:n_chosen], some_winner[:n_chosen], some_labels[:n_chosen]
        if n_chosen == 0:
            continue
        low_label, high_label = label_range(truth)
        if low_label < 0 or high_label >= len(p):
            return False
        as_bytes(truth, classes)
        add_likeliest(q, said, classes, books)
        count_classes(said, classes[: len(said)], confusion)
    settle(books)
    return True


@jit
def _add_to_lanes(values: Array, lanes: Array) -> None:
    """Add float32 to double sums, each to its own, so that the order is the same anywhere."""
    for a in range(0, len(values), len(lanes)):
        first = np.uint64(a)
        for i in range(np.uint64(min(len(lanes), len(values) - a))):
            lanes[i] += values[first + i]


@jit
def _set_bits(p: Array, a: int, group: int, masks: Array) -> None:
    """Set a bit for each of eight classes, those from ``group`` on, that is likelier than not."""
    b = a + len(masks)
    for i in range(len(masks)):
        masks[i] = 0
    k, end = group, min(group + 8, len(p))
    while k + 4 <= end:
        _set_4_bits(p[k, a:b], p[k + 1, a:b], p[k + 2, a:b], p[k + 3, a:b], np.uint8(k - group), masks)
        k += 4
    while k < end:
        _set_bit(p[k, a:b], np.uint8(k - group), masks)
        k += 1


@jit
def _set_4_bits(w: Array, x: Array, y: Array, z: Array, shift: np.uint8, masks: Array) -> None:
    for i in range(len(masks)):
        first = np.uint8(_likelier(w[i], np.uint8(1)) | _likelier(x[i], np.uint8(2)))
        second = np.uint8(_likelier(y[i], np.uint8(4)) | _likelier(z[i], np.uint8(8)))
        masks[i] = np.uint8(masks[i] | np.uint8(np.uint8(first | second) << shift))


@jit
def _set_bit(p: Array, shift: np.uint8, masks: Array) -> None:
    for i in range(len(masks)):
        masks[i] = np.uint8(masks[i] | np.uint8(_likelier(p[i], np.uint8(1)) << shift))


@inline
def _likelier(p: Any, bit: Any) -> Any:
    return bit if p > np.float32(0.5) else np.uint8(0)


@jit
def _choose(
    best: Array,
    winner: Array,
    labels: Array,
    mask: Array,
    some_ignored: bool,
    ignored: int,
    some_best: Array,
    some_winner: Array,
    some_labels: Array,
) -> None:
    """Move what counts next to each other."""
    n = 0
    for i in range(len(labels)):
        if (not len(mask) or mask[i]) and not (some_ignored and labels[i] == ignored):
            some_best[n], some_winner[n], some_labels[n] = best[i], winner[i], labels[i]
            n += 1
