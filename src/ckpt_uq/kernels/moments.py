"""Fold members into running means: softmax, entropy and means in one pass, a chunk at a time.

Single precision. Nothing the size of the grid is made, and a chunk's means stay in the caches while
member after member is folded into them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from ckpt_uq.kernels.bits import bits_float, float_bits
from ckpt_uq.kernels.blocks import as_rows, map_blocks, row_voxels
from ckpt_uq.kernels.entropy import sum_over_classes
from ckpt_uq.kernels.exp2 import LOWEST, exp2
from ckpt_uq.kernels.jit import MOST_UNROLLED, jit, unrolled
from ckpt_uq.kernels.log2 import SCALE, scaled_log2
from ckpt_uq.kernels.memory import floats_at
from ckpt_uq.kernels.planes import CHUNK, is_read_in_place, pieces
from ckpt_uq.kernels.ranges import LEAST, MOST, range_of

Array = np.ndarray[Any, Any]
Outputs = Literal["logits", "probs", "regions"]
Loop = Callable[..., Any]

_CHUNK = 1 << 12  # so long that memory is read ahead, and the means of some classes fit into the second cache
_ROW = _CHUNK + 16  # a line more, lest all rows fall upon the same places of the cache
_TURN_VOXELS = 1 << 15  # of one member, where they are converted, or more than the means are kept


class Means(NamedTuple):
    """What is changed; float32 without gaps, N voxels."""

    prob: Array
    """Shape (C, N)."""
    entropy: Array
    """Shape (N,), bits."""
    scatter: Array
    """Shape (C, N), or (C, 0) if it is not kept."""


class Member(NamedTuple):
    """One that is folded in."""

    values: Array
    """Shape (C, *S): floating point, or uint16 with the bits of bfloat16."""
    share: float
    """Its weight over that of all so far and itself."""
    spread: float
    """What its squared distance from the mean counts in the scatter."""
    labels: Array
    """Gets what it says, uint8, shape (N,); or nothing, shape (0,)."""
    look: bool
    """Whether the sums of its values are wanted, even of logits; loops for few classes tell them anyway."""


class Seen(NamedTuple):
    """What a member's values were like, NaN where they were not finite."""

    fault: float
    """How far the sums of probabilities were from 1; NaN if anything was no prediction."""
    lowest_sum: float
    """Of the values as they came, if they were looked at."""
    highest_sum: float
    negative: bool
    """Whether a value was below 0."""


def fold(means: Means, members: Sequence[Member], outputs: Outputs) -> list[Seen]:
    """Fold members of one grid into the means, in their order, and say what was seen of each."""
    rows = [as_rows(member.values)[0] for member in members]
    if rows[0].size == 0:
        return [Seen(0.0, np.inf, -np.inf, False) for _ in members]
    only_means = not means.scatter.shape[1] and not any(len(member.labels) for member in members)
    if only_means and len(means.prob) <= MOST_UNROLLED and outputs != "regions":
        return _fold_together(means, members, rows, outputs)
    return _fold_in_turn(means, members, rows, outputs)


def _fold_together(
    means: Means, members: Sequence[Member], rows: Sequence[Array], outputs: Outputs
) -> list[Seen]:
    loop, width = _fold_of(len(means.prob)), row_voxels(rows[0])
    shares = np.array([member.share for member in members], np.float32)
    looks = np.array([member.look for member in members])
    in_place = all(map(is_read_in_place, rows))  # else a turn is a piece, of each member

    def fold_block(start: int, stop: int) -> list[Array]:
        step = stop - start if in_place else max(1, _TURN_VOXELS // width)
        found = []
        for first in range(start, stop, step):
            last = min(first + step, stop)
            parts = [next(pieces(values, first, last)) for values in rows]
            where = np.array([(part.planes.ctypes.data, part.planes.shape[1], part.start) for part in parts])
            seen = np.empty((len(members), 4), np.int32)
            loop(outputs == "probs", where, first * width, last * width, shares, looks, *means[:2], seen)
            found.append(seen)
        return found

    found = np.stack([turn for block in map_blocks(fold_block, rows[0].shape[1], width) for turn in block])
    return [_as_seen(found[:, i], outputs) for i in range(len(members))]


def _as_seen(turns: Array, outputs: Outputs) -> Seen:
    """Bits of the lowest and highest sum, whether a value is below 0, and bits of the largest entropy."""
    lowest, highest = turns[:, 0].min(), turns[:, 1].max()
    low_sum, high_sum = (float(bits.view(np.float32)) for bits in (lowest, highest))
    negative, finite = bool(turns[:, 2].any()), bool(turns[:, 3].max() < _INFINITE)
    if outputs == "logits":
        return Seen(0.0 if finite else np.nan, low_sum, high_sum, negative)
    fault = max(high_sum - 1.0, 1.0 - low_sum) if finite and not negative else np.nan
    return Seen(fault, low_sum, high_sum, negative)


def _fold_in_turn(
    means: Means, members: Sequence[Member], rows: Sequence[Array], outputs: Outputs
) -> list[Seen]:
    kind, width = {"logits": _LOGITS, "probs": _PROBS, "regions": _REGIONS}[outputs], row_voxels(rows[0])
    turn = max(1, _TURN_VOXELS // width)

    def fold_block(start: int, stop: int) -> list[list[tuple[float, ...]]]:
        seen: list[list[tuple[float, ...]]] = [[] for _ in members]
        for first in range(start, stop, turn if len(members) > 1 else stop - start):
            last = min(first + turn, stop) if len(members) > 1 else stop
            for member, values, found in zip(members, rows, seen, strict=True):
                share, spread = np.float32(member.share), np.float32(member.spread)
                for piece in pieces(values, first, last):
                    where = piece.planes, piece.start, piece.first * width, piece.last * width
                    found.append(_fold(*where, kind, share, spread, member.labels, member.look, *means))
        return seen

    blocks = map_blocks(fold_block, rows[0].shape[1], width)
    return [_together([part for block in blocks for part in block[i]]) for i in range(len(members))]


def _together(parts: list[tuple[float, ...]]) -> Seen:
    fault, lowest, highest, negative = np.array(parts, np.float64).T
    return Seen(fault.max(), lowest.min(), highest.max(), bool(negative.any()))  # NaN if one is


_LOGITS, _PROBS, _REGIONS = 0, 1, 2
_LOG2_E = np.float32(np.log2(np.e))
_TO_BITS = np.float32(1 / SCALE)
_INFINITE = np.float32(np.inf).view(np.int32)
_MINUS_ZERO = np.int32(-(2**31))
_MAGNITUDE = np.int32(2**31 - 1)


@unrolled
def _fold_of(n_classes: int) -> Loop:
    def fold(
        are_probs: bool,
        where: Array,
        first: int,
        stop: int,
        shares: Array,
        looks: Array,
        mean_prob: Array,
        mean_entropy: Array,
        seen: Array,
    ) -> None:
        p, prob = np.empty((n_classes, _ROW), np.float32), np.empty((n_classes, _ROW), np.float32)
        scale, bits = np.empty(_CHUNK, np.float32), np.empty(_CHUNK, np.float32)
        entropy = np.empty(_CHUNK, np.float32)
        for j in range(len(where)):
            seen[j, 0], seen[j, 1], seen[j, 2], seen[j, 3] = MOST, LEAST, np.int32(0), np.int32(0)
        for a in range(first, stop, _CHUNK):
            b = min(a + _CHUNK, stop)
            n, here = b - a, np.uint64(a)
            for j in range(len(where)):
                x, share = floats_at(where[j, 0], n_classes, where[j, 1]), shares[j]
                at = np.uint64(where[j, 2] + a - first)
                if are_probs:
                    below = False
                    for i in range(np.uint64(n)):
                        surprise = np.float32(0)
                        for k in range(n_classes):
                            q = x[np.uint64(k), at + i]
                            p[np.uint64(k), i] = q
                            surprise -= q * scaled_log2(q)
                            below |= q < np.float32(0)
                        scale[i], bits[i] = np.float32(1), surprise * _TO_BITS
                    high, seen[j, 2] = _largest(bits[:n]), seen[j, 2] | below
                else:
                    for i in range(np.uint64(n)):
                        top = x[np.uint64(0), at + i]
                        for k in range(1, n_classes):
                            value = x[np.uint64(k), at + i]
                            top = value if value > top else top
                        mass, tilt = np.float32(0), np.float32(0)
                        for k in range(n_classes):
                            y = (x[np.uint64(k), at + i] - top) * _LOG2_E
                            kept = LOWEST if y < LOWEST else y
                            power = np.float32(0) if y < LOWEST else exp2(kept)
                            p[np.uint64(k), i] = power
                            mass += power
                            tilt += power * kept
                        scale[i], bits[i] = mass, tilt
                    high = _finish(scale[:n], bits[:n])
                if j == 0:  # from where the means lie; later ones find them nearer
                    _copy(mean_entropy[a:b], entropy)
                    for i in range(np.uint64(n)):
                        for k in range(n_classes):
                            mean = mean_prob[np.uint64(k), here + i]
                            prob[np.uint64(k), i] = mean + share * (p[np.uint64(k), i] * scale[i] - mean)
                else:
                    for i in range(np.uint64(n)):
                        for k in range(n_classes):
                            mean = prob[np.uint64(k), i]
                            prob[np.uint64(k), i] = mean + share * (p[np.uint64(k), i] * scale[i] - mean)
                _move(bits[:n], share, entropy[:n])
                seen[j, 3] = max(seen[j, 3], high)
                if looks[j] or are_probs:
                    low, _, low_sum, high_sum = range_of(x, where[j, 2] + a - first, scale[:n])
                    seen[j, 0], seen[j, 1] = min(seen[j, 0], low_sum), max(seen[j, 1], high_sum)
                    seen[j, 2] |= not are_probs and low < 0
            for k in range(n_classes):
                _copy(prob[k, :n], mean_prob[k, a:b])
            _copy(entropy[:n], mean_entropy[a:b])

    return fold


@jit
def _copy(values: Array, target: Array) -> None:
    for i in range(len(values)):
        target[i] = values[i]


@jit
def _fold(
    x: Array,
    start: int,
    first: int,
    stop: int,
    kind: int,
    share: np.float32,
    spread: np.float32,
    labels: Array,
    look: bool,
    mean_prob: Array,
    mean_entropy: Array,
    scatter: Array,
) -> Any:
    n_classes = len(x)
    p = np.empty((n_classes, CHUNK), np.float32)
    top, mass, bits = np.empty(CHUNK, np.float32), np.empty(CHUNK, np.float32), np.empty(CHUNK, np.float32)
    said = np.empty(CHUNK, np.uint8)
    low_sum, high_sum, negative, finite = MOST, LEAST, False, True
    for a in range(first, stop, CHUNK):
        n = min(CHUNK, stop - a)
        at = start + a - first
        for i in range(n):
            mass[i], bits[i] = np.float32(0), np.float32(0)
        if look or kind == _PROBS:
            for k in range(n_classes):
                negative |= _add_up(x[k, at : at + n], mass[:n])
            low, high = _range(mass[:n])
            low_sum, high_sum = min(low_sum, low), max(high_sum, high)
        if kind == _LOGITS:
            _softmax(x, at, top[:n], mass[:n], bits[:n], p)
            source, begin = p, 0
        elif kind == _PROBS:
            sum_over_classes(x, at, bits[:n], mass[:n])
            for i in range(n):
                bits[i] = -bits[i] * _TO_BITS
            source, begin = x, at
        else:
            for k in range(n_classes):
                _sigmoid(x[k, at : at + n], p[k, :n], bits[:n])
            source, begin = p, 0
        finite &= _largest(bits[:n]) < _INFINITE
        scaled = len(labels) > 0 or scatter.shape[1] > 0
        if kind == _LOGITS and scaled:
            for k in range(n_classes):
                _scale(p[k, :n], top[:n])
        if len(labels):
            _say(source, begin, kind == _REGIONS, top[:n], said[:n])
            labels[a : a + n] = said[:n]
        for k in range(n_classes):
            q, mean = source[k, begin : begin + n], mean_prob[k, a : a + n]
            if scatter.shape[1]:
                _spread(q, mean, spread, scatter[k, a : a + n])
            if kind == _LOGITS and not scaled:
                _move_scaled(q, top[:n], share, mean)
            else:
                _move(q, share, mean)
        _move(bits[:n], share, mean_entropy[a : a + n])
    lowest, highest = np.float64(bits_float(low_sum)), np.float64(bits_float(high_sum))
    fault = max(highest - 1.0, 1.0 - lowest) if kind == _PROBS else 0.0
    good = finite and not (kind == _PROBS and negative)
    return (fault if good else np.nan), lowest, highest, negative


@jit
def _add_up(x: Array, mass: Array) -> Any:
    """Add to the sums; whether a value is below 0."""
    below = np.int32(0)
    for i in range(len(mass)):
        mass[i] += x[i]
        value = float_bits(x[i])
        below = np.int32(below | (value if value != _MINUS_ZERO else np.int32(0)))
    return below < 0


@jit
def _range(mass: Array) -> tuple[np.int32, np.int32]:
    low, high = MOST, LEAST
    for i in range(len(mass)):
        low, high = min(low, float_bits(mass[i])), max(high, float_bits(mass[i]))
    return low, high


@jit
def _largest(values: Array) -> Any:
    """Bits of the largest magnitude."""
    high = np.int32(0)
    for i in range(len(values)):
        high = max(high, np.int32(float_bits(values[i]) & _MAGNITUDE))
    return high


@jit
def _softmax(x: Array, at: int, top: Array, mass: Array, bits: Array, p: Array) -> None:
    """Probabilities into ``p``, still to be multiplied by what ``top`` gets, and their entropy into ``bits``.

    The entropy is log2 of the mass, less the mean exponent: one logarithm, whatever the number of classes.
    """
    n = len(top)
    for i in range(n):
        top[i], mass[i] = x[0, at + i], np.float32(0)
    for k in range(1, len(x)):
        _raise(x[k, at : at + n], top)
    for k in range(len(x)):
        _exponentiate(x[k, at : at + n], top, p[k, :n], mass, bits)
    _finish(mass, bits)
    for i in range(n):
        top[i] = mass[i]


@jit
def _finish(mass: Array, bits: Array) -> Any:
    """Turn sums of powers into what to multiply by, and sums of powers times exponents into entropies.

    Returns the bits of the largest magnitude of an entropy.
    """
    high = np.int32(0)
    for i in range(len(mass)):
        scale = np.float32(1) / mass[i]
        surprise = scaled_log2(mass[i]) * _TO_BITS - bits[i] * scale
        surprise = np.float32(0) if surprise < np.float32(0) else surprise
        mass[i], bits[i] = scale, surprise
        high = max(high, np.int32(float_bits(surprise) & _MAGNITUDE))
    return high


@jit
def _raise(x: Array, top: Array) -> None:
    for i in range(len(top)):
        top[i] = x[i] if x[i] > top[i] else top[i]


@jit
def _exponentiate(x: Array, top: Array, power: Array, mass: Array, bits: Array) -> None:
    for i in range(len(top)):
        y = (x[i] - top[i]) * _LOG2_E
        kept = LOWEST if y < LOWEST else y
        power[i] = np.float32(0) if y < LOWEST else exp2(kept)
        mass[i] += power[i]
        bits[i] += power[i] * kept


@jit
def _scale(p: Array, by: Array) -> None:
    for i in range(len(p)):
        p[i] *= by[i]


@jit
def _sigmoid(x: Array, p: Array, bits: Array) -> None:
    """Probability into ``p``, its binary entropy added to ``bits``."""
    for i in range(len(p)):
        y = (-x[i] if x[i] < np.float32(0) else x[i]) * _LOG2_E
        kept = -LOWEST if y > -LOWEST else y
        power = np.float32(0) if y > -LOWEST else exp2(-kept)
        likelier = np.float32(1) / (np.float32(1) + power)
        p[i] = power * likelier if x[i] < np.float32(0) else likelier
        bits[i] += scaled_log2(np.float32(1) + power) * _TO_BITS + kept * (power * likelier)


@jit
def _say(p: Array, at: int, regions: bool, best: Array, said: Array) -> None:
    """The likeliest class, the first on a tie; or a bit for every region that is likelier than not."""
    n = len(said)
    for i in range(n):
        best[i], said[i] = np.float32(-1), np.uint8(0)
    for k in range(len(p)):
        _vote(p[k, at : at + n], np.uint8(k), regions, best, said)


@jit
def _vote(p: Array, k: np.uint8, regions: bool, best: Array, said: Array) -> None:
    if regions:
        bit = np.uint8(1 << k)
        for i in range(len(p)):
            said[i] = np.uint8(said[i] | (bit if p[i] > np.float32(0.5) else np.uint8(0)))
        return
    for i in range(len(p)):
        said[i] = k if p[i] > best[i] else said[i]
        best[i] = p[i] if p[i] > best[i] else best[i]


@jit
def _spread(p: Array, mean: Array, spread: np.float32, scatter: Array) -> None:
    for i in range(len(p)):
        away = p[i] - mean[i]
        scatter[i] += spread * (away * away)  # Welford (1962), weighted by West (1979)


@jit
def _move_scaled(values: Array, by: Array, share: np.float32, mean: Array) -> None:
    for i in range(len(values)):
        mean[i] += share * (values[i] * by[i] - mean[i])


@jit
def _move(values: Array, share: np.float32, mean: Array) -> None:
    """Move the mean towards the values, all the way for a share of 1."""
    for i in range(len(values)):
        mean[i] += share * (values[i] - mean[i])
