"""The range of what a loop saw, as bits, and whether it is plainly that of probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.kernels.bits import bits_float
from ckpt_uq.kernels.jit import inline
from ckpt_uq.probabilities import TOLERANCE

MOST, LEAST = np.int32(2**31 - 1), np.int32(-(2**31))
"""Where a minimum and a maximum of bits start."""

_MARGIN = 1e-4  # sums in single precision are no better
HIGHEST = np.float32(1 + TOLERANCE - _MARGIN).view(np.int32)
"""Bits of the highest probability, or sum of them, that is plainly one."""
LOWEST_SUM = np.float32(1 - TOLERANCE + _MARGIN).view(np.int32)
"""Bits of the lowest sum of probabilities that is plainly one."""


@inline
def as_range(low: Any, high: Any, low_sum: Any, high_sum: Any) -> tuple[float, float, float, float, bool]:
    """Ranges of bits as numbers, and whether they are plainly those of probabilities."""
    plain = bool(low >= 0 and high <= HIGHEST and low_sum >= LOWEST_SUM and high_sum <= HIGHEST)
    return (
        np.float64(bits_float(low)),
        np.float64(bits_float(high)),
        np.float64(bits_float(low_sum)),
        np.float64(bits_float(high_sum)),
        plain,
    )
