"""Whether two methods differ on the same cases by more than chance."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.stats import wilcoxon

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.cases import known_pairs

_EXACT_CASES = 14  # 2**14 sign patterns are tried one by one; beyond, a sample of them


class PairedTest(NamedTuple):
    """Mean of the differences, and how often chance alone gives one as large, in either direction."""

    difference: float
    p_value: float
    n_cases: int


def permutation_test(
    ours: Iterable[float], theirs: Iterable[float], *, n_resamples: int = 10_000, seed: int = 0
) -> PairedTest:
    """Two-sided test of the mean of ``ours - theirs`` by flipping the signs of the cases' differences.

    Exact up to 14 cases; beyond, `n_resamples` random patterns and the one seen.

    Parameters
    ----------
    ours, theirs : iterable of float
        One value a case, in the same order. Cases where one is NaN are left out.
    n_resamples : int
        Random patterns, >= 1.
    seed : int
        Same seed, same p.

    Returns
    -------
    PairedTest
        With NaN without cases.

    Raises
    ------
    ArgumentError
        If the two do not have the same number of cases, or `n_resamples` makes no sense.

    References
    ----------
    .. [1] R. A. Fisher (1935), The Design of Experiments.

    Examples
    --------
    >>> permutation_test([0.75, 0.5, 1.0], [0.5, 0.25, 0.75])  # 2 of 8 patterns
    PairedTest(difference=0.25, p_value=0.25, n_cases=3)
    """
    if n_resamples < 1:
        raise ArgumentError(f"n_resamples must be >= 1, got {n_resamples}")
    left, right = known_pairs(ours, theirs, "ours and theirs")
    d = left - right
    if not len(d):
        return PairedTest(float("nan"), float("nan"), 0)
    if len(d) <= _EXACT_CASES:
        signs = np.array(list(product((1, -1), repeat=len(d))))
    else:
        random = np.random.default_rng(seed).choice((1, -1), (n_resamples, len(d)))
        signs = np.vstack([np.ones(len(d), int), random])
    extreme = np.abs(signs @ d) >= abs(d.sum()) - 1e-12 * np.abs(d).sum()  # rounding makes no difference
    return PairedTest(float(d.mean()), float(extreme.mean()), len(d))


def wilcoxon_test(ours: Iterable[float], theirs: Iterable[float]) -> PairedTest:
    """Two-sided Wilcoxon signed-rank test, SciPy's; cases that do not differ are left out of the ranks.

    Parameters
    ----------
    ours, theirs : iterable of float
        As for :func:`permutation_test`.

    Returns
    -------
    PairedTest
        p is 1 if no case differs; NaN without cases.

    Raises
    ------
    ArgumentError
        If the two do not have the same number of cases.

    References
    ----------
    .. [1] F. Wilcoxon (1945), Biometrics Bulletin 1(6).

    Examples
    --------
    >>> wilcoxon_test([0.75, 0.5, 1.0], [0.5, 0.375, 0.5]).p_value
    0.25
    """
    left, right = known_pairs(ours, theirs, "ours and theirs")
    d = left - right
    if not len(d):
        return PairedTest(float("nan"), float("nan"), 0)
    p_value = float(wilcoxon(d).pvalue) if d.any() else 1.0
    return PairedTest(float(d.mean()), p_value, len(d))
