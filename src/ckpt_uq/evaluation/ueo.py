"""How well uncertain voxels and wrong voxels can be made to overlap."""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.evaluation.operating_curve import operating_curve


def ueo(uncertainty: Any, errors: Any) -> float:
    r"""Uncertainty-error overlap: Dice of the voxels above a threshold with the wrong ones, at its best.

    .. math:: \max_\theta \frac{2 |\{u \ge \theta\} \cap E|}{|\{u \ge \theta\}| + |E|}

    Every distinct value is tried as a threshold, so the maximum is exact.

    Parameters
    ----------
    uncertainty : array
        Numbers of any shape.
    errors : array
        Boolean (or 0 and 1), of the same shape: where the prediction is wrong.

    Returns
    -------
    float
        In [0, 1], higher is better; NaN if nothing is wrong.

    Raises
    ------
    ArgumentError
        If shapes differ, an uncertainty is NaN, or `errors` holds anything but 0 and 1.

    References
    ----------
    .. [1] A. Jungo and M. Reyes (2019), arXiv:1907.03338.

    Examples
    --------
    >>> ueo(np.array([0.1, 0.7, 0.8, 0.9]), np.array([False, True, False, True]))
    0.8
    """
    curve = operating_curve(uncertainty, errors)
    if not len(curve.scores) or curve.positives[-1] == 0:
        return float("nan")
    dice = 2 * curve.positives / (curve.positives + curve.negatives + curve.positives[-1])
    return float(np.max(dice))
