"""Enter confidences into bins.

Most voxels of a segmentation are nearly certain: they fall into the last bin (class by class: into the first
or the last). Which of 64 in a row do is told by the bits of a word. Where all do, they are counted and summed
by vector operations, without asking for the bin of each. Their confidences are summed as integers, in units
of 2**-24, of which those above 1/2 are whole multiples, or of 2**-52, so that the order of summing does not
show. The others are entered one by one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.kernels.bits import above, count_ones, double_bits, float_bits, trailing_zeros
from ckpt_uq.kernels.jit import jit
from ckpt_uq.kernels.packing import ALL, WORD

Array = np.ndarray[Any, Any]

NO_LIMIT = np.int32(-1)
"""In place of the bits up to which a confidence is nearly 0: that of a likeliest class never is."""

_NONE = np.uint64(0)
_LANES = 8  # of a tally: additions to one bin in a row need not wait for each other
_HIT = np.int64(1 << 32)
_ONE = np.float32(1).view(np.int32)
_DOUBLE_ONE = np.float64(1).view(np.uint64)
_SURE, _UNSURE = np.float32(7 / 8), np.float32(1 / 8)  # of a stretch, what is nearly 0 fits into an integer
_SHORT_UNITS = 2.0**-24
_SMALL_UNITS = 2.0**-52


class Books(NamedTuple):
    """What was entered into some rows of bins."""

    tally: Array
    """For each row, bin and lane a count and, in the upper half of the same integer, the hits."""
    mass: Array
    """The confidence that belongs to it."""
    sure: Array
    """For each row, of what is nearly 1: how many, hits, what they fall short of 1; of what is nearly 0: how
    many, hits."""
    small: Array
    """For each row the confidence of what is nearly 0."""


@jit
def new_books(n_rows: int, n_bins: int) -> Books:
    """Books without an entry."""
    shape = (n_rows, n_bins, _LANES)
    return Books(
        np.zeros(shape, np.int64), np.zeros(shape), np.zeros((n_rows, 5), np.int64), np.zeros(n_rows)
    )


@jit
def settle(books: Books, counts: Array, hits: Array, sums: Array) -> None:
    """Write the books' totals into the bins."""
    for row in range(len(counts)):
        for lane in range(_LANES):
            for j in range(counts.shape[1]):
                counts[row, j] += books.tally[row, j, lane] & 0xFFFFFFFF
                hits[row, j] += books.tally[row, j, lane] >> 32
                sums[row, j] += books.mass[row, j, lane]
        sure = books.sure[row]
        counts[row, -1] += sure[0]
        hits[row, -1] += sure[1]
        sums[row, -1] += sure[0] - sure[2] * _SHORT_UNITS
        counts[row, 0] += sure[3]
        hits[row, 0] += sure[4]
        sums[row, 0] += books.small[row]


@jit
def sure_limits(edges: Array) -> tuple[np.int32, np.int32]:
    """Bits up to which a float32 is nearly 0, in the first bin, and above which nearly 1, in the last."""
    return min(_bits_up_to(edges[1]), float_bits(_UNSURE)), max(_bits_up_to(edges[-2]), float_bits(_SURE))


@jit
def _bits_up_to(edge: float) -> np.int32:
    nearest = np.float32(edge)
    return np.int32(float_bits(nearest) - np.int32(1 if np.float64(nearest) > edge else 0))


@jit
def add_confidences(q: Array, hits: Array, first: np.int32, last: np.int32, row: int, books: Books) -> None:
    """Enter up to a stretch of confidences; bits of ``hits`` say which were right.

    Those of which the bits are up to ``first`` are nearly 0, those above ``last`` nearly 1 (or above it, by
    rounding). If ``first`` is negative, all must be above 0; else there may be anything among them that is no
    confidence, and it falls anywhere.
    """
    tally, mass, n_bins = books.tally[row].reshape(-1), books.mass[row].reshape(-1), books.tally.shape[1]
    n_low, low_hits, small, n_high, high_hits, short = _NONE, _NONE, _NONE, _NONE, _NONE, _NONE
    rest = np.zeros(WORD, np.float32)
    for index in range((len(q) + WORD - 1) // WORD):
        group, at, there = q, index * WORD, ALL
        if at + WORD > len(q):
            there = ALL >> np.uint64(at + WORD - len(q))
            rest[: len(q) - at] = q[at:]
            group, at = rest, 0
        right = hits[index] & there
        low = there & ~above(group, at, first) if first >= 0 else _NONE
        if low == ALL:
            n_low, low_hits = n_low + np.uint64(WORD), low_hits + count_ones(right)
            small += _sum_small(group, at)
            continue
        high = above(group, at, last)
        n_high, high_hits = n_high + count_ones(high), high_hits + count_ones(high & right)
        if high == ALL:
            short += _sum_short(group, at)
            continue
        n_low, low_hits = n_low + count_ones(low), low_hits + count_ones(low & right)
        small += _sum_small_up_to(group, at, first)
        short += _sum_short_above(group, at, last)
        others = there & ~(low | high)
        _enter(group, at, others & right, np.int64(1) + _HIT, n_bins, tally, mass)
        _enter(group, at, others & ~right, np.int64(1), n_bins, tally, mass)
    sure = books.sure[row]
    sure[0], sure[1], sure[2] = sure[0] + n_high, sure[1] + high_hits, sure[2] + short
    sure[3], sure[4] = sure[3] + n_low, sure[4] + low_hits
    books.small[row] += small * _SMALL_UNITS


@jit
def _sum_small(q: Array, at: int) -> Any:
    """Sum what a group has, nearly 0, as integers."""
    first, small = np.uint64(at), np.uint64(0)
    for i in range(np.uint64(WORD)):
        small += np.uint64(double_bits(np.float64(q[first + i]) + 1.0))
    return small - np.uint64(WORD) * _DOUBLE_ONE


@jit
def _sum_small_up_to(q: Array, at: int, limit: np.int32) -> Any:
    first, small = np.uint64(at), np.uint64(0)
    for i in range(np.uint64(WORD)):
        whole = np.uint64(double_bits(np.float64(q[first + i]) + 1.0)) - _DOUBLE_ONE
        small += whole if float_bits(q[first + i]) <= limit else np.uint64(0)
    return small


@jit
def _sum_short(q: Array, at: int) -> Any:
    """Sum what a group, nearly 1, falls short of 1, as integers."""
    first, short = np.uint64(at), np.int32(0)
    for i in range(np.uint64(WORD)):
        short = np.int32(short + max(np.int32(_ONE - float_bits(q[first + i])), np.int32(0)))
    return np.uint64(short)


@jit
def _sum_short_above(q: Array, at: int, limit: np.int32) -> Any:
    first, short = np.uint64(at), np.int32(0)
    for i in range(np.uint64(WORD)):
        bits = float_bits(q[first + i])
        lacking = max(np.int32(_ONE - bits), np.int32(0))
        short = np.int32(short + (lacking if bits > limit else np.int32(0)))
    return np.uint64(short)


@jit
def _enter(
    q: Array, at: int, which: np.uint64, entry: np.int64, n_bins: int, tally: Array, mass: Array
) -> None:
    """Enter the confidences whose bits are set, neither nearly 0 nor nearly 1, one by one."""
    while which:
        i = trailing_zeros(which)
        which &= which - np.uint64(1)
        confidence = np.float64(q[np.uint64(at) + i])
        # Exact, and so the same as to compare with every edge: 24 bits times a whole number fit.
        j = np.int64(np.ceil(confidence * np.float64(n_bins))) - np.int64(1)
        lane = np.uint64(j) * np.uint64(_LANES) + (i & np.uint64(_LANES - 1))
        tally[lane] += entry
        mass[lane] += confidence
