"""Overlap of a segmentation with the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.arrays import beside, borrow
from ckpt_uq.kernels.counting import count_pairs
from ckpt_uq.probabilities import require_classes, require_labels


def dice_per_class(prediction: Any, labels: Any, n_classes: int) -> np.ndarray[Any, Any]:
    r"""Dice of every class, of two label maps.

    .. math:: \mathrm{Dice}_k = \frac{2 |P_k \cap L_k|}{|P_k| + |L_k|}

    Parameters
    ----------
    prediction, labels : array
        Integers in [0, n_classes), of the same shape. Voxels are counted in int64.
    n_classes : int
        C, background included.

    Returns
    -------
    numpy.ndarray
        float64, shape (C,), in [0, 1]; NaN for a class that neither has, to be left out of means
        (:func:`~ckpt_uq.evaluation.case_mean.case_mean`).

    Raises
    ------
    ArgumentError
        If shapes differ, dtypes are not integer, or a label is outside [0, n_classes).

    Examples
    --------
    >>> dice_per_class(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]), n_classes=3).round(3)
    array([0.667, 0.8  ,   nan])
    """
    guess = borrow(prediction, "prediction").data
    truth = beside(labels, "labels", guess)
    require_labels(truth, tuple(truth.shape))
    require_labels(guess, tuple(truth.shape), "prediction")
    seen = count_pairs(guess, truth, n_classes)
    require_classes(seen.lowest, seen.highest, n_classes, "prediction and labels")
    return dice_of_counts(seen.counts)


def dice_of_counts(counts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Dice of every class, of counted pairs: the voxels of label i predicted as j, int64, shape (C, C).

    Examples
    --------
    >>> dice_of_counts(np.array([[1, 1, 0], [0, 2, 0], [0, 0, 0]])).round(3)
    array([0.667, 0.8  ,   nan])
    """
    both = np.diag(counts)
    either = counts.sum(axis=0) + counts.sum(axis=1)
    dice = np.full(len(counts), np.nan)
    np.divide(2 * both, either, out=dice, where=either > 0)
    return dice
