"""Sort confidences into bins: how often, how confident, how often right.

Single precision goes through vector loops, 256 voxels at a time. Most voxels of a segmentation are nearly
certain: where 64 in a row all fall into the last bin (class by class: into the first or the last), they are
counted and summed without asking for the bin of each; their confidences are summed as integers, in units of
2**-24, of which those above 1/2 are whole multiples, or of 2**-52. What is not plainly a distribution, and
double precision, goes through the plain loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.kernels.bits import double_bits, float_bits
from ckpt_uq.kernels.blocks import as_rows, map_blocks, row_voxels
from ckpt_uq.kernels.jit import jit
from ckpt_uq.kernels.labels import NO_LABELS, choose, count_chosen, label_range, outside_none, plain_integers
from ckpt_uq.kernels.planes import CHUNK, pieces
from ckpt_uq.kernels.ranges import HIGHEST, LEAST, MOST, as_range
from ckpt_uq.kernels.top import MOST_CLASSES, top
from ckpt_uq.probabilities import ProbRange

Array = np.ndarray[Any, Any]


class BinSums(NamedTuple):
    """What fell into the bins; arrays of shape (rows, n_bins), a row for each class that is watched."""

    counts: Array
    """Samples, int64."""
    hits: Array
    """Samples that were right, int64."""
    confidence: Array
    """Sum of their confidences, float64."""

    @classmethod
    def empty(cls, n_rows: int, n_bins: int) -> BinSums:
        """Bins that nothing has fallen into."""
        shape = (n_rows, n_bins)
        return cls(np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape))

    def plus(self, other: BinSums) -> BinSums:
        """Both together."""
        return BinSums(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def absorb(self, other: BinSums) -> None:
        """Add what fell into others, in place."""
        for mine, theirs in zip(self, other, strict=True):
            mine += theirs


class Sorted(NamedTuple):
    """Bins, and the ranges of probabilities and of labels that went into them."""

    bins: BinSums
    probs: ProbRange
    labels: tuple[int, int]


def sort_into_bins(
    probs: Array,
    labels: Array,
    mask: Array | None,
    edges: Array,
    *,
    top_label: bool,
    ignore_label: int | None = None,
) -> Sorted:
    """Sort the voxels of ``mask`` by their confidence into (edges[j], edges[j + 1]], 0 into the first bin.

    Parameters
    ----------
    probs : numpy.ndarray
        Shape (C, *S).
    labels : numpy.ndarray
        Integers, shape S.
    mask : numpy.ndarray or None
        Boolean, shape S; voxels outside are not looked at.
    edges : numpy.ndarray
        float64, shape (n_bins + 1,), from 0 to 1 in equal steps.
    top_label : bool
        One row: the largest probability, right if its class is the label (the first class on a tie). Else a
        row for every class: its probability, right if it is the label.
    ignore_label : int or None
        Voxels with this label are not looked at either.
    """
    rows, truth, *masks = as_rows(probs, labels) if mask is None else as_rows(probs, labels, mask)
    fast = probs.dtype != np.float64 and len(probs) <= MOST_CLASSES
    setting = _Setting(edges, top_label, 1 if top_label else len(probs), ignore_label)

    def sort(start: int, stop: int) -> Sorted:
        return _together(
            setting,
            (
                (_sort_fast if fast else _sort_plainly)(
                    setting,
                    piece.planes,
                    piece.start,
                    plain_integers(truth[piece.first : piece.last]),
                    outside_none(masks[0] if masks else None, piece.first, piece.last),
                )
                for piece in pieces(rows, start, stop, np.float32 if fast else np.float64)
            ),
        )

    return _together(setting, map_blocks(sort, rows.shape[1], row_voxels(rows)))


class _Setting(NamedTuple):
    edges: Array
    top_label: bool
    n_rows: int
    ignore_label: int | None

    def empty(self) -> BinSums:
        return BinSums.empty(self.n_rows, len(self.edges) - 1)


def _together(setting: _Setting, parts: Iterable[Sorted]) -> Sorted:
    bins, probs, (low, high) = setting.empty(), [], NO_LABELS
    for part in parts:
        bins.absorb(part.bins)
        probs.append(part.probs)
        low, high = min(low, part.labels[0]), max(high, part.labels[1])
    return Sorted(bins, ProbRange.over(probs), (low, high))


def _sort_fast(setting: _Setting, planes: Array, start: int, labels: Array, mask: Array) -> Sorted:
    bins, ignored = setting.empty(), setting.ignore_label
    some_ignored = ignored is not None
    *seen, plain, low, high = _sort_chunks(
        planes, start, labels, mask, some_ignored, ignored or 0, setting.edges, setting.top_label, *bins
    )
    if not plain:
        return _sort_plainly(setting, planes, start, labels, mask)
    found = ProbRange(*seen) if low <= high else ProbRange()
    return Sorted(bins, found, (low, high))


def _sort_plainly(setting: _Setting, planes: Array, start: int, labels: Array, mask: Array) -> Sorted:
    inside = mask.view(np.bool_) if len(mask) else np.ones(len(labels), np.bool_)
    if setting.ignore_label is not None:
        inside = inside & (labels != setting.ignore_label)
    p = np.ascontiguousarray(planes[:, start : start + len(labels)])
    bins = setting.empty()
    seen = _sort(p, labels.astype(np.int64), inside, setting.edges, setting.top_label, *bins)
    return Sorted(bins, ProbRange(*seen[:5]), (int(seen[5]), int(seen[6])))


GROUP = 64  # voxels that are asked at once whether all are nearly certain
_LANES = 4  # of a tally: additions to one bin in a row need not wait for each other
_ONE = np.float32(1).view(np.int32)
_DOUBLE_ONE = np.float64(1).view(np.int64)
_SHORT_UNITS = 2.0**-24
_SMALL_UNITS = 2.0**-52


@jit
def _sort_chunks(
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
    best, total = np.empty(CHUNK, np.float32), np.empty(CHUNK, np.float32)
    winner, hit = np.empty(CHUNK, np.uint8), np.empty(CHUNK, np.uint8)
    chosen_p, chosen_labels = np.empty((len(p), CHUNK), np.float32), np.empty(CHUNK, labels.dtype)
    tally, mass, sure, small = new_tally(len(counts), len(edges) - 1)
    limits, first, last = edge_limits(edges)
    where = np.empty(GROUP, np.int32)
    low, high, low_sum, high_sum = MOST, LEAST, MOST, LEAST
    low_label, high_label = NO_LABELS
    for a in range(0, len(labels), CHUNK):
        b = min(a + CHUNK, len(labels))
        here = mask[a:b] if len(mask) else mask
        n = count_chosen(labels[a:b], here, some_ignored, ignored)
        if n == 0:
            continue
        if n == b - a:
            q, at, truth = p, start + a, labels[a:b]
        else:
            choose(p, start + a, labels[a:b], here, some_ignored, ignored, chosen_p, chosen_labels)
            q, at, truth = chosen_p, 0, chosen_labels[:n]
        ranges = top(q, at, best[:n], winner[:n], total[:n])
        low, high = min(low, ranges[0]), max(high, ranges[1])
        low_sum, high_sum = min(low_sum, ranges[2]), max(high_sum, ranges[3])
        if low < 0 or high > HIGHEST or low_sum < 0 or high_sum > HIGHEST:
            break  # no bin to look for; the plain loop will say what is wrong
        low_truth, high_truth = label_range(truth)
        low_label, high_label = min(low_label, low_truth), max(high_label, high_truth)
        if top_label:
            compare(winner[:n], truth, hit[:n])
            add_confidences(best[:n], hit[:n], limits, last, where, tally[0], mass[0], sure[0])
            continue
        for k in range(len(p)):
            winner[:n] = np.uint8(k)
            compare(winner[:n], truth, hit[:n])
            small[k] += _add_of_class(
                q[k, at : at + n], hit[:n], limits, first, last, where, tally[k], mass[k], sure[k]
            )
    settle(tally, mass, sure, small, counts, hits, sums)
    return (*as_range(low, high, low_sum, high_sum), low_label, high_label)


@jit
def new_tally(n_rows: int, n_bins: int) -> tuple[Array, Array, Array, Array]:
    """Empty books of some rows of bins.

    For each lane and bin a count and, in the upper half of the same integer, the hits; and their confidence.
    Then what all of a group had in common: in the last bin, hits there, what their confidences fall short of
    1, in the first bin, hits there; and the confidence in the first bin.
    """
    shape = (n_rows, _LANES, n_bins)
    return np.zeros(shape, np.int64), np.zeros(shape), np.zeros((n_rows, 5), np.int64), np.zeros(n_rows)


@jit
def settle(
    tally: Array, mass: Array, sure: Array, small: Array, counts: Array, hits: Array, sums: Array
) -> None:
    """Write the books' totals into the bins."""
    for row in range(len(counts)):
        for lane in range(_LANES):
            for j in range(counts.shape[1]):
                counts[row, j] += tally[row, lane, j] & 0xFFFFFFFF
                hits[row, j] += tally[row, lane, j] >> 32
                sums[row, j] += mass[row, lane, j]
        counts[row, -1] += sure[row, 0]
        hits[row, -1] += sure[row, 1]
        sums[row, -1] += sure[row, 0] - sure[row, 2] * _SHORT_UNITS
        counts[row, 0] += sure[row, 3]
        hits[row, 0] += sure[row, 4]
        sums[row, 0] += small[row]


@jit
def edge_limits(edges: Array) -> tuple[Array, np.int32, np.int32]:
    """Bits of the inner edges, above which a float32 lies in a higher bin; the first and the last of them.

    With fewer than three bins nothing counts as nearly certain: up to -1 and above the largest number.
    """
    limits = np.empty(len(edges) - 2, np.int32)
    for j in range(len(limits)):
        nearest = np.float32(edges[j + 1])
        limits[j] = float_bits(nearest) - (1 if np.float64(nearest) > edges[j + 1] else 0)
    if len(limits) < 2:
        return limits, np.int32(-1), MOST
    return limits, limits[0], limits[-1]


@jit
def compare(winner: Array, labels: Array, hit: Array) -> None:
    """Note where the likeliest class is the label."""
    for i in range(len(hit)):
        hit[i] = winner[i] == labels[i]


@jit
def add_confidences(
    best: Array,
    hit: Array,
    limits: Array,
    last: np.int32,
    where: Array,
    tally: Array,
    mass: Array,
    sure: Array,
) -> None:
    """Enter a chunk's confidences, not above 1 but by rounding."""
    if _add_sure(best, hit, last, sure):
        return
    for g in range(0, len(best), GROUP):
        group, right = best[g : g + GROUP], hit[g : g + GROUP]
        if not _add_sure(group, right, last, sure):
            _add_each(group, right, limits, where, tally, mass)


@jit
def _add_sure(group: Array, right: Array, last: np.int32, sure: Array) -> bool:
    """Enter confidences if all fall into the last bin, whose width is at most 1/3."""
    lowest, short, n_right = MOST, np.int32(0), np.int32(0)
    for i in range(len(group)):
        bits = min(float_bits(group[i]), _ONE)
        lowest = min(lowest, bits)
        short = np.int32(short + np.int32(_ONE - bits))  # 256 / 3 * 2**24 fit; else it is not used
        n_right = np.int32(n_right + np.int32(right[i]))
    if lowest <= last:
        return False
    sure[0] += len(group)
    sure[1] += n_right
    sure[2] += short
    return True


@jit
def _add_of_class(
    plane: Array,
    hit: Array,
    limits: Array,
    first: np.int32,
    last: np.int32,
    where: Array,
    tally: Array,
    mass: Array,
    sure: Array,
) -> float:
    """As :func:`add_confidences`, for a class that is nearly certainly there or nearly certainly not.

    Returns the sum of the confidences that were nearly 0.
    """
    total = 0.0
    for g in range(0, len(plane), GROUP):
        group, right = plane[g : g + GROUP], hit[g : g + GROUP]
        n_first, n_last, right_first, right_last = np.int32(0), np.int32(0), np.int32(0), np.int32(0)
        short = np.int32(0)
        for i in range(len(group)):
            bits = min(float_bits(group[i]), _ONE)
            in_first, in_last = np.int32(bits <= first), np.int32(bits > last)
            n_first, n_last = np.int32(n_first + in_first), np.int32(n_last + in_last)
            right_first = np.int32(right_first + np.int32(in_first & right[i]))
            right_last = np.int32(right_last + np.int32(in_last & right[i]))
            short = np.int32(short + (np.int32(_ONE - bits) if bits > last else np.int32(0)))
        if n_first + n_last < len(group):
            _add_each(group, right, limits, where, tally, mass)
            continue
        small = np.int64(0)
        for i in range(len(group)):
            whole = double_bits(np.float64(group[i]) + 1.0) - _DOUBLE_ONE
            small += whole if float_bits(group[i]) <= first else np.int64(0)
        sure[0], sure[1], sure[2] = sure[0] + n_last, sure[1] + right_last, sure[2] + short
        sure[3], sure[4] = sure[3] + n_first, sure[4] + right_first
        total += small * _SMALL_UNITS
    return total


@jit
def _add_each(confidences: Array, hit: Array, limits: Array, where: Array, tally: Array, mass: Array) -> None:
    n = len(confidences)
    for i in range(n):
        where[i] = 0
    for limit in limits:
        for i in range(n):
            where[i] = np.int32(where[i] + np.int32(float_bits(confidences[i]) > limit))
    for i in range(n):
        lane, j = np.uint64(i) & np.uint64(_LANES - 1), np.uint64(where[i])
        tally[lane, j] += 1 + (np.int64(hit[i]) << 32)
        mass[lane, j] += min(np.float64(confidences[i]), 1.0)  # what rounding left above


@jit
def _sort(
    p: Array,
    labels: Array,
    mask: Array,
    edges: Array,
    top_label: bool,
    counts: Array,
    hits: Array,
    sums: Array,
) -> tuple[float, float, float, float, int, int, int]:
    lowest, highest, lowest_sum, highest_sum, n_nan = np.inf, -np.inf, np.inf, -np.inf, 0
    low, high = 2**63 - 1, -(2**63)
    for i in range(p.shape[1]):
        if not mask[i]:
            continue
        low, high = min(low, labels[i]), max(high, labels[i])
        total, best, winner = 0.0, -1.0, 0
        for k in range(p.shape[0]):
            q = np.float64(p[k, i])
            total += q
            if q != q:
                n_nan += 1
                continue
            lowest, highest = min(lowest, q), max(highest, q)
            if q > best:
                best, winner = q, k
            if not top_label and q >= 0.0:
                _add(q, labels[i] == k, edges, counts[k], hits[k], sums[k])
        if total < lowest_sum:
            lowest_sum = total
        if total > highest_sum:
            highest_sum = total
        if top_label and best >= 0.0:
            _add(best, labels[i] == winner, edges, counts[0], hits[0], sums[0])
    return lowest, highest, lowest_sum, highest_sum, n_nan, low, high


@jit
def _add(q: float, hit: bool, edges: Array, counts: Array, hits: Array, sums: Array) -> None:
    q = min(q, 1.0)  # what rounding left above
    n_bins = len(edges) - 1
    j = min(int(q * n_bins), n_bins - 1)
    if j > 0 and q <= edges[j]:  # on an edge, or below one that the product was rounded over
        j -= 1
    counts[j] += 1
    hits[j] += hit
    sums[j] += q
