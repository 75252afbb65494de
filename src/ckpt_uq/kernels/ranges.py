"""The range of probabilities and of their sums, as bits, and whether it plainly is one of probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ckpt_uq.kernels.bits import bits_float, float_bits
from ckpt_uq.kernels.jit import inline, jit, unrolled
from ckpt_uq.probabilities import TOLERANCE

Array = np.ndarray[Any, Any]
Range = tuple[np.int32, np.int32, np.int32, np.int32]

MOST, LEAST = np.int32(2**31 - 1), np.int32(-(2**31))
"""Where a minimum and a maximum of bits start."""

_MARGIN = 1e-4  # sums in single precision are no better
HIGHEST = np.float32(1 + TOLERANCE - _MARGIN).view(np.int32)
"""Bits of the highest probability, or sum of them, that is plainly one."""
LOWEST_SUM = np.float32(1 - TOLERANCE + _MARGIN).view(np.int32)
"""Bits of the lowest sum of probabilities that is plainly one."""


@inline
def is_plain(low: Any, high: Any, low_sum: Any, high_sum: Any) -> Any:
    """Whether a range of bits plainly is one of probabilities."""
    return bool(low >= 0 and high <= HIGHEST and low_sum >= LOWEST_SUM and high_sum <= HIGHEST)


@inline
def as_range(low: Any, high: Any, low_sum: Any, high_sum: Any) -> tuple[float, float, float, float, bool]:
    """Ranges of bits as numbers, and whether they are plainly those of probabilities."""
    return (
        np.float64(bits_float(low)),
        np.float64(bits_float(high)),
        np.float64(bits_float(low_sum)),
        np.float64(bits_float(high_sum)),
        is_plain(low, high, low_sum, high_sum),
    )


@jit
def range_of(p: Array, a: int, total: Array) -> Range:
    """Lowest and highest bits of columns of ``p``, from ``a`` on, and of their sums, which ``total`` gets.

    A NaN may hide from the values, but not from the sums.
    """
    low, high = MOST, LEAST
    total[:] = np.float32(0)
    for k in range(0, len(p), 4):
        n = min(4, len(p) - k)
        if n == 4:
            lowest, highest = _ADD_4(p, k, a, total)
        elif n == 3:
            lowest, highest = _ADD_3(p, k, a, total)
        elif n == 2:
            lowest, highest = _ADD_2(p, k, a, total)
        else:
            lowest, highest = _ADD_1(p, k, a, total)
        low, high = min(low, lowest), max(high, highest)
    low_sum, high_sum = MOST, LEAST
    for i in range(len(total)):
        low_sum, high_sum = min(low_sum, float_bits(total[i])), max(high_sum, float_bits(total[i]))
    return low, high, low_sum, high_sum


@unrolled
def _add_of(n_classes: int) -> Callable[..., tuple[np.int32, np.int32]]:
    def add(p: Array, k: int, a: int, total: Array) -> tuple[np.int32, np.int32]:
        low, high, row, first = MOST, LEAST, np.uint64(k), np.uint64(a)
        for i in range(np.uint64(len(total))):
            mass = total[i]
            for j in range(n_classes):
                q = p[row + np.uint64(j), first + i]
                mass += q
                low, high = min(low, float_bits(q)), max(high, float_bits(q))
            total[i] = mass
        return low, high

    return add


_ADD_1, _ADD_2, _ADD_3, _ADD_4 = map(_add_of, range(1, 5))
