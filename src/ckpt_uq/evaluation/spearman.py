"""Whether two quantities rise together."""

from __future__ import annotations

from collections.abc import Iterable

from scipy.stats import spearmanr

from ckpt_uq.evaluation.cases import correlation


def spearman(x: Iterable[float], y: Iterable[float]) -> float:
    """Spearman's rank correlation over cases.

    Parameters
    ----------
    x, y : iterable of float
        One value a case, such as an uncertainty score and Dice. A case that lacks one of them (NaN) is left
        out.

    Returns
    -------
    float
        In [-1, 1]; NaN for fewer than two cases, or if `x` or `y` is the same for all.

    Raises
    ------
    ArgumentError
        If `x` and `y` do not have the same number of cases.

    Examples
    --------
    >>> spearman([1.0, 2.0, 3.0, float("nan")], [0.9, 0.8, 0.1, 0.5])
    -1.0
    """
    return correlation(x, y, spearmanr)
