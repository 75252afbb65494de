"""Entropy and confidence of every voxel, on the processor's cores.

Each loop looks at its probabilities once: it computes, and notes the range it saw, by which the caller can
tell whether they were probabilities at all.

Single precision goes through loops whose every step is a vector operation; what they see is compared by its
bits, and where that is not plainly a distribution, the exact loop looks again. Double precision goes through
plain loops with the library's logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ckpt_uq.kernels.bits import float_bits
from ckpt_uq.kernels.blocks import as_rows, map_blocks, row_voxels
from ckpt_uq.kernels.jit import MOST_UNROLLED, inline, jit, unrolled
from ckpt_uq.kernels.log2 import SCALE, scaled_log2
from ckpt_uq.kernels.planes import CHUNK, Piece, pieces
from ckpt_uq.kernels.ranges import LEAST, MOST, as_range
from ckpt_uq.probabilities import ProbRange, max_entropy_bits

Array = np.ndarray[Any, Any]
Loop = Callable[..., tuple[float, float, float, float, bool]]
SlowLoop = Callable[..., tuple[float, float, float, float, int]]


def entropy_bits(probs: Array, out: Array) -> ProbRange:
    """Fill ``out`` (*S) with the entropy in bits of ``probs`` (C, *S), clamped to [0, log2 C].

    In float32 at most 1e-6 bits from the entropy of the probabilities as they are, for up to 128 classes.
    """
    upper = max_entropy_bits(len(probs), out.dtype.name)
    if out.dtype == np.float64:
        return _fill_double(_entropy_double, probs, out, upper)
    return _fill(_entropy_for(len(probs)), probs, out, upper)


def largest(probs: Array, out: Array) -> ProbRange:
    """Fill ``out`` (*S) with the largest of ``probs`` (C, *S), clamped to [0, 1]."""
    if out.dtype == np.float64:
        return _fill_double(_largest_double, probs, out, 1.0)
    return _fill(_largest, probs, out, 1.0)


def binary_entropy_bits(probs: Array, out: Array) -> ProbRange:
    """Fill ``out`` with the entropy in bits of (p, 1 - p) for every p of ``probs``, of the same shape.

    In float32 at most 1e-6 bits from the entropy of the probabilities as they are.
    """
    if out.dtype == np.float64:
        return _fill_double(_binary_entropy_double, probs[None], out, 1.0)
    return _fill(_binary_entropy, probs[None], out, 1.0)


def _fill(loop: Loop, probs: Array, out: Array, upper: float) -> ProbRange:
    rows, target = as_rows(probs, out)

    def fill(start: int, stop: int) -> ProbRange:
        seen = ProbRange()
        for piece in pieces(rows, start, stop):
            where = target[piece.first : piece.last]
            result = (
                where if where.ndim == 1 and where.flags.c_contiguous else np.empty(where.size, np.float32)
            )
            *found, plain = loop(piece.planes, piece.start, piece.stop, result, np.float32(upper))
            if result is not where:
                where[...] = result.reshape(where.shape)
            here = ProbRange(*found) if plain else _exact_range(piece, loop is _binary_entropy)
            seen = ProbRange.over((seen, here))
        return seen

    return ProbRange.over(map_blocks(fill, rows.shape[1], row_voxels(rows)))


def _fill_double(loop: SlowLoop, probs: Array, out: Array, upper: float) -> ProbRange:
    rows, target = as_rows(probs, out)

    def fill(start: int, stop: int) -> ProbRange:
        block = np.ascontiguousarray(rows[:, start:stop], out.dtype).reshape(len(rows), -1)
        result = np.empty(block.shape[1], out.dtype)
        seen = loop(block, result, upper)
        target[start:stop] = result.reshape(target[start:stop].shape)
        return ProbRange(*seen)

    return ProbRange.over(map_blocks(fill, rows.shape[1], row_voxels(rows)))


_TO_BITS = np.float32(-1 / SCALE)


def _entropy_for(n_classes: int) -> Loop:
    return _entropy_of(n_classes) if n_classes <= MOST_UNROLLED else _entropy_of_many


@unrolled
def _entropy_of(n_classes: int) -> Loop:
    def entropy(
        p: Array, start: int, stop: int, out: Array, upper: np.float32
    ) -> tuple[float, float, float, float, bool]:
        first = np.uint64(start)
        low, high, low_sum, high_sum = MOST, LEAST, MOST, LEAST
        for i in range(np.uint64(stop - start)):
            surprise, total = np.float32(0), np.float32(0)
            for k in range(n_classes):
                q = p[np.uint64(k), first + i]
                surprise, total, low, high = with_class(q, surprise, total, low, high)
            out[i] = in_bits(surprise, upper)
            mass = float_bits(total)
            low_sum, high_sum = min(low_sum, mass), max(high_sum, mass)
        return as_range(low, high, low_sum, high_sum)

    return entropy


@inline
def with_class(q: Any, surprise: Any, total: Any, low: Any, high: Any) -> Any:
    """Sums of p log2 p, scaled, and of p, and the range of the bits, with one class's probability more."""
    bits = float_bits(q)
    return surprise + q * scaled_log2(q), total + q, min(low, bits), max(high, bits)


@inline
def in_bits(surprise: Any, upper: Any) -> Any:
    """A scaled sum of p log2 p as entropy."""
    bits = surprise * _TO_BITS
    bits = bits if bits > np.float32(0) else np.float32(0)
    return bits if bits < upper else upper


@jit
def _entropy_of_many(
    p: Array, start: int, stop: int, out: Array, upper: np.float32
) -> tuple[float, float, float, float, bool]:
    surprise, total = np.empty(CHUNK, np.float32), np.empty(CHUNK, np.float32)
    low, high, low_sum, high_sum = MOST, LEAST, MOST, LEAST
    for a in range(start, stop, CHUNK):
        n = min(CHUNK, stop - a)
        s, t = surprise[:n], total[:n]
        lowest, highest = sum_over_classes(p, a, s, t)
        low, high = min(low, lowest), max(high, highest)
        lowest, highest = finish(s, t, out[a - start : a - start + n], upper)
        low_sum, high_sum = min(low_sum, lowest), max(high_sum, highest)
    return as_range(low, high, low_sum, high_sum)


@jit
def sum_over_classes(p: Array, a: int, surprise: Array, total: Array) -> tuple[np.int32, np.int32]:
    """Sum p log2 p, scaled, and p over the classes, for voxels from ``a`` on; the range of the bits of p."""
    more, mass = np.empty(len(surprise), np.float32), np.empty(len(surprise), np.float32)
    lost = np.zeros(len(surprise), np.float32)
    low, high = MOST, LEAST
    surprise[:], total[:] = np.float32(0), np.float32(0)
    for k in range(0, len(p), 4):
        lowest, highest = _sum_up_to_4(p, k, a, more, mass)
        low, high = min(low, lowest), max(high, highest)
        _add(surprise, more, lost)
        for i in range(len(total)):
            total[i] += mass[i]
    for i in range(len(surprise)):
        surprise[i] += lost[i]
    return low, high


@jit
def _sum_up_to_4(p: Array, k: int, a: int, surprise: Array, total: Array) -> tuple[np.int32, np.int32]:
    n = len(p) - k
    if n >= 4:
        return _SUM_4(p[k : k + 4], a, surprise, total)
    if n == 3:
        return _SUM_3(p[k : k + 3], a, surprise, total)
    return _SUM_2(p[k : k + 2], a, surprise, total) if n == 2 else _SUM_1(p[k : k + 1], a, surprise, total)


@unrolled
def _sum_of(n_classes: int) -> Callable[..., tuple[np.int32, np.int32]]:
    def add_up(p: Array, a: int, surprise: Array, total: Array) -> tuple[np.int32, np.int32]:
        low, high, first = MOST, LEAST, np.uint64(a)
        for i in range(np.uint64(len(total))):
            part, mass = np.float32(0), np.float32(0)
            for k in range(n_classes):
                q = p[np.uint64(k), first + i]
                part, mass, low, high = with_class(q, part, mass, low, high)
            surprise[i], total[i] = part, mass
        return low, high

    return add_up


_SUM_1, _SUM_2, _SUM_3, _SUM_4 = map(_sum_of, range(1, 5))


@jit
def finish(surprise: Array, total: Array, out: Array, upper: np.float32) -> tuple[np.int32, np.int32]:
    """Turn scaled sums into bits; the range of the bits of the probabilities' sums."""
    low, high = MOST, LEAST
    for i in range(len(out)):
        out[i] = in_bits(surprise[i], upper)
        mass = float_bits(total[i])
        low, high = min(low, mass), max(high, mass)
    return low, high


@jit
def _add(sums: Array, more: Array, lost: Array) -> None:
    """Add, and note what rounding took away (Knuth's two-sum)."""
    for i in range(len(sums)):
        total = sums[i] + more[i]
        part = total - sums[i]
        lost[i] += (sums[i] - (total - part)) + (more[i] - part)
        sums[i] = total


@jit
def _largest(
    p: Array, start: int, stop: int, out: Array, upper: np.float32
) -> tuple[float, float, float, float, bool]:
    total = np.empty(CHUNK, np.float32)
    low, high, low_sum, high_sum = MOST, LEAST, MOST, LEAST
    for a in range(start, stop, CHUNK):
        n = min(CHUNK, stop - a)
        t, best = total[:n], out[a - start : a - start + n]
        t[:], best[:] = np.float32(0), np.float32(0)
        for k in range(len(p)):
            lowest, highest = _raise_to(best, t, p[k, a : a + n])
            low, high = min(low, lowest), max(high, highest)
        for i in range(n):
            best[i] = best[i] if best[i] < upper else upper
            mass = float_bits(t[i])
            low_sum, high_sum = min(low_sum, mass), max(high_sum, mass)
    return as_range(low, high, low_sum, high_sum)


@jit
def _raise_to(best: Array, total: Array, p: Array) -> tuple[np.int32, np.int32]:
    low, high = MOST, LEAST
    for i in range(len(p)):
        q = p[i]
        best[i] = q if q > best[i] else best[i]
        total[i] += q
        low, high = min(low, float_bits(q)), max(high, float_bits(q))
    return low, high


@jit
def _binary_entropy(
    p: Array, start: int, stop: int, out: Array, upper: np.float32
) -> tuple[float, float, float, float, bool]:
    low, high = MOST, LEAST
    plane = p[0, start:stop]
    for i in range(len(plane)):
        q = plane[i]
        rest = np.float32(1) - q
        rest = rest if rest > np.float32(0) else np.float32(0)
        bits = (q * scaled_log2(q) + rest * scaled_log2(rest)) * _TO_BITS
        bits = bits if bits > np.float32(0) else np.float32(0)
        out[i] = bits if bits < upper else upper
        low, high = min(low, float_bits(q)), max(high, float_bits(q))
    one = float_bits(np.float32(1))
    return as_range(low, high, one, one)


@jit
def _entropy_double(p: Array, out: Array, upper: float) -> tuple[float, float, float, float, int]:
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
def _largest_double(p: Array, out: Array, upper: float) -> tuple[float, float, float, float, int]:
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
def _binary_entropy_double(p: Array, out: Array, upper: float) -> tuple[float, float, float, float, int]:
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


def _exact_range(piece: Piece, each_by_itself: bool) -> ProbRange:
    """Look again, in double precision and with NaN counted."""
    p = np.ascontiguousarray(piece.planes[:, piece.start : piece.stop])
    loop = _binary_entropy_double if each_by_itself else _largest_double
    return ProbRange(*loop(p, np.empty(p.shape[1], np.float32), 1.0))
