"""Calibration in bins that hold equally many samples."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.calibration.sketch import Bounded, CalibrationSketch, mean_over_rows
from ckpt_uq.errors import ArgumentError
from ckpt_uq.kernels.cells import Cells

Array = np.ndarray[Any, Any]


class EqualMass(NamedTuple):
    """Bins of N/R samples each; float64 of shape (R,)."""

    confidence: Array
    """Sum of confidences."""
    hits: Array
    """Samples that were right; a sample on a border is shared, so this need not be whole."""
    bound: float
    """How far the sum over bins of :math:`|hits - confidence|` can be from that of the samples themselves."""


def ace(sketch: CalibrationSketch, n_bins: int = 15, *, class_index: int | None = None) -> Bounded:
    r"""Adaptive calibration error: the mean gap between accuracy and confidence in bins of equal mass.

    .. math:: \mathrm{ACE} = \frac1R \sum_{r=1}^R | \mathrm{acc}_r - \mathrm{conf}_r |

    The samples, ordered by confidence, are cut into R bins of N/R each. Samples of equal confidence are
    shared in proportion by the bins that a cut falls between, so neither their order nor their number
    (which R need not divide) matters. Of a sketch with a threshold this is the thresholded error, TACE.

    Parameters
    ----------
    sketch : CalibrationSketch
        'top_label', or 'class_wise': the mean over the classes that have a sample above the threshold.
    n_bins : int
        R.
    class_index : int, optional
        For 'class_wise': the error of this class alone.

    Returns
    -------
    Bounded
        Value in [0, 1]; NaN if nothing was counted. The bound is 0 where every cell that is cut holds samples
        of one confidence.

    References
    ----------
    .. [1] J. Nixon et al. (2019), arXiv:1904.01685.

    Examples
    --------
    >>> sketch = CalibrationSketch()
    >>> sketch.update(np.array([[0.625, 0.75, 1.0], [0.375, 0.25, 0.0]]), np.array([0, 1, 0]))
    >>> round(ace(sketch, n_bins=3).value, 4)  # (0.375 + 0.75 + 0) / 3
    0.375
    """
    values = []
    for cells in sketch.rows(class_index):
        n = int(cells.counts.sum())
        if n:
            bins = equal_mass(cells, n_bins)
            values.append(Bounded(float(np.abs(bins.hits - bins.confidence).sum() / n), bins.bound / n))
    return mean_over_rows(values)


def equal_mass(cells: Cells, n_bins: int) -> EqualMass:
    """Cut the samples of one row, which are at least one, into bins of equal mass."""
    if n_bins < 1:
        raise ArgumentError(f"n_bins must be >= 1, got {n_bins}")
    cumulative = np.concatenate([[0], np.cumsum(cells.counts)])
    cuts = cumulative[-1] * np.arange(1, n_bins) / n_bins
    cut = np.searchsorted(cumulative, cuts, side="right") - 1  # the cell that holds it
    left = cuts - cumulative[cut]  # samples of that cell that are to its left
    share = left / cells.counts[cut]

    def per_bin(sums: Array) -> Array:
        before = np.concatenate([[0], np.cumsum(sums)])
        return np.diff(before[cut] + share * sums[cut], prepend=0.0, append=before[-1])

    return EqualMass(per_bin(cells.confidence), per_bin(cells.hits), _bound(cells, cut, left))


def _bound(cells: Cells, cut: Array, left: Array) -> float:
    """What the cuts shift from one bin to the next, at most: with every cell's samples in the worst order."""
    n, hits = cells.counts[cut].astype(np.float64), cells.hits[cut]
    mean = cells.confidence[cut] / n
    fewest, most = np.maximum(0, left - (n - hits)), np.minimum(left, hits)
    expected = left * hits / n
    in_hits = np.maximum(expected - fewest, most - expected)
    in_confidence = np.minimum(left * (mean - cells.lowest[cut]), (n - left) * (cells.highest[cut] - mean))
    tied = cells.lowest[cut] == cells.highest[cut]
    return float(2 * np.where(tied, 0.0, in_hits + np.maximum(in_confidence, 0.0)).sum())
