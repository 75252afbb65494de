"""Whether one quantity points to another."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError


def auroc(scores: Any, positives: Any) -> float:
    r"""Area under the ROC curve: how often a positive scores higher than a negative, ties counting half.

    .. math:: P(s^+ > s^-) + \tfrac12 P(s^+ = s^-)

    Parameters
    ----------
    scores : array
        Numbers of any shape, such as an entropy map or one score a case.
    positives : array
        Boolean (or 0 and 1), of the same shape, such as where raters disagree or which cases are of another
        scanner.

    Returns
    -------
    float
        In [0, 1]; NaN if all are positive or none is.

    Raises
    ------
    ArgumentError
        If shapes differ, a score is NaN, or `positives` holds anything but 0 and 1.

    References
    ----------
    .. [1] J. A. Hanley and B. J. McNeil (1982), Radiology 143(1).

    Examples
    --------
    >>> auroc([0.1, 0.4, 0.4, 0.8], [False, False, True, True])
    0.875
    """
    values, flags = _flat(scores, "scores"), _flat(positives, "positives")
    if np.shape(scores) != np.shape(positives):
        raise ArgumentError(
            f"positives must have the shape of scores, {np.shape(scores)}, got {np.shape(positives)}"
        )
    if np.isnan(values).any():
        raise ArgumentError(f"scores must be numbers, got {np.isnan(values).sum()} NaN; leave them out")
    if not np.isin(flags, (0, 1)).all():
        raise ArgumentError(f"positives must be boolean, got values in [{flags.min()}, {flags.max()}]")
    positive = flags.astype(bool)
    n_positive = int(positive.sum())
    n_pairs = n_positive * (len(values) - n_positive)
    if n_pairs == 0:
        return float("nan")
    rank_sum = float(rankdata(values)[positive].sum())
    return (rank_sum - n_positive * (n_positive + 1) / 2) / n_pairs


def _flat(values: Any, name: str) -> np.ndarray[Any, Any]:
    return on_host(np.asarray(values) if isinstance(values, list | tuple) else values, name).ravel()
