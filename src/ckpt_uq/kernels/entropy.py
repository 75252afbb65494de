"""Entropy and confidence of every voxel, on the processor's cores.

Each loop looks at its probabilities once: it computes, and notes the range it saw, by which the caller can
tell whether they were probabilities at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ckpt_uq.kernels.blocks import as_rows, map_blocks, row_voxels
from ckpt_uq.kernels.jit import jit
from ckpt_uq.probabilities import ProbRange, max_entropy_bits

Array = np.ndarray[Any, Any]
Loop = Callable[..., tuple[float, float, float, float, int]]


def entropy_bits(probs: Array, out: Array) -> ProbRange:
    """Fill ``out`` (*S) with the entropy in bits of ``probs`` (C, *S), clamped to [0, log2 C]."""
    return _fill(_entropy, probs, out, max_entropy_bits(len(probs), out.dtype.name))


def largest(probs: Array, out: Array) -> ProbRange:
    """Fill ``out`` (*S) with the largest of ``probs`` (C, *S), clamped to [0, 1]."""
    return _fill(_largest, probs, out, 1.0)


def binary_entropy_bits(probs: Array, out: Array) -> ProbRange:
    """Fill ``out`` with the entropy in bits of (p, 1 - p) for every p of ``probs``, of the same shape."""
    return _fill(_binary_entropy, probs[None], out, 1.0)


def _fill(loop: Loop, probs: Array, out: Array, upper: float) -> ProbRange:
    rows, target = as_rows(probs, out)

    def fill(start: int, stop: int) -> ProbRange:
        block = np.ascontiguousarray(rows[:, start:stop], out.dtype).reshape(len(rows), -1)
        result = np.empty(block.shape[1], out.dtype)
        seen = loop(block, result, upper)
        target[start:stop] = result.reshape(target[start:stop].shape)
        return ProbRange(*seen)

    return ProbRange.over(map_blocks(fill, rows.shape[1], row_voxels(rows)))


@jit
def _entropy(p: Array, out: Array, upper: float) -> tuple[float, float, float, float, int]:
    lowest, highest, lowest_sum, highest_sum, n_nan = np.inf, -np.inf, np.inf, -np.inf, 0
    for i in range(p.shape[1]):
        bits, total = 0.0, 0.0
        for k in range(p.shape[0]):
            q = np.float64(p[k, i])
            total += q
            if q > 0.0:
                bits -= q * math.log2(q)
            if q < lowest:
                lowest = q
            if q > highest:
                highest = q
            if q != q:
                n_nan += 1
        if total < lowest_sum:
            lowest_sum = total
        if total > highest_sum:
            highest_sum = total
        out[i] = min(max(bits, 0.0), upper)
    return lowest, highest, lowest_sum, highest_sum, n_nan


@jit
def _largest(p: Array, out: Array, upper: float) -> tuple[float, float, float, float, int]:
    lowest, highest, lowest_sum, highest_sum, n_nan = np.inf, -np.inf, np.inf, -np.inf, 0
    for i in range(p.shape[1]):
        best, total = 0.0, 0.0
        for k in range(p.shape[0]):
            q = np.float64(p[k, i])
            total += q
            if q > best:
                best = q
            if q < lowest:
                lowest = q
            if q != q:
                n_nan += 1
        if best > highest:
            highest = best
        if total < lowest_sum:
            lowest_sum = total
        if total > highest_sum:
            highest_sum = total
        out[i] = min(best, upper)
    return lowest, highest, lowest_sum, highest_sum, n_nan


@jit
def _binary_entropy(p: Array, out: Array, upper: float) -> tuple[float, float, float, float, int]:
    lowest, highest, n_nan = np.inf, -np.inf, 0
    for i in range(p.shape[1]):
        q = np.float64(p[0, i])
        rest = 1.0 - q
        bits = 0.0
        if q > 0.0:
            bits -= q * math.log2(q)
        if rest > 0.0:
            bits -= rest * math.log2(rest)
        if q < lowest:
            lowest = q
        if q > highest:
            highest = q
        if q != q:
            n_nan += 1
        out[i] = min(max(bits, 0.0), upper)
    return lowest, highest, 1.0, 1.0, n_nan
