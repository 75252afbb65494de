"""Whether samples differ as raters do: the generalised energy distance."""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.raters import overlaps, sample_and_rater_maps


def ged(samples: Any, raters: Any, n_classes: int) -> float:
    r"""Squared generalised energy distance between samples and raters, with d = 1 - IoU.

    .. math:: 2 E[d(S, Y)] - E[d(S, S')] - E[d(Y, Y')]

    IoU is averaged over the foreground classes; a class that neither of two maps has agrees, with IoU 1. All
    pairs count, each map with itself too.

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
        In [0, 2], lower is better; 0 if both are the same maps, equally often.

    Raises
    ------
    ArgumentError
        If grids differ, there is no map, or a label is outside [0, n_classes).

    References
    ----------
    .. [1] S. Kohl et al. (2018), A Probabilistic U-Net, arXiv:1806.05034.

    Examples
    --------
    >>> raters = np.array([[1, 1, 0, 0], [1, 1, 1, 1]])
    >>> ged(raters, raters, n_classes=2), ged(raters[:1], raters, n_classes=2)
    (0.0, 0.25)
    """
    if n_classes < 2:
        raise ArgumentError(f"n_classes must be >= 2, background and another, got {n_classes}")
    ours, theirs = sample_and_rater_maps(samples, raters, n_classes)
    across = _mean_distance(ours, theirs, n_classes)
    within = _mean_distance(ours, ours, n_classes) + _mean_distance(theirs, theirs, n_classes)
    return max(2 * across - within, 0.0)


def _mean_distance(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], n_classes: int) -> float:
    return float(np.mean([[_distance(one, other, n_classes) for other in b] for one in a]))


def _distance(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], n_classes: int) -> float:
    both, sizes = overlaps(a, b, n_classes)
    union = sizes - both
    iou = np.ones(len(both))
    np.divide(both, union, out=iou, where=union > 0)
    return float(1 - iou.mean())
