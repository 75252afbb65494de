"""The price of finding nearly all."""

from __future__ import annotations

from typing import Any

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.operating_curve import operating_curve


def fpr_at_tpr(scores: Any, positives: Any, *, tpr: float = 0.95) -> float:
    """Share of negatives that alarm at the highest threshold which finds at least a share of the positives.

    Parameters
    ----------
    scores : array
        Numbers of any shape; those at the threshold alarm.
    positives : array
        Boolean (or 0 and 1), of the same shape, such as which cases failed or are of another scanner.
    tpr : float
        Share of the positives to find, in (0, 1].

    Returns
    -------
    float
        In [0, 1], lower is better; NaN if all are positive or none is.

    Raises
    ------
    ArgumentError
        If shapes differ, a score is NaN, `positives` holds anything but 0 and 1, or `tpr` is no share.

    References
    ----------
    .. [1] S. Liang et al. (2018), ODIN, arXiv:1706.02690.

    Examples
    --------
    >>> fpr_at_tpr([0.1, 0.4, 0.4, 0.8], [False, False, True, True])
    0.5
    """
    if not 0 < tpr <= 1:
        raise ArgumentError(f"tpr must lie in (0, 1], got {tpr}; 95 % is 0.95")
    curve = operating_curve(scores, positives)
    if not len(curve.scores) or not curve.positives[-1] or not curve.negatives[-1]:
        return float("nan")
    enough = curve.positives >= tpr * curve.positives[-1] - 1e-9  # 0.95 * 20 is 19
    return float(curve.negatives[enough][0] / curve.negatives[-1])
