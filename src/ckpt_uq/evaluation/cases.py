"""Values of cases, two a case, some of which lack one."""

from __future__ import annotations

from collections.abc import Iterable
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
