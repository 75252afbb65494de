"""How much a result owes to the cases that happened to be in the test set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.errors import ArgumentError


class Interval(NamedTuple):
    """A result and its bootstrap interval."""

    estimate: float
    low: float
    high: float
    n_cases: int


def bootstrap_interval(
    statistic: Callable[[np.ndarray[Any, Any]], float],
    n_cases: int,
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a statistic over cases that are drawn again with replacement.

    Parameters
    ----------
    statistic : callable
        Takes the indices of the cases drawn, an int64 array of length `n_cases`, and returns a number, such
        as the difference of two pooled errors. NaN is left out of the percentiles.
    n_cases : int
        Cases, never voxels or slices: those of one case are not independent.
    n_resamples : int
        How often all cases are drawn.
    level : float
        Probability of the interval, in (0, 1).
    seed : int
        Same seed, same interval.

    Returns
    -------
    Interval
        All NaN without cases.

    Raises
    ------
    ArgumentError
        If `level` or `n_resamples` makes no sense.

    References
    ----------
    .. [1] B. Efron (1979), The Annals of Statistics 7(1).

    Examples
    --------
    >>> dice = np.array([0.5, 0.75, 1.0])
    >>> bootstrap_interval(lambda drawn: dice[drawn].mean(), len(dice))
    Interval(estimate=0.75, low=0.5, high=1.0, n_cases=3)
    """
    if not 0 < level < 1:
        raise ArgumentError(f"level must lie in (0, 1), got {level}; 95 % is 0.95")
    if n_resamples < 1:
        raise ArgumentError(f"n_resamples must be >= 1, got {n_resamples}")
    nan = float("nan")
    if n_cases == 0:
        return Interval(nan, nan, nan, 0)
    draws = np.random.default_rng(seed).integers(0, n_cases, (n_resamples, n_cases))
    values = np.array([statistic(drawn) for drawn in draws], np.float64)
    values = values[~np.isnan(values)]
    tail = (1 - level) / 2
    low, high = np.quantile(values, (tail, 1 - tail)) if len(values) else (nan, nan)
    return Interval(float(statistic(np.arange(n_cases))), float(low), float(high), n_cases)


def paired_difference(
    ours: Iterable[float],
    theirs: Iterable[float],
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Mean of ``ours - theirs`` over the cases that have both, with its bootstrap interval.

    Parameters
    ----------
    ours, theirs : iterable of float
        One value a case, in the same order. Cases where one is NaN are left out; ``n_cases`` is how many
        remain.
    n_resamples, level, seed
        As for :func:`bootstrap_interval`.

    Raises
    ------
    ArgumentError
        If the two do not have the same number of cases.

    Examples
    --------
    >>> paired_difference([0.75, 0.5, float("nan")], [0.5, 0.25, 0.5])
    Interval(estimate=0.25, low=0.25, high=0.25, n_cases=2)
    """
    left, right = (np.array([float(value) for value in values]) for values in (ours, theirs))
    if len(left) != len(right):
        raise ArgumentError(f"ours and theirs must be paired by case, got {len(left)} and {len(right)}")
    difference = left - right
    difference = difference[~np.isnan(difference)]
    return bootstrap_interval(
        lambda drawn: float(difference[drawn].mean()),
        len(difference),
        n_resamples=n_resamples,
        level=level,
        seed=seed,
    )
