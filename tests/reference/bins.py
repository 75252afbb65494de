"""Calibration bins in exact rational arithmetic, one sample after the other."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple


class Bin(NamedTuple):
    """What one bin has seen."""

    count: int
    hits: int
    confidence: Fraction


def bins_of(confidences: Sequence[float], correct: Sequence[bool], n_bins: int) -> list[Bin]:
    """Sort samples into the bins (j/n, (j+1)/n], 0 into the first; edges are the floats nearest to j/n."""
    bins = [Bin(0, 0, Fraction(0))] * n_bins
    for confidence, hit in zip(confidences, correct, strict=True):
        exact = Fraction(float(confidence))
        j = next(j for j in range(n_bins) if exact <= Fraction((j + 1) / n_bins))
        bins[j] = Bin(bins[j].count + 1, bins[j].hits + bool(hit), bins[j].confidence + exact)
    return bins


def ece(bins: Sequence[Bin]) -> Fraction:
    """Mean gap between accuracy and confidence, weighted by the samples in the bin."""
    total = sum(b.count for b in bins)
    return sum((Fraction(b.count, total) * _gap(b) for b in bins if b.count), Fraction(0))


def mce(bins: Sequence[Bin]) -> Fraction:
    """Largest gap between accuracy and confidence of any bin that holds samples."""
    return max(_gap(b) for b in bins if b.count)


def top_label(probs: Sequence[Sequence[float]], labels: Sequence[int]) -> tuple[list[float], list[bool]]:
    """Confidence and correctness of each sample's likeliest class; among equals the first."""
    best = [max(range(len(p)), key=lambda k, p=p: (p[k], -k)) for p in probs]
    return [p[k] for p, k in zip(probs, best, strict=True)], [
        k == label for k, label in zip(best, labels, strict=True)
    ]


def _gap(b: Bin) -> Fraction:
    return abs(Fraction(b.hits, b.count) - b.confidence / b.count)
