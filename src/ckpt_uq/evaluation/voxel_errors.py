"""Whether an uncertainty map points to the wrong voxels of any number of cases, in constant memory."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError
from ckpt_uq.probabilities import require_mask

_AT_ONCE = 1 << 20  # voxels whose bins are held at a time


class BoundedAuroc(NamedTuple):
    """An area, and how far the exact one may be from it."""

    value: float
    bound: float


class BoundedOverlap(NamedTuple):
    """An overlap, and how much larger the exact one may be."""

    value: float
    bound: float
    threshold: float
    """From which uncertainty on voxels count as uncertain."""


class VoxelErrors:
    r"""Histograms of the uncertainty of right and of wrong voxels.

    AUROC of the voxels themselves is within a bound of that of the histograms: only pairs of one right and
    one wrong voxel in the same bin are in doubt, and they count half.

    .. math:: |A - \hat A| \le \frac12 \sum_b \frac{w_b}{W} \frac{r_b}{R}

    Parameters
    ----------
    highest : float
        The largest uncertainty there can be, such as log2 C bits of predictive entropy.
    n_bins : int
        Bins of equal width from 0 to `highest`; memory is two int64 a bin.

    Examples
    --------
    >>> errors = VoxelErrors(highest=1.0, n_bins=4)
    >>> errors.update(np.array([0.1, 0.2, 0.6, 0.9]), np.array([False, False, False, True]))
    >>> errors.auroc()
    BoundedAuroc(value=1.0, bound=0.0)
    """

    def __init__(self, *, highest: float, n_bins: int = 4096) -> None:
        if not (math.isfinite(highest) and highest > 0):
            raise ArgumentError(f"highest must be a positive uncertainty, got {highest}; log2 C for entropy")
        if n_bins < 1:
            raise ArgumentError(f"n_bins must be >= 1, got {n_bins}")
        self.highest, self.n_bins = float(highest), int(n_bins)
        self.right = np.zeros(n_bins, np.int64)
        self.wrong = np.zeros(n_bins, np.int64)

    def update(self, uncertainty: Any, errors: Any, *, mask: Any = None) -> None:
        """Count the voxels of an image, or of any part of one.

        Parameters
        ----------
        uncertainty : array
            Numbers in [0, `highest`], any shape; what rounding left above counts as `highest`.
        errors : array
            Boolean, of the same shape: where the prediction is wrong.
        mask : array, optional
            Boolean, of the same shape: the voxels to count.

        Raises
        ------
        ArgumentError
            If shapes or dtypes do not fit, or an uncertainty is NaN or out of range; nothing is counted then.
        """
        values, wrong = on_host(uncertainty, "uncertainty"), on_host(errors, "errors")
        require_mask(wrong, values.shape, "errors")
        if mask is not None:
            inside = on_host(mask, "mask")
            require_mask(inside, values.shape)
            values, wrong = values[inside], wrong[inside]
        values, wrong = values.reshape(-1), wrong.reshape(-1)
        if values.size and not (values.min() >= 0 and values.max() <= self.highest * (1 + 1e-6)):
            raise ArgumentError(
                f"uncertainty must lie in [0, {self.highest:.6g}], got values in [{values.min():.6g}, "
                f"{values.max():.6g}]; say highest= when making VoxelErrors"
            )
        for start in range(0, len(values), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            bins = (values[part].astype(np.float64) * (self.n_bins / self.highest)).astype(np.int64)
            np.minimum(bins, self.n_bins - 1, out=bins)
            both = np.bincount(2 * bins + wrong[part], minlength=2 * self.n_bins)
            self.right += both[::2]
            self.wrong += both[1::2]

    def merge(self, other: VoxelErrors) -> VoxelErrors:
        """Counts of both, as a new object.

        Raises
        ------
        ArgumentError
            If the bins are not the same.
        """
        if (self.highest, self.n_bins) != (other.highest, other.n_bins):
            raise ArgumentError(
                f"histograms to merge must agree in (highest, n_bins), got {self.highest, self.n_bins} and "
                f"{other.highest, other.n_bins}"
            )
        merged = VoxelErrors(highest=self.highest, n_bins=self.n_bins)
        merged.right, merged.wrong = self.right + other.right, self.wrong + other.wrong
        return merged

    def ueo(self) -> BoundedOverlap:
        r"""Uncertainty-error overlap, as :func:`~ckpt_uq.evaluation.ueo.ueo`, of all voxels counted.

        The thresholds are the bins' lower edges, so the value is never above that over all thresholds. One
        inside bin b could do no better than take all wrong voxels of the bin and none of the right ones.

        Returns
        -------
        BoundedOverlap
            NaN if nothing is wrong.

        Examples
        --------
        >>> errors = VoxelErrors(highest=1.0, n_bins=4)
        >>> errors.update(np.array([0.1, 0.7, 0.8, 0.9]), np.array([False, True, False, True]))
        >>> errors.ueo()
        BoundedOverlap(value=0.8, bound=0.0, threshold=0.5)
        """
        n_wrong = int(self.wrong.sum())
        if not n_wrong:
            return BoundedOverlap(float("nan"), float("nan"), float("nan"))
        found, alarms = self.wrong[::-1].cumsum()[::-1], (self.wrong + self.right)[::-1].cumsum()[::-1]
        dice = 2 * found / (alarms + n_wrong)
        best = self.n_bins - 1 - int(dice[::-1].argmax())
        above = alarms - self.right - self.wrong
        inside = 2 * found / (above + self.wrong + n_wrong)
        inside[(self.wrong == 0) | (self.right == 0)] = 0  # no threshold inside does better than an edge
        bound = max(float(inside.max() - dice[best]), 0.0)
        return BoundedOverlap(float(dice[best]), bound, best * self.highest / self.n_bins)

    def auroc(self) -> BoundedAuroc:
        """Chance that a wrong voxel is less sure than a right one; NaN if all are right or all are wrong."""
        n_right, n_wrong = int(self.right.sum()), int(self.wrong.sum())
        if not n_right or not n_wrong:
            return BoundedAuroc(float("nan"), float("nan"))
        right, wrong = self.right / n_right, self.wrong / n_wrong  # float64: pairs would exceed int64
        below = np.cumsum(right) - right
        doubt = float((wrong * right).sum()) / 2
        return BoundedAuroc(float((wrong * below).sum()) + doubt, doubt)
