"""Values of cases, two a case, some of which lack one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ckpt_uq.errors import ArgumentError

Floats = np.ndarray[Any, np.dtype[np.float64]]


def known_pairs(x: Iterable[float], y: Iterable[float], names: str = "x and y") -> tuple[Floats, Floats]:
    """Both values of the cases that lack neither (NaN), float64.

    Raises
    ------
    ArgumentError
        If `x` and `y` do not have the same number of cases.
    """
    left, right = (np.array([float(value) for value in values]) for values in (x, y))
    if len(left) != len(right):
        raise ArgumentError(f"{names} must hold one value a case each, got {len(left)} and {len(right)}")
    known = ~(np.isnan(left) | np.isnan(right))
    return left[known], right[known]


def correlation(x: Iterable[float], y: Iterable[float], test: Callable[[Floats, Floats], Any]) -> float:
    """The statistic of a test for correlation, over the cases that lack neither value.

    Parameters
    ----------
    x, y : iterable of float
        One value a case.
    test : callable
        One of :mod:`scipy.stats`, such as ``pearsonr``.

    Returns
    -------
    float
        NaN for fewer than two cases, or if `x` or `y` is the same for all.

    Raises
    ------
    ArgumentError
        If `x` and `y` do not have the same number of cases.
    """
    left, right = known_pairs(x, y)
    if len(set(left)) < 2 or len(set(right)) < 2:
        return float("nan")
    return float(test(left, right).statistic)
