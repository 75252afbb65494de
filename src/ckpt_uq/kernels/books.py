"""Enter confidences into bins.

Most voxels of a segmentation are nearly certain: they fall into the last bin (class by class: into the first
or the last). 64 in a row are looked at together. Where all are nearly certain, they are counted and summed by
vector operations, without asking for the bin of each; the others are entered one by one. Confidences are
summed as integers, so that the order of summing does not show: in units of 2**-24, of which those above 1/2
are whole multiples, of 2**-51, or of what is fine enough for the number of bins (for more than 32,768, of
2**-38).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.kernels.bits import count_ones, double_bits, float_bits, trailing_zeros
from ckpt_uq.kernels.jit import inline, jit
from ckpt_uq.kernels.memory import start_of
from ckpt_uq.kernels.vectors import (
    ALL,
    WORD,
    as_truths,
    as_word,
    bits_of,
    doubles,
    first_bits,
    integers,
    load,
    places,
    round_up,
    store,
    total,
    where,
)

Array = np.ndarray[Any, Any]

MOST_WORDS = 1023
"""For which books have room: of 64 voxels each lane of a tally takes up to 8, and 8191 in all."""

_LANES = 8  # of a tally: additions to one bin in a row need not wait for each other
_N_SURE = 6
_COUNT_BITS = np.uint64(51)  # of a tally's integer, above those of its confidence
_ONE_ENTRY = np.int64(1 << 51)
_CONFIDENCE = np.uint64(_ONE_ENTRY - 1)
_SURE, _UNSURE = np.float32(7 / 8), np.float32(1 / 8)  # sums of what is surer fit into an integer
_ONE = np.float32(1).view(np.int32)
_SHORT_UNITS = 2.0**-24
_SMALL_UNITS = 2.0**-51
_WHOLE = 2.0**52


class Pen(NamedTuple):
    """What it takes to enter confidences into books, as long as they are there."""

    tally: Any
    sure: Any
    indices: Any
    entries: Any
    n_bins: int
    first: np.int32
    """Bits up to which a float32 is nearly 0, in the first bin."""
    last: np.int32
    """Bits above which it is nearly 1, in the last bin."""
    unit: float
    """Of the tally's confidence."""


class Books(NamedTuple):
    """Some rows of bins, and what was entered but is not in them yet."""

    counts: Array
    hits: Array
    sums: Array
    tally: Array
    """For each row: in every lane misses, then hits in every bin. A count and, in lower bits, confidence."""
    sure: Array
    """For each row, of what is nearly 0: how many, hits, confidence; of what is nearly 1: how many, hits, how
    far from 1."""
    n_words: Array
    """How many words were entered (1,)."""
    indices: Array
    """Where in a lane of the tally each confidence of a word belongs, int32 (64,), and"""
    entries: Array
    """what is added there, int64 (64,)."""
    pen: Pen


@jit
def new_books(edges: Array, counts: Array, hits: Array, sums: Array) -> Books:
    """Books to fill bins, int64, int64 and float64 of shape (rows, len(edges) - 1)."""
    n_rows, n_bins = counts.shape
    # A float32 above 1/2**k is a multiple of 1/2**(k + 23); 8191 of the finest are less than 2**51.
    fineness = min(max(23 + int(np.ceil(np.log2(n_bins))), 26), 38)
    tally, sure = np.zeros((n_rows, _LANES * 2 * n_bins), np.uint64), np.zeros((n_rows, _N_SURE), np.uint64)
    indices, entries = np.empty(WORD, np.int32), np.empty(WORD, np.int64)
    pen = Pen(
        start_of(tally),
        start_of(sure),
        start_of(indices),
        start_of(entries),
        n_bins,
        min(_bits_up_to(edges[1]), float_bits(_UNSURE)),
        max(_bits_up_to(edges[-2]), float_bits(_SURE)),
        0.5**fineness,
    )
    return Books(counts, hits, sums, tally, sure, np.zeros(1, np.int64), indices, entries, pen)


@jit
def _bits_up_to(edge: float) -> np.int32:
    nearest = np.float32(edge)
    return np.int32(float_bits(nearest) - np.int32(1 if np.float64(nearest) > edge else 0))


@jit
def make_room(n_words: int, books: Books) -> None:
    """Be ready for so many words in every row, up to ``MOST_WORDS``."""
    if books.n_words[0] + n_words > MOST_WORDS:
        settle(books)
    books.n_words[0] += n_words


@jit
def settle(books: Books) -> None:
    """Let the bins have everything."""
    counts, hits, sums, n_bins = books.counts, books.hits, books.sums, books.counts.shape[1]
    n, units = np.zeros(2 * n_bins, np.uint64), np.zeros(2 * n_bins, np.uint64)
    for row in range(len(counts)):
        n[:], units[:] = 0, 0
        for lane in range(_LANES):
            _split(books.tally[row], lane * len(n), n, units)
        for j in range(n_bins):
            counts[row, j] += np.int64(n[j] + n[n_bins + j])
            hits[row, j] += np.int64(n[n_bins + j])
            sums[row, j] += np.float64(units[j] + units[n_bins + j]) * books.pen.unit
        sure = books.sure[row]
        counts[row, 0] += np.int64(sure[0])
        hits[row, 0] += np.int64(sure[1])
        sums[row, 0] += np.float64(sure[2]) * _SMALL_UNITS
        counts[row, -1] += np.int64(sure[3])
        hits[row, -1] += np.int64(sure[4])
        sums[row, -1] += np.float64(sure[3]) - np.float64(sure[5]) * _SHORT_UNITS
    books.tally[:], books.sure[:], books.n_words[:] = 0, 0, 0


@jit
def _split(tally: Array, first: int, n: Array, units: Array) -> None:
    """Add what a lane of a tally has to counts and confidence."""
    for i in range(np.uint64(len(n))):
        n[i] += tally[np.uint64(first) + i] >> _COUNT_BITS
        units[i] += tally[np.uint64(first) + i] & _CONFIDENCE


@inline
def enter(confidences: Any, hits: Any, there: Any, row: Any, pen: Pen) -> None:
    """Enter the confidences of a word that are ``there``, of which ``hits`` were right; the others are 0.

    There must be room. There may be anything among them that is no confidence; it falls anywhere.
    """
    sure, at, bits = pen.sure, row * np.uint64(_N_SURE), bits_of(confidences)
    is_low, is_high = bits <= pen.first, bits > pen.last
    low, high = as_word(is_low) & there, as_word(is_high) & there
    sure[at] += count_ones(low)
    sure[at + np.uint64(1)] += count_ones(low & hits)
    precise = doubles(confidences)
    if low == ALL:
        sure[at + np.uint64(2)] += _as_units(total(precise))
        return
    sure[at + np.uint64(3)] += count_ones(high)
    sure[at + np.uint64(4)] += count_ones(high & hits)
    if high == ALL:
        sure[at + np.uint64(5)] += np.uint64(total(_short_of_one(bits)))
        return
    sure[at + np.uint64(2)] += _as_units(total(where(is_low, precise, 0.0)))
    sure[at + np.uint64(5)] += np.uint64(total(where(is_high, _short_of_one(bits), np.int32(0))))
    _enter_one_by_one(precise, hits, there & ~(low | high), row, pen)


@inline
def _as_units(confidence: Any) -> Any:
    """The sum of what a word has nearly 0, as an integer."""
    return np.uint64(np.int64(confidence / _SMALL_UNITS + 0.5))


@inline
def _short_of_one(bits: Any) -> Any:
    """What confidences that are nearly 1 lack, as integers."""
    lacking = _ONE - bits
    return where(lacking > np.int32(0), lacking, np.int32(0))


@inline
def _enter_one_by_one(precise: Any, hits: Any, which: Any, row: Any, pen: Pen) -> None:
    """Enter those whose bits are set, neither nearly 0 nor nearly 1."""
    tally, indices, entries, n_bins = pen.tally, pen.indices, pen.entries, np.int32(pen.n_bins)
    # Exact, and so the same as to compare with every edge: 24 bits times a whole number fit.
    next_bins = integers(round_up(precise * np.float64(n_bins)))
    lanes = (places() & np.int32(_LANES - 1)) * np.int32(2 * n_bins) - np.int32(1)
    store(indices, 0, next_bins + where(as_truths(hits), lanes + n_bins, lanes))
    wide = _WHOLE * pen.unit  # plus a confidence: that is in its lowest bits, in units
    store(entries, 0, bits_of(precise + wide) + (_ONE_ENTRY - double_bits(wide)))
    first = np.int64(row) * _LANES * 2 * n_bins
    while which:
        i = trailing_zeros(which)
        which &= which - np.uint64(1)
        tally[first + indices[i]] += np.uint64(entries[i])


@jit
def add_likeliest(best: Array, said: Array, truth: Array, books: Books) -> None:
    """Enter up to a stretch of confidences of likeliest classes, bytes, right where they are the truth."""
    n_whole, n_rest, pen = len(best) // WORD, len(best) % WORD, books.pen
    make_room(n_whole + 1, books)
    for at in range(0, n_whole * WORD, WORD):
        enter(load(best, at), as_word(load(said, at) == load(truth, at)), ALL, np.uint64(0), pen)
    if n_rest:
        rest, hits = np.zeros(WORD, np.float32), np.uint64(0)
        for i in range(n_rest):
            at = n_whole * WORD + i
            rest[i] = best[at]
            hits |= np.uint64(said[at] == truth[at]) << np.uint64(i)
        enter(load(rest, 0), hits, first_bits(n_rest), np.uint64(0), pen)
