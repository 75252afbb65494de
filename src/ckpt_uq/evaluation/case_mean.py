"""Means over cases, some of which have no value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class CaseMean(NamedTuple):
    """A mean, and how many values it leaves out."""

    mean: float
    n_nan: int


def case_mean(values: Iterable[float]) -> CaseMean:
    """Mean over the cases that have a value; NaN, as of a class that a case lacks, is left out and counted.

    Parameters
    ----------
    values : iterable of float
        One value a case, such as Dice, a score or an error.

    Returns
    -------
    CaseMean
        The mean is NaN when no case has a value.

    Examples
    --------
    >>> case_mean([0.5, float("nan"), 1.0])
    CaseMean(mean=0.75, n_nan=1)
    """
    every = np.array([float(value) for value in values])
    kept = every[~np.isnan(every)]
    return CaseMean(float(kept.mean()) if len(kept) else float("nan"), len(every) - len(kept))
