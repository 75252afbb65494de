"""Whether two quantities put pairs of cases in the same order."""

from __future__ import annotations

from collections.abc import Iterable

from scipy.stats import kendalltau

from ckpt_uq.evaluation.cases import correlation


def kendall(x: Iterable[float], y: Iterable[float]) -> float:
    """Kendall's rank correlation (tau-b) over cases.

    Parameters
    ----------
    x, y
        As for :func:`~ckpt_uq.evaluation.spearman.spearman`.

    Returns
    -------
    float
        In [-1, 1]; NaN for fewer than two cases, or if `x` or `y` is the same for all.

    See Also
    --------
    ckpt_uq.evaluation.spearman.spearman : Pearson's, of ranks.

    Examples
    --------
    >>> round(kendall([1.0, 2.0, 3.0, float("nan")], [0.9, 0.8, 0.1, 0.5]), 6)
    -1.0
    """
    return correlation(x, y, kendalltau)
