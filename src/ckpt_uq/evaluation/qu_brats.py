"""What filtering out uncertain voxels does to Dice, and what it takes along: the QU-BraTS curves."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError
from ckpt_uq.kernels.filtering import count_by_first_level
from ckpt_uq.probabilities import require_mask

Floats = np.ndarray[Any, np.dtype[np.float64]]


class FilterCurves(NamedTuple):
    """At each threshold, after leaving out the voxels whose uncertainty exceeds it; shape (thresholds,)."""

    thresholds: Floats
    """As shares of the highest uncertainty, from 0 to 1."""
    dice: Floats
    """Dice of the voxels that remain; 1 if they hold neither."""
    lost_true_positives: Floats
    """Share of the true positives that was left out (FTP)."""
    lost_true_negatives: Floats
    """Share of the true negatives that was left out (FTN)."""

    @property
    def score(self) -> float:
        """Mean of the area under Dice and of one minus the areas under the two shares, in [0, 1]."""
        dice, ftp, ftn = (float(np.trapezoid(curve, self.thresholds)) for curve in self[1:])
        return (dice + 1 - ftp + 1 - ftn) / 3


def filter_curves(
    prediction: Any, labels: Any, uncertainty: Any, *, highest: float, n_thresholds: int = 101
) -> FilterCurves:
    """Curves of one case and one region over thresholds of the uncertainty.

    Parameters
    ----------
    prediction, labels : array
        Boolean, shape S.
    uncertainty : array
        Numbers in [0, `highest`], shape S.
    highest : float
        The largest uncertainty there can be: 1 bit for a region's or a class's own entropy. Scaling each case
        by its own maximum instead would make sure cases look unsure.
    n_thresholds : int
        Equally spaced from 0 to `highest`, at least 2; at the last nothing is left out.

    Returns
    -------
    FilterCurves

    Raises
    ------
    ArgumentError
        If shapes or dtypes do not fit, or an uncertainty is NaN or out of range.

    References
    ----------
    .. [1] R. Mehta et al. (2022), QU-BraTS, arXiv:2112.10074.

    Examples
    --------
    >>> guess, truth = np.array([True, True, False, False]), np.array([True, False, False, False])
    >>> curves = filter_curves(guess, truth, np.array([0.0, 1.0, 0.0, 0.0]), highest=1.0, n_thresholds=2)
    >>> curves.dice.round(3), round(curves.score, 3)
    (array([1.   , 0.667]), 0.944)
    """
    counts = FilterCounts(highest=highest, n_thresholds=n_thresholds)
    counts.update(prediction, labels, uncertainty)
    return counts.curves()


class FilterCounts:
    """Counts at every threshold, streamed over the parts of a case, or over cases to pool them.

    Memory is four int64 a threshold.

    Parameters
    ----------
    highest, n_thresholds
        As for :func:`filter_curves`.

    Examples
    --------
    >>> counts = FilterCounts(highest=1.0, n_thresholds=2)
    >>> guess, truth = np.array([True, True, False, False]), np.array([True, False, False, False])
    >>> for half in (slice(0, 2), slice(2, 4)):
    ...     counts.update(guess[half], truth[half], np.array([0.0, 1.0, 0.0, 0.0])[half])
    >>> round(counts.curves().score, 3)
    0.944
    """

    def __init__(self, *, highest: float, n_thresholds: int = 101) -> None:
        if not (math.isfinite(highest) and highest > 0):
            raise ArgumentError(f"highest must be a positive uncertainty, got {highest}")
        if n_thresholds < 2:
            raise ArgumentError(f"n_thresholds must be >= 2, got {n_thresholds}")
        self.highest, self.n_thresholds = float(highest), int(n_thresholds)
        self._counts = np.zeros((n_thresholds, 4), np.int64)  # TN, FN, FP, TP by first threshold that keeps

    def update(self, prediction: Any, labels: Any, uncertainty: Any) -> None:
        """Count the voxels of a case, or of any part of one; see :func:`filter_curves`."""
        guess, truth = on_host(prediction, "prediction"), on_host(labels, "labels")
        u = on_host(uncertainty, "uncertainty")
        require_mask(guess, u.shape, "prediction")
        require_mask(truth, u.shape, "labels")
        if u.size and not (u.min() >= 0 and u.max() <= self.highest * (1 + 1e-6)):
            raise ArgumentError(
                f"uncertainty must lie in [0, {self.highest:.6g}], got values in [{u.min():.6g}, "
                f"{u.max():.6g}]"
            )
        levels = np.linspace(0, 1, self.n_thresholds) * self.highest
        bits = u if u.dtype == np.float32 else u.astype(np.float64)
        self._counts += count_by_first_level(bits.reshape(-1), guess.reshape(-1), truth.reshape(-1), levels)

    def merge(self, other: FilterCounts) -> FilterCounts:
        """Counts of both, as a new object.

        Raises
        ------
        ArgumentError
            If the thresholds are not the same.
        """
        mine, theirs = (self.highest, self.n_thresholds), (other.highest, other.n_thresholds)
        if mine != theirs:
            raise ArgumentError(
                f"counts to merge must agree in (highest, n_thresholds), got {mine} and {theirs}"
            )
        merged = FilterCounts(highest=self.highest, n_thresholds=self.n_thresholds)
        merged._counts = self._counts + other._counts
        return merged

    def curves(self) -> FilterCurves:
        """Dice and lost shares at every threshold."""
        tn, fn, fp, tp = self._counts.cumsum(axis=0).T
        dice = np.ones(self.n_thresholds)
        np.divide(2 * tp, 2 * tp + fp + fn, out=dice, where=tp + fp + fn > 0)
        return FilterCurves(np.linspace(0, 1, self.n_thresholds), dice, _lost(tp), _lost(tn))


def _lost(kept: np.ndarray[Any, Any]) -> Floats:
    """Share of all that is not kept; 0 if there is none."""
    return np.asarray((kept[-1] - kept) / max(int(kept[-1]), 1), np.float64)
