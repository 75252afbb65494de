"""Sort probabilities in single precision into bins, a word of 64 voxels at a time.

All classes of a word are looked at before the next, so that all that is asked of them is done while they are
in registers, and while the words that follow come from memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.kernels.books import Books, enter, make_room, new_books, settle
from ckpt_uq.kernels.jit import MOST_UNROLLED, inline, jit
from ckpt_uq.kernels.labels import NO_LABELS, as_bytes, choose, count_chosen, label_range
from ckpt_uq.kernels.memory import read_ahead, start_of
from ckpt_uq.kernels.planes import CHUNK, STRETCH
from ckpt_uq.kernels.ranges import HIGHEST, LOWEST_SUM
from ckpt_uq.kernels.vectors import ALL, WORD, as_word, bits_of, filled, first_bits, load, where

Array = np.ndarray[Any, Any]

_AHEAD = 6 * WORD
_LINE = 16  # numbers that come from memory together


@jit
def sort_stretches(
    p: Array,
    start: int,
    labels: Array,
    mask: Array,
    some_ignored: bool,
    ignored: int,
    edges: Array,
    top_label: bool,
    counts: Array,
    hits: Array,
    sums: Array,
) -> Any:
    """Enter voxels that are chosen, from ``start`` on, into bins; whether all plainly are distributions.

    If not, or if labels are no classes, the bins hold anything. Returns the range of labels, too.
    """
    step = STRETCH if len(p) <= MOST_UNROLLED else CHUNK
    chosen_p, chosen_labels = np.empty((len(p), step), np.float32), np.empty(step, labels.dtype)
    classes, books = np.empty(step, np.uint8), new_books(edges, counts, hits, sums)
    (low_label, high_label), plain, a, b = NO_LABELS, True, 0, 0
    while plain and b < len(labels):
        a, b = b, min(b + step, len(labels))
        if b - a > WORD:
            b -= (b - a) % WORD
        here = mask[a:b] if len(mask) else mask
        n = count_chosen(labels[a:b], here, some_ignored, ignored)
        if n == 0:
            continue
        q, at, truth = p, start + a, labels[a:b]
        if n < b - a or n % WORD:
            choose(p, start + a, labels[a:b], here, some_ignored, ignored, chosen_p, chosen_labels)
            chosen_p[:, n : n + WORD] = 0
            q, at, truth = chosen_p, 0, chosen_labels[:n]
        low_truth, high_truth = label_range(truth)
        low_label, high_label = min(low_label, low_truth), max(high_label, high_truth)
        if low_label < 0 or high_label >= len(p):
            continue
        as_bytes(truth, classes)
        make_room((n + WORD - 1) // WORD, books)
        if top_label:
            plain = _sort_likeliest(q, at, classes, n, books)
        else:
            plain = _sort_each(q, at, classes, n, books)
    settle(books)
    return plain, low_label, high_label


@jit
def _sort_each(p: Array, start: int, classes: Array, n: int, books: Books) -> Any:
    """Sort every class of n voxels, zeros behind the last; whether they plainly are distributions."""
    first, stride, pen, plain = start_of(p), p.shape[1], books.pen, True
    for a in range(0, n, WORD):
        truth, there = load(classes, a), first_bits(n - a)
        mass, signs = filled(np.float32(0)), filled(np.int32(0))
        for k in range(np.uint64(len(p))):
            confidences = _next(first, np.int64(k) * stride + start + a)
            mass, signs = mass + confidences, signs | bits_of(confidences)
            enter(confidences, as_word(truth == np.uint8(k)) & there, there, k, pen)
        plain &= (_are_plain(mass, signs) | ~there) == ALL
    return plain


@jit
def _sort_likeliest(p: Array, start: int, classes: Array, n: int, books: Books) -> Any:
    """As :func:`_sort_each`, but the likeliest class alone, the first on a tie."""
    first, stride, pen, plain = start_of(p), p.shape[1], books.pen, True
    for a in range(0, n, WORD):
        truth, there = load(classes, a), first_bits(n - a)
        best = _next(first, start + a)
        mass, signs, right = best, bits_of(best), as_word(truth == np.uint8(0))
        for k in range(np.uint64(1), np.uint64(len(p))):
            confidences = _next(first, np.int64(k) * stride + start + a)
            mass, signs = mass + confidences, signs | bits_of(confidences)
            likelier = confidences > best
            best, better = where(likelier, confidences, best), as_word(likelier)
            right = (right & ~better) | (as_word(truth == np.uint8(k)) & better)
        enter(best, right & there, there, np.uint64(0), pen)
        plain &= (_are_plain(mass, signs) | ~there) == ALL
    return plain


@inline
def _next(p: Any, at: Any) -> Any:
    """Load a word, and let one that follows come."""
    for line in range(0, WORD, _LINE):
        read_ahead(p, at + _AHEAD + line)
    return load(p, at)


@inline
def _are_plain(mass: Any, signs: Any) -> Any:
    """Which voxels plainly have a distribution, by the sum of its values and the union of their bits."""
    sums = bits_of(mass)
    return as_word(signs >= np.int32(0)) & as_word(sums >= LOWEST_SUM) & as_word(sums <= HIGHEST)
