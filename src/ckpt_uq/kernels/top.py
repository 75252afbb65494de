"""The likeliest class of every voxel of a chunk, and how likely it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ckpt_uq.kernels.bits import float_bits
from ckpt_uq.kernels.jit import jit, unrolled
from ckpt_uq.kernels.ranges import LEAST, MOST, Range, range_of

Array = np.ndarray[Any, Any]

MOST_CLASSES = 256
"""What fits into the byte of a winner."""


@jit
def top(p: Array, a: int, best: Array, winner: Array, total: Array) -> Range:
    """Find the largest of each column of ``p`` from ``a`` on, and its row (the first on a tie).

    Returns the ranges of bits: lowest and highest value, lowest and highest sum. A NaN may hide from the
    values, but not from the sums. ``total`` is room to work in.
    """
    if len(p) == 1:
        return _TOP_1(p, a, best, winner)
    if len(p) == 2:
        return _TOP_2(p, a, best, winner)
    if len(p) == 3:
        return _TOP_3(p, a, best, winner)
    ranges = _TOP_4(p, a, best, winner)
    if len(p) == 4:
        return ranges
    for k in range(4, len(p)):
        _challenge(p[k, a : a + len(best)], np.uint8(k), best, winner)
    return range_of(p, a, total)


@unrolled
def _top_of(n_classes: int) -> Callable[..., Range]:
    def find(p: Array, a: int, best: Array, winner: Array) -> Range:
        low, high, low_sum, high_sum, first = MOST, LEAST, MOST, LEAST, np.uint64(a)
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
            best[i], winner[i] = most, which
            high = max(high, float_bits(most))
            low_sum, high_sum = min(low_sum, float_bits(mass)), max(high_sum, float_bits(mass))
        return low, high, low_sum, high_sum

    return find


_TOP_1, _TOP_2, _TOP_3, _TOP_4 = map(_top_of, range(1, 5))


@jit
def _challenge(p: Array, k: np.uint8, best: Array, winner: Array) -> None:
    for i in range(len(best)):
        winner[i] = k if p[i] > best[i] else winner[i]
        best[i] = p[i] if p[i] > best[i] else best[i]
