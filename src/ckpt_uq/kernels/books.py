"""Enter confidences into bins.

Most voxels of a segmentation are nearly certain: they fall into the last bin (class by class: into the first
or the last) and are counted and summed by vector operations, without asking for the bin of each. Their
confidences are summed as integers, in units of 2**-24, of which those above 1/2 are whole multiples, or of
2**-52, so that the order of summing does not show. The others are moved next to each other and entered one by
one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.kernels.bits import bits_float, double_bits, float_bits
from ckpt_uq.kernels.jit import inline, jit, unrolled
from ckpt_uq.kernels.planes import CHUNK
from ckpt_uq.kernels.ranges import LEAST, MOST

Array = np.ndarray[Any, Any]

_GROUP = 64  # entries that are asked at once whether any has to be entered by itself
_LANES = 8  # of a tally: additions to one bin in a row need not wait for each other
_ONE = np.float32(1).view(np.int32)
_DOUBLE_ONE = np.float64(1).view(np.int64)
_SURE, _UNSURE = np.float32(7 / 8), np.float32(1 / 8)  # a chunk's distances from 1 fit into an integer
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


@inline
def _entry(confidence: Any, right: Any, last: Any, n_sure: Any, n_right: Any, short: Any) -> Any:
    """Twice the bits, and 1 if it was right; and the counts and what is short of 1, if it is nearly 1."""
    bits = min(float_bits(confidence), _ONE)
    sure = np.int32(bits > last)
    return (
        np.int32(np.int32(bits << np.int32(1)) | right),
        np.int32(n_sure + sure),
        np.int32(n_right + np.int32(sure & right)),
        np.uint32(short + np.uint32(_ONE - bits if bits > last else np.int32(0))),
    )


@jit
def add_confidences(
    best: Array, winner: Array, labels: Array, last: np.int32, entries: Array, books: Books
) -> None:
    """Enter confidences, not above 1 but by rounding, into the first row."""
    total = books.sure[0]
    for a in range(0, len(best), CHUNK):
        n_sure, n_right, short = np.int32(0), np.int32(0), np.uint32(0)
        for i in range(np.uint64(a), np.uint64(min(a + CHUNK, len(best)))):
            right = np.int32(winner[i] == labels[i])
            entries[i], n_sure, n_right, short = _entry(best[i], right, last, n_sure, n_right, short)
        total[0], total[1], total[2] = total[0] + n_sure, total[1] + n_right, total[2] + short
    add_each(entries[: len(best)], np.int32(-1), last, books.tally[0], books.mass[0])


@unrolled
def _enter_tops_of(n_classes: int) -> Callable[..., Any]:
    def enter(p: Array, start: int, labels: Array, last: np.int32, entries: Array, total: Array) -> Any:
        low, high, low_sum, high_sum, first = MOST, LEAST, MOST, LEAST, np.uint64(start)
        for a in range(0, len(entries), CHUNK):
            n_sure, n_right, short = np.int32(0), np.int32(0), np.uint32(0)
            for i in range(np.uint64(a), np.uint64(min(a + CHUNK, len(entries)))):
                most = mass = p[np.uint64(0), first + i]
                low, right = min(low, float_bits(most)), np.int32(labels[i] == 0)
                for k in range(1, n_classes):
                    q = p[np.uint64(k), first + i]
                    right = np.int32(labels[i] == k) if q > most else right
                    most = q if q > most else most
                    mass += q
                    low = min(low, float_bits(q))
                high = max(high, float_bits(most))
                low_sum, high_sum = min(low_sum, float_bits(mass)), max(high_sum, float_bits(mass))
                entries[i], n_sure, n_right, short = _entry(most, right, last, n_sure, n_right, short)
            total[0], total[1], total[2] = total[0] + n_sure, total[1] + n_right, total[2] + short
        return low, high, low_sum, high_sum

    return enter


_ENTER_2, _ENTER_3, _ENTER_4 = map(_enter_tops_of, range(2, 5))


@jit
def enter_tops(p: Array, a: int, labels: Array, last: np.int32, entries: Array, books: Books) -> Any:
    """Do both :func:`~ckpt_uq.kernels.top.top` and, but for :func:`add_each`, :func:`add_confidences`."""
    if len(p) == 2:
        return _ENTER_2(p, a, labels, last, entries, books.sure[0])
    if len(p) == 3:
        return _ENTER_3(p, a, labels, last, entries, books.sure[0])
    return _ENTER_4(p, a, labels, last, entries, books.sure[0])


@jit
def add_of_class(
    plane: Array, k: int, labels: Array, first: np.int32, last: np.int32, entries: Array, books: Books
) -> None:
    """As :func:`add_confidences`, for a class that is nearly certainly there or nearly certainly not."""
    total, label = books.sure[k], labels.dtype.type(k)
    for a in range(0, len(plane), CHUNK):
        n_first, n_last, right_first, right_last = np.int32(0), np.int32(0), np.int32(0), np.int32(0)
        short = np.uint32(0)
        for i in range(np.uint64(a), np.uint64(min(a + CHUNK, len(plane)))):
            right = np.int32(labels[i] == label)
            in_first = np.int32(float_bits(plane[i]) <= first)
            n_first = np.int32(n_first + in_first)
            right_first = np.int32(right_first + np.int32(in_first & right))
            entries[i], n_last, right_last, short = _entry(plane[i], right, last, n_last, right_last, short)
        total[0], total[1], total[2] = total[0] + n_last, total[1] + right_last, total[2] + short
        total[3], total[4] = total[3] + n_first, total[4] + right_first
    books.small[k] += _sum_up_to(plane, first)
    add_each(entries[: len(plane)], first, last, books.tally[k], books.mass[k])


@jit
def _sum_up_to(plane: Array, first: np.int32) -> float:
    """Sum what is nearly 0, as integers, so that the order is the same anywhere."""
    small = np.int64(0)
    for i in range(len(plane)):
        whole = double_bits(np.float64(plane[i]) + 1.0) - _DOUBLE_ONE
        small += whole if float_bits(plane[i]) <= first else np.int64(0)
    return small * _SMALL_UNITS


@jit
def add_each(entries: Array, first: np.int32, last: np.int32, tally: Array, mass: Array) -> None:
    """Enter, one by one, what is neither nearly 0 nor nearly 1: twice its bits, and 1 if it was right."""
    some, n = np.empty(len(entries), np.int32), np.uint64(0)
    where, confidence = np.empty(len(entries), np.int32), np.empty(len(entries))
    lowest = np.int32(np.int32(first + np.int32(1)) << np.int32(1))
    span = np.uint32(np.int32(np.int32(last << np.int32(1)) | np.int32(1)) - lowest)
    n_grouped = len(entries) // _GROUP * _GROUP
    for a in range(0, n_grouped, _GROUP):
        group, found = np.uint64(a), False
        for i in range(np.uint64(_GROUP)):
            found |= bool(np.uint32(entries[group + i] - lowest) <= span)
        if found:
            for i in range(np.uint64(_GROUP)):
                some[n] = entries[group + i]
                n += np.uint64(np.uint32(entries[group + i] - lowest) <= span)
    for i in range(np.uint64(n_grouped), np.uint64(len(entries))):
        some[n] = entries[i]
        n += np.uint64(np.uint32(entries[i] - lowest) <= span)
    _place(some[:n], len(tally), where, confidence)
    for i in range(n):
        j, lane = np.uint64(where[i]), i & np.uint64(_LANES - 1)
        tally[j, lane] += np.int64(1) + (np.int64(some[i] & np.int32(1)) << np.int64(32))
        mass[j, lane] += confidence[i]


@jit
def _place(entries: Array, n_bins: int, where: Array, confidence: Array) -> None:
    """Find bins and confidences of entries."""
    for i in range(len(entries)):
        q = np.float64(bits_float(np.int32(entries[i] >> np.int32(1))))
        # Exact, and so the same as to compare with every edge: 24 bits times a whole number fit.
        j = np.int32(np.ceil(q * np.float64(n_bins))) - np.int32(1)
        where[i] = j if j > np.int32(0) else np.int32(0)
        confidence[i] = q
