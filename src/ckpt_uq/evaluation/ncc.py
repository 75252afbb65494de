"""Whether an uncertainty map rises and falls with the disagreement of raters."""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.raters import label_maps
from ckpt_uq.probabilities import require_mask

Array = np.ndarray[Any, Any]


def ncc(uncertainty: Any, raters: Any, n_classes: int, *, mask: Any = None) -> float:
    r"""Normalised cross-correlation of an uncertainty map with the raters' variance.

    .. math:: \frac{\sum_x (u(x) - \bar u)(v(x) - \bar v)}
        {\sqrt{\sum_x (u(x) - \bar u)^2 \sum_x (v(x) - \bar v)^2}},
        \qquad v(x) = 1 - \sum_k f_k(x)^2

    with :math:`f_k` the share of raters that give class k. Unlike AUROC it asks for degrees: the map should
    be highest where raters are split evenly. It does not change when the map is scaled or shifted.

    Parameters
    ----------
    uncertainty : array
        Numbers on the grid S, such as predictive entropy.
    raters : array
        Label maps (R, \*S), R >= 2.
    n_classes : int
        C, background included.
    mask : array, optional
        Boolean, shape S: the voxels to count. Over all voxels, background that nobody doubts makes two maps
        alike that are not.

    Returns
    -------
    float
        In [-1, 1], higher is better; NaN if the map or the raters' variance is the same everywhere.

    Raises
    ------
    ArgumentError
        If shapes do not fit, there is one rater only, or an uncertainty is not finite.

    References
    ----------
    .. [1] S. Hu et al. (2019), arXiv:1907.01949; K. Kahl et al. (2024), ValUES, arXiv:2401.08501.

    Examples
    --------
    >>> raters = np.array([[0, 0, 1, 1], [0, 1, 1, 1]])
    >>> round(ncc(np.array([0.1, 0.9, 0.1, 0.1]), raters, n_classes=2), 6)
    1.0
    """
    values = on_host(uncertainty, "uncertainty")
    labels = label_maps(raters, n_classes, "raters")
    if labels.shape[1:] != values.shape or len(labels) < 2:
        raise ArgumentError(
            f"raters must be at least two label maps on the grid {values.shape} of uncertainty, got shape "
            f"{labels.shape}"
        )
    variance = rater_variance(labels, n_classes)
    if mask is not None:
        inside = on_host(mask, "mask")
        require_mask(inside, values.shape)
        values, variance = values[inside], variance[inside]
    if not np.isfinite(values).all():
        raise ArgumentError("uncertainty must be finite numbers, got NaN or infinite ones; mask them out")
    if values.size < 2 or values.min() == values.max() or variance.min() == variance.max():
        return float("nan")
    u, v = (part.astype(np.float64).ravel() - part.mean(dtype=np.float64) for part in (values, variance))
    return float(np.clip(u @ v / np.sqrt((u @ u) * (v @ v)), -1, 1))


def rater_variance(raters: Array, n_classes: int) -> Array:
    r"""One minus the sum of squared shares of the raters' votes: 0 where all agree, at most 1 - 1/C; shape S.

    It is the chance that two raters, drawn with replacement, differ.
    """
    agreeing: Array = np.zeros(raters.shape[1:])
    for k in range(n_classes):
        agreeing += (np.count_nonzero(raters == k, axis=0) / len(raters)) ** 2
    return np.asarray(np.maximum(1 - agreeing, 0))
