"""Naive peaks: the definition read out loud, epoch by epoch, in exact fractions."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from fractions import Fraction

from ckpt_uq.cycles import Cycles
from reference.schedule import cycle


def peaks(
    history: Mapping[int, float],
    cycles: Cycles,
    k: int,
    window: Fraction,
    min_gain: float | None,
    mode: str,
    smoothing: int,
    available: Collection[int] | None = None,
) -> tuple[list[int], list[int]]:
    """Epochs of members and of candidates; only ``available`` epochs still have weights."""
    sign = 1 if mode == "max" else -1
    where = {e: cycle(Fraction(e), list(cycles.lengths), cycles.T_mult) for e in history}
    value = {e: sign * Fraction(score) for e, score in history.items() if math.isfinite(score)}

    def in_window(e: int) -> bool:
        _, start, length = where[e]
        return Fraction(e - start, length) >= 1 - window or e == start + length - 1

    def trailing_mean(e: int) -> Fraction:
        before = [x for x in sorted(value) if x <= e and where[x] == where[e]][-smoothing:]
        return sum((value[x] for x in before), Fraction(0)) / len(before)

    members, candidates, bars = [], [], []
    for this in sorted(set(where.values())):
        index, start, length = this
        mine = [e for e in value if where[e] == this and in_window(e)]
        best = [e for e in mine if available is None or e in available]
        best = sorted(best, key=lambda e: (-value[e], e))[:k]
        last = start + length - 1 if cycles.end is None else min(start + length, cycles.end) - 1
        if not (last in history or any(i > index for i, _, _ in where.values())):
            candidates += best
        elif best:
            peak = max(trailing_mean(e) for e in mine)
            if min_gain is None or not bars or peak > max(bars) + Fraction(min_gain):
                members += best
                bars.append(peak)
    return sorted(members), sorted(candidates)
