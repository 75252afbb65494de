"""Whether an uncertainty map points to where raters disagree."""

from __future__ import annotations

from typing import Any

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.auroc import auroc
from ckpt_uq.probabilities import require_mask


def rater_disagreement_auroc(uncertainty: Any, raters: Any, *, mask: Any = None) -> float:
    r"""AUROC of an uncertainty map for the voxels to which not all raters give the same label.

    Parameters
    ----------
    uncertainty : array
        Numbers on the grid S.
    raters : array
        Label maps (R, \*S), R >= 2.
    mask : array, optional
        Boolean, shape S: the voxels to count, such as a dilated region of interest. Over all voxels the area
        is flattered by background that nobody doubts.

    Returns
    -------
    float
        In [0, 1]; NaN if the raters agree everywhere, or nowhere.

    Raises
    ------
    ArgumentError
        If shapes do not fit, there is one rater only, or an uncertainty is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> rater_disagreement_auroc(np.array([0.1, 0.9, 0.2]), np.array([[0, 0, 1], [0, 1, 1]]))
    1.0
    """
    values, labels = on_host(uncertainty, "uncertainty"), on_host(raters, "raters")
    if labels.ndim != values.ndim + 1 or labels.shape[1:] != values.shape or len(labels) < 2:
        raise ArgumentError(
            f"raters must be at least two label maps on the grid {values.shape} of uncertainty, got shape "
            f"{labels.shape}"
        )
    split = (labels != labels[:1]).any(axis=0)
    if mask is None:
        return auroc(values, split)
    inside = on_host(mask, "mask")
    require_mask(inside, values.shape)
    return auroc(values[inside], split[inside])
