"""Sort confidences into bins: how often, how confident, how often right.

Single precision goes through vector loops; see :mod:`ckpt_uq.kernels.sorting`. What is not plainly a
distribution, and double precision, goes through the plain loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.kernels.blocks import as_rows, map_blocks, row_voxels
from ckpt_uq.kernels.jit import jit
from ckpt_uq.kernels.labels import NO_LABELS, outside_none, plain_integers
from ckpt_uq.kernels.planes import pieces
from ckpt_uq.kernels.sorting import sort_stretches
from ckpt_uq.kernels.top import MOST_CLASSES
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
    """Bins, and what went into them."""

    bins: BinSums
    probs: ProbRange
    """The range of probabilities, and of their sums, that are not plainly what they should be."""
    labels: tuple[int, int]
    """The range of labels."""


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
    chosen = labels, mask, ignored is not None, ignored or 0
    plain, low, high = sort_stretches(planes, start, *chosen, setting.edges, setting.top_label, *bins)
    if not plain:
        return _sort_plainly(setting, planes, start, labels, mask)
    return Sorted(bins, ProbRange(), (low, high))


def _sort_plainly(setting: _Setting, planes: Array, start: int, labels: Array, mask: Array) -> Sorted:
    inside = mask.view(np.bool_) if len(mask) else np.ones(len(labels), np.bool_)
    if setting.ignore_label is not None:
        inside = inside & (labels != setting.ignore_label)
    p = np.ascontiguousarray(planes[:, start : start + len(labels)])
    bins = setting.empty()
    seen = _sort(p, labels.astype(np.int64), inside, setting.edges, setting.top_label, *bins)
    return Sorted(bins, ProbRange(*seen[:5]), (int(seen[5]), int(seen[6])))


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
