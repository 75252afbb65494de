"""The likeliest class of every voxel of a chunk, and how likely it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ckpt_uq.kernels.bits import float_bits
from ckpt_uq.kernels.jit import jit, unrolled
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
    n_classes, n = len(p), min(4, len(p))
    if n == 4:
        low = _TOP_4(p, a, best, winner, total)
    elif n == 3:
        low = _TOP_3(p, a, best, winner, total)
    elif n == 2:
        low = _TOP_2(p, a, best, winner, total)
    else:
        low = _TOP_1(p, a, best, winner, total)
    for k in range(n, n_classes):
        low = min(low, _challenge(p[k, a : a + len(best)], np.uint8(k), best, winner, total))
    high, low_sum, high_sum = LEAST, MOST, LEAST
    for i in range(len(best)):
        mass = float_bits(total[i])
        high, low_sum, high_sum = max(high, float_bits(best[i])), min(low_sum, mass), max(high_sum, mass)
    return low, high, low_sum, high_sum


@unrolled
def _top_of(n_classes: int) -> Callable[..., np.int32]:
    def find(p: Array, a: int, best: Array, winner: Array, total: Array) -> np.int32:
        low, first = MOST, np.uint64(a)
        for i in range(np.uint64(len(best))):
            most = p[np.uint64(0), first + i]
            which, mass = np.uint8(0), most
            low = min(low, float_bits(most))
            for k in range(1, n_classes):
                q = p[np.uint64(k), first + i]
                which = np.uint8(k) if q > most else which
                most = q if q > most else most
                mass += q
                low = min(low, float_bits(q))
            best[i], winner[i], total[i] = most, which, mass
        return low

    return find


_TOP_1, _TOP_2, _TOP_3, _TOP_4 = map(_top_of, range(1, 5))


@jit
def _challenge(p: Array, k: np.uint8, best: Array, winner: Array, total: Array) -> np.int32:
    low = MOST
    for i in range(len(best)):
        winner[i] = k if p[i] > best[i] else winner[i]
        best[i] = p[i] if p[i] > best[i] else best[i]
        total[i] += p[i]
        low = min(low, float_bits(p[i]))
    return low
