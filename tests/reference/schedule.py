"""Naive SGDR: walk through the cycles one by one, exact rational phases, cosine to 50 digits."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import mpmath


def walk(lengths: list[int], T_mult: int | None) -> Iterator[tuple[int, int, int]]:
    """Yield (index, start, length) for as long as there are cycles."""
    start = 0
    for index, length in enumerate(lengths):
        yield index, start, length
        start += length
    while T_mult is not None:
        index, length = index + 1, length * T_mult
        yield index, start, length
        start += length


def cycle(t: Fraction, lengths: list[int], T_mult: int | None) -> tuple[int, int, int]:
    for index, start, length in walk(lengths, T_mult):  # noqa: B007
        if t < start + length:
            break
    return index, start, length


def phase(t: Fraction, lengths: list[int], T_mult: int | None) -> Fraction:
    _, start, length = cycle(t, lengths, T_mult)
    return min(Fraction(1), (t - start) / length)


def lr(
    t: Fraction, lengths: list[int], T_mult: int | None, end: int | None, eta_max: float, eta_min: float
) -> mpmath.mpf:
    with mpmath.workdps(50):
        if end is not None and t >= end:
            return mpmath.mpf(eta_min)
        p = phase(t, lengths, T_mult)
        angle = mpmath.pi * p.numerator / p.denominator
        return eta_min + (mpmath.mpf(eta_max) - eta_min) / 2 * (1 + mpmath.cos(angle))
