"""Whether some sample says what each rater says."""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.raters import overlaps, sample_and_rater_maps


def dmax(samples: Any, raters: Any, n_classes: int) -> float:
    r"""Dice of each rater's best sample, averaged over the raters (maximum Dice matching).

    .. math:: \frac1R \sum_r \max_m D(s_m, y_r)

    Dice is averaged over the foreground classes; a class that neither map has agrees, with Dice 1. More
    samples can only raise it: compare at equal numbers.

    Parameters
    ----------
    samples : array
        Label maps (M, \*S), such as ``prediction.member_labels``.
    raters : array
        Label maps (R, \*S).
    n_classes : int
        C, background included.

    Returns
    -------
    float
        In [0, 1], higher is better.

    Raises
    ------
    ArgumentError
        If grids differ, there is no map, or a label is outside [0, n_classes).

    References
    ----------
    .. [1] A. Rahman et al. (2023), CVPR, arXiv:2304.04745.

    Examples
    --------
    >>> raters = np.array([[1, 1, 0, 0], [1, 1, 1, 1]])
    >>> dmax(raters[1:], raters, n_classes=2)  # Dice 2/3 and 1
    0.8333333333333333
    """
    if n_classes < 2:
        raise ArgumentError(f"n_classes must be >= 2, background and another, got {n_classes}")
    ours, theirs = sample_and_rater_maps(samples, raters, n_classes)
    best = [max(_dice(sample, rater, n_classes) for sample in ours) for rater in theirs]
    return float(np.mean(best))


def _dice(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], n_classes: int) -> float:
    both, sizes = overlaps(a, b, n_classes)
    dice = np.ones(len(both))
    np.divide(2 * both, sizes, out=dice, where=sizes > 0)
    return float(dice.mean())
