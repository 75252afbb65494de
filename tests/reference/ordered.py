"""Calibration errors from all samples in their order, in exact rationals; smoothing by its integral."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby

Sample = tuple[float, bool]


def _ties(samples: Sequence[Sample]) -> list[tuple[Fraction, int, int]]:
    """Confidence, samples and hits of each distinct confidence, ascending."""
    ties = []
    for confidence, group in groupby(sorted(samples), key=lambda sample: sample[0]):
        hits = [hit for _, hit in group]
        ties.append((Fraction(float(confidence)), len(hits), sum(hits)))
    return ties


def equal_mass(samples: Sequence[Sample], n_bins: int) -> list[tuple[Fraction, Fraction]]:
    """Mean confidence and accuracy of bins of N/R samples; ties are shared in proportion."""
    mass = Fraction(len(samples), n_bins)
    bins = [[Fraction(0), Fraction(0)] for _ in range(n_bins)]
    done = Fraction(0)
    for confidence, count, hits in _ties(samples):
        left = Fraction(count)
        while left:
            r = int(done / mass)
            taken = min(left, (r + 1) * mass - done)
            bins[r][0] += taken * confidence
            bins[r][1] += taken * hits / count
            done, left = done + taken, left - taken
    return [(confidence / mass, hits / mass) for confidence, hits in bins]


def ace(samples: Sequence[Sample], n_bins: int) -> Fraction:
    """Mean gap of the bins of equal mass."""
    return sum((abs(c - a) for c, a in equal_mass(samples, n_bins)), Fraction(0)) / n_bins


def ks_error(samples: Sequence[Sample]) -> Fraction:
    """Largest distance of the cumulated hits from the cumulated confidence."""
    running, largest = Fraction(0), Fraction(0)
    for confidence, count, hits in _ties(samples):
        running += hits - count * confidence
        largest = max(largest, abs(running))
    return largest / len(samples)


def smoothed_error(samples: Sequence[Sample], sigma: float, n_points: int = 4000) -> float:
    """Integral of the residuals' absolute density under a Gaussian that is mirrored at 0 and 1."""
    reach = 2 + math.ceil(8 * sigma)
    total = 0.0
    for i in range(n_points):
        t, density = (i + 0.5) / n_points, 0.0
        for confidence, hit in samples:
            images = [sign * confidence + 2 * turn for turn in range(-reach, reach + 1) for sign in (1, -1)]
            kernel = sum(math.exp(-0.5 * ((t - x) / sigma) ** 2) for x in images)
            density += (hit - confidence) * kernel / (sigma * math.sqrt(2 * math.pi))
        total += abs(density) / n_points
    return total / len(samples)
