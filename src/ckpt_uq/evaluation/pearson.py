"""Whether two quantities rise together in proportion."""

from __future__ import annotations

from collections.abc import Iterable

from scipy.stats import pearsonr

from ckpt_uq.evaluation.cases import correlation


def pearson(x: Iterable[float], y: Iterable[float]) -> float:
    """Pearson's correlation over cases: how near they lie to one rising or falling line.

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
    >>> round(pearson([1.0, 2.0, 3.0, float("nan")], [0.9, 0.5, 0.1, 0.5]), 6)
    -1.0
    """
    return correlation(x, y, pearsonr)
