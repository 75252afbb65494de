"""Sort confidences into bins: how often, how confident, how often right."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.kernels.blocks import as_rows, map_blocks, row_voxels
from ckpt_uq.kernels.jit import jit
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


class Sorted(NamedTuple):
    """Bins, and the ranges of probabilities and of labels that went into them."""

    bins: BinSums
    probs: ProbRange
    labels: tuple[int, int]


def sort_into_bins(
    probs: Array, labels: Array, mask: Array | None, edges: Array, *, top_label: bool
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
    """
    rows, truth, *masks = as_rows(probs, labels) if mask is None else as_rows(probs, labels, mask)
    dtype = np.float64 if probs.dtype == np.float64 else np.float32
    n_rows, n_bins = (1 if top_label else len(probs)), len(edges) - 1

    def sort(start: int, stop: int) -> Sorted:
        block = np.ascontiguousarray(rows[:, start:stop], dtype).reshape(len(rows), -1)
        targets = np.ascontiguousarray(truth[start:stop], np.int64).reshape(-1)
        inside = np.ones(len(targets), np.bool_)
        if masks:
            inside[:] = masks[0][start:stop].reshape(-1)
        bins = BinSums.empty(n_rows, n_bins)
        seen = _sort(block, targets, inside, edges, top_label, *bins)
        return Sorted(bins, ProbRange(*seen[:5]), (int(seen[5]), int(seen[6])))

    total = Sorted(BinSums.empty(n_rows, n_bins), ProbRange(), _NO_LABELS)
    for part in map_blocks(sort, rows.shape[1], row_voxels(rows)):
        low, high = min(total.labels[0], part.labels[0]), max(total.labels[1], part.labels[1])
        total = Sorted(total.bins.plus(part.bins), ProbRange.over((total.probs, part.probs)), (low, high))
    return total


_NO_LABELS = (int(np.iinfo(np.int64).max), int(np.iinfo(np.int64).min))


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
