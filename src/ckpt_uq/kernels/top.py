"""The likeliest class of every voxel of a chunk, and how likely it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.kernels.bits import float_bits
from ckpt_uq.kernels.jit import jit
from ckpt_uq.kernels.ranges import LEAST, MOST

Array = np.ndarray[Any, Any]
Range = tuple[np.int32, np.int32, np.int32, np.int32]

MOST_CLASSES = 256
"""What fits into the byte of a winner."""


@jit
def top(p: Array, a: int, best: Array, winner: Array, total: Array) -> Range:
    """Find the largest of each column of ``p`` from ``a`` on, its row (the first on a tie), and the sum.

    Returns the ranges of bits: lowest and highest value, lowest and highest sum. A NaN may hide from the
    values, but not from the sums.
    """
    n_classes, b = len(p), a + len(best)
    if n_classes >= 4:
        low, n = _top_4(p[0, a:b], p[1, a:b], p[2, a:b], p[3, a:b], best, winner, total), 4
    elif n_classes >= 2:
        low, n = _top_2(p[0, a:b], p[1, a:b], best, winner, total), 2
    else:
        low, n = _top_1(p[0, a:b], best, winner, total), 1
    for k in range(n, n_classes):
        low = min(low, _challenge(p[k, a:b], np.uint8(k), best, winner, total))
    high, low_sum, high_sum = LEAST, MOST, LEAST
    for i in range(len(best)):
        mass = float_bits(total[i])
        high, low_sum, high_sum = max(high, float_bits(best[i])), min(low_sum, mass), max(high_sum, mass)
    return low, high, low_sum, high_sum


@jit
def _top_4(w: Array, x: Array, y: Array, z: Array, best: Array, winner: Array, total: Array) -> np.int32:
    low = MOST
    for i in range(len(best)):
        first = x[i] if x[i] > w[i] else w[i]
        second = z[i] if z[i] > y[i] else y[i]
        of_first = np.uint8(1) if x[i] > w[i] else np.uint8(0)
        of_second = np.uint8(3) if z[i] > y[i] else np.uint8(2)
        best[i] = second if second > first else first
        winner[i] = of_second if second > first else of_first
        total[i] = (w[i] + x[i]) + (y[i] + z[i])
        one, other = min(float_bits(w[i]), float_bits(x[i])), min(float_bits(y[i]), float_bits(z[i]))
        low = min(low, min(one, other))
    return low


@jit
def _top_2(w: Array, x: Array, best: Array, winner: Array, total: Array) -> np.int32:
    low = MOST
    for i in range(len(best)):
        best[i] = x[i] if x[i] > w[i] else w[i]
        winner[i] = np.uint8(1) if x[i] > w[i] else np.uint8(0)
        total[i] = w[i] + x[i]
        low = min(low, min(float_bits(w[i]), float_bits(x[i])))
    return low


@jit
def _top_1(w: Array, best: Array, winner: Array, total: Array) -> np.int32:
    low = MOST
    for i in range(len(best)):
        best[i], winner[i], total[i] = w[i], np.uint8(0), w[i]
        low = min(low, float_bits(w[i]))
    return low


@jit
def _challenge(p: Array, k: np.uint8, best: Array, winner: Array, total: Array) -> np.int32:
    low = MOST
    for i in range(len(best)):
        winner[i] = k if p[i] > best[i] else winner[i]
        best[i] = p[i] if p[i] > best[i] else best[i]
        total[i] += p[i]
        low = min(low, float_bits(p[i]))
    return low
