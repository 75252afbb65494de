"""Sort confidences into fine cells: narrow at both ends of [0, 1], where a segmentation's voxels crowd."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.kernels.bits import double_bits
from ckpt_uq.kernels.blocks import BLOCK_VOXELS, as_rows, map_blocks, row_voxels
from ckpt_uq.kernels.jit import jit
from ckpt_uq.kernels.labels import NO_LABELS, outside_none, plain_integers
from ckpt_uq.kernels.planes import pieces
from ckpt_uq.probabilities import ProbRange

OCTAVES, PER_OCTAVE = 24, 128
N_CELLS = 2 * (1 + OCTAVES * PER_OCTAVE)
_SHIFT = 52 - (PER_OCTAVE.bit_length() - 1)
_FIRST = (1023 - OCTAVES - 1) * PER_OCTAVE  # 1023 is the exponent's bias
_BLOCKS_AT_ONCE = 16  # each brings cells of its own

Array = np.ndarray[Any, Any]


class Cells(NamedTuple):
    """What fell into the cells; arrays of shape (rows, N_CELLS), a row for each class that is watched."""

    counts: Array
    """Samples, int64."""
    hits: Array
    """Samples that were right, int64."""
    confidence: Array
    """Sum of their confidences, float64."""
    squares: Array
    """Sum of their (confidence - right)², float64."""
    lowest: Array
    """Smallest confidence, float64; infinite for an empty cell."""
    highest: Array
    """Largest confidence, float64; minus infinite for an empty cell."""

    @classmethod
    def empty(cls, n_rows: int) -> Cells:
        """Cells that nothing has fallen into."""
        shape = (n_rows, N_CELLS)
        counts, hits = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        return cls(
            counts, hits, np.zeros(shape), np.zeros(shape), np.full(shape, np.inf), np.full(shape, -np.inf)
        )

    def absorb(self, other: Cells) -> None:
        """Add what fell into others, in place."""
        for mine, theirs in zip(self[:4], other[:4], strict=True):
            mine += theirs
        np.minimum(self.lowest, other.lowest, out=self.lowest)
        np.maximum(self.highest, other.highest, out=self.highest)


class Sorted(NamedTuple):
    """Cells, and the ranges of probabilities and of labels that went into them."""

    cells: Cells
    probs: ProbRange
    labels: tuple[int, int]


def sort_into_cells(
    probs: Array, labels: Array, mask: Array | None, *, top_label: bool, threshold: float
) -> Sorted:
    """Sort the voxels of ``mask`` by their confidence.

    With q = min(p, 1 - p), every octave [2^-(j+1), 2^-j) of q down to 2^-25 is cut into ``PER_OCTAVE`` cells
    of equal width; what is below shares one. The cells of p < 1/2 come first, those of the others follow in
    the order of p.

    Parameters
    ----------
    probs, labels, mask, top_label
        As for :func:`~ckpt_uq.kernels.bins.sort_into_bins`.
    threshold : float
        Only confidences above count; negative for all.
    """
    rows, truth, *masks = as_rows(probs, labels) if mask is None else as_rows(probs, labels, mask)
    dtype = np.float64 if probs.dtype == np.float64 else np.float32
    n_rows = 1 if top_label else len(probs)

    def sort(start: int, stop: int) -> Sorted:
        cells, probs, (low, high) = Cells.empty(n_rows), [], NO_LABELS
        for piece in pieces(rows, start, stop, dtype):
            targets = plain_integers(truth[piece.first : piece.last])
            inside = outside_none(masks[0] if masks else None, piece.first, piece.last)
            seen = _sort(piece.planes, piece.start, targets, inside, top_label, threshold, *cells)
            probs.append(ProbRange(*seen[:5]))
            low, high = min(low, int(seen[5])), max(high, int(seen[6]))
        return Sorted(cells, ProbRange.over(probs), (low, high))

    cells, seen, (low, high) = Cells.empty(n_rows), ProbRange(), NO_LABELS
    at_once = _BLOCKS_AT_ONCE * max(1, BLOCK_VOXELS // max(1, row_voxels(rows)))
    for first in range(0, rows.shape[1], at_once):
        n = min(at_once, rows.shape[1] - first)

        def sort_from(start: int, stop: int, first: int = first) -> Sorted:
            return sort(first + start, first + stop)

        for part in map_blocks(sort_from, n, row_voxels(rows)):
            cells.absorb(part.cells)
            seen = ProbRange.over((seen, part.probs))
            low, high = min(low, part.labels[0]), max(high, part.labels[1])
    return Sorted(cells, seen, (low, high))


@jit
def _sort(
    p: Array,
    start: int,
    labels: Array,
    mask: Array,
    top_label: bool,
    threshold: float,
    counts: Array,
    hits: Array,
    sums: Array,
    squares: Array,
    least: Array,
    most: Array,
) -> tuple[float, float, float, float, int, int, int]:
    lowest, highest, lowest_sum, highest_sum, n_nan = np.inf, -np.inf, np.inf, -np.inf, 0
    low, high = 2**63 - 1, -(2**63)
    for i in range(len(labels)):
        if len(mask) and not mask[i]:
            continue
        label = np.int64(labels[i])
        low, high = min(low, int(label)), max(high, int(label))
        total, best, winner = 0.0, -1.0, 0
        for k in range(p.shape[0]):
            q = np.float64(p[k, start + i])
            total += q
            if q != q:
                n_nan += 1
                continue
            lowest, highest = min(lowest, q), max(highest, q)
            if q > best:
                best, winner = q, k
            if not top_label and q >= 0.0 and q > threshold:
                hit = label == k
                _add(q, hit, counts[k], hits[k], sums[k], squares[k], least[k], most[k])
        if total < lowest_sum:
            lowest_sum = total
        if total > highest_sum:
            highest_sum = total
        if top_label and best >= 0.0 and best > threshold:
            hit = label == winner
            _add(best, hit, counts[0], hits[0], sums[0], squares[0], least[0], most[0])
    return lowest, highest, lowest_sum, highest_sum, n_nan, low, high


@jit
def _add(
    q: float,
    hit: bool,
    counts: Array,
    hits: Array,
    sums: Array,
    squares: Array,
    least: Array,
    most: Array,
) -> None:
    q = min(q, 1.0)  # what rounding left above
    j = cell_of(q)
    counts[j] += 1
    hits[j] += hit
    sums[j] += q
    squares[j] += (1.0 - q) ** 2 if hit else q * q
    least[j] = min(least[j], q)
    most[j] = max(most[j], q)


@jit
def cell_of(p: float) -> int:
    """Cell of a confidence in [0, 1]; cells rise with it."""
    below = p < 0.5
    q = p if below else 1.0 - p  # exact
    # Exponent and first bits of the mantissa are the number of a cell, counted from the first octave.
    j = 1 + int(double_bits(q) >> _SHIFT) - _FIRST
    j = min(max(j, 0), OCTAVES * PER_OCTAVE)  # 1/2 itself is the end of the last octave
    return j if below else N_CELLS - 1 - j
