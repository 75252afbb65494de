"""Risk-coverage and reliability, written down as they are defined."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, permutations
from statistics import mean


def mean_selective_risk(uncertainty: Sequence[float], risk: Sequence[float]) -> list[float]:
    """Mean risk of the k most certain cases, over every order of the equally uncertain ones."""
    orders = [
        order
        for order in permutations(range(len(risk)))
        if all(uncertainty[a] <= uncertainty[b] for a, b in pairwise(order))
    ]
    return [mean(mean(risk[i] for i in order[:k]) for order in orders) for k in range(1, len(risk) + 1)]


def ece(cases: Sequence[dict[str, Sequence[float]]]) -> float:
    """Expected calibration error of the voxels of some cases, from their bins."""
    total = sum(sum(case["count"]) for case in cases)
    gap = 0.0
    for b in range(len(cases[0]["count"])):
        gap += abs(sum(case["hits"][b] for case in cases) - sum(case["confidence"][b] for case in cases))
    return gap / total
