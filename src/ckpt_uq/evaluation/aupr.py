"""Whether one quantity points to another that is rare."""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.evaluation.operating_curve import operating_curve


def aupr(scores: Any, positives: Any) -> float:
    r"""Area under the precision-recall curve, as average precision: a step at every distinct score.

    .. math:: \sum_i (R_i - R_{i-1}) P_i

    Unlike AUROC it depends on how many positives there are: a score that knows nothing gets their share.

    Parameters
    ----------
    scores : array
        Numbers of any shape, such as one score a case.
    positives : array
        Boolean (or 0 and 1), of the same shape, such as which cases failed.

    Returns
    -------
    float
        In [0, 1]; NaN if none is positive.

    Raises
    ------
    ArgumentError
        If shapes differ, a score is NaN, or `positives` holds anything but 0 and 1.

    References
    ----------
    .. [1] J. Davis and M. Goadrich (2006), ICML.

    Examples
    --------
    >>> aupr([0.1, 0.4, 0.4, 0.8], [False, False, True, True])  # 1/2 * 1 + 1/2 * 2/3
    0.8333333333333333
    """
    curve = operating_curve(scores, positives)
    if not len(curve.scores) or curve.positives[-1] == 0:
        return float("nan")
    precision = curve.positives / (curve.positives + curve.negatives)
    gained = np.diff(curve.positives, prepend=0)
    return float((gained * precision).sum() / curve.positives[-1])
